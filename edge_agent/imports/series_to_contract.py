"""Readings of one shot by the contract: times from the pour, units, checks of a log file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from edge_agent.imports import cells
from edge_agent.imports.conversion import converted
from edge_agent.imports.settings import Mapped, Series, Signal
from edge_agent.imports.source import Kind, RawReading, RawShot
from edge_agent.logged_shots.bundle import LOG_PER_CURE, SHOT_S, odd_length
from edge_agent.mapping.units import conversion_between
from twin_core.errors import InputError
from twin_core.log_files.series import DAY_S, series_of_rows
from twin_core.plausible_ranges import range_of

AROUND_S = 60.0
"""Readings so long before the pour and after the opening are of this shot [s]."""


class Tell(Protocol):
    """Takes a problem."""

    def __call__(self, kind: Kind, column: str, words: str, where: str | None = None) -> None:
        """Take it; without ``where`` it is of the row of the shot."""
        ...


class SeriesOfShot:
    """Readings of one shot on their way."""

    def __init__(self, mapped: Mapped, raw: RawShot, mark: str, tell: Tell) -> None:
        self._mapped, self._raw, self._mark, self._tell = mapped, raw, mark, tell

    def read(
        self, poured_at: datetime | None, t_demold_s: float | None
    ) -> dict[float, dict[str, float]]:
        """Readings by time since the pour [s] and sensor.

        Args:
            poured_at: the end of injection; None where it is not known.
            t_demold_s: from then to the opening [s]; None where it is not known.
        """
        found: dict[float, dict[str, float]] = {}
        settings = self._mapped.series
        if settings is None:
            return found
        longest_s = SHOT_S if t_demold_s is None else min(DAY_S, LOG_PER_CURE * t_demold_s)
        for sensor, signal in settings.signals.items():
            readings = self._raw.readings.get(sensor)
            if not readings:
                self._tell("missing", signal.name, f"no readings of {sensor}")
                continue
            possible = range_of(sensor)
            where = self._raw.readings_where or self._raw.where
            try:
                rows = sorted(self._rows(readings, settings, signal, sensor, poured_at, where))
                if self._raw.key_is_shared:
                    rows = _between(rows, t_demold_s, where)
                series = series_of_rows(
                    where,
                    sensor,
                    ((row, [repr(t), text]) for t, row, text in rows),
                    (possible.low, possible.high),
                    longest_s=longest_s,
                    opened_s=t_demold_s,
                )
            except InputError as error:
                self._tell(
                    "refused", signal.name, f"series left out: {_without(where, str(error))}", where
                )
                continue
            for gap in series.gaps:
                kind: Kind = "implausible" if gap.impossible else "missing"
                self._tell(kind, signal.name, _without(where, gap.words), where)
            for words in odd_length(series.time_s, t_demold_s):
                self._tell("implausible", settings.time.column, words, where)
            values = series.columns[sensor].tolist()
            for t, value in zip(series.time_s.tolist(), values, strict=True):
                if not math.isnan(value):
                    found.setdefault(t, {})[sensor] = value
        return found

    def _rows(
        self,
        readings: list[RawReading],
        settings: Series,
        signal: Signal,
        sensor: str,
        poured_at: datetime | None,
        where: str,
    ) -> Iterator[tuple[float, int, str]]:
        """Seconds since the pour, row, and value as a text in the sensor's unit."""
        unit = settings.time.unit
        to_s = None if unit is None else conversion_between(unit, "s")
        for reading in readings:
            try:
                if to_s is None:
                    if poured_at is None:
                        words = "no poured_at to count the times from"
                        raise InputError(f"{where}: row {reading.row}: {words}")
                    at = cells.moment(
                        reading.time, self._mapped.time_zone, self._mapped.time_format
                    )
                    t = None if at is None else (at - poured_at).total_seconds()
                else:
                    said = cells.number(reading.time, self._mark)
                    t = None if said is None else round(to_s(said), 9)
            except ValueError as error:
                words = f"time {cells.shown(reading.time)} {error}"
                raise InputError(f"{where}: row {reading.row}: {words}") from None
            if t is None:
                raise InputError(f"{where}: row {reading.row}: every reading needs a time")
            try:
                value = cells.number(reading.value, self._mark)
            except ValueError as error:
                words = f"{cells.shown(reading.value)} {error}"
                place = f"{where}: row {reading.row}"
                self._tell("implausible", signal.name, words, place)
                value = None
            text = "" if value is None else repr(converted(value, sensor, signal))
            yield t, reading.row, text


def _without(where: str, words: str) -> str:
    """Words without the place in front, which a problem says itself."""
    return words.removeprefix(f"{where}: ")


def _between(
    rows: list[tuple[float, int, str]], t_demold_s: float | None, where: str
) -> list[tuple[float, int, str]]:
    """Readings of one of several shots that have one key."""
    if t_demold_s is None:
        raise InputError(f"{where}: several shots have this key, and no opening tells")
    return [row for row in rows if -AROUND_S <= row[0] <= t_demold_s + AROUND_S]
