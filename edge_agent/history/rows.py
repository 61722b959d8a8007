"""Rows of the history: from messages as they come, and back from the spool."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic_core import from_json, to_json

from broker.messages import (
    DeadLetter,
    LiveAlert,
    Prediction,
    QualityRecord,
    ShotKpis,
    TelemetryFrame,
)
from broker.timestamps import format_timestamp
from broker.topics import PressAddress
from edge_agent.history.content import document_content, frame_content
from edge_agent.history.schema import TABLES
from edge_agent.ports import HistoryRow, RowKind
from edge_agent.shots.shot_key import key_of_older


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


def alert_row(press: PressAddress, alert: LiveAlert) -> HistoryRow:
    """The row of an alert as it stands; a later state replaces it."""
    document = alert.model_dump(mode="json")
    columns = {name: document.get(name) for name in TABLES["alert"].columns}
    columns |= {"site": press.site, "press": press.press, "document": document}
    return _row("alert", columns)


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
