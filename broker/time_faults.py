"""Words for a time that cannot be read: which form it has, and what to send instead."""

from __future__ import annotations

import math
import re
import reprlib

EXPECTED = "expected RFC 3339 with an offset (2026-01-31T12:00:00.5Z) or seconds since the epoch"

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_OFFSET = r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"

_FORMS = [
    (rf"{_DATE}[Tt ]24:.*", "hour 24: send hour 00 of the next day"),
    (
        rf"{_DATE}[Tt ][0-9]{{2}}:[0-9]{{2}}:60.*",
        "second 60 (a leap second): send second 59, or second 00 of the next minute",
    ),
    (rf"{_DATE}[Tt ]{_CLOCK},[0-9].*", "a comma before the fraction: send a point (12:00:00.5Z)"),
    (
        rf"{_DATE}[Tt ]{_CLOCK}(?:\.[0-9]+)?[+-][0-9]{{4}}",
        "an offset without a colon: send +01:00 in place of +0100",
    ),
    (
        rf"{_DATE}[Tt ]{_CLOCK}(?:\.[0-9]+)?[+-][0-9]{{2}}",
        "an offset without minutes: send +01:00 in place of +01",
    ),
    (
        rf"{_DATE}[Tt ]{_CLOCK}(?:\.[0-9]+)?",
        "no offset, which may mean UTC or local time: append Z for UTC, or the offset (+01:00)",
    ),
    (
        rf"{_DATE}[Tt ]{_CLOCK}(?:\.[0-9]+)? *(?![Zz]$)[A-Za-z]+(?:/[A-Za-z_]+)?",
        "a time zone by its name: send Z for UTC, or the offset (+01:00)",
    ),
    (
        rf"{_DATE}[Tt ]{_CLOCK}(?:\.[0-9]+)?[+-]00:00\[.*\]|.*\[[A-Za-z_/]+\]",
        "a time zone in brackets: send the offset alone (+01:00)",
    ),
    (rf"{_DATE}[Tt ]{_CLOCK}\.{_OFFSET}", "a point without digits after it: leave it out"),
    (
        rf"{_DATE}[Tt ]{_CLOCK}\.[0-9]{{13,}}{_OFFSET}",
        "more than 12 digits of a second: send six (microseconds)",
    ),
    (rf"{_DATE}[Tt ][0-9]{{2}}:[0-9]{{2}}{_OFFSET}?", "no seconds: send hh:mm:ss and the offset"),
    (_DATE, "a date without a time of day: send 2026-01-31T12:00:00Z"),
    (rf"{_CLOCK}.*", "a time of day without a date: send 2026-01-31T12:00:00Z"),
    (
        r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2,4}.*",
        "day.month.year: send year-month-day, T, the time and the offset (2026-01-31T12:00:00Z)",
    ),
    (
        r"[0-9]{1,2}[/-][0-9]{1,2}[/-][0-9]{2,4}.*",
        "day and month in an order that nobody can tell: send year-month-day, T, the time and the "
        "offset (2026-01-31T12:00:00Z)",
    ),
    (
        r"[0-9]{4}[/.][0-9]{1,2}[/.][0-9]{1,2}.*",
        "a date without hyphens: send 2026-01-31T12:00:00Z",
    ),
    (
        r"[0-9]{8}[Tt ]?[0-9]{6}.*",
        "no hyphens and colons: send 2026-01-31T12:00:00Z",
    ),
    (
        r"(?:DT|LDT|DATE_AND_TIME|TOD|T|S5T)#.*",
        "the notation of a PLC: send 2026-01-31T12:00:00Z",
    ),
    (
        r"(?i:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\b.*)",
        "a date in words: send 2026-01-31T12:00:00Z",
    ),
    (
        r" *[+-]?[0-9]+(?:[.,][0-9]+)? *",
        "a number in quotes: send seconds since the epoch without quotes, or 2026-01-31T12:00:00Z",
    ),
]
_NO_SUCH = "a date, hour or offset that does not exist"
_KNOWN = [(re.compile(form), words) for form, words in _FORMS]
_WELL_FORMED = re.compile(rf"{_DATE}[Tt ]{_CLOCK}(?:\.[0-9]{{1,12}})?{_OFFSET}")

_SCALES = [  # of numbers that are the years 2000 to 2100 in another count
    (9.4e14, 4.2e15, "looks like microseconds"),
    (1.2e17, 1.61e17, "looks like a file time of Windows (100 ns since 1601)"),
    (6.3e17, 6.65e17, "looks like ticks of .NET (100 ns since the year 1)"),
    (9.4e17, 4.2e18, "looks like nanoseconds"),
    (36_000.0, 73_500.0, "looks like days of a spreadsheet"),
    (2.0e7, 2.1e7, "looks like a date (yyyymmdd)"),
    (2.0e13, 2.1e13, "looks like date and time (yyyymmddhhmmss)"),
]
"""None of these is a time between the years 2000 and 2100 in seconds or milliseconds."""


def time_fault(value: object) -> str:
    """Words for what is wrong with a time that is no number."""
    match value:
        case str() if value:
            words = f"{reprlib.repr(value)}, {_text_fault(value)}"
        case str():
            words = f"an empty text: {EXPECTED}"
        case None:
            words = f"null is no time: {EXPECTED}"
        case bool():
            words = f"{str(value).lower()} is no time: {EXPECTED}"
        case list() | dict():
            kind = "an array" if isinstance(value, list) else "an object"
            words = f"{kind} is no time: {EXPECTED}"
        case _:
            words = EXPECTED
    return words


def _text_fault(text: str) -> str:
    if text != text.strip():
        return "blanks around the time: send it without"
    if not text.isascii():
        return f"characters that are not ASCII: {EXPECTED}"
    for form, words in _KNOWN:
        if form.fullmatch(text):
            return words
    return _NO_SUCH if _WELL_FORMED.fullmatch(text) else EXPECTED


def number_fault(value: float) -> str | None:
    """Words for a number that is not seconds or milliseconds; None when it may be."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is no time: {EXPECTED}"
    for low, high, words in _SCALES:
        if low <= value <= high:
            return f"{value} {words}: send seconds or milliseconds since the epoch"
    return None
