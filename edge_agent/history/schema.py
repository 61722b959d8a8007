"""The tables of the history, the same for every store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["text", "time", "real", "integer", "flag", "json"]


@dataclass(frozen=True)
class Table:
    """A table: columns with their types, the key, and whether a later row replaces an earlier."""

    name: str
    columns: dict[str, ColumnType]
    key: tuple[str, ...]
    replace: bool = False
    """By a row of at least its ``revision``."""

    @property
    def on_conflict(self) -> str:
        """Clause for a row that is there already, the same SQL in SQLite and PostgreSQL."""
        if not self.replace:
            return "ON CONFLICT DO NOTHING"
        # a shot is written when poured, again when it has ended, and when late truth corrects it
        others = [name for name in self.columns if name not in self.key]
        updates = ", ".join(f'"{name}" = excluded."{name}"' for name in others)
        newer = f"coalesce(excluded.revision, 0) >= coalesce({self.name}.revision, 0)"
        if "outcome" in self.columns:
            ended = f"(excluded.outcome IS NOT NULL OR {self.name}.outcome IS NULL)"
            newer = f"{ended} AND {newer}"
        return f"ON CONFLICT ({names(self.key)}) DO UPDATE SET {updates} WHERE {newer}"

    @property
    def newest_first(self) -> str:
        """Order of rows of one key in one batch, the one that counts first, by its columns."""
        ended = "(outcome IS NULL), " if "outcome" in self.columns else ""
        return f"{ended}revision DESC NULLS LAST"


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
            "scrap": "flag",
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
    "alert": Table(
        "alert",
        {
            "site": "text",
            "press": "text",
            "alert_id": "text",
            "revision": "integer",
            "code": "text",
            "severity": "text",
            "words": "text",
            "mold_id": "text",
            "shot_id": "text",
            "shot_key": "text",
            "raised_at": "time",
            "told_at": "time",
            "told_count": "integer",
            "acknowledged_at": "time",
            "acknowledged_by": "text",
            "note": "text",
            "closed_at": "time",
            "closed_by": "text",
            "document": "json",
            "simulated": "flag",
        },
        ("site", "press", "alert_id"),
        replace=True,
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
