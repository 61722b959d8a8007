"""Defects of a part, and the laboratory's results hours later, with their own error.

The probability of a defect is a logistic function of true physical margins. Kinds and slopes are
assumed: they make defects rare (5 to 10 per cent of the parts) and let them follow their causes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from broker.messages import QualityRecord
from edge_agent.virtual_plant.assumed_sizes import Assumed
from edge_agent.virtual_plant.disturbances import student

DEFECTS = ("void", "short_shot", "shrinkage", "burn", "blister")
BUBBLE = 0.018
"""Share of the parts with a void for no cause that anybody knows."""


@dataclass(frozen=True)
class TrueResult:
    """True result of a shot."""

    rho_moulded_kg_per_m3: float
    p_max_bar: float
    """Absolute."""
    T_core_max_C: float
    t_demold_min_s: float | None
    """The safe time: the earliest opening that does no harm; None: no time within the run."""
    H_demold_shore: float | None
    """At the best time to open, not at the time it was opened."""
    fill_ratio: float
    water_from_rh_ratio: float
    """Water from humid air and a wet mold over the water of the recipe."""


@dataclass(frozen=True)
class Usual:
    """A usual shot of a mold, to judge others against."""

    rho_design_kg_per_m3: float
    T_core_max_C: float
    p_max_bar: float
    water_from_rh_ratio: float


def chances(true: TrueResult, usual: Usual, opened_s: float, mixing_eff: float) -> dict[str, float]:
    """Probability of each defect, by name.

    A logistic adds up a rest that is always there and (value - limit)/width of each cause: relative
    density, core temperature [K] and peak pressure against a usual shot of the mold, water from the
    air as a multiple of the usual, share of the cavity that is filled, mixing efficiency, and how
    much too early the mold was opened, as a share of the safe time. Limits and widths are assumed.

    Args:
        opened_s: from the end of injection.
    """
    dense = true.rho_moulded_kg_per_m3 / usual.rho_design_kg_per_m3 - 1.0
    hot = true.T_core_max_C - usual.T_core_max_C
    pressed = true.p_max_bar / usual.p_max_bar - 1.0
    moist = 1.0
    if usual.water_from_rh_ratio > 0.0:
        moist = true.water_from_rh_ratio / usual.water_from_rh_ratio
    # with no safe time at all, as if it were opened at 70 per cent of it
    early = 0.3 if true.t_demold_min_s is None else 1.0 - opened_s / true.t_demold_min_s
    return {
        "void": BUBBLE
        + _logistic(-3.0 + (moist - 1.9) / 0.2)
        + _logistic(-3.6 + (0.955 - mixing_eff) / 0.008 - pressed / 0.1),
        "short_shot": 0.5 * _logistic(-2.0 + (0.972 - true.fill_ratio) / 0.006),
        "shrinkage": _logistic(-4.0 - (dense + 0.075) / 0.02)
        + 0.5 * _logistic(-2.5 + early / 0.06),
        "burn": _logistic(-3.8 + (hot - 3.5)),
        "blister": _logistic(-1.8 + early / 0.08),
    }


def draw_defects(rng: np.random.Generator, chance: dict[str, float]) -> tuple[str, ...]:
    """The defects that a part really has."""
    dice = rng.uniform(size=len(DEFECTS)).tolist()
    return tuple(name for name, die in zip(DEFECTS, dice, strict=True) if die < chance[name])


def draw_record(
    rng: np.random.Generator,
    shot_id: str,
    mold_id: str,
    ended_at: datetime,
    true: TrueResult,
    chance: dict[str, float],
    defects: tuple[str, ...],
    a: Assumed,
    freedom: float | None = None,
) -> QualityRecord | None:
    """The record of the laboratory, or None: not every part is taken there.

    Args:
        freedom: its errors are of Student's t with so many degrees of freedom; None: normal.
    """
    taken, late, timed = rng.uniform(size=3).tolist()
    drawn = rng.standard_normal(4) if freedom is None else student(rng, 4, freedom)
    errors = drawn.tolist()
    if taken >= a.lab_share:
        return None
    hours = a.lab_hours_min + late * (a.lab_hours_max - a.lab_hours_min)
    hardness = None
    if true.H_demold_shore is not None:
        hardness = true.H_demold_shore + a.lab_hardness_sigma_shore * errors[1]
        hardness = round(min(100.0, max(0.0, hardness)), 1)
    safe = None
    if true.t_demold_min_s is not None and timed < a.lab_t_demold_share:
        safe = round(true.t_demold_min_s * (1.0 + a.lab_t_demold_sigma * errors[2]), 1)
    risk = 1.0 - math.prod(1.0 - min(1.0, value) for value in chance.values())
    judged = 0.4 * risk + (0.5 if defects else 0.0) + a.operator_sigma * errors[3]
    return QualityRecord(
        ts=ended_at + timedelta(hours=hours),
        shot_id=shot_id,
        mold_id=mold_id,
        rho_moulded_kg_per_m3=round(
            true.rho_moulded_kg_per_m3 * (1.0 + a.lab_rho_sigma * errors[0]), 2
        ),
        H_demold_shore=hardness,
        t_demold_safe_s=safe,
        defects=list(defects),
        defect_risk_operator=round(min(1.0, max(0.0, judged)), 2),
        simulated=True,
    )


def _logistic(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(60.0, max(-60.0, z))))
