"""The tables of the history, the same for every store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic_core import from_json, to_json

from broker.messages import DeadLetter, Prediction, QualityRecord, ShotKpis, TelemetryFrame
from broker.timestamps import format_timestamp
from broker.topics import PressAddress
from edge_agent.history.content import document_content, frame_content
from edge_agent.ports import HistoryRow, RowKind
from edge_agent.shots.shot_key import key_of_older

ColumnType = Literal["text", "time", "real", "integer", "flag", "json"]


@dataclass(frozen=True)
class Table:
    """A table: columns with their types, the key, and whether a later row replaces an earlier."""

    name: str
    columns: dict[str, ColumnType]
    key: tuple[str, ...]
    replace: bool = False

    @property
    def on_conflict(self) -> str:
        """Clause for a row that is there already, the same SQL in SQLite and PostgreSQL."""
        if not self.replace:
            return "ON CONFLICT DO NOTHING"
        # a shot is written when poured, again when it has ended, and when late truth corrects it
        others = [name for name in self.columns if name not in self.key]
        updates = ", ".join(f'"{name}" = excluded."{name}"' for name in others)
        newer = f"coalesce(excluded.revision, 0) >= coalesce({self.name}.revision, 0)"
        return (
            f"ON CONFLICT ({names(self.key)}) DO UPDATE SET {updates}"
            f" WHERE (excluded.outcome IS NOT NULL OR {self.name}.outcome IS NULL) AND {newer}"
        )


SUPERSEDED = """
DELETE FROM prediction WHERE basis IN ('poured', 'final') AND EXISTS (
    SELECT 1 FROM prediction AS newer
    WHERE newer.site = prediction.site AND newer.press = prediction.press
        AND newer.shot_key = prediction.shot_key AND newer.basis = prediction.basis
        AND newer.revision > prediction.revision)
"""
"""Of two agents of a group, one of which was killed, both may have answered a shot: the last word
counts. The same SQL in SQLite and PostgreSQL; who uses it adds which shots."""


def names(columns: Iterable[str]) -> str:
    """Names of columns in SQL; quoted, for PostgreSQL would make small letters of all."""
    return ", ".join(f'"{name}"' for name in columns)


TABLES = {
    "telemetry": Table(
        "telemetry",
        {
            "site": "text",
            "press": "text",
            "device_id": "text",
            "ts": "time",
            "seq": "integer",
            "mold_id": "text",
            "shot_id": "text",
            "shot_key": "text",
            "sensors": "json",
            "metrics": "json",
            "status": "json",
            "simulated": "flag",
            "received_at": "time",
            "content": "text",
            "left_out": "json",
        },
        ("site", "press", "device_id", "ts", "seq", "content"),
    ),
    "shot": Table(
        "shot",
        {
            "site": "text",
            "press": "text",
            "shot_key": "text",
            "shot_id": "text",
            "mold_id": "text",
            "system_id": "text",
            "revision": "integer",
            "outcome": "text",
            "started_at": "time",
            "poured_at": "time",
            "closed_at": "time",
            "t_demold_actual_s": "real",
            "T_core_max_C": "real",
            "p_cavity_max_bar": "real",
            "frames_count": "integer",
            "recipe": "json",
            "simulated": "flag",
            "received_at": "time",
            "corrected": "json",
            "readings_left_out": "json",
        },
        ("site", "press", "shot_key"),
        replace=True,
    ),
    "prediction": Table(
        "prediction",
        {
            "site": "text",
            "press": "text",
            "shot_key": "text",
            "revision": "integer",
            "shot_id": "text",
            "basis": "text",
            "mold_id": "text",
            "system_id": "text",
            "issued_at": "time",
            "poured_at": "time",
            "status": "text",
            "t_demold_min_s": "real",
            "t_demold_opt_s": "real",
            "t_demold_max_s": "real",
            "quality_status": "text",
            "pressure_status": "text",
            "defect_risk": "real",
            "document": "json",
            "simulated": "flag",
        },
        ("site", "press", "shot_key", "revision"),
    ),
    "quality": Table(
        "quality",
        {
            "site": "text",
            "press": "text",
            "shot_id": "text",
            "ts": "time",
            "shot_key": "text",
            "mold_id": "text",
            "rho_moulded_kg_per_m3": "real",
            "rho_free_rise_kg_per_m3": "real",
            "H_demold_shore": "real",
            "H_24h_shore": "real",
            "defects": "json",
            "defect_risk_operator": "real",
            "document": "json",
            "simulated": "flag",
            "received_at": "time",
            "content": "text",
        },
        ("site", "press", "shot_id", "ts", "content"),
    ),
    "event": Table(
        "event",
        {
            "site": "text",
            "press": "text",
            "kind": "text",
            "ts": "time",
            "received_at": "time",
            "mold_id": "text",
            "shot_id": "text",
            "shot_key": "text",
            "content": "text",
            "document": "json",
            "simulated": "flag",
        },
        ("site", "press", "kind", "ts", "content"),
    ),
    "dead_letter": Table(
        "dead_letter",
        {
            "id": "text",
            "site": "text",
            "press": "text",
            "ts": "time",
            "topic": "text",
            "reason": "text",
            "detail": "text",
            "payload_base64": "text",
            "payload_bytes_count": "integer",
            "payload_sha256": "text",
        },
        ("id",),
    ),
}
"""Every table of the history."""


def telemetry_row(
    press: PressAddress,
    frame: TelemetryFrame,
    shot_id: str | None,
    shot_key: str | None = None,
    received_at: datetime | None = None,
) -> HistoryRow:
    """The row of a telemetry frame.

    Args:
        press: press that sent it.
        frame: the frame.
        shot_id: shot as assembled, where the frame does not name it.
        shot_key: key of that shot; None where it is not known.
        received_at: when it arrived; None where that is not known.
    """
    columns: dict[str, Any] = {
        "site": press.site,
        "press": press.press,
        "shot_id": frame.shot_id or shot_id,
        "device_id": frame.device_id,
        "ts": frame.ts,
        "seq": frame.seq,
        "mold_id": frame.mold_id,
        "sensors": frame.sensors,
    }
    if frame.shot_id is not None:
        columns[_NAMED] = True
    if shot_key is not None:
        columns["shot_key"] = shot_key
    if received_at is not None:
        columns["received_at"] = received_at
    for name in _OFTEN_EMPTY:
        if value := getattr(frame, name):
            columns[name] = value
    if frame.left_out:
        columns["left_out"] = frame.left_out
    return HistoryRow("telemetry", to_json(columns).decode())


_NAMED = "shot_named"
"""In a document, no column: the frame itself named its shot, which is then part of its content."""
_OFTEN_EMPTY: dict[str, Any] = {"metrics": {}, "status": {}, "simulated": False}
"""Left away when they are empty: a frame waits on disk, and every page of it is written."""


def shot_row(columns: dict[str, Any], received_at: datetime | None = None) -> HistoryRow:
    """The row of a shot, poured or ended, from its columns.

    Args:
        columns: by name; ``corrected`` and ``readings_left_out`` may be empty.
        received_at: when the newest message arrived that changed the shot; None leaves what
            ``columns`` says.
    """
    columns = columns | {name: columns.get(name) or None for name in _MAY_BE_EMPTY}
    if received_at is not None:
        columns["received_at"] = format_timestamp(received_at)
    return _row("shot", columns)


_MAY_BE_EMPTY = ("corrected", "readings_left_out")


def shot_columns(kpis: ShotKpis) -> dict[str, Any]:
    """The columns of a shot that a ``ShotKpis`` knows."""
    return kpis.model_dump(mode="json", include=set(TABLES["shot"].columns))


def prediction_row(prediction: Prediction) -> HistoryRow:
    """The row of a prediction, whole in ``document``."""
    document = prediction.model_dump(mode="json")
    columns = {name: document.get(name) for name in TABLES["prediction"].columns}
    return _row("prediction", columns | {"document": document})


def quality_row(
    press: PressAddress,
    record: QualityRecord,
    shot_key: str | None = None,
    received_at: datetime | None = None,
) -> HistoryRow:
    """The row of a quality record, whole in ``document``.

    Args:
        press: press that the record names.
        record: the record.
        shot_key: key of its shot; None where it is not known.
        received_at: when it arrived; None where that is not known.
    """
    document = record.model_dump(mode="json")
    columns = {name: document.get(name) for name in TABLES["quality"].columns}
    columns |= {"site": press.site, "press": press.press, "document": document}
    columns |= {"shot_key": shot_key, "content": document_content(document)}
    columns["received_at"] = _time_or_none(received_at)
    return _row("quality", columns)


def event_row(
    press: PressAddress,
    kind: str,
    ts: datetime,
    document: dict[str, Any],
    *,
    mold_id: str | None,
    shot_id: str | None,
    shot_key: str | None,
    received_at: datetime | None,
) -> HistoryRow:
    """The row of an event or an order, as it came, whole in ``document``.

    Args:
        press: press that it is about.
        kind: ``started``, ``poured``, ``lot_change``, ``order`` …
        ts: when it happened, as the sender says.
        document: the message as JSON.
        mold_id: mold that it names; None where it names none.
        shot_id: shot that it names; None where it names none.
        shot_key: key of that shot; None where it is not known.
        received_at: when it arrived; None where that is not known.
    """
    columns = {
        "site": press.site,
        "press": press.press,
        "kind": kind,
        "ts": format_timestamp(ts),
        "received_at": _time_or_none(received_at),
        "mold_id": mold_id,
        "shot_id": shot_id,
        "shot_key": shot_key,
        "content": document_content(document),
        "document": document,
        "simulated": bool(document.get("simulated")),
    }
    return _row("event", columns)


def dead_letter_row(letter_id: str, letter: DeadLetter) -> HistoryRow:
    """The row of a dead letter."""
    columns = letter.model_dump(mode="json", include=set(TABLES["dead_letter"].columns))
    return _row("dead_letter", columns | {"id": letter_id})


def columns_of(row: HistoryRow) -> dict[str, Any]:
    """Columns of a row from the spool, with its content, and what an older program did not know."""
    columns: dict[str, Any] = from_json(row.document)
    if row.kind in ("shot", "prediction") and "shot_key" not in columns:
        with suppress(KeyError):  # no site, press or shot: a dead letter
            columns["shot_key"] = key_of_older_row(columns)
    elif row.kind == "telemetry" and "content" not in columns:
        columns = {**_OFTEN_EMPTY, **columns}
        named = columns.get(_NAMED, False)
        columns["content"] = frame_content(columns) if named else older_content(columns)
    elif row.kind == "quality" and "content" not in columns:
        columns["content"] = document_content(columns.get("document") or columns)
    return columns


def older_content(columns: Mapping[str, Any]) -> str:
    """Content of a frame that did not name its shot, or of which nobody kept whether it did.

    Args:
        columns: of the row; ``shot_id`` does not count.
    """
    return frame_content({**columns, "shot_id": None})


def key_of_older_row(columns: Mapping[str, Any]) -> str:
    """Key of a row of ``shot`` or ``prediction`` that has none, from its columns."""

    def time(name: str) -> datetime | None:
        try:
            return datetime.fromisoformat(columns[name])
        except (KeyError, TypeError, ValueError):
            return None

    return key_of_older(
        PressAddress(columns["site"], columns["press"]),
        columns.get("mold_id") or "",
        columns["shot_id"],
        poured_at=time("poured_at"),
        started_at=time("started_at"),
        closed_at=time("closed_at"),
        outcome=columns.get("outcome"),
    )


def _time_or_none(time: datetime | None) -> str | None:
    return None if time is None else format_timestamp(time)


def _row(kind: RowKind, columns: dict[str, Any]) -> HistoryRow:
    return HistoryRow(kind, json.dumps(columns, ensure_ascii=False))
