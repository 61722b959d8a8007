"""Logged shots from a history, in one pass over its telemetry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from broker.messages import QualityRecord, Recipe
from edge_agent.history.read import HistoryReader, RowFilter
from edge_agent.logged_shots.event_rows import press_events
from edge_agent.logged_shots.logged_event import LoggedEvent
from edge_agent.logged_shots.logged_shot import (
    LAB_NUMBERS,
    LabRecord,
    LoggedShot,
    lab_record,
    series_of,
)
from edge_agent.logged_shots.quality_rows import (
    ById,
    in_order,
    key_of_early_record,
    key_of_record,
    known_at,
    pours_by_id,
    replaced_at,
    said,
)
from edge_agent.shots.named_shots import Pour
from edge_agent.shots.readings import INPUT_SIGNALS, inputs_at
from edge_agent.shots.shot import Reading
from twin_core.learning.past_results import ShotKey
from twin_core.plausible_ranges import CURVES

Latest = dict[str, Reading]
Records = dict[tuple[str, str, str], list[LabRecord]]
"""By site, press and ``shot_key``."""


@dataclass
class _Open:
    """A shot while telemetry goes by."""

    row: dict[str, Any]
    poured_at: datetime
    begun_at: datetime
    ends_at: datetime
    inputs: dict[str, Reading] = field(default_factory=dict)
    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


async def from_history(
    reader: HistoryReader,
    take: Callable[[LoggedShot], None],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    signal_age_max_s: float = 600.0,
    timeout_s: float = 4 * 3600.0,
    take_event: Callable[[LoggedEvent], None] = lambda event: None,
    progress: Callable[[str, int], None] = lambda table, rows: None,
) -> None:
    """Give every shot poured in this time to ``take``, in the order in which shots end.

    Readings are kept for shots that cure while they go by, so memory does not grow with the
    telemetry. Shots without a pour are given without readings.

    Args:
        signal_age_max_s, timeout_s: as in the agent's ``shots`` settings.
        take_event: gets what was done to the presses, also long before.
        progress: called with a table and how many of its rows were read.

    Raises:
        StoreError: the history cannot be read.
    """
    for event in await press_events(reader, RowFilter(until=until)):
        take_event(event)
    rows: list[dict[str, Any]] = []
    await reader.each(
        "shot", RowFilter(since, until=until), _counted("shot", rows.extend, progress)
    )
    which = RowFilter(since)
    limits = signal_age_max_s, timeout_s
    await shots_of_rows(reader, rows, take, which, *limits, progress=progress)


async def shots_of_rows(
    reader: HistoryReader,
    rows: Sequence[dict[str, Any]],
    take: Callable[[LoggedShot], None],
    which: RowFilter,
    signal_age_max_s: float,
    timeout_s: float,
    progress: Callable[[str, int], None] = lambda table, rows: None,
    spans_max: int = 1,
) -> None:
    """Give the shots of some rows to ``take``, with their readings and quality records.

    Args:
        rows: of the table ``shot``.
        which: quality records, and of which press the telemetry; without its times.
        signal_age_max_s, timeout_s: as in the agent's ``shots`` settings.
        progress: called with a table and how many of its rows were read.
        spans_max: telemetry is read in so many pieces; what lies between them is left out.

    Raises:
        StoreError: the history cannot be read.
    """
    of_shots: dict[ById, list[dict[str, Any]]] = {}

    def keep(found: list[dict[str, Any]]) -> None:
        for row in found:
            of_shots.setdefault((row["site"], row["press"], row["shot_id"]), []).append(row)

    await reader.each("quality", which, _counted("quality", keep, progress))
    records = _records(of_shots, pours_by_id(rows))
    walk = _Walk(rows, records, take, timedelta(seconds=signal_age_max_s), timeout_s)
    frames = _counted("telemetry", walk.frames, progress)
    for begin, end in _spans(walk.shots, timedelta(seconds=signal_age_max_s), spans_max):
        await reader.each("telemetry", RowFilter(begin, until=end, press=which.press), frames)
    walk.finish()


def _spans(
    shots: Iterable[_Open], age_max: timedelta, most: int
) -> list[tuple[datetime, datetime]]:
    """At most so many stretches of time, in order, with all readings that count for a shot."""
    found: list[tuple[datetime, datetime]] = []
    for shot in sorted(shots, key=lambda shot: shot.begun_at):
        begin, end = shot.begun_at - age_max, shot.ends_at + timedelta(seconds=1)
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    pauses = [following[0] - before[1] for before, following in pairwise(found)]
    longest = set(sorted(range(len(pauses)), key=pauses.__getitem__)[::-1][: most - 1])
    joined = found[:1]
    for number, span in enumerate(found[1:]):
        if number in longest:
            joined.append(span)
        else:
            joined[-1] = joined[-1][0], span[1]
    return joined


def _counted(
    table: str,
    take: Callable[[list[dict[str, Any]]], None],
    progress: Callable[[str, int], None],
) -> Callable[[list[dict[str, Any]]], None]:
    count = 0

    def counted(rows: list[dict[str, Any]]) -> None:
        nonlocal count
        take(rows)
        count += len(rows)
        progress(table, count)

    return counted


class _Walk:
    """Telemetry goes by in order of time; shots are given away when they have ended."""

    def __init__(
        self,
        rows: Iterable[dict[str, Any]],
        records: Records,
        take: Callable[[LoggedShot], None],
        age_max: timedelta,
        timeout_s: float,
    ) -> None:
        self._records, self._take, self._age_max = records, take, age_max
        self.shots: list[_Open] = []
        for row in rows:
            poured = _time(row["poured_at"])
            if poured is None:
                take(self._logged(row, None, {}, {}))
                continue
            begun = min(_time(row["started_at"]) or poured, poured)
            ends = _time(row["closed_at"]) or poured + timedelta(seconds=timeout_s)
            self.shots.append(_Open(row, poured, begun, ends))
        self.shots.sort(key=lambda shot: shot.poured_at)
        self._by_begin = sorted(self.shots, key=lambda shot: shot.begun_at)
        self._begun = self._poured = 0
        self._active: dict[tuple[str, str], dict[str, _Open]] = {}
        self._signals: dict[tuple[str, str, str | None], Latest] = {}

    def frames(self, rows: list[dict[str, Any]]) -> None:
        """Readings in order of time."""
        for row in rows:
            sensors = row["sensors"]
            if not sensors:
                continue
            ts = datetime.fromisoformat(row["ts"])
            self._until(ts)
            inputs = [name for name in INPUT_SIGNALS if name in sensors]
            if inputs:
                scope = row["site"], row["press"], row["mold_id"]
                latest = self._signals.setdefault(scope, {})
                for name in inputs:
                    latest[name] = Reading(ts=ts, value=sensors[name])
            measured = [name for name in CURVES if name in sensors]
            if measured:
                shot = self._shot_of(row, ts)
                if shot is not None:
                    t = (ts - shot.poured_at).total_seconds()
                    for name in measured:
                        shot.series.setdefault(name, []).append((t, sensors[name]))
        if rows:
            self._give_away(datetime.fromisoformat(rows[-1]["ts"]))

    def finish(self) -> None:
        """End of the readings."""
        self._give_away(datetime.max.replace(tzinfo=UTC))

    def _until(self, ts: datetime) -> None:
        """Shots that begin by then are followed; those poured before have their inputs."""
        shots = self.shots
        while self._begun < len(shots) and self._by_begin[self._begun].begun_at <= ts:
            shot = self._by_begin[self._begun]
            press = shot.row["site"], shot.row["press"]
            self._active.setdefault(press, {})[shot.row["shot_key"]] = shot
            self._begun += 1
        while self._poured < len(shots) and shots[self._poured].poured_at < ts:
            shot = shots[self._poured]
            site, press = shot.row["site"], shot.row["press"]
            scopes = [
                self._signals.get((site, press, mold_id), {}).get
                for mold_id in (None, shot.row["mold_id"])
            ]
            shot.inputs = inputs_at(shot.poured_at, scopes, self._age_max)
            self._poured += 1

    def _shot_of(self, row: dict[str, Any], ts: datetime) -> _Open | None:
        active = self._active.get((row["site"], row["press"]), {})
        if row["shot_key"] is not None:
            return active.get(row["shot_key"])
        of = "mold_id" if row["shot_id"] is None else "shot_id"
        fitting = (
            shot
            for shot in active.values()
            if shot.row[of] == row[of] and (of == "shot_id" or shot.begun_at <= ts <= shot.ends_at)
        )
        return max(fitting, key=lambda shot: shot.begun_at, default=None)

    def _give_away(self, ts: datetime) -> None:
        self._until(ts)
        ended: list[_Open] = []
        for active in self._active.values():
            for ended_key in [key for key, shot in active.items() if shot.ends_at < ts]:
                ended.append(active.pop(ended_key))
        for shot in sorted(ended, key=lambda shot: shot.ends_at):
            inputs = {name: reading.value for name, reading in shot.inputs.items()}
            self._take(self._logged(shot.row, shot.poured_at, inputs, shot.series))

    def _logged(
        self,
        row: dict[str, Any],
        poured_at: datetime | None,
        inputs: dict[str, float],
        series: dict[str, list[tuple[float, float]]],
    ) -> LoggedShot:
        return LoggedShot(
            key=ShotKey(
                *(row["site"], row["press"], row["mold_id"], row["shot_id"]), row["shot_key"]
            ),
            system_id=row["system_id"],
            recipe=_recipe(row["recipe"]),
            poured_at=poured_at,
            closed_at=_time(row["closed_at"]),
            known_at=_time(row["received_at"]),
            outcome=row["outcome"],
            inputs=inputs,
            series={name: series_of(readings) for name, readings in series.items()},
            records=tuple(self._records.get((row["site"], row["press"], row["shot_key"]), ())),
            simulated=bool(row["simulated"]),
        )


def _records(
    of_ids: Mapping[ById, Sequence[Mapping[str, Any]]], pours: Mapping[ById, list[Pour]]
) -> Records:
    """Records by shot, in order of time, with when another one corrected them."""
    records = Records()
    for by_id, rows in of_ids.items():
        of_shots: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            of_id = pours.get(by_id, [])
            key = key_of_record(row, of_id) or key_of_early_record(row, of_id)
            if key is not None:
                of_shots.setdefault(key, []).append(row)
        for key, of_shot in of_shots.items():
            known = in_order(of_shot)
            times = replaced_at([said(row) for row in known])
            found = [
                replace(_record(row), replaced_at=time, said=said(row))
                for row, time in zip(known, times, strict=True)
            ]
            records[by_id[0], by_id[1], key] = found
    return records


def _record(row: Mapping[str, Any]) -> LabRecord:
    known = datetime.fromisoformat(known_at(row))
    try:  # the document has fields that have no column
        found = lab_record(QualityRecord.model_validate(row["document"]))
    except ValidationError:
        numbers = {name: row.get(name) for name in LAB_NUMBERS}
        defects = None if row["defects"] is None else tuple(row["defects"])
        found = LabRecord(known, numbers, defects, row["defect_risk_operator"])
    measured = datetime.fromisoformat(row["ts"])
    return replace(found, known_at=known, measured_at=measured)


def _recipe(columns: dict[str, Any] | None) -> Recipe | None:
    try:
        return None if columns is None else Recipe.model_validate(columns)
    except ValidationError:
        return None


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
