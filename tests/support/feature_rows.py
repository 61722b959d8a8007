"""Shots made by hand as feature sets, and their rows to compare."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_agent.config.catalogue import Catalogue
from edge_agent.history.read import open_sqlite
from edge_agent.learning.checks import Findings
from edge_agent.learning.feature_set import Builder, FeatureSet
from edge_agent.logged_shots.from_history import from_history
from edge_agent.logged_shots.logged_shot import LoggedShot
from tests.support.shots import Row, change, rows_of, write_history
from twin_core.learning.columns import COLUMNS

SHOTS = 6


def shots_of(path: Path, **limits: Any) -> list[LoggedShot]:
    found: list[LoggedShot] = []

    async def run() -> None:
        reader = open_sqlite(path)
        await from_history(reader, found.append, **limits)
        await reader.close()

    asyncio.run(run())
    return found


def built(shots: list[LoggedShot], catalogue: Catalogue) -> tuple[FeatureSet, Findings]:
    builder = Builder(catalogue)
    for shot in shots:
        builder.take(shot)
    return builder.finish("test"), builder.findings


def history(path: Path, rows: list[Row]) -> Path:
    return asyncio.run(write_history(path, rows))


def plant(count: int = SHOTS, **shot: Any) -> list[Row]:
    return [row for number in range(count) for row in rows_of(number, **shot)]


def row(found: FeatureSet, shot_id: str) -> dict[str, float]:
    number = list(found.columns["shot_id"]).index(shot_id)
    return {name: float(found.columns[name][number]) for name in COLUMNS}


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def sensor_reads(number: int, value: float, after_s: float) -> Callable[[Path], None]:
    """A reading of the core, this long after the pour of a shot."""
    seq = 1000 * number + 1 + int((after_s - 5) / 15)
    sensors = json.dumps({"T_core_C": value, "p_cavity_bar": 1.9})
    return lambda path: change(path, "UPDATE telemetry SET sensors = ? WHERE seq = ?", sensors, seq)
