"""A cell of a table as a number, a flag or a time; None where it is none."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array

MISSING = {"", "nan", "-nan", "n/a", "na", "#n/a", "#nv", "null", "none", "-", "--", "---"}
"""Ways to say that there is no value, in small letters."""

_NUMBER = {
    mark: re.compile(rf"[+-]?(?:[0-9]+{mark}?[0-9]*|{mark}[0-9]+)(?:[eE][+-]?[0-9]{{1,4}})?")
    for mark in (r"\.", ",")
}
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_POINT, _COMMA = _NUMBER[r"\."].fullmatch, _NUMBER[","].fullmatch
OVERFLOW = 1e30
"""From here on a number is no reading: 9.9E37 stands for "not a number" in many devices."""
SENTINELS = frozenset(
    {3276.7, -3276.8, 32767.0, -32768.0, 65535.0, -999.0, 9999.0, -9999.0, 99999.0, -99999.0}
)
"""Numbers that devices give where they measured nothing: ends of 16 bits, rows of nines."""

_FLAGS = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "y", "ja", "j", "wahr"), 1.0),
    **dict.fromkeys(("0", "0.0", "false", "no", "n", "nein", "falsch"), 0.0),
}
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)"
    r"\s*([Zz]|UTC|[+-][0-9]{2}:?[0-9]{2})?"
)
_ZONE_MAX_MIN = 14 * 60
_EPOCH_S = (9.4e8, 4.2e9)
"""Seconds since 1970 of the years 1999 to 2103."""
YEARS = np.datetime64("1980-01-01", "us"), np.datetime64("2101-01-01", "us")
"""Moments that a shot can have; before lie clocks that were never set, and empty dates."""


def missing(cell: str) -> bool:
    """Does the cell say that there is no value?"""
    return cell.casefold() in MISSING


def number(cell: str, mark: str = ".") -> float | None:
    """The number that stands in a cell, by digits and one decimal mark; may be infinite.

    Args:
        mark: decimal mark, a point or a comma.
    """
    if mark == ".":
        if _POINT(cell):
            return float(cell)
    elif _COMMA(cell):
        return float(cell.replace(",", "."))
    if _INFINITE.fullmatch(cell):
        return float(cell)
    return None


def no_readings(values: Array) -> NDArray[np.bool_]:
    """Which numbers are what a device gives where it measured nothing; NaN is none of them."""
    return np.isin(values, list(SENTINELS)) | (np.abs(values) >= OVERFLOW)


def no_reading(value: float) -> bool:
    """Whether a number is what a device gives where it measured nothing."""
    return value in SENTINELS or abs(value) >= OVERFLOW


def flag(cell: str) -> float | None:
    """1 or 0 of yes, no, true, false, ja, nein, 1, 0."""
    return _FLAGS.get(cell.casefold())


def time(cell: str) -> int | str:
    """The time in microseconds since 1970, UTC, or why it is none.

    With a zone: 2026-01-31T12:00:00Z or +01:00; or a number since 1970, seconds or milliseconds.
    """
    found = _TIME.fullmatch(cell)
    if found is None:
        epoch = number(cell)
        for unit_s in (1.0, 1e-3):
            if epoch is not None and _EPOCH_S[0] <= epoch * unit_s <= _EPOCH_S[1]:
                return round(epoch * unit_s * 1e6)
        return "is no time: write 2026-01-31T12:00:00Z (or +01:00 instead of Z)"
    at_us = _time_of(*found.groups())
    if isinstance(at_us, int) and not YEARS[0] <= np.datetime64(at_us, "us") < YEARS[1]:
        return "is not of the years 1980 to 2100: a clock that was never set, or an empty date?"
    return at_us


def _time_of(day: str, clock: str, zone: str | None) -> int | str:
    if zone is None:
        return f"has no zone: write {day}T{clock}Z if it is UTC, else with +01:00 or the like"
    offset_min = 0
    if zone.upper() not in {"Z", "UTC"}:
        offset_min = (60 * int(zone[1:3]) + int(zone[-2:])) * (-1 if zone[0] == "-" else 1)
    try:
        at_us = int(np.datetime64(f"{day}T{clock}", "us").astype(np.int64))
    except ValueError:
        return "is no time: there is no such day or hour"
    if abs(offset_min) > _ZONE_MAX_MIN:
        return f"is no time: there is no zone {zone}"
    return at_us - offset_min * 60_000_000
