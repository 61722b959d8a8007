"""Cells of foreign tables as numbers, texts and times; what is none raises ValueError."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from broker.timestamps import EARLIEST, LATEST
from twin_core.log_files import cells
from twin_core.log_files.cells import OVERFLOW, SENTINELS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_ZONE = "has no zone"
_NOTHING = {"", "nan", "null", "none", "#n/a"}
_MANGLED = re.compile(r"[0-9][.,][0-9]+E\+?[0-9]+|[0-9]E\+[0-9]+", re.IGNORECASE)


def shown(cell: object) -> str:
    """A cell as a problem quotes it."""
    text = repr(cell if not isinstance(cell, Decimal | datetime) else str(cell))
    return text if len(text) <= 60 else f"{text[:60]}…"


def number(cell: object, mark: str = ".") -> float | None:
    """The number in a cell; None where there is none.

    Args:
        cell: of a database, a file or a document.
        mark: decimal mark of texts.

    Raises:
        ValueError: it is something else, or stands for no value in many devices.
    """
    match cell:
        case None:
            return None
        case bool():
            raise ValueError("is no number")
        case int() | float() | Decimal():
            found = float(cell)
            if math.isnan(found):
                return None
        case str():
            text = cell.strip()
            if cells.missing(text):
                return None
            read = cells.number(text, mark)
            if read is None and cells.number(text, ",") is not None:
                raise ValueError("is no number: with decimal commas, set decimal: ','")
            if read is None:
                raise ValueError("is no number")
            found = read
        case _:
            raise ValueError("is no number")
    if found in SENTINELS or abs(found) >= OVERFLOW:
        raise ValueError("stands for no value in many devices")
    return found


def text(cell: object) -> str | None:
    """The text in a cell, with all its digits; None where there is none.

    Args:
        cell: of a database, a file or a document.

    Raises:
        ValueError: it is no text, or a number that has lost digits.
    """
    match cell:
        case None:
            found = None
        case str():
            found = cell.strip()
            if _MANGLED.fullmatch(found):
                raise ValueError("a spreadsheet has shortened this id: export it as text")
            found = None if found.casefold() in _NOTHING else found
        case bool():
            found = str(cell).lower()
        case float() | Decimal() if math.isnan(cell):
            found = None
        case float() | Decimal():
            if cell != round(cell) or (isinstance(cell, float) and abs(cell) >= 2**53):
                raise ValueError("is a number that is not whole: store ids as texts")
            found = f"{cell:.0f}"
        case bytes() | list() | dict():
            raise ValueError("is no text")
        case _:
            found = str(cell)
    return found


def moment(cell: object, zone: str | None = None, form: str | None = None) -> datetime | None:
    """The moment in a cell, in UTC; None where there is none.

    Args:
        cell: of a database, a file or a document.
        zone: time zone of a time that says none.
        form: of a text, as ``strptime`` reads it.

    Raises:
        ValueError: it is none, of no plausible year, or may be one of two.
    """
    if isinstance(cell, str):
        cell = cell.strip()
        if cells.missing(cell):
            return None
        if form is not None:
            try:
                cell = datetime.strptime(cell, form)
            except ValueError:
                raise ValueError(f"is no time of the form {form}") from None
    if cell is None:
        return None
    if isinstance(cell, datetime):
        return _in_years(_with_zone(cell, zone))
    if isinstance(cell, date):
        raise ValueError("is a day without a time")
    found = cells.time(cell if isinstance(cell, str) else text(cell) or "")
    if isinstance(found, int):
        return _in_years(_EPOCH + timedelta(microseconds=found))
    if found.startswith(_NO_ZONE):
        if zone is None:
            raise ValueError("has no zone: set time_zone: Europe/Berlin, or UTC")
        return _in_years(_with_zone(datetime.fromisoformat(str(cell)), zone))
    raise ValueError(found)


def _with_zone(time: datetime, zone: str | None) -> datetime:
    if time.tzinfo is not None:
        return time.astimezone(UTC)
    if zone is None:
        raise ValueError("has no zone: set time_zone: Europe/Berlin, or UTC")
    first, second = (time.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        raise ValueError(f"stands twice on the clock of {zone}, or never: export it in UTC")
    return first.astimezone(UTC)


def _in_years(time: datetime) -> datetime:
    if not EARLIEST <= time < LATEST:
        raise ValueError(f"is not of the years {EARLIEST.year} to {LATEST.year}")
    return time
