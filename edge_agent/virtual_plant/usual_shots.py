"""Usual shots of each mold: what operators have learnt over years, and how long they leave it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edge_agent.virtual_plant import laboratory as lab
from edge_agent.virtual_plant.change import combined
from edge_agent.virtual_plant.climate import P_MEAN_BAR
from edge_agent.virtual_plant.foam import true_mold, true_process, true_scenario
from edge_agent.virtual_plant.harsh_plant import usual_causes
from edge_agent.virtual_plant.hidden_truth import PlantTruth
from edge_agent.virtual_plant.molds import MoldInUse
from edge_agent.virtual_plant.shots import water_ratio
from edge_agent.virtual_plant.truth_layer import Causes
from twin_core import BatchResult, MaterialSystem, Scenario, simulate_many
from twin_core.errors import InputError
from twin_core.units import bar

CYCLE_STEP_S = 10.0
CYCLE_UNKNOWN_S = 600.0
"""Cycle of a mold whose usual shot has no safe time at all."""
VENTS_USUALLY_OPEN = 0.8
LONGEST = 1.2
"""No cycle is longer than so many of its usual ones: five standard deviations of the opening."""
MAKE_READY_S = 720.0
"""From opening to pour: longer than a reading counts as one of the pour (``signal_age_max_s``)."""

InUse = Sequence[Mapping[int, MoldInUse]]
"""Molds, each by the numbers of the systems that are poured into it."""
Layer = Callable[[BatchResult, Sequence[Causes | None]], BatchResult]


@dataclass(frozen=True)
class UsualShot:
    """Usual shot of a mold with one system."""

    shot: lab.Usual
    cycle_s: float
    """From the end of injection to the opening, by the clock."""


def shortest_spacing_s(usual: Mapping[tuple[int, int], UsualShot], molds: int) -> list[float]:
    """Time from pour to pour that each mold needs: its longest cycle, and to make it ready."""
    found = [0.0] * molds
    for (mold, _), one in usual.items():
        found[mold] = max(found[mold], LONGEST * one.cycle_s + MAKE_READY_S)
    return found


def learn_the_usual(
    in_use: InUse,
    systems: Sequence[MaterialSystem],
    truth: PlantTruth,
    days: float,
    layer: Layer,
) -> dict[tuple[int, int], UsualShot]:
    """Learn usual shot and cycle time of each mold and system, as operators do over years.

    Args:
        days: of the plant; the usual is that of its middle.
        layer: makes the truth of a result of the 1D model.

    Raises:
        InputError: a usual shot cannot be simulated.
    """
    keys = [(i, system) for i, part in enumerate(in_use) for system in part]
    per_press = len(truth.molds) // len(truth.presses)
    scenarios: list[Scenario] = []
    for i, system in keys:
        used, mold = in_use[i][system], truth.molds[i]
        none = combined((), used.press, truth.climate.start)
        press = truth.presses[i // per_press]
        process = true_process(used.nominal, press, mold, days / 2.0, none)
        cavity = true_mold(used.mold, mold, VENTS_USUALLY_OPEN, P_MEAN_BAR, none)
        scenarios.append(true_scenario(used.mold.mold_id, systems[system], process, cavity))
    causes = [usual_causes(in_use[i][system], P_MEAN_BAR) for i, system in keys]
    result = layer(simulate_many(scenarios), causes)
    found = {}
    for place, (i, system) in enumerate(keys):
        used = in_use[i][system]
        if place in result.errors:
            raise InputError(f"{used.mold.mold_id}: {result.errors[place]}")
        shot = lab.Usual(
            rho_design_kg_per_m3=used.rho_design_kg_per_m3,
            T_core_max_C=float(result["T_core_max_C"][place]),
            p_max_bar=bar(float(result["p_max_Pa"][place])),
            water_from_rh_ratio=water_ratio(result, place),
        )
        safe = float(result["t_demold_min_s"][place])
        cycle_s = CYCLE_UNKNOWN_S
        if not math.isnan(safe):
            margin = truth.molds[i].cycle_margin_ratio
            cycle_s = CYCLE_STEP_S * math.ceil(margin * safe / CYCLE_STEP_S)
        found[i, system] = UsualShot(shot, cycle_s)
    return found
