"""Row of an earlier shot: what a memory keeps of it, on disk and for the agent that comes after."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import Annotated

from pydantic import BaseModel, Field

from edge_agent.inference.seen_intervals import Kept
from edge_agent.logged_shots.logged_event import LoggedEvent
from edge_agent.logged_shots.logged_shot import LabRecord
from edge_agent.logged_shots.quality_rows import Said, replaced_at
from twin_core.learning.columns import INPUTS, TARGETS
from twin_core.learning.features import Row, lab_columns
from twin_core.learning.past_results import PastResults, ShotKey
from twin_core.plausible_ranges import possible

RECORDS_MAX = 8
"""Quality records of a shot that are kept."""
POURED = (*(target.physics for target in TARGETS.values()), *INPUTS)
_MEASURED = tuple(target.measured for target in TARGETS.values() if target.known == "demold")
_SAME = {"numbers", "defects", "risk"}
Step = tuple[float, int, Callable[[], object]]
"""When it became known [s], its place among those of one moment, and the report to the memory."""


Moment = Annotated[float, Field(ge=0.0, le=1e11, allow_inf_nan=False)]
"""Seconds since 1970, to the year 5138."""


class Record(BaseModel):
    """A quality record, and when it became known."""

    at_s: Moment
    numbers: dict[str, float | None]
    defects: tuple[str, ...] | None = None
    risk: float | None = None
    ts: datetime | None = None
    """When it was measured; None in rows of older programs, as the next three."""
    record_id: str | None = None
    corrects_id: str | None = None
    corrects_ts: datetime | None = None

    @classmethod
    def of(cls, record: LabRecord, said: Said) -> Record:
        """Record as it is kept.

        Args:
            record: of the laboratory.
            said: its names, and when it became known.
        """
        return cls(
            at_s=said.known_at.timestamp(),
            numbers=dict(record.numbers),
            defects=record.defects,
            risk=record.risk,
            ts=said.ts,
            record_id=said.record_id,
            corrects_id=said.corrects_id,
            corrects_ts=said.corrects_ts,
        )

    def said(self) -> Said:
        """Its names, and the name of the record that it corrects."""
        known_at = datetime.fromtimestamp(self.at_s, UTC)
        return Said(
            known_at, self.ts or known_at, self.record_id, self.corrects_id, self.corrects_ts
        )

    def columns(self) -> Row:
        """Its ``qc_`` columns, without what is impossible."""
        return possible(lab_columns(self.numbers, self.defects, self.risk))[0]

    def says_as(self, other: Record) -> bool:
        """True if another record says the same of the part."""
        return self.model_dump(include=_SAME) == other.model_dump(include=_SAME)


class Earlier(BaseModel):
    """Row that is kept of a shot."""

    key: tuple[str, str, str, str] | tuple[str, str, str, str, str]
    """Of a ``ShotKey``; an older program kept no ``shot_key``."""
    poured_at_s: Moment | None = None
    poured: Row = {}
    """How it was poured, and its ``sim_`` columns that something is compared with."""
    basis: str = ""
    """What the physics rests on (``basis.basis_of``); empty in rows of older programs,
    which teach nothing."""
    closed_at_s: Moment | None = None
    end_known_s: Moment | None = None
    """When that became known; None in rows of older programs."""
    opened: bool = False
    aborted: bool = False
    measured: Row = {}
    """What they are compared with, as far as the press measures it."""
    records: list[Record] = []
    said: dict[str, Kept] = {}
    """By target, what was said of it at the pour and has not been held against its result."""

    @property
    def shot(self) -> ShotKey:
        """Key of the shot."""
        return ShotKey(*self.key)

    @property
    def began_s(self) -> float:
        """Time at which the shot began, to put rows in order [s]."""
        known = [self.poured_at_s, self.closed_at_s, *(record.at_s for record in self.records)]
        return min((at for at in known if at is not None), default=math.inf)

    def with_more_of(self, other: Earlier, *, renewed: bool = False) -> Earlier:
        """This row, and of another row of the same shot what it does not know.

        Args:
            other: the other row.
            renewed: it was simulated with the materials of today: its physics counts.
        """
        changed = dict[str, object]()
        if other.poured and (not self.poured or (renewed and self.basis != other.basis)):
            changed |= {"poured": other.poured, "basis": other.basis}
            changed["said"] = {} if self.poured else other.said
        if self.poured_at_s is None:
            changed["poured_at_s"] = other.poured_at_s
        if self.closed_at_s is None and other.closed_at_s is not None:
            names = ("closed_at_s", "end_known_s", "opened", "aborted", "measured")
            changed |= {name: getattr(other, name) for name in names}
        more = [r for r in other.records if not any(r.says_as(known) for known in self.records)]
        if more:
            changed["records"] = in_order([*self.records, *more])
        return self.model_copy(update=changed)

    def steps(self, past: PastResults) -> Iterator[Step]:
        """All that was reported of the shot, to be reported to ``past`` in order of time."""
        shot = self.shot
        if self.poured_at_s is not None and not self.aborted:
            at_s = self.poured_at_s
            yield at_s, 0, partial(past.simulated, shot, self.poured, at_s, self.basis)
        if self.closed_at_s is not None:
            known_s = self.closed_at_s if self.end_known_s is None else self.end_known_s
            closed = partial(past.closed, opened=self.opened, closed_at_s=self.closed_at_s)
            yield known_s, 1, partial(closed, shot, known_s, self.measured)
        for record, until_s in with_end(self.records):
            yield record.at_s, 2, partial(past.lab, shot, record.at_s, record.columns(), until_s)


def in_order(records: Iterable[Record]) -> list[Record]:
    """The newest records of a shot, in the order in which they became known."""
    return sorted(records, key=lambda record: record.at_s)[-RECORDS_MAX:]


def is_known(records: Sequence[Record], new: Record) -> bool:
    """True if a record that still counts says the same."""
    times = replaced_at([record.said() for record in records])
    return any(
        time is None and record.says_as(new) for record, time in zip(records, times, strict=True)
    )


def with_end(records: Sequence[Record]) -> Iterator[tuple[Record, float]]:
    """Records in order of time, each with when another one corrected it [s]."""
    times = replaced_at([record.said() for record in records])
    for record, time in zip(records, times, strict=True):
        yield record, math.inf if time is None else time.timestamp()


def in_time(rows: Iterable[Earlier], past: PastResults) -> list[Step]:
    """Steps of many shots in order of time, as a feature set is built."""
    steps: list[tuple[float, int, int, Callable[[], object]]] = []
    for number, row in enumerate(sorted(rows, key=lambda row: row.began_s)):
        steps += [(at_s, kind, number, tell) for at_s, kind, tell in row.steps(past)]
    return [(at_s, kind, tell) for at_s, kind, _, tell in sorted(steps, key=lambda s: s[:3])]


def with_events(
    steps: Iterable[Step], events: Iterable[LoggedEvent], past: PastResults
) -> list[Step]:
    """Steps, and what was done to the presses meanwhile, in order of time."""
    more: list[Step] = [(event.known_s, 3, partial(event.report, past)) for event in events]
    return sorted([*steps, *more], key=itemgetter(0, 1))


def poured_columns(row: Row) -> Row:
    """Columns of a pour that are kept.

    Args:
        row: ``proc_`` and ``sim_`` columns.
    """
    return {name: row[name] for name in POURED if math.isfinite(row.get(name, math.nan))}


def measured_columns(row: Row) -> Row:
    """Columns of an end that are kept.

    Args:
        row: ``meas_`` columns.
    """
    return {name: row[name] for name in _MEASURED if math.isfinite(row.get(name, math.nan))}
