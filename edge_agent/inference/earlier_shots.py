"""Earlier shots of an agent: their ``PastResults`` in memory, and a small row of each shot on disk.

A row changes with the pour, the end and the quality records of its shot, in the transaction that
these lead to anyway; after a restart the rows are played again in order of time. Rows of shots that
this agent has not followed come from the history, or from the agent before it in a group.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from broker.messages import QualityRecord
from broker.messages.prediction import IntervalRecord
from broker.topics import PressAddress
from edge_agent.inference.earlier_merge import Lanes, Merge, Rule
from edge_agent.inference.earlier_rows import (
    Earlier,
    Record,
    in_order,
    in_time,
    is_known,
    measured_columns,
    poured_columns,
    with_end,
    with_events,
)
from edge_agent.inference.press_events import HAPPENED_SCOPE, PressEvents
from edge_agent.inference.seen_intervals import INTERVALS_SCOPE, SeenIntervals, kept_of
from edge_agent.logged_shots.logged_event import LoggedEvent
from edge_agent.logged_shots.logged_shot import lab_record
from edge_agent.logged_shots.quality_rows import Said as Names
from edge_agent.logs import get_logger
from edge_agent.shots.shot import Shot
from twin_core.learning.adaptive_interval import Said, Seen
from twin_core.learning.features import Row
from twin_core.learning.past_results import WAITING_MAX, PastResults, ShotKey
from twin_core.learning.press_results import PressResults

EARLIER_SCOPE = "earlier"
"""Scope of the rows in the spool's state."""
ROWS_MAX = 2 * WAITING_MAX
"""Of a mold; beyond ``WAITING_MAX`` only shots stay whose results still count."""
State = dict[tuple[str, str], dict[str, Any] | None]
"""``Changes.state``."""


class EarlierShots:
    """Reports to the past results, and keeps on disk what these need after a restart."""

    def __init__(
        self,
        kept: Iterable[Mapping[str, Any]] = (),
        happened: Iterable[Mapping[str, Any]] = (),
        intervals: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Go on from what was kept; a damaged row is left out.

        Args:
            kept: rows of shots.
            happened: events of presses.
            intervals: what was seen of corrections, by press and mold.
        """
        self.intervals = SeenIntervals(intervals)
        self._past, self._events = PastResults(), PressEvents(happened)
        self._rows: Lanes = {}
        self._merging = asyncio.Lock()
        self._forgotten = set[str]()
        """Presses that were forgotten while rows are merged."""
        rows = list[Earlier]()
        for state in kept:
            try:
                rows.append(Earlier.model_validate(state))
            except ValidationError as error:
                get_logger().warning("earlier_shot_unreadable", error=str(error)[:500])
        for row in sorted(rows, key=lambda row: row.began_s):
            self._of_mold(row.shot)[row.shot.name] = row
        every = [event for events in self._events.by_press.values() for event in events]
        for *_, tell in with_events(in_time(rows, self._past), every, self._past):
            tell()
        self._to_count: list[Earlier] = []
        """Newest shots of molds of which it is to be counted what is remembered."""
        self._count_all()

    def __len__(self) -> int:
        """Number of shots that are kept."""
        return sum(len(rows) for rows in self._rows.values())

    def known(self, shot: Shot, row: Row, basis: str = "") -> Row:
        """The ``prev_ press_ site_ dev_`` columns of a shot: what was known before its pour.

        Args:
            row: its ``proc_`` columns.
            basis: what its physics rests on.
        """
        assert shot.poured_at is not None
        return self._past.known(_key(shot), shot.poured_at.timestamp(), row, basis)

    def poured(self, shot: Shot, row: Row, state: State, basis: str = "") -> None:
        """The shot was poured and simulated.

        Args:
            row: its ``proc_`` and ``sim_`` columns.
            state: takes what is to be kept.
            basis: what its physics rests on.
        """
        assert shot.poured_at is not None
        key = _key(shot)
        self._past.simulated(key, row, shot.poured_at.timestamp(), basis)
        changed = {
            "poured_at_s": shot.poured_at.timestamp(),
            "poured": poured_columns(row),
            "basis": basis,
        }
        self._write(key, changed, state)

    def said(self, shot: Shot, said: Mapping[str, Said], coverage: float, state: State) -> None:
        """Keep what was said of a shot at its pour, to hold it against the results.

        Args:
            shot: was poured and simulated.
            said: by target.
            coverage: that the intervals are to have.
            state: takes what is to be kept.
        """
        row = self.row(_key(shot))
        if row is None or row.closed_at_s is not None or row.records:
            return  # late truth: what is said now knows more than the pour did
        kept = {name: kept_of(one, coverage) for name, one in said.items()}
        self._write(row.shot, {"said": kept}, state)

    def seen(self, shot: Shot) -> tuple[dict[str, Seen], dict[str, IntervalRecord]]:
        """What was seen of the corrections of a mold, and how its intervals have held."""
        key = _key(shot)
        mold = key.address, key.mold_id
        assert shot.poured_at is not None
        at_s = shot.poured_at.timestamp()
        return self.intervals.seen(mold, at_s), self.intervals.records(mold)

    def closed(
        self, shot: Shot, row: Row, state: State, received_at: datetime | None = None
    ) -> None:
        """A poured shot has ended.

        Args:
            row: its ``sim_`` and ``meas_`` columns, empty if it was not simulated.
            state: takes what is to be kept.
            received_at: when its end became known; None counts as when it ended.
        """
        assert shot.poured_at is not None
        assert shot.closed_at is not None
        key, closed_at_s = _key(shot), shot.closed_at.timestamp()
        at_s = closed_at_s if received_at is None else received_at.timestamp()
        if not row and (key.address, key.mold_id) not in self._rows:
            return  # nothing was ever simulated in this mold: it may be anything
        opened, aborted = shot.outcome == "demolded", shot.outcome == "aborted"
        seen = {} if aborted else row
        self._past.closed(key, at_s, seen, opened=opened, closed_at_s=closed_at_s)
        if aborted:
            self._past.aborted(key)
        changed = {
            "poured_at_s": shot.poured_at.timestamp(),
            "closed_at_s": closed_at_s,
            "end_known_s": at_s,
            "measured": measured_columns(seen),
        }
        self._write(key, changed | {"opened": opened, "aborted": aborted}, state)
        self._hold_against(key, at_s, state)

    def lab(
        self,
        press: PressAddress,
        record: QualityRecord,
        state: State,
        received_at: datetime | None = None,
    ) -> None:
        """A quality record has come, hours later or again, with its mold or without.

        Args:
            press: press that it names.
            record: the record.
            state: takes what is to be kept.
            received_at: when it arrived; None counts as when it was measured.
        """
        known_at = received_at or record.ts
        key = ShotKey(
            *(press.site, press.press, record.mold_id or "", record.shot_id), record.shot_key or ""
        )
        key = self._past.shot_of(key, record.ts.timestamp())
        if (key.address, key.mold_id) not in self._rows:
            key = key._replace(mold_id="")  # no shot of this mold is known: it may be anything
        corrects = record.corrects
        names = Names(
            known_at,
            record.ts,
            record.record_id,
            None if corrects is None else corrects.record_id,
            None if corrects is None else corrects.ts,
        )
        new = Record.of(lab_record(record), names)
        known = self._of_mold(key).get(key.name, Earlier(key=key)).records
        if is_known(known, new):
            return
        records = in_order([*known, new])
        self._past.forget_lab(key)
        for one, until_s in with_end(records):
            self._past.lab(key, one.at_s, one.columns(), until_s)
        self._write(key, {"records": records}, state)
        self._hold_against(key, known_at.timestamp(), state)

    def happened(self, event: LoggedEvent, state: State) -> None:
        """Something was done to a press; told again it is no news.

        Args:
            event: as it became known.
            state: takes what is to be kept.
        """
        if self._events.add([event], state):
            event.report(self._past)

    def recall_events(self, events: Iterable[LoggedEvent], state: State) -> None:
        """Take events that this agent has not heard; they count from the next ``merge`` on.

        Args:
            events: of the history, or of another agent.
            state: takes what is to be kept.
        """
        self._events.add(events, state)

    def events_of(self, press: PressAddress) -> list[LoggedEvent]:
        """Events of a press, in the order in which they became known."""
        return list(self._events.by_press.get(str(press), []))

    def forgets(self, press: PressAddress) -> State:
        """What goes from the disk when a press is forgotten."""
        state: State = {(EARLIER_SCOPE, _text(row.shot)): None for row in self.rows_of(press)}
        if self.events_of(press):
            state[HAPPENED_SCOPE, str(press)] = None
        molds = self.intervals.of_press(press)
        return state | {(INTERVALS_SCOPE, "/".join(mold)): None for mold in molds}

    def forget(self, press: PressAddress) -> None:
        """Forget the shots of a press that another agent has now."""
        for lane in [lane for lane in self._rows if lane[0] == str(press)]:
            del self._rows[lane]
        self._events.by_press.pop(str(press), None)
        self._forgotten.add(str(press))
        self.intervals.forget(press)
        self._past.presses.pop(str(press), None)

    def row(self, shot: ShotKey) -> Earlier | None:
        """Row of a shot; None if it is not remembered."""
        return self._rows.get((shot.address, shot.mold_id), {}).get(shot.name)

    def rows_of(self, press: PressAddress) -> Iterator[Earlier]:
        """Rows of a press, mold by mold, oldest first."""
        for lane, rows in self._rows.items():
            if lane[0] == str(press):
                yield from rows.values()

    async def merge(
        self, press: PressAddress, rows: Sequence[Earlier], rule: Rule
    ) -> list[ShotKey]:
        """Take rows of shots of a press that this agent has not followed, or not to the end.

        All results of the press are reported anew in order of time, a few at once: messages have
        their turn in between, and what these change counts, too. Nothing is on disk yet.

        Args:
            press: the press.
            rows: of the history, or of another agent.
            rule: for what both know.

        Returns:
            Shots whose rows are new or know more than before, to be given to ``keep``.
        """
        async with self._merging:
            self._forgotten.clear()
            merge = Merge(self._lanes_of(press))
            await merge.take((row for row in rows if row.shot.address == str(press)), rule)
            await merge.report(self.events_of(press))
            if str(press) in self._forgotten:
                return []
            new = merge.catch_up(self._lanes_of(press), self.events_of(press))
            self._rows |= merge.lanes
            results = merge.past.presses.get(str(press), PressResults())
            self._past.presses[str(press)] = results
            self._count_all()
            return [row.shot for row in new]

    def keep(self, shots: Iterable[ShotKey], state: State) -> None:
        """Keep the rows of these shots on disk as they are now, as far as they are to stay.

        Args:
            shots: of ``merge``, in its order.
            state: takes what is to be kept.
        """
        for key in shots:
            of_mold = self._of_mold(key)
            if key.name in of_mold:
                state[EARLIER_SCOPE, _text(key)] = of_mold[key.name].model_dump(mode="json")
                self._bound(of_mold, state)

    def _hold_against(self, key: ShotKey, at_s: float, state: State) -> None:
        """Hold what was said of a shot against its results, each once, known at a moment [s]."""
        row = self.row(key)
        self._count_all()
        if row is None or not row.said:
            return
        results = {
            name: residual
            for name in row.said
            if (residual := self._past.residual_of(key, name)) is not None
        }
        if results:
            self.intervals.told((key.address, key.mold_id), results, row.said, at_s, state)
            left = {name: kept for name, kept in row.said.items() if name not in results}
            self._write(key, {"said": left}, state)

    def count_ahead(self) -> bool:
        """Count what is remembered of one mold, so that its next pour need not; true if more wait.

        Every result may change what is known of every mold of the site.
        """
        if self._to_count:
            row = self._to_count.pop()
            self._past.known(row.shot, math.inf, row.poured, row.basis)
        return bool(self._to_count)

    def _count_all(self) -> None:
        newest = (
            next((row for row in reversed(of_mold.values()) if row.poured), None)
            for of_mold in self._rows.values()
        )
        self._to_count = [row for row in newest if row is not None]

    def _write(self, key: ShotKey, changed: dict[str, Any], state: State) -> None:
        rows = self._of_mold(key)
        old = rows.get(key.name, Earlier(key=key))
        row = old.model_copy(update=changed)
        if row == rows.get(key.name):
            return
        rows[key.name] = row
        state[EARLIER_SCOPE, _text(key)] = row.model_dump(mode="json")
        self._bound(rows, state)

    def _bound(self, rows: dict[str, Earlier], state: State) -> None:
        """Forget the oldest shots of a mold beyond those that stay."""
        while len(rows) > WAITING_MAX:
            oldest = next(iter(rows.values())).shot
            if len(rows) <= ROWS_MAX and self._past.counts(oldest):
                break
            del rows[oldest.name]
            state[EARLIER_SCOPE, _text(oldest)] = None

    def _lanes_of(self, press: PressAddress) -> Lanes:
        return {lane: rows for lane, rows in self._rows.items() if lane[0] == str(press)}

    def _of_mold(self, key: ShotKey) -> dict[str, Earlier]:
        return self._rows.setdefault((key.address, key.mold_id), {})


def _key(shot: Shot) -> ShotKey:
    return ShotKey(shot.site, shot.press, shot.mold_id, shot.shot_id, shot.shot_key)


def _text(key: ShotKey) -> str:
    return "/".join(key[:4]) + (f"/{key.shot_key}" if key.shot_key else "")
