"""Settings that a plant can change, by name: their bounds, and what each does to a scenario."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from twin_core.checked_yaml import parse
from twin_core.errors import InputError
from twin_core.materials import Components
from twin_core.mold import Mold
from twin_core.physics.stoichiometry import amounts
from twin_core.scenario import Process, Scenario

ON_STEP = 1e-9
"""Relative; a value this near to a step is on it."""


class Bounds(BaseModel):
    """Between which values a setting may be, and in which steps."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    low: float
    high: float
    step: Annotated[float, Field(gt=0)] | None = None
    """From ``low`` on; left out: any value."""

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, raw: object) -> object:
        """``[low, high]``, as in the first generation."""
        if isinstance(raw, (list, tuple)) and len(raw) == 2:
            return {"low": raw[0], "high": raw[1]}
        return raw

    @model_validator(mode="after")
    def _in_order(self) -> Bounds:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}: exchange them")
        return self

    def at(self, share: float) -> float:
        """The value at a share 0..1 of the way, on a step."""
        return self.snapped(self.low + share * (self.high - self.low))

    def snapped(self, value: float) -> float:
        """The nearest allowed value."""
        value = min(max(value, self.low), self.high)
        if self.step is None:
            return float(value)
        steps = round((value - self.low) / self.step)
        most = int((self.high - self.low) / self.step * (1.0 + ON_STEP))
        return float(f"{self.low + min(steps, most) * self.step:.12g}")  # 23.7, not 23.7 and a bit

    def share(self, value: float) -> float:
        """Where a value lies between the bounds, 0..1; 0 where they are one."""
        if self.high == self.low:
            return 0.0
        return float(np.clip((value - self.low) / (self.high - self.low), 0.0, 1.0))


@dataclass(frozen=True)
class Setting:
    """A setting: unit, what the model can take, and the bounds of one who gives none."""

    unit: str
    words: str
    least: float
    most: float
    usual: tuple[float, float] | None
    """Low and high; None: five per cent around the value of today."""


SETTINGS = {
    "T_polyol_C": Setting("C", "polyol temperature", 5.0, 80.0, (20.0, 30.0)),
    "T_iso_C": Setting("C", "isocyanate temperature", 5.0, 80.0, (20.0, 30.0)),
    "T_mold_C": Setting("C", "mold temperature, and its tempering", 0.0, 120.0, (35.0, 50.0)),
    "nco_oh_index": Setting("1", "isocyanate index at the same mass", 0.8, 1.4, None),
    "m_total_kg": Setting("kg", "mass of the shot", 1e-3, 1e3, None),
    "m_additives_kg": Setting("kg", "mass of additives", 0.0, 1e3, None),
    "blowing_agent_pct": Setting("%", "physical blowing agent", 0.0, 59.0, None),
    "vents_count": Setting("1", "number of vents", 0.0, 200.0, None),
    "vent_area_m2": Setting("m2", "area of a vent", 0.0, 1e-2, None),
    "t_open_s": Setting("s", "opening time after the pour", 1.0, 86_400.0, None),
}
"""Bounds of the temperatures are those of the first generation. An index outside 0.8 to 1.4 needs
trimer chemistry, which the model does not have. ``t_open_s`` is not searched: it follows from the
windows of the draws, within its bounds and on its steps."""
FOLLOWS = {"T_mold_2_C": "C", "m_polyol_kg": "kg", "m_iso_kg": "kg", "m_additives_kg": "kg"}
"""Fields of a process that follow from settings, with their units: a press is set to them, too."""
WHOLE = ("vents_count",)
"""Settings that are counted: whole numbers, in steps of one where no step is given."""
USUAL = ("T_polyol_C", "T_iso_C", "T_mold_C")
"""What may change when nothing is said."""
ALIASES = {
    "T_polyol_in_C": "T_polyol_C",
    "T_iso_in_C": "T_iso_C",
    "T_mold_init_C": "T_mold_C",
    "mass_kg": "m_total_kg",
    "index": "nco_oh_index",
    "vents.count": "vents_count",
    "vents.area_per_vent_m2": "vent_area_m2",
    "t_demold_s": "t_open_s",
}


def setting_name(name: str) -> str:
    """The name of a setting, from it or from one that means the same.

    Raises:
        ValueError: there is no such setting; says which is meant.
    """
    found = ALIASES.get(name, name)
    if found not in SETTINGS:
        near = get_close_matches(name, [*SETTINGS, *ALIASES], n=1)
        meant = f": is {near[0]} meant?" if near else ""
        raise ValueError(f"{name} is no setting{meant} (there are: {', '.join(SETTINGS)})")
    return found


def today(scenario: Scenario) -> dict[str, float]:
    """Values of all settings that a scenario has; ``t_open_s`` is not in it."""
    p, mold = scenario.process, scenario.mold
    found = {
        "T_polyol_C": p.T_polyol_C,
        "T_iso_C": p.T_iso_C,
        "T_mold_C": p.T_ambient_C if p.T_mold_C is None else p.T_mold_C,
        "m_total_kg": p.m_polyol_kg + p.m_iso_kg + p.m_additives_kg,
        "m_additives_kg": p.m_additives_kg,
    }
    mix = scenario.system.composition
    if isinstance(mix, Components):
        found["nco_oh_index"] = _recipe_index(scenario)
        if scenario.system.blowing_agent is not None:
            own = 100.0 * mix.blowing_agent_fraction.value
            found["blowing_agent_pct"] = own if p.blowing_agent_pct is None else p.blowing_agent_pct
    if not mold.open:
        found["vents_count"] = float(mold.vents.count)
        found["vent_area_m2"] = mold.vents.area_per_vent_m2
    return found


def usual_bounds(scenario: Scenario, name: str) -> Bounds:
    """Bounds of a setting for which none are given; the value of today lies inside."""
    value = today(scenario)[name]
    low, high = SETTINGS[name].usual or (0.95 * value, 1.05 * value)
    if name in WHOLE:
        low, high = math.floor(low), math.ceil(high)
    return Bounds(low=min(low, value), high=max(high, value))


def checked_bounds(
    scenario: Scenario, bounds: Mapping[str, Bounds], where: str = "variables"
) -> dict[str, Bounds]:
    """The bounds of a task, or the usual ones where it has none.

    Args:
        where: they are given, for errors.

    Raises:
        InputError: one line for each setting that the scenario does not have, or that leaves what
            the model can take.
    """
    if not bounds:
        return {name: usual_bounds(scenario, name) for name in USUAL}
    there, problems = today(scenario), []
    for name, b in bounds.items():
        about = SETTINGS[name]
        if name not in there and name != "t_open_s":
            problems.append(f"{where}: {name}: {_why_not(scenario, name)}")
        elif b.low < about.least or b.high > about.most:
            problems.append(
                f"{where}: {name}: {b.low:g} to {b.high:g} {about.unit} leaves what the model "
                f"takes, {about.least:g} to {about.most:g} {about.unit}"
            )
        elif b.step is not None and b.step * (1.0 - ON_STEP) > b.high - b.low > 0.0:
            problems.append(
                f"{where}: {name}: a step of {b.step:g} {about.unit} is larger than the range, "
                f"{b.low:g} to {b.high:g} {about.unit}"
            )
        elif name in WHOLE and any(v is not None and v % 1.0 for v in (b.low, b.high, b.step)):
            problems.append(f"{where}: {name}: bounds and step must be whole numbers")
    if problems:
        raise InputError("\n".join(problems))
    return {
        name: b.model_copy(update={"step": 1.0}) if name in WHOLE and b.step is None else b
        for name, b in bounds.items()
    }


def with_values(base: Scenario, values: Mapping[str, float]) -> Scenario:
    """The scenario with other settings.

    Another mold temperature is one of its tempering, too. Another index keeps the mass of the shot;
    another mass keeps the index; additives are part of a mass that is given.

    Raises:
        InputError: the changed scenario cannot be.
    """
    p, changes = base.process, dict[str, Any]()
    changes |= {name: values[name] for name in ("T_polyol_C", "T_iso_C") if name in values}
    if "blowing_agent_pct" in values:
        changes["blowing_agent_pct"] = values["blowing_agent_pct"]
    mold = base.mold
    if "T_mold_C" in values:
        mold = _tempered(mold, p, values["T_mold_C"], changes)
    vents = dict[str, float]()
    if "vents_count" in values:
        vents["count"] = round(values["vents_count"])
    if "vent_area_m2" in values:
        vents["area_per_vent_m2"] = values["vent_area_m2"]
    if vents:
        mold = mold.model_copy(update={"vents": mold.vents.model_copy(update=vents)})
    changes |= _masses(base, values)
    as_it_was = p.model_dump(exclude_unset=True)
    process = parse(Process, as_it_was | changes, "settings")
    return base.model_copy(update={"process": process, "mold": mold})


def _masses(base: Scenario, values: Mapping[str, float]) -> dict[str, float]:
    if not {"nco_oh_index", "m_total_kg", "m_additives_kg"} & set(values):
        return {}
    p = base.process
    more = values.get("m_additives_kg", p.m_additives_kg)
    whole = values.get("m_total_kg", p.m_polyol_kg + p.m_iso_kg + more)
    rest, ratio = whole - more, p.m_iso_kg / p.m_polyol_kg
    if rest <= 0.0:
        raise InputError(f"settings: {more:g} kg of additives in a shot of {whole:g} kg")
    found = dict[str, float]()
    if "nco_oh_index" in values:
        ratio *= values["nco_oh_index"] / _recipe_index(base)
        found["nco_oh_index"] = values["nco_oh_index"]
    return found | {
        "m_polyol_kg": rest / (1.0 + ratio),
        "m_iso_kg": rest * ratio / (1.0 + ratio),
        "m_additives_kg": more,
    }


def _recipe_index(scenario: Scenario) -> float:
    """Index of the metered masses, without the water of the air."""
    return amounts(scenario.system, scenario.process, 0.0).index


def _tempered(mold: Mold, p: Process, T_mold_C: float, changes: dict[str, Any]) -> Mold:
    warmer = T_mold_C - (p.T_ambient_C if p.T_mold_C is None else p.T_mold_C)
    changes["T_mold_C"] = T_mold_C
    if p.T_mold_2_C is not None:
        changes["T_mold_2_C"] = p.T_mold_2_C + warmer
    sets = {"T_set_C": mold.T_set_C, "T_set_2_C": mold.T_set_2_C}
    return mold.model_copy(
        update={name: value + warmer for name, value in sets.items() if value is not None}
    )


def _why_not(scenario: Scenario, name: str) -> str:
    if name == "nco_oh_index":
        return f"system {scenario.system.system_id} is a mixture: its index is not that of masses"
    if name == "blowing_agent_pct":
        return f"system {scenario.system.system_id} has no physical blowing agent"
    return "an open cup has none"
