"""Rows of earlier shots of a press put together with those of the history, or of another agent."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Literal, TypeVar

from edge_agent.inference.earlier_rows import Earlier, Step, in_time, with_events
from edge_agent.logged_shots.logged_event import LoggedEvent
from twin_core.learning.past_results import PastResults

AT_ONCE = 20
"""Steps of earlier shots that are reported before the next message has its turn."""
Rule = Literal["fill", "renew", "replace"]
"""Of rows that are merged: what is known here stays; that, but with their physics; theirs."""
Lane = tuple[str, str]
"""A mold of a press: address and ``mold_id``."""
Lanes = dict[Lane, dict[str, Earlier]]
"""Rows by name of the shot, oldest first."""
T = TypeVar("T")


class Merge:
    """Rows of one press while they are put together, a few at once."""

    def __init__(self, here: Mapping[Lane, Mapping[str, Earlier]]) -> None:
        """Begin with what is known here.

        Args:
            here: rows of the press.
        """
        self._before = {lane: dict(of_mold) for lane, of_mold in here.items()}
        self.lanes: Lanes = {lane: dict(of_mold) for lane, of_mold in here.items()}
        self.past = PastResults()
        """All results of the press, reported in order of time."""
        self._events: Sequence[LoggedEvent] = ()

    async def take(self, rows: Iterable[Earlier], rule: Rule) -> None:
        """Take rows.

        Args:
            rows: of the press.
            rule: for what both know.
        """
        async for row in _few_at_once(rows):
            key = row.shot
            of_mold = self.lanes.setdefault((key.address, key.mold_id), {})
            here = of_mold.get(key.name)
            if here is None:
                of_mold[key.name] = row
                continue
            both = here.with_more_of(row, renewed=rule == "renew")
            both = row.with_more_of(here) if rule == "replace" else both
            of_mold[key.name] = here if both == here else both

    async def report(self, events: Sequence[LoggedEvent]) -> None:
        """Report all rows and events to past results, in order of time."""
        self._events = list(events)
        steps = list[list[Step]]()
        for lane, of_mold in self.lanes.items():
            oldest_first = sorted(of_mold.values(), key=lambda row: row.began_s)
            self.lanes[lane] = {row.shot.name: row for row in oldest_first}
            of_lane = list[Step]()
            for start in range(0, len(oldest_first), AT_ONCE):
                of_lane += in_time(oldest_first[start : start + AT_ONCE], self.past)
                await asyncio.sleep(0)
            steps.append(sorted(of_lane, key=itemgetter(0, 1)))
        steps.append(with_events([], self._events, self.past))
        async for *_, tell in _few_at_once(heapq.merge(*steps, key=itemgetter(0, 1))):
            tell()

    def catch_up(
        self, here: Mapping[Lane, Mapping[str, Earlier]], events: Iterable[LoggedEvent]
    ) -> list[Earlier]:
        """Take what messages have changed meanwhile.

        Args:
            here: rows of the press now.
            events: of the press now.

        Returns:
            Rows that are new, or know more than before.
        """
        for lane, of_mold in here.items():
            known = self._before.get(lane, {})
            for name, row in of_mold.items():
                if row is known.get(name):
                    continue
                lanes = self.lanes.setdefault(lane, {})
                there = lanes.get(name)
                lanes[name] = row if there is None else row.with_more_of(there)
                _report_again(lanes[name], self.past)
        for event in events:
            if event not in self._events:
                event.report(self.past)
        same = {id(row) for of_mold in self._before.values() for row in of_mold.values()}
        rows = (row for of_mold in self.lanes.values() for row in of_mold.values())
        return [row for row in rows if id(row) not in same]


async def _few_at_once(items: Iterable[T]) -> AsyncIterator[T]:
    """Items, with a turn for others now and then."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)


def _report_again(row: Earlier, past: PastResults) -> None:
    """Report a shot that has changed since it was reported."""
    past.forget_lab(row.shot)
    if row.aborted:
        past.aborted(row.shot)
    for *_, tell in in_time([row], past):
        tell()
