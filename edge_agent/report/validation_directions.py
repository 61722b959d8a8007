"""Which way a panel goes with each of its inputs, beside the sign that practice or theory gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from edge_agent.report.content import Code, Section, Table, Text, Words
from edge_agent.report.validation_panels import SYSTEMS, panel_of
from twin_core import BatchResult, Scenario, simulate_many
from twin_core.arrays import Array
from twin_core.materials import Components
from twin_core.parameters import Parameter

THICK_MM, PACKED = (30.0, 80.0), (1.15, 1.4)
WALL_C = 40.0
LOOKED_AT = 0.6
"""Share of the base panel's earliest opening at which the swell is compared."""
BY_SWELL: dict[str, Any] = {
    "alpha_demold_min": 0.05, "gel_margin": 0.0, "shrink_max": 0.9, "shrink_max_mm": 900.0,
    "swell_max": 0.9, "swell_max_mm": 0.2, "p_max_allowable_bar": 60.0,
}  # fmt: skip
"""Limits with which swell decides most often, with a skin that does not stick."""


@dataclass(frozen=True)
class Input:
    """One input and its step; ``change`` makes the changed panel of the arguments of a base."""

    name: str
    step: str
    change: Callable[[dict[str, Any]], Scenario]


def _with(**more: Any) -> Callable[[dict[str, Any]], Scenario]:
    return lambda panel: panel_of(**(panel | more))


def _thicker(panel: dict[str, Any]) -> Scenario:
    return panel_of(**(panel | {"thickness_mm": 1.3 * panel["thickness_mm"]}))


def _packed(panel: dict[str, Any]) -> Scenario:
    return panel_of(**(panel | {"packing": 1.1 * panel["packing"]}))


def _water(panel: dict[str, Any]) -> Scenario:
    return _composed(panel_of(**panel), "water_fraction", "C_W0", 1.1)


def _index(panel: dict[str, Any]) -> Scenario:
    """More isocyanate in the same mass."""
    shot = panel_of(**panel)
    if not isinstance(shot.system.composition, Components):
        return _composed(shot, "", "C_NCO0", 1.05)
    process = shot.process
    total = process.m_polyol_kg + process.m_iso_kg
    iso = 1.05 * process.m_iso_kg / process.m_polyol_kg
    masses = {"m_polyol_kg": total / (1.0 + iso), "m_iso_kg": total * iso / (1.0 + iso)}
    return shot.model_copy(update={"process": process.model_copy(update=masses)})


def _composed(shot: Scenario, of_components: str, of_mixture: str, factor: float) -> Scenario:
    mix = shot.system.composition
    name = of_components if isinstance(mix, Components) else of_mixture
    old = getattr(mix, name)
    new = old.model_copy(update={"value": factor * old.value})
    system = shot.system.model_copy(update={"composition": mix.model_copy(update={name: new})})
    return shot.model_copy(update={"system": system})


INPUTS = (
    Input("thickness", "x 1.3", _thicker),
    Input("wall temperature", "+8 K", _with(wall_C=WALL_C + 8.0)),
    Input("packing", "x 1.1", _packed),
    Input("water", "x 1.1", _water),
    Input("index", "x 1.05", _index),
    Input("component temperature", "+3 K", _with(process={"T_polyol_C": 26.0, "T_iso_C": 26.0})),
    Input("humidity", "50 to 80 %", _with(process={"RH_ambient_pct": 80.0})),
    Input("vents", "x 2", _with(vents=8)),
)
WINDOW, BY, SWELL, PRESSURE, DENSITY, FREE = (
    "opening", "opening where swell decides", "swell", "pressure", "moulded density",
    "free-rise density",
)  # fmt: skip
ALIKE = {WINDOW: 5e-3, BY: 1e-2, SWELL: 1e-2, PRESSURE: 1e-3, DENSITY: 1e-3, FREE: 1e-3}
"""Relative change that counts as none."""

ARRHENIUS, GAS, MASS = "rates grow with temperature", "gas law", "mass over volume"
STOICHIOMETRY = "a mole of CO2 per mole of water; industry correlation below"
ASSEMBLY = "assemblymag.com 94867: thicker walls swell more and are held longer"
OVERPACKED = "practice of appliance foaming: overpacked parts swell more and are held longer"
EXPECTED: dict[tuple[str, str], tuple[str, str]] = {
    ("thickness", BY): ("+", ASSEMBLY),
    ("thickness", SWELL): ("+", ASSEMBLY),
    ("thickness", DENSITY): ("0", MASS),
    ("wall temperature", WINDOW): ("-", ARRHENIUS),
    ("wall temperature", PRESSURE): ("+", GAS),
    ("wall temperature", DENSITY): ("0", MASS),
    ("packing", BY): ("+", OVERPACKED),
    ("packing", SWELL): ("+", OVERPACKED),
    ("packing", PRESSURE): ("+", GAS),
    ("packing", DENSITY): ("+", MASS),
    ("water", BY): ("+", STOICHIOMETRY),
    ("water", SWELL): ("+", STOICHIOMETRY),
    ("water", PRESSURE): ("+", STOICHIOMETRY),
    ("water", DENSITY): ("0", MASS),
    ("water", FREE): ("-", STOICHIOMETRY),
    ("index", DENSITY): ("0", MASS),
    ("component temperature", WINDOW): ("-", ARRHENIUS),
    ("component temperature", DENSITY): ("0", MASS),
    ("component temperature", FREE): ("-", GAS),
    ("humidity", PRESSURE): ("+", STOICHIOMETRY),
    ("humidity", DENSITY): ("0", MASS),
    ("humidity", FREE): ("-", STOICHIOMETRY),
    ("vents", PRESSURE): ("-", "air leaves by an orifice"),
    ("vents", DENSITY): ("0", MASS),
}
"""Sign and its source, where practice or theory gives one."""

REASONS: dict[tuple[str, str, str], str] = {
    ("wall temperature", WINDOW, "strength"): "the hotter foam bears less: the glass step",
    ("wall temperature", WINDOW, "swell"): "a hotter foam is softer, its cold shell thinner",
    ("component temperature", WINDOW, "strength"): "a hotter core bears less for longer",
    ("component temperature", WINDOW, "swell"): "a hotter core is softer for longer",
    ("component temperature", FREE, ""): "it gels sooner, so more agent stays in the polymer: this "
    "follows from a transfer that is fitted to the density of a sheet, and is not seen in practice",
    ("component temperature", DENSITY, ""): "it rises less, likewise, and is not quite full",
    ("water", SWELL, ""): "the heat of the water's reaction cures the network sooner",
    ("water", BY, "swell"): "the heat of the water's reaction cures the network sooner",
    ("water", PRESSURE, ""): "water takes isocyanate from the network, which gels later",
    ("index", DENSITY, ""): "a higher index rises less: packed 1.15, the panel is not quite full",
    ("packing", PRESSURE, ""): "the vents close sooner and less air is left in the box",
}
"""Why a panel goes the other way, by input, output and what decides."""


@dataclass(frozen=True)
class Compared:
    """Base panels, changed ones: one output's relative change, and what decides in the changed."""

    change: Array
    decides: tuple[str, ...]


def bases() -> list[dict[str, Any]]:
    """Arguments of the base panels."""
    return [
        {"system_id": system, "thickness_mm": d, "packing": packed, "wall_C": WALL_C}
        for system, d, packed in product(SYSTEMS, THICK_MM, PACKED)
    ]


@cache
def compared() -> dict[tuple[str, str], Compared]:
    """Every output with every input."""
    panels = bases()
    shots = [panel_of(**panel) for panel in panels]
    shots += [each.change(panel) for each in INPUTS for panel in panels]
    strict = [_by_swell(shot) for shot in shots]
    cups = [shot.model_copy(update={"mold": shot.mold.as_open_cup()}) for shot in shots]
    ran, swollen, risen = (simulate_many(each) for each in (shots, strict, cups))
    count = len(panels)
    looked = LOOKED_AT * np.tile(ran["t_demold_min_s"][:count], len(INPUTS) + 1)
    values = {
        WINDOW: ran["t_demold_min_s"],
        BY: _where_swell(swollen),
        SWELL: np.array([_swell_mm(c, t) for c, t in zip(ran.release, looked, strict=True)]),
        PRESSURE: ran["p_max_Pa"],
        DENSITY: ran["rho_moulded"],
        FREE: risen["rho_moulded"],
    }
    found = {}
    for number, each in enumerate(INPUTS):
        rows = slice(count * (number + 1), count * (number + 2))
        for output, value in values.items():
            decides = {WINDOW: ran["binding_earliest"][rows].tolist(), BY: ["swell"] * count}
            found[each.name, output] = Compared(
                value[rows] / value[:count] - 1.0, tuple(decides.get(output, [""] * count))
            )
    return found


def _by_swell(shot: Scenario) -> Scenario:
    """With other limits, and a skin that sticks to nothing."""
    margin = Parameter(value=1e-3, unit="1", kind="assumed", source="so that swell decides")
    gel = shot.system.gel.model_copy(update={"tack_free_margin": margin})
    system = shot.system.model_copy(update={"gel": gel})
    quality = shot.quality.model_copy(update=BY_SWELL)
    return shot.model_copy(update={"quality": quality, "system": system})


def _where_swell(ran: BatchResult) -> Array:
    return np.where(ran["binding_earliest"] == "swell", ran["t_demold_min_s"], np.nan)


def _swell_mm(curve: Array, t: float) -> float:
    """NaN before gel, and where nothing swells that anybody could measure."""
    if np.isnan(t) or np.isnan(curve[0, 0]) or t < curve[0, 0]:
        return np.nan
    log = np.log(np.maximum(1e3 * curve[:, 2], 1e-6))
    found = float(np.exp(np.interp(t, curve[:, 0], log)))
    return found if found > 0.01 else np.nan


def signs(one: Compared, output: str) -> Array:
    """+1, 0 or -1 of each panel; NaN where it cannot be compared."""
    return np.where(np.abs(one.change) < ALIKE[output], 0.0, np.sign(one.change))


def exceptions() -> list[tuple[str, str, str, str, int, str]]:
    """Input, output, system, what decides, how many panels, and why they go the other way."""
    panels, found = bases(), Counter[tuple[str, str, str, str]]()
    for (name, output), (sign, _) in EXPECTED.items():
        one = compared()[name, output]
        wanted = {"+": 1.0, "-": -1.0, "0": 0.0}[sign]
        for i, real in enumerate(signs(one, output)):
            against = real == -wanted if wanted else real != 0.0
            if not np.isnan(real) and against:
                found[name, output, str(panels[i]["system_id"]), one.decides[i]] += 1
    return [
        (*key, count, REASONS.get((key[0], key[1], key[3]), "not explained"))
        for key, count in found.items()
    ]


def directions_section() -> Section:
    """Table of all pairs, and those that go the other way."""
    rows: list[tuple[Words, ...]] = []
    for each, output in product(INPUTS, ALIKE):
        sign = signs(compared()[each.name, output], output)
        up, down = int(np.sum(sign > 0)), int(np.sum(sign < 0))
        alike, not_there = int(np.sum(sign == 0)), int(np.sum(np.isnan(sign)))
        expected, source = EXPECTED.get((each.name, output), ("", ""))
        rows.append(
            (f"{each.name} {each.step}", output, str(up), str(alike), str(down), str(not_there),
             expected or "none known", source)
        )  # fmt: skip
    columns = "input|output|higher|alike|lower|not comparable|expected|because"
    against = exceptions()
    listed: list[tuple[Words, ...]] = [
        (f"{name}: {output}", system, decides or "-", str(count), why)
        for name, output, system, decides, count, why in against
    ]
    blocks: list[Any] = [
        Text(
            (
                f"{len(bases())} panels of 0.5 x 0.5 m: {', '.join(SYSTEMS)}; "
                f"{THICK_MM[0]:.0f} and {THICK_MM[1]:.0f} mm, packed {PACKED[0]} and {PACKED[1]}, "
                f"walls at {WALL_C:.0f} °C, index of the components 1.05; one input at a time, the "
                "mass kept unless it is packing or thickness. Swell: when opened at "
                f"{LOOKED_AT:g} of the base panel's earliest opening. Where swell decides: a limit "
                "of 0.2 mm, and no other that matters. Not comparable: swell below 0.01 mm, no "
                "window, or another criterion than swell. In the last columns: the "
                "sign that practice or theory gives. More panels, drawn at random: ",
                Code("tests/physics/test_window_directions.py"),
                ".",
            )
        ),
        Table.of(columns, rows, "higher|alike|lower|not comparable"),
    ]
    if listed:
        blocks += [
            Text("Against what is expected; decided by: the criterion of the changed panel."),
            Table.of("pair|system|decided by|panels|reason", listed, "panels"),
        ]
    return Section("Verified: directions of a panel", tuple(blocks))
