"""What is asked of a model on shots that it never saw, and whether its score holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from twin_core.learning.training.scores import CONSECUTIVE, Score

ERROR_ALLOWED = 1.02
"""Error to that of the best exponentially weighted mean."""
OUTSIDE_ALLOWED = 1.05
"""The same of shots outside the range that was learned from."""
INSIDE = 0.02
"""So much may the share inside the intervals be off."""
INSIDE_TO_PROMOTE = 0.03
"""The same for ``models promote --if-better``, which has fewer shots to go by."""
INSIDE_MOLD = 0.8
"""Least share inside on a mold, of intervals of 90 %."""
MOLD_RESULTS = 500
"""Of a mold with fewer results the share is named, not judged: chance alone moves it by percent."""


@dataclass(frozen=True)
class Demand:
    """One thing that is asked, with its figure; ``holds`` is None where it is only named."""

    words: str
    holds: bool | None

    def __str__(self) -> str:
        return (
            self.words if self.holds is None else f"{self.words}: {'yes' if self.holds else 'NO'}"
        )


def demands(one: Score, coverage: float, outside: Score | None = None) -> list[Demand]:
    """What is asked of a model for one target.

    Args:
        one: its score on all shots.
        coverage: share of results that is to be inside.
        outside: its score on the shots outside the range that it learned from.
    """
    found = [_error(one, "", ERROR_ALLOWED)]
    if outside is not None:
        found.append(_error(outside, " outside its range", OUTSIDE_ALLOWED))
    return found + interval_demands(one, coverage, INSIDE)


def interval_demands(one: Score, coverage: float, allowed: float) -> list[Demand]:
    """What is asked of the intervals of one target: overall, on each mold, on the worst results.

    Args:
        allowed: so much may the share inside be off.
    """
    low, high = coverage - allowed, coverage + allowed
    inside = low <= one.coverage <= high
    found = [Demand(f"{one.coverage:.1%} inside ({low:.0%} to {high:.0%})", inside)]
    many = [m for m in one.coverage_by_mold if one.results_by_mold[m] >= MOLD_RESULTS]
    few = [m for m in one.coverage_by_mold if m not in many]
    for molds, is_judged in ((many, True), (few, False)):
        if (worst := _worst(one, molds)) is None:
            continue
        share, count = one.coverage_by_mold[worst], one.results_by_mold[worst]
        words = f"{share:.0%} of {count} on the worst mold"
        if is_judged:
            words = f"{words} (at least {INSIDE_MOLD:.0%})"
            found.append(Demand(words, share >= INSIDE_MOLD))
        else:
            found.append(Demand(f"{words} with fewer than {MOLD_RESULTS}: not judged", None))
    if one.worst_share is not None and one.worst_exact is not None:
        words = f"{one.worst_share:.0%} of the worst {CONSECUTIVE} in a row"
        words = f"{words} (at least {one.worst_exact:.0%}, as exact intervals)"
        found.append(Demand(words, one.worst_share >= one.worst_exact))
    return found


def hold(asked: Iterable[Demand]) -> bool:
    """True if everything that is judged holds."""
    return all(one.holds is not False for one in asked)


def _error(one: Score, where: str, allowed: float) -> Demand:
    words = f"error{where} {one.ratio_ewma:.3f} of EWMA's (at most {allowed})"
    return Demand(words, one.ratio_ewma <= allowed)


def _worst(one: Score, molds: list[str]) -> str | None:
    return min(molds, key=lambda mold: one.coverage_by_mold[mold], default=None)
