"""Forms of times, found by the values of a column."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime
from typing import Any

from edge_agent.imports import cells

FORMS = (
    *("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%y %H:%M:%S", "%d.%m.%y %H:%M"),
    *("%Y/%m/%d %H:%M:%S", "%Y%m%d%H%M%S", "%d-%m-%Y %H:%M:%S"),
)
"""Forms of times that people write; month before day is not guessed."""


def time_form(values: list[Any]) -> str | None:
    """Form of a column of times: "" for those that need none; None where they are no times."""
    some = values[:20]
    if not some or all(isinstance(one, int | float) for one in some):
        return None
    for form in ("", *FORMS):
        good = 0
        for value in some:
            with suppress(ValueError):
                good += cells.moment(value, "UTC", form or None) is not None
        if 2 * good > len(some):
            return form
    return None


def has_no_zone(values: list[Any], form: str) -> bool:
    """Whether times say no zone.

    Args:
        values: of a column.
        form: of its times.
    """
    for value in values[:20]:
        if isinstance(value, datetime | date):
            return getattr(value, "tzinfo", None) is None
        try:
            cells.moment(value, None, form or None)
        except ValueError as error:
            return "zone" in str(error)
    return False
