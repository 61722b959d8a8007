"""Shots as other people keep them: one plant, put into each kind of source with its mapping."""

from __future__ import annotations

import csv
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
from pyarrow import parquet

from broker.timestamps import format_timestamp

Row = Mapping[str, Any]
COLUMNS = """
columns:
  shot_id: SchussNr
  poured_at: Zeit
  mold_id: {column: Form, names: {"1": PANEL_A, "2": PANEL_B}, prefix: M-}
  press: Anlage
  system_id: {value: SYSTEM_R1}
  m_polyol_kg: {column: Polyol_g, unit: g}
  m_iso_kg: {column: Iso_g, unit: g}
  T_mold_C: {column: Formtemp_F, unit: °F}
  t_demold_actual_s: Entformzeit
  order_id: Auftrag
  lot_polyol: Charge
  rho_moulded_kg_per_m3: Dichte
  H_24h_shore: Haerte
  quality_status: {column: Status, names: {IO: OK, NIO: FAIL}}
"""
SERIES = """
  time: {column: t_ms, unit: ms}
  signals:
    T_core_C: {name: Kern, unit: K}
    p_cavity_bar: {name: Druck, unit: mbar, offset: 1013}
"""
LONG = "  signal: Kanal\n  value: Wert\n"
FIRST = datetime(2026, 5, 1, tzinfo=UTC)
"""Pour of the first shot; they follow each other by minutes."""


def shot(number: int, **others: Any) -> dict[str, Any]:
    """A row of a shot, with other cells in place."""
    return {
        "SchussNr": f"{number:04d}",
        "Zeit": format_timestamp(FIRST + timedelta(minutes=number)),
        "Form": str(1 + number % 2),
        "Anlage": f"p{1 + number % 3}",
        "Polyol_g": 1000.0 + number % 7,
        "Iso_g": 1200.0,
        "Formtemp_F": 113.0,
        "Entformzeit": 300.0,
        "Auftrag": f"A-{number // 10}",
        "Charge": f"L{number // 20}",
        "Dichte": 60.0 + number % 5,
        "Haerte": None if number % 4 else 55.0,
        "Status": "NIO" if number % 10 == 9 else "IO",
    } | others


def readings(number: int, count: int = 5) -> list[dict[str, Any]]:
    """Rows of readings of a shot, long: kelvin, and mbar above the air."""
    found = []
    for step in range(count):
        common = {"Schuss": f"{number:04d}", "t_ms": 1000.0 * step}
        found.append({**common, "Kanal": "Kern", "Wert": 300.0 + 10.0 * step + number % 3})
        found.append({**common, "Kanal": "Druck", "Wert": 50.0 * step})
    return found


@dataclass
class Logs:
    """Shots and readings of a plant."""

    shots: Sequence[Row]
    readings: Sequence[Row] = ()
    extra: str = ""
    """More lines of the mapping: ``decimal: ','``."""
    columns: str = COLUMNS


def sqlite_source(logs: Logs, folder: Path) -> Path:
    """A SQLite file with a table a kind, and its mapping."""
    database = folder / "mes.db"
    with closing(sqlite3.connect(database)) as db:
        for table, rows in (("schuesse", logs.shots), ("messwerte", logs.readings)):
            names = list(dict.fromkeys(name for row in rows for name in row))
            if not names:
                continue
            quoted = ", ".join(f'"{name}"' for name in names)
            db.execute(f"CREATE TABLE {table} ({quoted})")
            marks = ",".join("?" * len(names))
            db.executemany(
                f"INSERT INTO {table} VALUES ({marks})",
                [[row.get(name) for name in names] for row in rows],
            )
        if logs.readings:
            db.execute('CREATE INDEX of_shot ON messwerte ("Schuss")')
        db.commit()
    head = f"kind: sql\ndriver: sqlite\ndatabase: {database}\ntable: schuesse\n"
    return _mapping(folder, head, logs, "  table: messwerte\n  shot: Schuss\n" + LONG)


def csv_source(logs: Logs, folder: Path) -> Path:
    """A folder with CSV files, readings of a shot in one each, with semicolons."""
    _write_csv(folder / "shots" / "schuesse.csv", logs.shots)
    for shot_id, rows in _by_shot(logs).items():
        _write_csv(folder / "shots" / "curves" / f"{shot_id}.csv", rows)
    head = f"kind: csv\npath: {folder / 'shots'}\n"
    return _mapping(folder, head, logs, "  file: curves/{SchussNr}.csv\n" + LONG)


def parquet_source(logs: Logs, folder: Path) -> Path:
    """A folder with Parquet files, readings with a column a signal."""
    place = folder / "shots"
    (place / "curves").mkdir(parents=True)
    names = list(dict.fromkeys(name for row in logs.shots for name in row))
    columns = {name: _arrow([row.get(name) for row in logs.shots]) for name in names}
    parquet.write_table(pa.table(columns), place / "schuesse.parquet")
    for shot_id, rows in _by_shot(logs).items():
        wide: dict[Any, dict[str, Any]] = {}
        for row in rows:
            wide.setdefault(row["t_ms"], {"t_ms": row["t_ms"]})[row["Kanal"]] = row["Wert"]
        columns = {
            name: _arrow([row.get(name) for row in wide.values()])
            for name in ("t_ms", "Kern", "Druck")
        }
        parquet.write_table(pa.table(columns), place / "curves" / f"{shot_id}.parquet")
    head = f"kind: parquet\npath: {place}\n"
    return _mapping(folder, head, logs, "  file: curves/{SchussNr}.parquet\n")


@contextmanager
def rest_source(logs: Logs, folder: Path, size: int = 3) -> Iterator[Path]:
    """A server that answers in pages, and its mapping."""
    of_shots = _by_shot(logs)
    items = [{**row, "werte": of_shots.get(str(row.get("SchussNr")), [])} for row in logs.shots]
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            page = int(parse_qs(urlsplit(self.path).query).get("page", ["1"])[0])
            body = json.dumps({"data": {"shots": items[size * (page - 1) : size * page]}})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        head = (
            f"kind: rest\nurl: http://127.0.0.1:{server.server_port}/shots\nitems: data.shots\n"
            f"paging: {{kind: page, size_parameter: size, size: {size}}}\n"
        )
        yield _mapping(folder, head, logs, "  path: werte\n" + LONG)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def source(kind: str, logs: Logs, folder: Path) -> Iterator[Path]:
    """The mapping of a source of some kind that holds these logs."""
    if kind == "rest":
        with rest_source(logs, folder) as path:
            yield path
    else:
        make = {"sqlite": sqlite_source, "csv": csv_source, "parquet": parquet_source}[kind]
        yield make(logs, folder)


KINDS = ("sqlite", "csv", "parquet", "rest")


def _mapping(folder: Path, head: str, logs: Logs, series: str) -> Path:
    path = folder / "mes.yaml"
    readings = f"series:\n{series}{SERIES}" if logs.readings else ""
    path.write_text(head + logs.extra + logs.columns + readings, encoding="utf-8")
    return path


def _by_shot(logs: Logs) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in logs.readings:
        found.setdefault(str(row["Schuss"]), []).append(row)
    return found


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def _arrow(values: Sequence[Any]) -> Any:
    """A column; of texts and numbers together as texts."""
    if any(isinstance(value, str) for value in values):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.array(values)
