"""Readings that cost their channel and not the frame: null, texts, NaN, contradictions of units.

`set_aside` runs before a payload is checked, so it takes any parsed document; what it cannot place
stays where it is, for the check to refuse.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite
from typing import Any

from broker.data_quality import CONTRADICTS, IMPOSSIBLE, NO_VALUE, NOT_A_NUMBER
from broker.errors import PayloadError, printable
from broker.json_values import check_text
from broker.messages.base import NAMES_LIMIT, Code, ShortText, WireModel, is_name, is_number
from broker.sensors import WELL_KNOWN_SENSORS, has_unit
from broker.units import conversion

TEXT_LIMIT = 256
"""Characters of a state."""

_FLOATS = frozenset((float,))
_WELL_KNOWN = frozenset(WELL_KNOWN_SENSORS)
_PARTS = ("sensors", "metrics", "status")
_IDS = ("shot_id", "mold_id")

LEFT_OUT_LIMIT = 3 * NAMES_LIMIT
"""Channels of a frame that can be left out: all of sensors, metrics and status."""


class LeftOut(WireModel):
    """A channel without a reading, and why."""

    reason: Code
    """Of `broker.data_quality.LEFT_OUT_REASONS`."""
    words: ShortText | None = None
    """Details for people: the value that stood there, and the way out."""


def without_nothing(document: dict[str, Any]) -> dict[str, Any]:
    """The document of a frame without fields that say nothing: no shot runs, no state is known."""
    nothing = [name for name in _IDS if document.get(name) == ""]
    nothing += [name for name in _PARTS if document.get(name, 0) is None]
    if not nothing:
        return document
    return {name: value for name, value in document.items() if name not in nothing}


def set_aside(document: dict[str, Any]) -> dict[str, Any]:
    """The document of a frame with what is no reading in `left_out` instead, by name."""
    left: dict[str, dict[str, Any]] = {}
    changed: dict[str, Any] = {}
    for part in _PARTS:
        readings = document.get(part)
        if type(readings) is not dict or len(readings) > NAMES_LIMIT:
            continue
        values = readings.values()
        if _FLOATS.issuperset(map(type, values)) and all(map(isfinite, values)):
            continue  # quickly: all are readings
        wrong = {name: found for name, value in readings.items() if (found := _fault(part, value))}
        wrong = {name: found for name, found in wrong.items() if _has_a_place(part, name)}
        if wrong:
            changed[part] = {n: value for n, value in readings.items() if n not in wrong}
            left = wrong | left
    told = document.get("left_out")
    if not left or (told is not None and type(told) is not dict):
        return document
    return {**document, **changed, "left_out": {**(told or {}), **left}}


def in_known_units(document: dict[str, Any]) -> dict[str, Any]:
    """The document with `T_mold_K` as `T_mold_C`, or left out where both contradict."""
    sensors = document.get("sensors")
    if type(sensors) is not dict:
        return document
    if _WELL_KNOWN.issuperset(sensors):
        return document  # quickly: most devices send these alone
    others = _in_other_units(tuple(sensors))
    if not others:
        return document
    sensors, left = dict(sensors), {}
    for name in others:
        known, value = conversion(name), sensors[name]
        assert known is not None
        beside = sensors.get(known.name)
        if not is_number(value) or (beside is not None and not is_number(beside)):
            continue  # the fields refuse it
        del sensors[name]
        if beside is None:
            sensors[known.name] = known(value)
        elif not known.agrees(value, beside):
            words = f"{value:g} is {known(value):g} in {known.name}, which says {beside:g}"
            left[name] = {"reason": CONTRADICTS, "words": words}
    changed = {**document, "sensors": sensors}
    told = document.get("left_out")
    if left and (told is None or type(told) is dict):
        changed["left_out"] = {**(told or {}), **left}
    return changed


@lru_cache(maxsize=1024)
def _in_other_units(names: tuple[Any, ...]) -> list[str]:
    """A device sends the same names again and again."""
    return [name for name in names if isinstance(name, str) and conversion(name)]


def _has_a_place(part: str, name: object) -> bool:
    return isinstance(name, str) and (has_unit(name) if part == "sensors" else is_name(name))


def _fault(part: str, value: object) -> dict[str, str] | None:
    """The reason and its words; None when the value is a reading, or a state."""
    if is_number(value):
        return None
    if value is None:
        return {"reason": NO_VALUE, "words": "null"}
    if part == "status":
        return _no_state(value)
    return {"reason": NOT_A_NUMBER, "words": no_number(value)}


def _no_state(value: object) -> dict[str, str] | None:
    if type(value) is bool:
        return None
    if type(value) is not str:
        return {"reason": NOT_A_NUMBER, "words": f"{shown(value)} is neither state nor number"}
    if len(value) > TEXT_LIMIT:
        words = f"a text of {len(value)} characters, at most {TEXT_LIMIT} are read"
        return {"reason": NOT_A_NUMBER, "words": words}
    try:
        check_text(value)
    except PayloadError as error:
        return {"reason": NOT_A_NUMBER, "words": error.detail}
    return None


@dataclass(frozen=True, slots=True)
class Possible:
    """Both ends of what a field can be, in its unit; one of them may be excluded."""

    low: float
    high: float
    without: float | None = None

    def fault(self, value: object) -> dict[str, str] | None:
        """The reason and its words; None when the value is possible, or null."""
        if value is None:
            return None
        if not is_number(value):
            return {"reason": NOT_A_NUMBER, "words": no_number(value)}
        if self.low <= value <= self.high and value != self.without:  # type: ignore[operator]
            return None
        return {"reason": IMPOSSIBLE, "words": f"{shown(value)}: {self} is possible"}

    def __str__(self) -> str:
        if self.high == inf:
            return f"more than {self.low:g}"
        without = "" if self.without is None else f" without {self.without:g}"
        return f"{self.low:g} to {self.high:g}{without}"


def no_number(value: object) -> str:
    """Words for a value that is no number, with the number that a text means."""
    if not isinstance(value, str):
        return f"{shown(value)} is no number"
    number = number_in(value)
    return f"the text {shown(value)}: send {'a number' if number is None else number}"


def number_in(text: str) -> str | None:
    """The number that a text means, as JSON writes it; None when that is not certain."""
    plain = text.strip()
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    body = plain.lstrip("-")
    whole, _, decimals = body.partition(".")
    if len(plain) - len(body) > 1 or not (whole.isascii() and whole.isdigit()):
        return None
    if decimals and not (decimals.isascii() and decimals.isdigit()):
        return None
    return plain.rstrip(".")


def shown(value: object) -> str:
    """A value in at most some 80 printable characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(value)
    kinds: dict[type, str] = {list: "an array", dict: "an object", bytes: "bytes"}
    return kinds.get(type(value)) or printable(reprlib.repr(value), 80)
