"""Channels of a station: how the value of a tag becomes a reading, or is left out with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from broker.data_quality import IMPOSSIBLE, NO_VALUE, NOT_A_NUMBER
from broker.errors import PayloadError
from broker.json_values import INT_MAX, INT_MIN, check_text
from broker.messages.left_out import TEXT_LIMIT, no_number, shown
from edge_agent.config.gateway_settings import ChannelFrom, Station
from edge_agent.links.tag_source import Value
from edge_agent.mapping.units import UnknownUnit, conversion_between, unit_of_name
from twin_core.plausible_ranges import range_of

Part = Literal["sensors", "metrics", "status"]
DIGITS = 9
"""Decimals that are kept: 313.15 K is 40 °C, not 39.99999999999994 °C."""
TINY, HUGE = 1e-30, 1e15
"""Numbers that no instrument shows: a float whose words are exchanged is smaller or larger."""
LeftOut = dict[str, str]
"""Reason and words, as in ``left_out`` of a frame."""
WORDS_MAX = 250


@dataclass(frozen=True, slots=True)
class Channel:
    """A reading from a tag: factor · value + offset, within what is possible."""

    name: str
    """On the wire: ``T_mold_C``."""
    part: Part
    tag: str
    """``plc.mold_temperature``."""
    factor: float = 1.0
    offset: float = 0.0
    low: float = -1e15
    high: float = 1e15
    reason: str = "instruments report over-range so: 9.9E37, 1E38"
    """Why nothing is outside."""

    def reading(self, value: Value) -> float | bool | int | str | LeftOut:
        """The reading, or why there is none.

        Args:
            value: of the tag, as the machine has it.
        """
        kind = type(value)
        if self.part == "status":
            return self._state(value)
        if kind is not float and kind is not int:
            return {"reason": NOT_A_NUMBER, "words": f"{self.tag}: {no_number(value)}"}
        try:
            number = self.factor * value + self.offset  # type: ignore[operator]
        except OverflowError:
            return {"reason": IMPOSSIBLE, "words": f"{self.tag}: more than 64 bit"}
        is_tiny = -TINY < value < TINY and value != 0  # type: ignore[operator]
        if self.low <= number <= self.high and not is_tiny:
            return round(number, DIGITS)
        return {"reason": IMPOSSIBLE, "words": self._outside(value, number, is_tiny)}

    def _outside(self, value: Value, number: float, is_tiny: bool) -> str:
        if not isfinite(number):
            return f"{self.tag}: {shown(value)} is no finite number"
        if is_tiny or abs(number) > HUGE:
            return f"{self.tag}: {shown(value)} is no reading: are its type and word order right?"
        raw = "" if number == value else f" ({self.tag} is {shown(value)})"
        words = f"{number:g} is outside {self.low:g} to {self.high:g}{raw}: {self.reason}"
        return words[:WORDS_MAX]

    def _state(self, value: Value) -> float | bool | int | str | LeftOut:
        if isinstance(value, str):
            if len(value) > TEXT_LIMIT:
                words = f"a text of {len(value)} characters, at most {TEXT_LIMIT} are sent"
                return {"reason": NOT_A_NUMBER, "words": f"{self.tag}: {words}"}
            try:
                check_text(value)
            except PayloadError as error:
                return {"reason": NOT_A_NUMBER, "words": f"{self.tag}: {error.detail}"}
        elif isinstance(value, float) and not isfinite(value):
            return {"reason": NOT_A_NUMBER, "words": f"{self.tag}: {value} is no finite number"}
        elif isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
            return {"reason": NOT_A_NUMBER, "words": f"{self.tag}: more than 64 bit"}
        return value


def no_value(tag: str, fault: str) -> LeftOut:
    """Reason and words of a channel whose tag has no value.

    Args:
        tag: ``plc.mold_temperature``.
        fault: why, in words of the link.
    """
    printable = "".join(one if one.isprintable() else "?" for one in fault)
    return {"reason": NO_VALUE, "words": f"{tag}: {printable or 'no value'}"[:WORDS_MAX]}


def channel(name: str, part: Part, given: ChannelFrom | str) -> Channel:
    """The channel that a mapping describes.

    Args:
        name: on the wire.
        part: of the frame; ``sensors`` and fields of a recipe end in their unit.
        given: as it is configured.

    Raises:
        UnknownUnit: its unit is none, or cannot be converted to that of the name.
    """
    of = given if isinstance(given, ChannelFrom) else ChannelFrom(tag=given)
    if part == "status":
        return Channel(name, part, of.tag)
    factor, offset = of.scale, of.offset
    if of.unit is not None:
        unit = unit_of_name(name) or _UNIT_OF.get(name)
        if unit is None:
            raise UnknownUnit(
                f"{name} does not end in a unit, so {of.unit!r} cannot be converted: "
                "leave unit out, or use scale and offset"
            )
        to = conversion_between(of.unit, unit)
        factor, offset = to.factor * factor, to.factor * offset + to.offset
    found = range_of(name)
    low, high, reason = found.low, found.high, found.reason
    if of.range is not None:
        low, high = max(low, of.range[0]), min(high, of.range[1])
        reason = "the range of the mapping"
    return Channel(name, part, of.tag, factor, offset, low, high, reason)


_UNIT_OF = {"mixing_eff": "1", "nco_oh_index": "1"}
"""Fields of a recipe whose name does not say their unit."""


def channels_of(station: Station) -> list[Channel]:
    """Channels of a station's frames.

    Raises:
        UnknownUnit: see ``channel``.
    """
    found = [channel(name, "sensors", given) for name, given in station.sensors.items()]
    found += [channel(name, "metrics", given) for name, given in station.metrics.items()]
    return found + [channel(name, "status", tag) for name, tag in station.status.items()]
