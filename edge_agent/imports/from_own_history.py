"""Shots from a history of our own, a week at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from broker.timestamps import format_timestamp, parse_timestamp
from edge_agent.config.settings import HistorySettings
from edge_agent.history.read import HistoryReader, RowFilter, open_reader
from edge_agent.imports.source import Fetched, Problem, Refused
from edge_agent.logged_shots.bundle import INPUT_SENSORS, REFERENCES, Bundle, Meta
from edge_agent.logged_shots.from_history import from_history
from edge_agent.logged_shots.logged_shot import LoggedShot
from edge_agent.shots.shot_query import ShotQuery

WEEK = timedelta(days=7)
"""Shots of so long are in memory together."""
_BEGIN = datetime(2000, 1, 3, tzinfo=UTC)


class HistoryShots:
    """Shots of a history."""

    def __init__(self, settings: HistorySettings) -> None:
        """Open it.

        Raises:
            SettingsError, StoreError: the address cannot be read, or there is no such file.
        """
        self._reader: HistoryReader = open_reader(settings)

    async def check(self) -> list[str]:
        """Nothing can be wrong with a mapping that is our own."""
        return []

    async def fetch_shots(self, query: ShotQuery) -> AsyncGenerator[Fetched]:
        """Shots in the order of their weeks, and within one in that of their pours."""
        for week in await self._weeks(query):
            begin = max(week, query.since or week)
            end = min(week + WEEK, query.until or week + WEEK)
            if begin >= end:
                continue
            shots: list[LoggedShot] = []
            await from_history(self._reader, shots.append, since=begin, until=end)
            references = await self._references(begin, end)
            for shot in sorted(shots, key=lambda shot: shot.poured_at or begin):
                if shot.poured_at is not None:
                    yield _bundle(shot, references.get(shot.key.shot_key or "", {}))

    async def close(self) -> None:
        """Close the history."""
        await self._reader.close()

    async def _weeks(self, query: ShotQuery) -> list[datetime]:
        found: set[int] = set()

        def note(rows: list[dict[str, Any]]) -> None:
            for row in rows:
                if row["poured_at"] is not None:
                    found.add((parse_timestamp(row["poured_at"]) - _BEGIN) // WEEK)

        which = RowFilter(query.since, query.mold_id, until=query.until, press=query.press)
        await self._reader.each("shot", which, note)
        return [_BEGIN + number * WEEK for number in sorted(found)]

    async def _references(self, begin: datetime, end: datetime) -> Mapping[str, dict[str, str]]:
        """Orders and lots by the key of the shot."""
        found: dict[str, dict[str, str]] = {}

        def note(rows: list[dict[str, Any]]) -> None:
            for row in rows:
                document = row["document"] if isinstance(row["document"], dict) else {}
                said = {name: document[name] for name in REFERENCES if document.get(name)}
                if said and row["shot_key"] is not None:
                    found[row["shot_key"]] = said

        which = RowFilter(begin, until=end, kinds=frozenset({"poured"}))
        await self._reader.each("event", which, note)
        return found


def _bundle(shot: LoggedShot, references: dict[str, str]) -> Fetched:
    key = shot.key
    where = f"history: shot {key.shot_id} of mold {key.mold_id}, press {key.press}"
    if shot.recipe is None or shot.system_id is None:
        lacking = "recipe" if shot.recipe is None else "system_id"
        return Refused(Problem("refused", where, lacking, f"no {lacking}", key.shot_id))
    warm = {
        name: shot.inputs[name]
        for name in INPUT_SENSORS
        if name in shot.inputs and getattr(shot.recipe, name) is None
    }
    meta = Meta(
        shot_id=key.shot_id,
        system_id=shot.system_id,
        mold_id=key.mold_id,
        line_id=key.press,
        site=key.site or None,
        timestamp_start=shot.poured_at,
        simulated=shot.simulated,
        **references,
    )
    series: dict[float, dict[str, float]] = {}
    for sensor, rows in shot.series.items():
        for t, value in rows.tolist():
            series.setdefault(t, {})[sensor] = value
    return Bundle(
        path=Path(where),
        meta=meta,
        recipe=shot.recipe.model_copy(update=warm),
        t_demold_actual_s=shot.cured_s if shot.opened and shot.cured_s > 0.0 else None,
        series=series,
        quality=_quality(shot),
    )


def _quality(shot: LoggedShot) -> dict[str, Any] | None:
    """What the records say that count, the newest last."""
    found: dict[str, Any] = {}
    for record in shot.records:
        if record.replaced_at is not None:
            continue
        found |= {name: value for name, value in record.numbers.items() if value is not None}
        if record.defects is not None:
            found["defects"] = list(dict.fromkeys([*found.get("defects", []), *record.defects]))
        if record.risk is not None:
            found["defect_risk_operator"] = record.risk
        if record.measured_at is not None:
            found["ts"] = format_timestamp(record.measured_at)
    return found or None
