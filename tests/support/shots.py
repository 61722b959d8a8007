"""A few shots of a plant, by hand: as rows of a history and as log bundles."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from broker.timestamps import format_timestamp
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.ports import HistoryRow, RowKind, Stored

START = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)
PAUSE_S = 600.0
RECIPE = {"m_polyol_kg": 0.40, "m_iso_kg": 0.45, "T_polyol_C": 25.0, "T_iso_C": 25.0}
WARM = {"T_polyol_C": 24.0, "T_iso_C": 25.0, "T_mold_C": 45.0, "T_ambient_C": 22.0}
Row = tuple[RowKind, dict[str, Any]]


def at(seconds: float) -> str:
    """A time of the plant as text."""
    return format_timestamp(START + timedelta(seconds=seconds))


def rows_of(
    number: int,
    *,
    mold: str = "PANEL_A",
    press: str = "p1",
    named: bool = True,
    lab_after_s: float | None = 3600.0,
    **shot: Any,
) -> list[Row]:
    """Rows of the history for a shot: poured every ten minutes, opened after five.

    Args:
        named: frames carry the shot's id; else only the mold's.
        lab_after_s: when the laboratory reports, after the pour; None: never.
        shot: other columns of the shot.
    """
    poured, shot_id = number * PAUSE_S, f"S{number}"
    key = {"site": "s", "press": press, "mold_id": mold, "simulated": False}
    columns = {
        **key,
        "shot_id": shot_id,
        "system_id": "SYSTEM_R1",
        "outcome": "demolded",
        "started_at": at(poured - 5),
        "poured_at": at(poured),
        "closed_at": at(poured + 300),
        "recipe": RECIPE,
        **shot,
    }
    rows: list[Row] = [("shot", columns)]
    readings = [(-60.0, {**WARM, "RH_ambient_pct": 40.0})]
    readings += [
        (t, {"T_core_C": 25.0 + 0.5 * t + 0.1 * number, "p_cavity_bar": 1.0 + 0.002 * t})
        for t in range(5, 300, 15)
    ]
    for seq, (t, sensors) in enumerate(readings):
        frame = {
            **key,
            "device_id": f"{press}-{mold}",
            "ts": at(poured + t),
            "seq": 1000 * number + seq,
            "shot_id": shot_id if named and t > 0 else None,
            "sensors": sensors,
        }
        rows.append(("telemetry", frame))
    if lab_after_s is not None:
        rows.append(record_of(number, poured + lab_after_s, press=press, mold_id=mold))
    return rows


def record_of(number: int, seconds: float, press: str = "p1", **values: Any) -> Row:
    """A quality record, known at this time of the plant."""
    document = {
        "ts": at(seconds),
        "shot_id": f"S{number}",
        "rho_moulded_kg_per_m3": 70.0 + number,
        "t_demold_safe_s": 200.0,
        "defects": ["void"] if number % 3 == 0 else [],
        **values,
    }
    return ("quality", {"site": "s", "press": press, **document, "document": document})


async def write_history(path: Path, rows: list[Row]) -> Path:
    """A history file with these rows."""
    store = SqliteHistory(path)
    await store.deliver(stored(rows))
    await store.close()
    return path


def stored(rows: list[Row]) -> list[Stored[HistoryRow]]:
    """Rows as a store takes them."""
    return [
        Stored(number, START, HistoryRow(kind, json.dumps(columns)))
        for number, (kind, columns) in enumerate(rows, start=1)
    ]


def change(path: Path, sql: str, *values: Any) -> None:
    """Change a history file behind everybody's back."""
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute(sql, values).rowcount
    db.close()
