"""The demold window as people read it: times, what decides, swell against the opening time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from twin_core.arrays import Array, Parameters
from twin_core.results.demold_window import (
    ALPHA_AT,
    AT_MIN,
    AT_OPT,
    CRITERIA,
    EARLIEST,
    GEL_LAYER,
    HARDNESS_AT,
    LATEST,
    MARGINS,
    STRENGTH_FACTOR,
    STRENGTH_LAYER,
    T_MAX,
)
from twin_core.scenario import Scenario
from twin_core.trajectory import layers_of


@dataclass(frozen=True)
class WindowEnd:
    """What decides one end of the window."""

    criterion: str
    limit: float | None
    """The number that the criterion asks for, in ``unit``."""
    unit: str
    layer: int | None
    """From wall 1, counted from 1, of ``layers``; None where no single layer decides."""
    layers: int


@dataclass(frozen=True)
class DemoldWindow:
    """Times [s] from the end of injection; None where there is no such time within the run."""

    t_min_s: float | None
    t_opt_s: float | None
    t_max_s: float | None
    binding_earliest: str | None
    """Criterion met last; with no window, the one that fails by most at the end."""
    binding_latest: str | None
    """Criterion that ends the window, or ``cycle`` when none does before the longest cycle."""
    margins_at_opt: dict[str, float]
    hardness_at_opt: float | None
    """Shore proxy."""
    alpha_at_opt: float | None
    gel_layer: int | None
    strength_layer: int | None
    at_min: dict[str, float]
    at_opt: dict[str, float]
    """``swell_ratio, swell_mm, shrink_ratio, shrink_mm`` of a part opened then."""

    @classmethod
    def of(cls, numbers: Array) -> DemoldWindow:
        """From what ``window`` wrote."""
        t_min, t_opt, t_max = (None if math.isnan(t) else t for t in numbers[: T_MAX + 1].tolist())
        earliest, latest = (
            None if not k >= 0 else (*CRITERIA, "cycle")[int(k)]
            for k in numbers[EARLIEST : LATEST + 1]
        )
        margins = zip(CRITERIA, numbers[MARGINS:].tolist(), strict=True)
        at_opt = {name: margin for name, margin in margins if not math.isnan(margin)}
        hardness, alpha = (
            None if t_opt is None else float(numbers[k]) for k in (HARDNESS_AT, ALPHA_AT)
        )
        gel, strength = (
            None if math.isnan(k) else int(k) + 1
            for k in numbers[GEL_LAYER : STRENGTH_LAYER + 1].tolist()
        )
        return cls(
            t_min, t_opt, t_max, earliest, latest, at_opt, hardness, alpha, gel, strength,
            _released(numbers[AT_MIN:AT_OPT]), _released(numbers[AT_OPT:MARGINS]),
        )  # fmt: skip


def window_ends(
    window: DemoldWindow, scenario: Scenario, limits: Parameters
) -> dict[str, WindowEnd | None]:
    """What each end of a window rests on: criterion, number, layer."""
    c, q, layers = limits[0], scenario.quality, layers_of(scenario)
    thickness = math.inf if scenario.mold.open else 1e3 * scenario.mold.slab_thickness_m()
    swell = min(q.swell_max_mm, thickness * q.swell_max)
    shrink = min(q.shrink_max_mm, thickness * q.shrink_max)
    shore = f"Shore {scenario.system.mechanics.shore}, proxy"
    numbers: dict[str, tuple[float | None, str]] = {
        "cure": (q.alpha_demold_min, "degree of cure"),
        "gel": (float(c["X_gelled"]), "of the OH groups"),
        "skin": (float(c["X_sticky"]), "of the OH groups at the surface"),
        "hardness": (q.H_demold_min_shore, shore),
        "strength": (STRENGTH_FACTOR, "of the strength"),
        "swell": (swell, "mm"),
        "shrink": (shrink, "mm"),
        "wall_temperature": (q.T_wall_max_C, "C"),
        "adhesion": (q.T_wall_min_C, "C"),
        "trimming": (q.T_part_min_C, "C"),
        "pressure": (q.p_max_allowable_bar, "bar"),
        "cycle": (q.t_cycle_max_s, "s"),
    }
    deciding = {"gel": window.gel_layer, "strength": window.strength_layer}

    def end(criterion: str | None, layer: int | None) -> WindowEnd | None:
        if criterion is None:
            return None
        return WindowEnd(criterion, *numbers[criterion], layer, layers)

    first = window.binding_earliest
    return {
        "earliest": end(first, deciding.get(first or "")),
        "latest": end(window.binding_latest, None),
    }


def _released(numbers: Array) -> dict[str, float]:
    if np.isnan(numbers).any():
        return {}
    swell, swell_m, shrink, shrink_m = numbers.tolist()
    return {
        "swell_ratio": swell,
        "swell_mm": 1e3 * swell_m,
        "shrink_ratio": shrink,
        "shrink_mm": 1e3 * shrink_m,
    }


@dataclass(frozen=True)
class ReleaseCurve:
    """The part against the time at which it is opened, (openings,) each: largest swell and shrink
    of the thickness from then on until it is cold, and pressure over strength of the weakest layer.
    """

    opened_s: Array
    swell_ratio: Array
    swell_mm: Array
    shrink_ratio: Array
    shrink_mm: Array
    strength_use_ratio: Array

    @classmethod
    def of(cls, numbers: Array) -> ReleaseCurve | None:
        """From what ``window`` wrote; None without gel or in a cup."""
        rows = numbers[~np.isnan(numbers[:, 0])]
        if not len(rows):
            return None
        t, swell, swell_m, shrink, shrink_m, use = rows.T
        return cls(t, swell, 1e3 * swell_m, shrink, 1e3 * shrink_m, use)
