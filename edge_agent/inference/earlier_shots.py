"""Earlier shots of an agent: their ``PastResults`` in memory, and a small row of each shot on disk.

A row changes with the pour, the end and the quality records of its shot, in the transaction that
these lead to anyway; after a restart the rows are played again in order of time. The past of an
agent that takes over a press begins with the shots that this agent sees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError

from broker.messages import QualityRecord
from broker.topics import PressAddress
from edge_agent.logged_shots.logged_shot import lab_record
from edge_agent.logged_shots.quality_rows import Said, replaced_at
from edge_agent.logs import get_logger
from edge_agent.shots.shot import Shot
from twin_core.learning.columns import INPUTS, TARGETS
from twin_core.learning.features import Row, lab_columns
from twin_core.learning.past_results import WAITING_MAX, PastResults, ShotKey
from twin_core.plausible_ranges import possible

EARLIER_SCOPE = "earlier"
"""Scope of the rows in the spool's state."""
ROWS_MAX = 2 * WAITING_MAX
"""Of a mold; beyond ``WAITING_MAX`` only shots stay whose results still count."""
RECORDS_MAX = 8
_POURED = (*(target.physics for target in TARGETS.values()), *INPUTS)
_MEASURED = tuple(target.measured for target in TARGETS.values() if target.known == "demold")
State = dict[tuple[str, str], dict[str, Any] | None]
"""``Changes.state``."""


class Record(BaseModel):
    """A quality record, and when it became known."""

    at_s: float
    numbers: dict[str, float | None]
    defects: tuple[str, ...] | None = None
    risk: float | None = None
    ts: datetime | None = None
    """When it was measured; None in rows of older programs, as the next three."""
    record_id: str | None = None
    corrects_id: str | None = None
    corrects_ts: datetime | None = None

    def said(self) -> Said:
        """Its names, and the name of the record that it corrects."""
        known_at = datetime.fromtimestamp(self.at_s, UTC)
        return Said(
            known_at, self.ts or known_at, self.record_id, self.corrects_id, self.corrects_ts
        )

    def columns(self) -> Row:
        """Its ``qc_`` columns, without what is impossible."""
        return possible(lab_columns(self.numbers, self.defects, self.risk))[0]


class Earlier(BaseModel):
    """Row that is kept of a shot."""

    key: tuple[str, str, str, str] | tuple[str, str, str, str, str]
    """Of a ``ShotKey``; an older program kept no ``shot_key``."""
    poured_at_s: float | None = None
    poured: Row = {}
    """How it was poured, and its ``sim_`` columns that something is compared with."""
    closed_at_s: float | None = None
    end_known_s: float | None = None
    """When that became known; None in rows of older programs."""
    opened: bool = False
    aborted: bool = False
    measured: Row = {}
    """What they are compared with, as far as the press measures it."""
    records: list[Record] = []

    @property
    def shot(self) -> ShotKey:
        """Key of the shot."""
        return ShotKey(*self.key)

    @property
    def began_s(self) -> float:
        """Time at which the shot began, to put rows in order [s]."""
        known = [self.poured_at_s, self.closed_at_s, *(record.at_s for record in self.records)]
        return min((at for at in known if at is not None), default=math.inf)


class EarlierShots:
    """Reports to the past results, and keeps on disk what these need after a restart."""

    def __init__(self, kept: Iterable[Mapping[str, Any]] = ()) -> None:
        """Go on from what was kept; a damaged row is left out."""
        self._past = PastResults()
        self._rows: dict[tuple[str, str], dict[str, Earlier]] = {}
        rows = list[Earlier]()
        for state in kept:
            try:
                rows.append(Earlier.model_validate(state))
            except ValidationError as error:
                get_logger().warning("earlier_shot_unreadable", error=str(error)[:500])
        for row in sorted(rows, key=lambda row: row.began_s):
            self._of_mold(row.shot)[row.shot.name] = row
        self._tell(rows)

    def __len__(self) -> int:
        """Number of shots that are kept."""
        return sum(len(rows) for rows in self._rows.values())

    def known(self, shot: Shot, row: Row) -> Row:
        """The ``prev_ press_ site_ dev_`` columns of a shot: what was known before its pour.

        Args:
            row: its ``proc_`` columns.
        """
        assert shot.poured_at is not None
        return self._past.known(_key(shot), shot.poured_at.timestamp(), row)

    def poured(self, shot: Shot, row: Row, state: State) -> None:
        """The shot was poured and simulated.

        Args:
            row: its ``proc_`` and ``sim_`` columns.
            state: takes what is to be kept.
        """
        assert shot.poured_at is not None
        key = _key(shot)
        self._past.simulated(key, row, shot.poured_at.timestamp())
        poured = {name: row[name] for name in _POURED if math.isfinite(row.get(name, math.nan))}
        self._write(key, {"poured_at_s": shot.poured_at.timestamp(), "poured": poured}, state)

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
        measured = {n: seen[n] for n in _MEASURED if math.isfinite(seen.get(n, math.nan))}
        changed = {
            "poured_at_s": shot.poured_at.timestamp(),
            "closed_at_s": closed_at_s,
            "end_known_s": at_s,
            "measured": measured,
        }
        self._write(key, changed | {"opened": opened, "aborted": aborted}, state)

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
        found = lab_record(record)
        new = Record(
            at_s=known_at.timestamp(),
            numbers=dict(found.numbers),
            defects=found.defects,
            risk=found.risk,
            ts=record.ts,
            record_id=record.record_id,
            corrects_id=None if record.corrects is None else record.corrects.record_id,
            corrects_ts=None if record.corrects is None else record.corrects.ts,
        )
        known = self._of_mold(key).get(key.name, Earlier(key=key)).records
        same = {"numbers", "defects", "risk"}
        for other, until in zip(known, replaced_at([r.said() for r in known]), strict=True):
            if until is None and other.model_dump(include=same) == new.model_dump(include=same):
                return
        records = sorted([*known, new], key=lambda one: one.at_s)[-RECORDS_MAX:]
        self._past.forget_lab(key)
        for one, until_s in _with_end(records):
            self._past.lab(key, one.at_s, one.columns(), until_s)
        self._write(key, {"records": records}, state)

    def _write(self, key: ShotKey, changed: dict[str, Any], state: State) -> None:
        rows = self._of_mold(key)
        old = rows.get(key.name, Earlier(key=key))
        row = old.model_copy(update=changed)
        if row == rows.get(key.name):
            return
        rows[key.name] = row
        state[EARLIER_SCOPE, _text(key)] = row.model_dump(mode="json")
        while len(rows) > WAITING_MAX:
            oldest = next(iter(rows.values())).shot
            if len(rows) <= ROWS_MAX and self._past.counts(oldest):
                break
            del rows[oldest.name]
            state[EARLIER_SCOPE, _text(oldest)] = None

    def _of_mold(self, key: ShotKey) -> dict[str, Earlier]:
        return self._rows.setdefault((key.address, key.mold_id), {})

    def _tell(self, rows: list[Earlier]) -> None:
        """Everything again, in order of time, as a feature set is built."""
        past = self._past
        events: list[tuple[float, int, int, Callable[[], object]]] = []
        for number, row in enumerate(sorted(rows, key=lambda row: row.began_s)):
            events += [(at_s, kind, number, tell) for at_s, kind, tell in _events(row, past)]
        for *_, tell in sorted(events, key=lambda event: event[:3]):
            tell()


def _events(row: Earlier, past: PastResults) -> Iterable[tuple[float, int, Callable[[], object]]]:
    shot = row.shot
    if row.poured_at_s is not None and not row.aborted:
        poured_at_s = row.poured_at_s
        yield poured_at_s, 0, lambda: past.simulated(shot, row.poured, poured_at_s)
    if row.closed_at_s is not None:
        closed_at_s, opened = row.closed_at_s, row.opened
        known_s = closed_at_s if row.end_known_s is None else row.end_known_s

        def tell() -> None:
            past.closed(shot, known_s, row.measured, opened=opened, closed_at_s=closed_at_s)

        yield known_s, 1, tell
    for record, until_s in _with_end(row.records):
        yield record.at_s, 2, partial(past.lab, shot, record.at_s, record.columns(), until_s)


def _with_end(records: Sequence[Record]) -> Iterator[tuple[Record, float]]:
    """Records in order of time, each with when another one corrected it [s]."""
    times = replaced_at([record.said() for record in records])
    for record, time in zip(records, times, strict=True):
        yield record, math.inf if time is None else time.timestamp()


def _key(shot: Shot) -> ShotKey:
    return ShotKey(shot.site, shot.press, shot.mold_id, shot.shot_id, shot.shot_key)


def _text(key: ShotKey) -> str:
    return "/".join(key[:4]) + (f"/{key.shot_key}" if key.shot_key else "")
