"""The tables of the history, the same for every store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from broker.messages import DeadLetter, Prediction, QualityRecord, ShotKpis, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.ports import HistoryRow

ColumnType = Literal["text", "time", "real", "integer", "json"]


@dataclass(frozen=True)
class Table:
    """A table: columns with their types, the key, and whether a later row replaces an earlier."""

    name: str
    columns: dict[str, ColumnType]
    key: tuple[str, ...]
    replace: bool = False


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
            "sensors": "json",
            "metrics": "json",
            "status": "json",
            "simulated": "integer",
        },
        ("site", "press", "device_id", "ts", "seq"),
    ),
    "shot": Table(
        "shot",
        {
            "site": "text",
            "press": "text",
            "shot_id": "text",
            "mold_id": "text",
            "system_id": "text",
            "outcome": "text",
            "started_at": "time",
            "poured_at": "time",
            "closed_at": "time",
            "t_demold_actual_s": "real",
            "T_core_max_C": "real",
            "p_cavity_max_bar": "real",
            "frames_count": "integer",
            "recipe": "json",
            "simulated": "integer",
        },
        ("site", "press", "shot_id"),
        replace=True,
    ),
    "prediction": Table(
        "prediction",
        {
            "site": "text",
            "press": "text",
            "shot_id": "text",
            "basis": "text",
            "revision": "integer",
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
            "simulated": "integer",
        },
        ("site", "press", "shot_id", "basis", "revision"),
    ),
    "quality": Table(
        "quality",
        {
            "site": "text",
            "press": "text",
            "shot_id": "text",
            "ts": "time",
            "mold_id": "text",
            "rho_moulded_kg_per_m3": "real",
            "rho_free_rise_kg_per_m3": "real",
            "H_demold_shore": "real",
            "H_24h_shore": "real",
            "defects": "json",
            "defect_risk_operator": "real",
            "document": "json",
            "simulated": "integer",
        },
        ("site", "press", "shot_id", "ts"),
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


def telemetry_row(press: PressAddress, frame: TelemetryFrame, shot_id: str | None) -> HistoryRow:
    """The row of a telemetry frame; ``shot_id`` as assembled, where the frame does not name it."""
    columns = frame.model_dump(mode="json", include=set(TABLES["telemetry"].columns))
    columns |= {"site": press.site, "press": press.press, "shot_id": frame.shot_id or shot_id}
    return _row("telemetry", columns)


def shot_row(kpis: dict[str, Any]) -> HistoryRow:
    """The row of a shot, poured or ended, from its columns."""
    return _row("shot", kpis)


def shot_columns(kpis: ShotKpis) -> dict[str, Any]:
    """The columns of a shot that a ``ShotKpis`` knows."""
    return kpis.model_dump(mode="json", include=set(TABLES["shot"].columns))


def prediction_row(prediction: Prediction) -> HistoryRow:
    """The row of a prediction, whole in ``document``."""
    document = prediction.model_dump(mode="json")
    columns = {name: document.get(name) for name in TABLES["prediction"].columns}
    return _row("prediction", columns | {"document": document})


def quality_row(press: PressAddress, record: QualityRecord) -> HistoryRow:
    """The row of a quality record, whole in ``document``."""
    document = record.model_dump(mode="json")
    columns = {name: document.get(name) for name in TABLES["quality"].columns}
    columns |= {"site": press.site, "press": press.press, "document": document}
    return _row("quality", columns)


def dead_letter_row(letter_id: str, letter: DeadLetter) -> HistoryRow:
    """The row of a dead letter."""
    columns = letter.model_dump(mode="json", include=set(TABLES["dead_letter"].columns))
    return _row("dead_letter", columns | {"id": letter_id})


def _row(kind: Any, columns: dict[str, Any]) -> HistoryRow:
    key = "/".join(str(columns[name]) for name in TABLES[kind].key)
    return HistoryRow(kind, key, columns)
