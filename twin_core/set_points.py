"""Set points of a press: the values that one can have, and the steps in which a press takes it.

The one table for what is advised and for the page that asks. Limits are those of the optimisation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches

NEARLY = 1e-6
"""Of a step; a value this near to a multiple of it is one."""


@dataclass(frozen=True)
class SetPoint:
    """A set point: its unit, the step it is set in, and its least and most value."""

    unit: str
    step: float
    least: float
    most: float
    only_up: bool = False
    """It is never rounded down."""

    @property
    def is_whole(self) -> bool:
        """True for what is counted."""
        return self.unit == "1" and self.step == 1.0


_COMPONENT = SetPoint("C", 0.1, 5.0, 80.0)
_WALL = SetPoint("C", 0.1, 0.0, 120.0)
_MASS = SetPoint("kg", 0.001, 1e-3, 1e3)
SET_POINTS = {
    "T_polyol_C": _COMPONENT,
    "T_iso_C": _COMPONENT,
    "T_mold_C": _WALL,
    "T_mold_2_C": _WALL,
    "m_polyol_kg": _MASS,
    "m_iso_kg": _MASS,
    "m_total_kg": _MASS,
    "m_additives_kg": SetPoint("kg", 0.001, 0.0, 1e3),
    "nco_oh_index": SetPoint("1", 0.01, 0.8, 1.4),
    "blowing_agent_pct": SetPoint("%", 0.1, 0.0, 59.0),
    "vents_count": SetPoint("1", 1.0, 0.0, 200.0),
    "vent_area_m2": SetPoint("m2", 1e-6, 0.0, 1e-2),
    "t_open_s": SetPoint("s", 0.1, 1.0, 86_400.0, only_up=True),
}
"""By name, which ends in the unit. Opened later than computed is safe, earlier is not."""


def impossible_set_point(name: str, value: float) -> str | None:
    """Words for why a press cannot be set so, or None when it can.

    Args:
        name: of ``SET_POINTS``.
        value: in the unit that ends the name.
    """
    about = SET_POINTS[name]
    if not about.least <= value <= about.most:
        return f"{value:g} is outside {about.least:g} to {about.most:g} {about.unit}"
    if about.is_whole and value % 1.0:
        return f"{value:g} is no whole number"
    return None


def near_set_point(name: str) -> str | None:
    """The set point whose name is most like this one; None where none is."""
    return next(iter(get_close_matches(name, SET_POINTS, n=1)), None)


def settable(
    name: str, value: float, low: float = -math.inf, high: float = math.inf, step: float = 0.0
) -> float:
    """The nearest value that a press can be set to, within bounds.

    Args:
        name: of ``SET_POINTS``.
        value: in the unit that ends the name.
        low, high: bounds that hold for the value; it stays as it is where no step lies in them.
        step: of the bounds; one that is no multiple of the press's counts in its place: 0.25 K.
    """
    about = SET_POINTS[name]
    if step and abs(step / about.step - round(step / about.step)) > NEARLY:
        return value
    below_and_above = neighbours(name, value)
    nearest_first = sorted(below_and_above, key=lambda found: abs(found - value))
    for found in below_and_above[-1:] if about.only_up else nearest_first:
        if low <= found <= high:
            return found
    return value


def neighbours(name: str, value: float) -> tuple[float, ...]:
    """The values below and above that a press can be set to; one where the value is such.

    Args:
        name: of ``SET_POINTS``.
        value: in the unit that ends the name.
    """
    step = SET_POINTS[name].step
    counts = {math.floor(value / step + NEARLY), math.ceil(value / step - NEARLY)}
    return tuple(float(f"{count * step:.12g}") for count in sorted(counts))  # 54.9, not 54.90…01
