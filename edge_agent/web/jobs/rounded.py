"""A point of an optimisation as a press can be set to it: rounded, within its bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import inf
from typing import Any

from twin_core.set_points import SET_POINTS, neighbours, settable

MASSES = ("m_polyol_kg", "m_iso_kg", "m_additives_kg")
Changes = dict[str, tuple[float | None, float]]
"""By set point: what it is today, what is advised."""
Ends = tuple[float, float]


def rounded(
    changes: Changes, result: Mapping[str, Any], masses: Mapping[str, float], index: float | None
) -> Changes:
    """Changes with values that a press can be set to.

    A change that is none then is left out. Masses are rounded together, so that the mass of the
    shot and its index keep their bounds; where nothing settable does, a value stays as it is.

    Args:
        changes: by set point.
        result: of the optimisation, with the bounds of its settings and its limits.
        masses: of the point, by ``MASSES``.
        index: of the point; None where no index is known.
    """
    bounds = result.get("bounds") or {}
    found: Changes = {}
    for name, (before, value) in changes.items():
        if name not in MASSES:
            low, high = _ends(bounds, name)
            if name == "t_open_s":
                high = min(high, (result.get("limits") or {}).get("t_cycle_max_s") or inf)
            step = (bounds.get(name) or {}).get("step") or 0.0
            found[name] = before, settable(name, value, low, high, step)
    weighed = {name: change[1] for name, change in changes.items() if name in MASSES}
    if weighed:
        best = _masses(weighed, masses, _ends(bounds, "m_total_kg"), bounds, index)
        found |= {name: (changes[name][0], value) for name, value in best.items()}
    return {name: found[name] for name in changes if _is_change(name, *found[name])}


def _masses(
    weighed: Mapping[str, float],
    masses: Mapping[str, float],
    total: Ends,
    bounds: Mapping[str, Any],
    index: float | None,
) -> Mapping[str, float]:
    """The nearest doses that keep the bounds of the shot; as they are where none do."""
    ratio = _ratio(masses)

    def keeps(doses: Mapping[str, float]) -> bool:
        new = {**masses, **doses}
        if not _within(sum(new.values()), total):
            return False
        now = _ratio(new)
        if index is None or ratio is None or now is None:
            return True
        return _within(index * now / ratio, _ends(bounds, "nco_oh_index"))

    def away(doses: Mapping[str, float]) -> float:
        apart = sum(abs(doses[name] - weighed[name]) for name in doses)
        return apart + abs(sum(doses.values()) - sum(weighed.values()))

    return min(filter(keeps, _doses(weighed, bounds)), key=away, default=weighed)


def _doses(
    weighed: Mapping[str, float], bounds: Mapping[str, Any]
) -> Iterator[Mapping[str, float]]:
    for values in product(*(neighbours(name, value) for name, value in weighed.items())):
        doses = dict(zip(weighed, values, strict=True))
        if all(_within(dose, _ends(bounds, name)) for name, dose in doses.items()):
            yield doses


def _ratio(masses: Mapping[str, float]) -> float | None:
    polyol, iso = masses.get("m_polyol_kg"), masses.get("m_iso_kg")
    return iso / polyol if polyol and iso else None


def _ends(bounds: Mapping[str, Any], name: str) -> Ends:
    one = bounds.get(name) or {}
    low, high = one.get("low"), one.get("high")
    return -inf if low is None else low, inf if high is None else high


def _within(value: float, ends: Ends) -> bool:
    nearly = 1e-9 * max(1.0, abs(value))
    return ends[0] - nearly <= value <= ends[1] + nearly


def _is_change(name: str, before: float | None, value: float) -> bool:
    """Whether a press is set otherwise than before."""
    return before is None or abs(value - before) >= 0.5 * SET_POINTS[name].step
