"""What is wanted, as numbers: cycle, material, cost, quality margin, pressure, energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from twin_core.scenario import Scenario

S_PER_H = 3600.0
J_PER_KWH = 3.6e6
Price = Annotated[float, Field(ge=0, le=1e9)]


@dataclass(frozen=True)
class Goal:
    """A goal: unit, words, and whether more is better."""

    unit: str
    words: str
    more: bool = False


GOALS = {
    "cycle_s": Goal("s", "opening time and handling"),
    "material_kg": Goal("kg", "mass of the shot"),
    "cost": Goal("", "material, time of the press, energy"),
    "quality_margin": Goal("1", "least relative margin", more=True),
    "pressure_bar": Goal("bar", "peak pressure, absolute"),
    "energy_kWh": Goal("kWh", "to warm the components and to keep the mold warm"),
}
ALIASES = {
    "cycle": "cycle_s",
    "material": "material_kg",
    "margin": "quality_margin",
    "quality": "quality_margin",
    "pressure": "pressure_bar",
    "energy": "energy_kWh",
}


class Prices(BaseModel):
    """What material, time and energy cost, in one currency."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    currency: str = "EUR"
    polyol_per_kg: Price = 0.0
    iso_per_kg: Price = 0.0
    additives_per_kg: Price = 0.0
    press_per_h: Price = 0.0
    energy_per_kWh: Price = 0.0

    @property
    def given(self) -> bool:
        """Whether anything has a price."""
        return any(
            (
                *(self.polyol_per_kg, self.iso_per_kg, self.additives_per_kg),
                *(self.press_per_h, self.energy_per_kWh),
            )
        )


@dataclass(frozen=True)
class Reached:
    """What the draws of a candidate gave, as far as the goals need it."""

    t_open_s: float
    p_max_bar: float
    """That all draws but the allowed ones stay below."""
    margin: float
    """That all draws but the allowed ones have."""


def goal_name(name: str) -> str:
    """The name of a goal, from it or from one that means the same.

    Raises:
        ValueError: there is no such goal; says which is meant.
    """
    found = ALIASES.get(name, name)
    if found not in GOALS:
        near = get_close_matches(name, [*GOALS, *ALIASES], n=1)
        meant = f": is {near[0]} meant?" if near else ""
        raise ValueError(f"{name} is no goal{meant} (there are: {', '.join(GOALS)})")
    return found


def figures(
    scenario: Scenario, reached: Reached, handling_s: float, prices: Prices
) -> dict[str, float]:
    """All goals of a candidate, each in its unit.

    Args:
        scenario: the candidate without scatter.
        handling_s: what a cycle takes beside the time in the closed mold.
    """
    p = scenario.process
    cycle = reached.t_open_s + handling_s
    energy = _energy_kWh(scenario, cycle)
    return {
        "cycle_s": cycle,
        "material_kg": p.m_polyol_kg + p.m_iso_kg + p.m_additives_kg,
        "cost": (
            prices.polyol_per_kg * p.m_polyol_kg
            + prices.iso_per_kg * p.m_iso_kg
            + prices.additives_per_kg * p.m_additives_kg
            + prices.press_per_h * cycle / S_PER_H
            + prices.energy_per_kWh * energy
        ),
        "quality_margin": reached.margin,
        "pressure_bar": reached.p_max_bar,
        "energy_kWh": energy,
    }


def minimised(values: dict[str, float], goals: Sequence[str]) -> tuple[float, ...]:
    """The goals as numbers that are better when smaller."""
    return tuple(-values[name] if GOALS[name].more else values[name] for name in goals)


def _energy_kWh(scenario: Scenario, cycle_s: float) -> float:
    """Sensible heat of the components above ambient, and loss of the mold over a cycle.

    The heat of the foam, which a tempered mold carries away, is not counted.
    """
    p, mold = scenario.process, scenario.mold
    c_p = scenario.system.liquid.c_p.value
    warm = c_p * (
        (p.m_polyol_kg + p.m_additives_kg) * max(p.T_polyol_C - p.T_ambient_C, 0.0)
        + p.m_iso_kg * max(p.T_iso_C - p.T_ambient_C, 0.0)
    )
    T_mold = p.T_ambient_C if p.T_mold_C is None else p.T_mold_C
    area = mold.surface_area_m2 or 0.0
    lost = mold.h_ambient_W_per_m2_K * area * max(T_mold - p.T_ambient_C, 0.0) * cycle_s
    return (warm + lost) / J_PER_KWH
