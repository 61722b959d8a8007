"""The nominal molds of a plant, as their drawings and papers say: panels, or parts of all sizes."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.errors import StoreError
from edge_agent.virtual_plant.harsh_sizes import Harsh
from edge_agent.virtual_plant.hidden_truth import even
from edge_agent.virtual_plant.virtual_press import Recipes
from twin_core import MaterialSystem, Mold, Process, Scenario, Vents, simulate_many
from twin_core.materials import Components
from twin_core.yaml_text import dump_yaml

THICKNESS_M = 0.03, 0.08
SIDE_M = 0.40, 0.60
"""Longer side of a panel; the other has 0.8 to 1 of it."""
T_SET_C = 35.0, 50.0
MASS_KG_PER_M2 = 60.0, 80.0
"""Of the mold, per cavity surface: aluminium plates of some 25 mm."""
HEATER_W_PER_M2_K = 130.0, 200.0
"""Conductance to the tempering medium, per cavity surface."""
PACKING_RATIO = 1.25, 1.35
"""Moulded over free-rise density that the recipe aims at."""
VENT_AREA_M2 = 1e-5


@dataclass(frozen=True)
class MoldInUse:
    """A mold on its press, as the papers have it: what twin and press know."""

    mold: Mold
    press: str
    nominal: Process
    """The recipe, at mean conditions."""

    @property
    def rho_design_kg_per_m3(self) -> float:
        """Density that the recipe aims at [kg/m3]."""
        assert self.mold.cavity_volume_m3 is not None
        return (self.nominal.m_polyol_kg + self.nominal.m_iso_kg) / self.mold.cavity_volume_m3


def draw_molds(
    seed: int, presses: int, molds_per_press: int, system: MaterialSystem
) -> list[MoldInUse]:
    """Molds ``V{seed}-P{press}-M{mold}``, press by press, with their recipes.

    Raises:
        InputError: the system cannot be simulated in free rise.
    """
    rng = np.random.default_rng([seed, 2])
    count = presses * molds_per_press
    columns = [
        even(rng, count, *limits)
        for limits in (
            THICKNESS_M,
            SIDE_M,
            (0.8, 1.0),
            T_SET_C,
            MASS_KG_PER_M2,
            HEATER_W_PER_M2_K,
            PACKING_RATIO,
        )
    ]
    vents = rng.integers(2, 5, size=count)
    found = []
    for i, (thick, long, slim, T_set, mass, heater, packing) in enumerate(
        zip(*columns, strict=True)
    ):
        press, number = i // molds_per_press + 1, i % molds_per_press + 1
        thickness, side = round(thick, 3), round(long, 2)
        other = round(side * slim, 2)
        surface = 2.0 * (side * other + thickness * (side + other))
        mold = Mold(
            mold_id=f"V{seed}-P{press}-M{number}",
            description=f"Simulated panel mold {side} x {other} x {thickness} m of a virtual press",
            cavity_volume_m3=round(side * other * thickness, 6),
            surface_area_m2=round(surface, 4),
            thickness_m=thickness,
            mass_kg=round(mass * surface, 1),
            h_ambient_W_per_m2_K=10.0,
            heater_W_per_K=round(heater * surface, 1),
            T_set_C=round(T_set),
            vents=Vents(count=int(vents[i]), area_per_vent_m2=VENT_AREA_M2),
        )
        recipes = Recipes.of(system, mold, packing_ratio=round(packing, 2))
        found.append(MoldInUse(mold, f"press{press}", recipes.nominal()))
    return found


def draw_parts(
    seed: int,
    presses: int,
    molds_per_press: int,
    systems: Sequence[MaterialSystem],
    of_mold: Sequence[Collection[int]],
    sizes: Harsh,
) -> list[dict[int, MoldInUse]]:
    """Molds of a harsh plant, from thin panel to thick block, by the systems poured into them.

    Args:
        of_mold: numbers of the systems that each mold is ever poured with.

    Raises:
        InputError: a system cannot be simulated in free rise.
    """
    rng = np.random.default_rng([seed, 15])
    count = presses * molds_per_press
    log_thickness = math.log(sizes.thickness_min_m), math.log(sizes.thickness_max_m)
    thick = [math.exp(x) for x in even(rng, count, *log_thickness)]
    side = even(rng, count, sizes.side_min_m, sizes.side_max_m)
    slim, T_set = even(rng, count, 0.6, 1.0), even(rng, count, *T_SET_C)
    mass, heater = even(rng, count, *MASS_KG_PER_M2), even(rng, count, *HEATER_W_PER_M2_K)
    packing = even(rng, count, sizes.packing_min, sizes.packing_max)
    index = even(rng, count, sizes.index_min, sizes.index_max)
    vents = rng.integers(2, 7, size=count)
    ratios = _ratios_at_index_1(systems)
    found = []
    for i in range(count):
        press, number = i // molds_per_press + 1, i % molds_per_press + 1
        thickness, length = round(thick[i], 3), round(side[i], 2)
        width = round(length * slim[i], 2)
        surface = 2.0 * (length * width + thickness * (length + width))
        mold = Mold(
            mold_id=f"V{seed}-P{press}-M{number}",
            description=f"Simulated mold {length} x {width} x {thickness} m of a virtual press",
            cavity_volume_m3=round(length * width * thickness, 6),
            surface_area_m2=round(surface, 4),
            thickness_m=thickness,
            mass_kg=round(mass[i] * surface, 1),
            h_ambient_W_per_m2_K=10.0,
            heater_W_per_K=round(heater[i] * surface, 1),
            T_set_C=round(T_set[i]),
            vents=Vents(count=int(vents[i]), area_per_vent_m2=VENT_AREA_M2),
        )
        in_use = {}
        for which in sorted(of_mold[i]):
            recipes = Recipes.of(systems[which], mold, packing_ratio=round(packing[i], 2))
            if (ratio := ratios[which]) is not None:
                recipes = replace(recipes, iso_per_polyol=round(index[i] * ratio, 3))
            in_use[which] = MoldInUse(mold, f"press{press}", recipes.nominal())
        found.append(in_use)
    return found


def _ratios_at_index_1(systems: Sequence[MaterialSystem]) -> list[float | None]:
    """Isocyanate per polyol at an index of 1; None where a system does not leave it to masses."""
    probe = Process(m_polyol_kg=1.0, m_iso_kg=1.0, T_polyol_C=23.0, T_iso_C=23.0)
    cups = [Scenario(system=one, process=probe, mold=Mold(open=True)) for one in systems]
    indices = simulate_many(cups)["nco_oh_index"].tolist()
    return [
        1.0 / index if isinstance(system.composition, Components) else None
        for system, index in zip(systems, indices, strict=True)
    ]


def write_molds(molds: list[MoldInUse], folder: Path) -> list[Path]:
    """One YAML a mold, as a twin reads them: nominal, and said to be simulated.

    Raises:
        StoreError: the folder cannot be written.
    """
    written = []
    for one in molds:
        content: dict[str, Any] = one.mold.model_dump(mode="json", exclude_unset=True)
        head = (
            "# Simulated: a mold of a virtual press, made by pur-mold-twin virtual-plant.\n"
            f"# Nominal values of {one.mold.mold_id} on {one.press}; no real mold is like this.\n"
        )
        path = folder / f"{one.mold.mold_id}.yaml"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(head + dump_yaml(content), encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
        written.append(path)
    return written
