"""Numbers of predictions: one counter per press, and no number is ever used twice.

A prediction goes out before it is on disk. After a crash its shot is answered again, perhaps in
other words, so the number must be another one. Numbers are reserved ahead, on disk; after a crash
the counter goes on behind the reserve. Gaps mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from broker.topics import PressAddress

REVISION_SCOPE = "revision"
"""Scope of the reserves in the spool's state, by press."""
RESERVE = 10_000
"""Predictions of a press before the next reserve must be on disk."""
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
State = dict[tuple[str, str], dict[str, Any] | None]


@dataclass
class _Counter:
    last: int
    """Used last."""
    reserved: int
    """On disk: all up to this may be used."""
    asked: int
    """On its way to the disk."""


class Revisions:
    """The counters of all presses of an agent."""

    def __init__(self, kept: Mapping[str, Mapping[str, Any]], now: datetime) -> None:
        """Go on behind what is reserved.

        Args:
            kept: state of the spool by press.
            now: a press without a reserve, perhaps because its spool was deleted, begins with the
                seconds since 2026: no number of before is used again.
        """
        self._counters: dict[str, _Counter] = {}
        self._first = max(0, int((now - _BEGIN).total_seconds()))
        for press, value in kept.items():
            reserved = value.get("reserved_to")
            if isinstance(reserved, int):
                self._counters[press] = _Counter(reserved, reserved, reserved)

    def have(self, press: PressAddress) -> bool:
        """True if a reserved number is left."""
        counter = self._of(press)
        return counter.last < counter.reserved

    def plenty(self, press: PressAddress) -> bool:
        """Are so many left that a turn of the pipeline cannot use them up: 2 for each shot?"""
        counter = self._of(press)
        return counter.reserved - counter.last >= RESERVE // 4

    def take(self, press: PressAddress) -> int:
        """Use the next number; ask ``have`` first."""
        counter = self._of(press)
        assert counter.last < counter.reserved, "no number is reserved"
        counter.last += 1
        return counter.last

    def pass_over(self, press: PressAddress, revision: int) -> None:
        """Pass over numbers of a press that another agent has used."""
        counter = self._of(press)
        counter.last = max(counter.last, revision)

    def asks(self, presses: Iterable[PressAddress]) -> State:
        """Reserves that are due, as changes of state; empty when there is enough of each."""
        state: State = {}
        for press in presses:
            counter = self._of(press)
            if counter.asked - counter.last < RESERVE // 2 or not self.plenty(press):
                counter.asked = counter.last + RESERVE
                state[REVISION_SCOPE, str(press)] = {"reserved_to": counter.asked}
        return state

    def renew(self, state: State) -> None:
        """Renew a state before a transaction is tried again: more may be reserved meanwhile."""
        for (scope, press), value in state.items():
            if scope == REVISION_SCOPE and value is not None:
                state[scope, press] = {"reserved_to": self._counters[press].asked}

    def committed(self, state: State) -> None:
        """A transaction with this state is on disk."""
        for (scope, press), value in state.items():
            if scope == REVISION_SCOPE and value is not None:
                self._counters[press].reserved = value["reserved_to"]

    def _of(self, press: PressAddress) -> _Counter:
        key = str(press)
        if key not in self._counters:
            self._counters[key] = _Counter(self._first, self._first, self._first)
        return self._counters[key]
