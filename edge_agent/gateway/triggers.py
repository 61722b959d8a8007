"""Triggers: from values of tags to moments at which an event of a shot began.

Values are looked at in the order of their times, ``settle_s`` after they arrived, so that the order
of arrival does not matter as long as nothing is later than that. All that decides is time of the
source; only how long is waited is by our clock.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping
from typing import Any

from broker.timestamps import EARLIEST
from edge_agent.config.gateway_settings import Shots, Trigger
from edge_agent.gateway.backlogs import Backlogs
from edge_agent.gateway.candidates import EVENTS, Candidate, Due
from edge_agent.gateway.conditions import begins, holds, in_words, value_text
from edge_agent.gateway.moments import SECOND_US, seconds_text, seconds_us, text_of, us_of
from edge_agent.gateway.readings_of_pour import PourReader, ValueAt
from edge_agent.gateway.trace import NOT, NOTE, Trace
from edge_agent.links.tag_source import Value

_EARLIEST_US = us_of(EARLIEST)
UNKNOWN_US = 60 * SECOND_US
"""A condition that held until its tag had no value is given up after so long."""


class Triggers:
    """Triggers of a station."""

    def __init__(
        self,
        shots: Shots,
        reader: PourReader,
        value_at: ValueAt,
        trace: Trace,
        commit: Callable[[Candidate], None],
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Start anew, or go on from a state.

        Args:
            shots: as configured.
            reader: reads what an event takes along.
            value_at: looks a value up.
            trace: takes the words.
            commit: takes the events that count, in the order of their times.
            state: of ``state()``.
        """
        state = state or {}
        self._shots, self._reader, self._value_at = shots, reader, value_at
        self._trace, self._commit = trace, commit
        self._settle_us = seconds_us(shots.settle_s)
        self._read_after_us = seconds_us(shots.read_after_s)
        self._triggers: dict[str, Trigger] = {
            event: found for event in EVENTS if (found := getattr(shots, event)) is not None
        }
        self._on: dict[str, list[str]] = {}
        """Events by the tag of their condition."""
        for event, trigger in self._triggers.items():
            self._on.setdefault(trigger.tag, []).append(event)
        self._queue = [
            due
            for kept in state.get("queue", [])
            if (due := Due.of(kept)).kind != "value" or due.tag in self._on
        ]
        self._candidates = [
            one
            for kept in state.get("candidates", [])
            if (one := Candidate.of(kept)).event in self._triggers
        ]
        self._horizon: dict[str, int] = dict(state.get("horizon", {}))
        """Up to when a source's values have been looked at."""
        self._before: dict[str, Value] = dict(state.get("before", {}))
        """Last value of each tag that was looked at."""
        self._done: dict[str, int] = dict(state.get("done", {}))
        """Its time."""
        self._number: int = state.get("number", 0)
        self.backlogs = Backlogs(state.get("backlogs", {}))

    @property
    def tags(self) -> frozenset[str]:
        """Tags with a trigger, as ``plc.pour_valve``."""
        return frozenset(self._on)

    def put(self, due: Due) -> None:
        """Put a value of a tag with a trigger among those that have to settle."""
        self._number += 1
        due.number = self._number
        insort(self._queue, due, key=lambda one: one.order)

    def advance(self, now_us: int) -> None:
        """Look at all that has settled."""
        if not (self._queue or self._candidates):
            return
        while (due := self._settled(now_us)) is not None:
            self._queue.remove(due)
            self._horizon[due.source] = max(self._horizon.get(due.source, 0), due.ts_us)
            if due.kind == "value":
                self._value(due)
            else:
                self._once_more(due)
        self._hand_on()

    def _settled(self, now_us: int) -> Due | None:
        """The first item whose time has settled; those of other sources just before it go first."""
        until = dict(self._horizon)
        for source, ts_us in self.backlogs.settled_us().items():
            until[source] = max(until.get(source, 0), ts_us)
        open_ = [due for due in self._queue if not self._waits(due, now_us)]
        for due in open_:
            if due.arrived_us + self._settle_us <= now_us:
                until[due.source] = max(until.get(due.source, 0), due.ts_us)
        for due in open_:
            if due.ts_us <= until.get(due.source, 0):
                since_us = due.ts_us - self._settle_us
                return next(one for one in open_ if one.ts_us >= since_us)
        return None

    def _waits(self, due: Due, now_us: int) -> bool:
        """Whether it is of a backlog behind which the source has still to say how things stand."""
        return due.historical and now_us < self.backlogs.waits_until_us(due.source)

    def _value(self, due: Due) -> None:
        before, value = self._before.get(due.tag), due.value
        done_us = self._done.get(due.tag)
        if done_us is not None and due.ts_us <= done_us:
            later = seconds_text(done_us - due.ts_us)
            self._trace.add(
                due.ts_us, NOTE, "", "late",
                f"{due.tag} came {later} behind a newer value of it: too late for an event; "
                "raise settle_s if that is usual",
            )  # fmt: skip
            return
        self._done[due.tag] = due.ts_us
        if value is None:
            return
        self._before[due.tag] = value
        for event in self._on[due.tag]:
            trigger = self._triggers[event]
            self._go_on_holding(event, trigger, before, value, due)
            if due.baseline or before is None:
                if trigger.when not in {"changes", "falls"} and holds(trigger, value):
                    self._trace.add(
                        due.ts_us, NOTE, event, "already-so",
                        f"{in_words(trigger)}: it is {value_text(value)} already; the next time "
                        "that it begins counts",
                    )  # fmt: skip
            elif begins(trigger, before, value):
                self._begin(event, trigger, due)
            if isinstance(value, str) and trigger.when not in {"equals", "changes"}:
                self._trace.add(
                    due.ts_us, NOTE, event, "not-a-number",
                    f"{in_words(trigger)}: {due.tag} is the text {value_text(value)}",
                )  # fmt: skip

    def _begin(self, event: str, trigger: Trigger, due: Due) -> None:
        for condition in trigger.while_:
            value, why = self._value_at(condition.tag, due.ts_us)
            if holds(condition, value) is not True:
                is_now = f"it {why}" if value is None else f"it was {value_text(value)}"
                self._trace.add(
                    due.ts_us, NOT, event, "while-not-held",
                    f"{in_words(trigger)} at {text_of(due.ts_us)}, but while asks for "
                    f"{in_words(condition)}, and {is_now}",
                )  # fmt: skip
                return
        self._number += 1
        found = Candidate(
            self._number, event, due.ts_us, due.arrived_us, due.source,
            historical=due.historical, of_arrival=due.of_arrival,
        )  # fmt: skip
        waits = [("held", seconds_us(trigger.for_s))]
        if event == "poured":
            waits.append(("read", self._read_after_us))
        for kind, wait_us in waits:
            if wait_us:
                self.put(
                    Due(
                        found.ts_us + wait_us, 0, kind, found.source, found.arrived_us + wait_us,
                        candidate=found.number,
                    )
                )  # fmt: skip
        found.holding, found.reading = trigger.for_s > 0, True
        if event != "poured" or not self._read_after_us:
            self._read(found, found.ts_us)
        insort(self._candidates, found, key=lambda one: one.order)

    def _read(self, candidate: Candidate, ts_us: int) -> None:
        candidate.found = self._reader.read(candidate.event, ts_us)
        candidate.reading = False

    def _go_on_holding(
        self, event: str, trigger: Trigger, before: Value | None, value: Value, due: Due
    ) -> None:
        """Candidates whose condition must hold on: a value that ends it, or says that it does."""
        still = before == value if trigger.when == "changes" else holds(trigger, value)
        for one in [c for c in self._candidates if c.event == event and c.holding]:
            if still:
                if one.unknown:
                    one.holding = one.unknown = False
            elif still is False:
                self._drop(
                    one, "not-long-enough",
                    f"{in_words(trigger)} at {text_of(one.ts_us)}, but for "
                    f"{seconds_text(due.ts_us - one.ts_us)}, not {trigger.for_s:g} s",
                )  # fmt: skip

    def _once_more(self, due: Due) -> None:
        one = next((c for c in self._candidates if c.number == due.candidate), None)
        if one is None:
            return
        trigger = self._triggers[one.event]
        if due.kind == "read":
            self._read(one, due.ts_us)
        elif due.kind == "give-up":
            if one.unknown:
                self._drop(
                    one, "no-value",
                    f"{in_words(trigger)} at {text_of(one.ts_us)}, but then {trigger.tag} had no "
                    f"value for more than {UNKNOWN_US // SECOND_US} s: whether it held is not "
                    "known",
                )  # fmt: skip
        elif one.holding:
            value, _ = self._value_at(trigger.tag, due.ts_us)
            one.unknown = value is None
            one.holding = one.unknown
            if one.unknown:
                wait_us = due.ts_us + UNKNOWN_US
                self.put(
                    Due(
                        wait_us, 0, "give-up", one.source, due.arrived_us + UNKNOWN_US,
                        candidate=one.number,
                    )
                )  # fmt: skip

    def _drop(self, candidate: Candidate, reason: str, words: str) -> None:
        self._candidates.remove(candidate)
        self._trace.add(candidate.ts_us, NOT, candidate.event, reason, words)

    def _hand_on(self) -> None:
        """Hand on what counts; an earlier candidate that may still count comes first."""
        while self._candidates and self._candidates[0].is_ready:
            self._commit(self._candidates.pop(0))

    def shift(self, source: str, by_us: int) -> None:
        """Move all times of a source back: its clock was set.

        Args:
            source: name of the source.
            by_us: by how much.
        """
        for due in self._queue:
            if due.source == source:
                due.ts_us = max(due.ts_us - by_us, _EARLIEST_US)
        for candidate in self._candidates:
            if candidate.source == source:
                candidate.ts_us = max(candidate.ts_us - by_us, _EARLIEST_US)
        self._queue.sort(key=lambda due: due.order)
        self._candidates.sort(key=lambda candidate: candidate.order)
        self._horizon.pop(source, None)
        self.backlogs.forget(source)
        for tag in self._done:
            if tag.partition(".")[0] == source:
                self._done[tag] -= by_us

    def oldest_us(self) -> int | None:
        """Time of the oldest value or event that is still to be decided; None without one."""
        found = [one[0].ts_us for one in (self._queue, self._candidates) if one]
        return min(found, default=None)

    def next_due_us(self) -> int | None:
        """When ``advance`` has something to do."""
        return min(
            (
                max(
                    due.arrived_us + self._settle_us,
                    self.backlogs.waits_until_us(due.source) if due.historical else 0,
                )
                for due in self._queue
            ),
            default=None,
        )

    def state(self) -> dict[str, Any]:
        """State as JSON."""
        return {
            "queue": [due.state() for due in self._queue],
            "candidates": [one.state() for one in self._candidates],
            "horizon": dict(self._horizon),
            "before": dict(self._before),
            "done": dict(self._done),
            "number": self._number,
            "backlogs": self.backlogs.state(),
        }
