"""Fitted numbers as they go into a system: rounded, with kind, source, spread and start."""

from __future__ import annotations

import math
from dataclasses import dataclass

from twin_core.calibration.free_parameters import System, number, replaced
from twin_core.materials import MaterialSystem
from twin_core.parameters import Parameter

DIGITS = 6
SAME = 1e-3
"""Relative; a fit ends within it wherever it runs."""


@dataclass(frozen=True)
class Change:
    """A number that a fit changed; ``spread`` is one sigma, in its unit."""

    path: str
    unit: str
    before: float | None
    after: float
    spread: float | None


def rounded(value: float, digits: int = DIGITS) -> float:
    """Round to so many significant digits, as it is written into a file."""
    return float(f"{value:.{digits}g}")


def fitted_number(
    start: System, fitted: System, path: str, sigma: float | None, source: str
) -> tuple[Change, System]:
    """One fitted number, and the system that holds it with its origin.

    ``sigma``: one standard deviation of its logarithm.
    """
    old, new = number(start, path), number(fitted, path)
    assert new is not None
    value = rounded(new.value)
    spread = None if sigma is None else rounded(value * sigma, 2)
    before = None if old is None else old.value
    was = ""
    if old is not None and old.start is None:
        was = f"; {old.value:g} before ({old.kind}: {old.source})"
    elif old is not None:
        was = old.source[old.source.find("; ") :] if "; " in old.source else ""
    written = Parameter(
        value=value,
        unit=new.unit,
        kind="fitted",
        source=f"{source}{was}",
        spread=spread,
        start=before,
    )
    return Change(path, new.unit, before, value, spread), replaced(fitted, path, written)


def same(one: object, other: object) -> bool:
    """True if two dumped models say the same, but for spreads and rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            same(one[name], other[name]) for name in one if name != "spread"
        )
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=SAME)
    return one == other


def next_version(given: MaterialSystem, fitted: MaterialSystem) -> MaterialSystem:
    """The fitted system, validated: with the next version, or as given when nothing changed."""
    new = MaterialSystem.model_validate(fitted.model_dump() | {"version": given.version})
    if same(new.model_dump(), given.model_dump()):
        return given
    return new.model_copy(update={"version": given.version + 1})
