"""Rows of readings, long or wide, sorted to the sensors of their shot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_agent.imports.settings import SIGNAL, Series
from edge_agent.imports.source import RawReading


def take_row(
    row: Mapping[str, Any],
    series: Series,
    by_name: Mapping[str, str],
    number: int,
    readings: dict[str, list[RawReading]],
    cells: dict[str, Any],
) -> None:
    """Add a row of readings, long or wide, to those of its shot.

    Args:
        row: cells by column.
        series: settings of the readings.
        by_name: sensors by the names of their signals.
        number: of the row.
        readings: of the shot, by sensor.
        cells: of the shot; first values of signals that are no sensor.
    """
    time = row[series.time.column]
    if series.signal is None or series.value is None:
        for name, sensor in by_name.items():
            readings.setdefault(sensor, []).append(RawReading(number, time, row[name]))
        return
    name = str(row[series.signal]).strip()
    sensor_of = by_name.get(name)
    if sensor_of is not None:
        readings.setdefault(sensor_of, []).append(RawReading(number, time, row[series.value]))
    else:
        cells.setdefault(f"{SIGNAL}{name}", row[series.value])
