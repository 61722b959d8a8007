"""When the shots of a mold were in it, for a quick look: every reading asks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from edge_agent.shots.shot import Shot

_OPEN = datetime.max.replace(tzinfo=UTC)


class Spans:
    """Times of the shots of a mold, as they are now."""

    def __init__(self, shots: Iterable[Shot]) -> None:
        """Sort the shots.

        Args:
            shots: in the order in which they came; of those that begin together the first counts.
        """
        known = list(shots)[::-1]
        begun = [(shot.begun_at, shot) for shot in known if shot.begun_at is not None]
        begun.sort(key=lambda one: one[0])
        self._begun, self._shots = [at for at, _ in begun], [shot for _, shot in begun]
        ends = (shot.closed_at or _OPEN for shot in self._shots)
        self._last_end = list(accumulate(ends, max))
        """Of this shot and all that began before."""
        poured = [(shot.poured_at, shot) for shot in known if shot.poured_at is not None]
        poured.sort(key=lambda one: one[0])
        self._pours, self._poured = [at for at, _ in poured], [shot for _, shot in poured]

    def at(self, ts: datetime) -> Shot | None:
        """The shot that was in the mold then; of several the one that began last."""
        for place in range(bisect_right(self._begun, ts) - 1, -1, -1):
            if self._last_end[place] < ts:
                break
            if self._shots[place].contains(ts):
                return self._shots[place]
        return None

    def poured_within(self, ts: datetime, time: timedelta) -> list[Shot]:
        """Shots that were poured then or so long after."""
        first, last = bisect_left(self._pours, ts), bisect_right(self._pours, ts + time)
        return self._poured[first:last]
