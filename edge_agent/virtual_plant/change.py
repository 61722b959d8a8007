"""A change at a known time, for tests of drift detection: what began then, and on which press."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from broker.timestamps import parse_timestamp
from twin_core.errors import InputError


@dataclass(frozen=True)
class Change:
    """Change from ``after`` on. Several that hold at once multiply or add up.

    Gains and factors multiply the hidden truth, offsets (true minus reported) add to it. Nothing
    that is reported shows a change at once; only the foam does.
    """

    after: datetime
    press: str | None = None
    """The one press it happens to; None: all of them."""
    polyol_gain: float = 1.0
    iso_gain: float = 1.0
    T_polyol_offset_C: float = 0.0
    T_iso_offset_C: float = 0.0
    T_mold_offset_C: float = 0.0
    RH_offset_pct: float = 0.0
    mixing_factor: float = 1.0
    gelling_factor: float = 1.0
    water_rate_factor: float = 1.0
    water_factor: float = 1.0
    tempering_factor: float = 1.0


NUMBERS = tuple(item.name for item in fields(Change) if item.name not in {"after", "press"})
"""What a change can change."""
_ADDED = tuple(name for name in NUMBERS if "_offset_" in name)


def combined(changes: Iterable[Change], press: str, moment: datetime) -> Change:
    """All changes that hold for a press at a moment, as one."""
    numbers = {name: 0.0 if name in _ADDED else 1.0 for name in NUMBERS}
    for change in changes:
        if moment >= change.after and change.press in {None, press}:
            for name in NUMBERS:
                value = getattr(change, name)
                numbers[name] = numbers[name] + value if name in _ADDED else numbers[name] * value
    return Change(moment, press, **numbers)


def parse_change(text: str) -> Change:
    """A change from words: ``2025-06-01,iso_gain=1.04,press=press1``.

    Raises:
        InputError: the time or a name cannot be read.
    """
    when, *parts = text.split(",")
    try:
        after = parse_timestamp(when if "T" in when else f"{when}T00:00:00Z").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(f"change {text!r}: {when!r}: {error}") from None
    numbers: dict[str, float] = {}
    press = None
    for part in parts:
        name, _, value = part.partition("=")
        if name == "press" and value:
            press = value
            continue
        if name not in NUMBERS:
            raise InputError(f"change {text!r}: {name!r} must be press, {', '.join(NUMBERS)}")
        try:
            numbers[name] = float(value)
        except ValueError:
            raise InputError(f"change {text!r}: {part!r}: must be a number") from None
        if not math.isfinite(numbers[name]):
            raise InputError(f"change {text!r}: {part!r}: must be a finite number")
    if not numbers:
        raise InputError(f"change {text!r}: changes nothing: add one of {', '.join(NUMBERS)}")
    return Change(after, press, **numbers)
