"""Figures of the spool for Prometheus: how much waits in it, read beside the running agent."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from time import monotonic

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from broker.timestamps import parse_timestamp
from edge_agent.clock import Clock
from edge_agent.spool.limit import MB
from edge_agent.spool.spool import THINNED
from edge_agent.spool.sqlite_files import connect
from edge_agent.spool.tables import ON_PLAIN_TOPICS

QUEUES = {"publish": f"publish WHERE {ON_PLAIN_TOPICS}", "forward": "forward"}
"""Tables that should run empty, and which of their rows count."""
FRESH_S = 2.0
LOAD = 0.05
"""Counting reads a whole table: where there is a lot, it is done more rarely, for this share."""


@dataclass(frozen=True)
class SpoolFigures:
    """One look into the spool."""

    entries: dict[str, int] = field(default_factory=dict)
    oldest: dict[str, datetime] = field(default_factory=dict)
    """When the oldest entry came, for tables that have one."""
    used_bytes: int = 0
    thinned_count: int = 0


class SpoolReader:
    """Reads the figures over a connection of its own: the agent never waits for it."""

    def __init__(self, path: Path, problem: Callable[[], str | None] = lambda: None) -> None:
        """Make a collector; nothing is opened yet.

        Args:
            problem: why that is not the agent's file any more; then it is not looked into.
        """
        self._path, self._problem = path, problem
        self._lock = Lock()
        self._known: SpoolFigures | None = None
        self._known_until = 0.0

    def figures(self) -> SpoolFigures | None:
        """Figures of now or of a moment ago; None when the spool cannot be read."""
        with self._lock:
            if monotonic() >= self._known_until:
                began = monotonic()
                try:
                    self._known = None if self._problem() else _read(self._path)
                except (sqlite3.Error, ValueError):
                    self._known = None
                took = monotonic() - began
                self._known_until = monotonic() + max(FRESH_S, took / LOAD)
            return self._known


class SpoolCollector(Collector):
    """The figures of the spool, read when somebody asks."""

    def __init__(self, reader: SpoolReader, limit_mb: float, clock: Clock) -> None:
        self._reader, self._limit, self._clock = reader, limit_mb * MB, clock

    def collect(self) -> Iterator[Metric]:
        """Give the metrics of the spool."""
        yield GaugeMetricFamily("pur_spool_limit_bytes", "spool.limit_mb.", self._limit)
        figures = self._reader.figures()
        if figures is None:
            return
        yield GaugeMetricFamily("pur_spool_bytes", "Size of what is in it.", figures.used_bytes)
        yield CounterMetricFamily(
            "pur_thinned_frames",
            "Raw frames given up for lack of room, since the spool was made.",
            figures.thinned_count,
        )
        entries = GaugeMetricFamily("pur_spool_entries", "Entries that wait.", labels=["table"])
        age = GaugeMetricFamily(
            "pur_spool_oldest_age_seconds", "Age of the oldest; 0 if none waits.", labels=["table"]
        )
        now = self._clock.now()
        for table, count in figures.entries.items():
            entries.add_metric([table], count)
            oldest = figures.oldest.get(table)
            waited = (now - oldest).total_seconds() if oldest is not None else 0.0
            age.add_metric([table], max(0.0, waited))
        yield entries
        yield age


def _read(path: Path) -> SpoolFigures:
    entries, oldest = {}, {}
    with closing(connect(path, "ro")) as db:
        for table, rows in QUEUES.items():
            (entries[table],) = db.execute(f"SELECT count(*) FROM {rows}").fetchone()
            first = db.execute(f"SELECT created_at FROM {rows} ORDER BY id LIMIT 1").fetchone()
            if first is not None:
                oldest[table] = parse_timestamp(first[0])
        pages, free, size = (
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        thinned = db.execute(
            "SELECT value FROM state WHERE scope = ? AND key = ?", THINNED
        ).fetchone()
    count = json.loads(thinned[0])["count"] if thinned is not None else 0
    return SpoolFigures(entries, oldest, (pages - free) * size, count)
