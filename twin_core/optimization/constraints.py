"""Limits by name: where each stands in the quality of a scenario, and margins of every draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from twin_core.arrays import Array
from twin_core.batch import BatchResult
from twin_core.checked_yaml import parse
from twin_core.errors import InputError
from twin_core.results.assessment import FULL_SHARE
from twin_core.scenario import Quality, Scenario
from twin_core.units import PA_PER_BAR


@dataclass(frozen=True)
class Limit:
    """A limit: the field of ``Quality`` that holds it, times ``scale``; whether it is a most."""

    unit: str
    field: str | None
    most: bool
    criterion: str
    """Name of what it decides: a criterion of the demold window, or a margin of the shot."""
    scale: float = 1.0


LIMITS = {
    "p_max_bar": Limit("bar", "p_max_allowable_bar", True, "pressure"),
    "T_core_max_C": Limit("C", "core_temp_max_C", True, "core_temperature"),
    "rho_moulded_min_kg_per_m3": Limit("kg/m3", "rho_moulded_min_kg_per_m3", False, "density_min"),
    "rho_moulded_max_kg_per_m3": Limit("kg/m3", "rho_moulded_max_kg_per_m3", True, "density_max"),
    "H_24h_shore": Limit("Shore", "H_24h_min_shore", False, "hardness_24h"),
    "fill_ratio": Limit("1", None, False, "fill"),
    "defect_risk": Limit("1", "defect_risk_max", True, "defect_risk"),
    "alpha_demold": Limit("1", "alpha_demold_min", False, "cure"),
    "gel_margin": Limit("1", "gel_margin", False, "gel"),
    "H_demold_shore": Limit("Shore", "H_demold_min_shore", False, "hardness"),
    "swell_pct": Limit("%", "swell_max", True, "swell", 100.0),
    "swell_mm": Limit("mm", "swell_max_mm", True, "swell"),
    "shrink_pct": Limit("%", "shrink_max", True, "shrink", 100.0),
    "shrink_mm": Limit("mm", "shrink_max_mm", True, "shrink"),
    "T_wall_max_C": Limit("C", "T_wall_max_C", True, "wall_temperature"),
    "T_wall_min_C": Limit("C", "T_wall_min_C", False, "adhesion"),
    "T_part_min_C": Limit("C", "T_part_min_C", False, "trimming"),
    "t_cycle_max_s": Limit("s", "t_cycle_max_s", True, "cycle"),
}
"""The skin has no limit of its own: it must not stick."""
ALIASES = {
    "p_max": "p_max_bar",
    "H_demold": "H_demold_shore",
    "H_24h": "H_24h_shore",
    "rho_moulded_min": "rho_moulded_min_kg_per_m3",
    "rho_moulded_max": "rho_moulded_max_kg_per_m3",
    "t_cycle_max": "t_cycle_max_s",
    "t_demold": "t_cycle_max_s",
    "alpha_demold_min": "alpha_demold",
    "defect_risk_max": "defect_risk",
    "fill": "fill_ratio",
}
OF_THE_SHOT = (
    *("pressure", "fill", "core_temperature", "density_min", "density_max", "hardness_24h"),
    "defect_risk",
)
"""Criteria that no opening time can help; columns of ``margins``."""


def limit_name(name: str) -> str:
    """The name of a limit, from it or from one that means the same.

    Raises:
        ValueError: there is no such limit; says which is meant.
    """
    found = ALIASES.get(name, name)
    if found == "skin":
        raise ValueError("skin has no limit: that it does not stick is always asked for")
    if found not in LIMITS:
        near = get_close_matches(name, [*LIMITS, *ALIASES], n=1)
        meant = f": is {near[0]} meant?" if near else ""
        raise ValueError(f"{name} is no constraint{meant} (there are: {', '.join(LIMITS)})")
    return found


def flat(constraints: Mapping[str, Any]) -> dict[str, float]:
    """Constraints under their own names; ``rho_moulded: [38, 48]`` are two.

    Raises:
        ValueError: a name is not known, or given twice.
    """
    found = dict[str, float]()
    for name, value in constraints.items():
        pairs = {name: value}
        if name == "rho_moulded":
            if not isinstance(value, (list, tuple)) or len(value) != 2:
                raise ValueError(f"rho_moulded is a range [low, high], not {value!r}")
            pairs = dict(zip(("rho_moulded_min", "rho_moulded_max"), value, strict=True))
        for one, number in pairs.items():
            known = limit_name(one)
            if known in found:
                raise ValueError(f"{known} is given twice")
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                raise ValueError(f"{one}: {number!r} is not a number")
            found[known] = float(number)
    return found


@dataclass(frozen=True)
class Asked:
    """What is asked of a part: the scenario to simulate, and what is judged beside it."""

    scenario: Scenario
    """Its longest cycle is at least ``t_max_s``: how far a window misses it is seen, then."""
    t_max_s: float
    fill_ratio: float
    memory_factor: float = 1.0
    """Every window begins at so many times what the physics says."""

    def limit(self, name: str) -> float | None:
        """The limit in force; None where the criterion is not applied."""
        if name == "t_cycle_max_s":
            return self.t_max_s
        if name == "fill_ratio":
            return self.fill_ratio
        about = LIMITS[name]
        value = getattr(self.scenario.quality, str(about.field))
        return None if value is None else about.scale * float(value)


def asked(
    scenario: Scenario, constraints: Mapping[str, float], memory_factor: float = 1.0
) -> Asked:
    """The quality of a scenario with other limits.

    Args:
        memory_factor: times what the physics says a window begins.

    Raises:
        InputError: a limit cannot be, or two contradict each other.
    """
    fields = {
        str(LIMITS[name].field): value / LIMITS[name].scale
        for name, value in constraints.items()
        if name not in {"fill_ratio", "t_cycle_max_s"}
    }
    quality = parse(
        Quality, scenario.quality.model_dump(exclude_unset=True) | fields, "constraints"
    )
    t_max = constraints.get("t_cycle_max_s", quality.t_cycle_max_s)
    if not 0.0 < t_max <= 86_400.0:
        raise InputError(f"constraints: t_cycle_max_s: {t_max:g} s must be above 0, at most a day")
    fill = constraints.get("fill_ratio", FULL_SHARE)
    if not 0.0 < fill <= FULL_SHARE:
        raise InputError(
            f"constraints: fill_ratio: {fill:g} must be above 0, at most {FULL_SHARE:g}: a mold "
            "counts as full there"
        )
    longest = max(quality.t_cycle_max_s, t_max)
    quality = quality.model_copy(update={"t_cycle_max_s": longest})
    return Asked(scenario.model_copy(update={"quality": quality}), t_max, fill, memory_factor)


def margins(result: BatchResult, what: Asked) -> Array:
    """Relative margins (draws, ``OF_THE_SHOT``): below 0 is a violation, infinite is not applied.

    A draw that cannot be simulated is all -1.
    """
    q = what.scenario.quality
    found = np.full((len(result), len(OF_THE_SHOT)), np.inf)
    full = result["fill_ratio"] / what.fill_ratio - 1.0
    columns = {
        "pressure": 1.0 - result["p_max_Pa"] / PA_PER_BAR / q.p_max_allowable_bar,
        "fill": np.where(full >= 0.0, np.inf, full),  # full is full
    }
    if q.core_temp_max_C is not None:
        columns["core_temperature"] = 1.0 - result["T_core_max_C"] / q.core_temp_max_C
    if q.rho_moulded_min_kg_per_m3 is not None:
        columns["density_min"] = result["rho_moulded"] / q.rho_moulded_min_kg_per_m3 - 1.0
    if q.rho_moulded_max_kg_per_m3 is not None:
        columns["density_max"] = 1.0 - result["rho_moulded"] / q.rho_moulded_max_kg_per_m3
    if q.H_24h_min_shore:
        columns["hardness_24h"] = result["H_24h_shore"] / q.H_24h_min_shore - 1.0
    columns["defect_risk"] = q.defect_risk_max - result["defect_risk"]
    for name, column in columns.items():
        found[:, OF_THE_SHOT.index(name)] = column
    found[sorted(result.errors)] = -1.0
    return found
