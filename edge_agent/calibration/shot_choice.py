"""Choice of shots for a calibration: the newest, evenly over their molds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple


class Candidate(NamedTuple):
    """A shot that fits what was asked for, before its readings are read."""

    mold_id: str
    system_id: str
    poured_at: datetime
    shot_id: str
    where: Any
    """How its source finds it: key of a history, folder of a bundle."""
    simulated: bool = False


Choose = Callable[[Sequence[Candidate]], Iterable[Candidate]]


def in_turn(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """The newest of each mold, then the one before it of each, and so on; simulated ones last.

    They are of use only where a source has no others.
    """
    found = list(candidates)
    for simulated in (False, True):
        yield from _in_turn(one for one in found if one.simulated is simulated)


def _in_turn(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    of_molds: dict[str, list[Candidate]] = {}
    for one in candidates:
        of_molds.setdefault(one.mold_id, []).append(one)
    waiting = deque(
        iter(sorted(of_molds[mold_id], key=lambda one: one.poured_at, reverse=True))
        for mold_id in sorted(of_molds)
    )
    while waiting:
        of_mold = waiting.popleft()
        for one in of_mold:
            yield one
            waiting.append(of_mold)
            break
