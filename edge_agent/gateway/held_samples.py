"""Samples that may show that a source's clock was set back: held until that is certain.

Within a tag time runs forward. A live sample with another value that goes back in its tag is a
repeat, or came late, or its clock was set back. The next ones tell: after a set-back they stay as
far behind as the first one was, however time passes; after repeats the clock is where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from edge_agent.gateway.moments import SECOND_US, time_of, us_of
from edge_agent.gateway.source_time import SourceTime
from edge_agent.links.tag_source import Sample, Value

BACK_US = SECOND_US
"""Samples come out of order, and clocks are corrected, by up to this."""
CERTAIN_US = SECOND_US
"""Samples must show the set-back for so long, by our clock …"""
ALIKE_US = SECOND_US // 2
"""… and be as far behind as the first ones, but for this."""
UNCERTAIN_US = 30 * SECOND_US
"""What cannot be decided for so long is taken for late."""
HELD_MAX = 20_000

Last = tuple[int, Value | None]
"""Time and value of the last sample of a tag."""
Batches = list[tuple[int, list[Sample]]]
"""Samples in the order of their times, by when they arrived."""


class HeldSamples:
    """Samples of one source that are held."""

    def __init__(self, time: SourceTime, state: Sequence[Any] = ()) -> None:
        """Start anew, or go on from a state.

        Args:
            time: what is known of the source's time.
            state: of ``state()``.
        """
        self._time = time
        self._held: list[tuple[int, Sample]] = [
            (arrived_us, Sample(tag, time_of(ts_us), value, fault, *marks))
            for arrived_us, tag, ts_us, value, fault, *marks in state
        ]

    def take(
        self, samples: Sequence[Sample], now_us: int, last: Callable[[str], Last]
    ) -> tuple[int, Batches]:
        """Samples that can be used now, and by how much the clock was set back before them.

        Args:
            samples: those that came, in the order of their times.
            now_us: when they came, by our clock.
            last: gives time and value of the last sample of a tag.

        Returns:
            Microseconds, 0 if it was not set back; and what was held with what came.
        """
        came = [(now_us, list(samples))]
        live = [one for one in samples if _is_live(one)]
        offset_us = us_of(live[-1].ts) - now_us if live else 0
        if not self._held:
            if live and self._is_behind(offset_us, now_us) and _goes_back(live, last):
                return 0, self._hold(samples, now_us)
            return 0, came
        first_us = self._held[0][0]
        if not live:
            return 0, self._hold(samples, now_us)
        for_us, by_us = now_us - first_us, 0
        passed = offset_us + now_us >= self._time.newest_us
        late = not self._is_behind(offset_us, first_us) or (passed and for_us < CERTAIN_US)
        if late or for_us < 0:
            pass
        elif for_us >= CERTAIN_US and abs(offset_us - self._offset_us()) <= ALIKE_US:
            by_us = self._step_us(first_us, max(offset_us, self._offset_us()), last)
        elif for_us <= UNCERTAIN_US and len(self._held) <= HELD_MAX:
            return 0, self._hold(samples, now_us)
        return by_us, [*self.release(), *came]

    def __bool__(self) -> bool:
        return bool(self._held)

    def release(self) -> Batches:
        """What is held, to be used as it came; nothing is held any more."""
        held, self._held = self._held, []
        return [(at, [one for _, one in group]) for at, group in groupby(held, itemgetter(0))]

    def _hold(self, samples: Sequence[Sample], now_us: int) -> Batches:
        """Hold samples, but for those of a backlog, which is returned."""
        self._held += [(now_us, one) for one in samples if not one.historical]
        backlog = [one for one in samples if one.historical]
        return [(now_us, backlog)] if backlog else []

    def _is_behind(self, offset_us: int, first_us: int) -> bool:
        return offset_us < self._time.reach_us(first_us) - BACK_US

    def _offset_us(self) -> int:
        """The clock's time less ours, as what is held shows it."""
        return max(us_of(one.ts) - at for at, one in self._held if _is_live(one))

    def _step_us(self, first_us: int, offset_us: int, last: Callable[[str], Last]) -> int:
        """By how much the clock was set back; at least so that within a tag time runs forward."""
        least_us = [
            last(one.tag)[0] - us_of(one.ts) + 1
            for at, one in self._held
            if _is_live(one) and abs(us_of(one.ts) - at - offset_us) <= ALIKE_US
        ]
        return max(self._time.reach_us(first_us) - offset_us, *least_us, 1)

    def state(self) -> list[list[Any]]:
        """State as JSON."""
        return [
            [
                at, one.tag, us_of(one.ts), one.value, one.fault,
                one.of_arrival, one.historical, one.unknown_age,
            ]
            for at, one in self._held
        ]  # fmt: skip


def _is_live(one: Sample) -> bool:
    return one.value is not None and not one.historical and not one.unknown_age


def _goes_back(live: Sequence[Sample], last: Callable[[str], Last]) -> bool:
    """Whether a tag has another value than its last one, which is newer."""
    for one in live:
        last_us, value = last(one.tag)
        if us_of(one.ts) < last_us - BACK_US and one.value != value:
            return True
    return False
