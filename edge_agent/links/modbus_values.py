"""Values in Modbus registers: type, order of words and bytes, bit, text, scale."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from edge_agent.config.gateway_sources import ModbusTag
from edge_agent.links.tag_source import Value

_FORMS = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "uint64": ">Q",
    "float32": ">f",
    "float64": ">d",
}
_SHOWN = 40


class NoValue(ValueError):
    """Registers that hold no value of the tag's type; the message is the fault."""


def value_in(tag: ModbusTag, cells: Sequence[int]) -> Value:
    """The value of a tag.

    Args:
        cells: its registers in the order of their addresses, 0 to 65,535 each; or its one bit.

    Raises:
        NoValue: they hold no finite number, or no text.
    """
    if tag.table in {"coil", "discrete"}:
        return bool(cells[0])
    if tag.bit is not None:
        return bool(_register(tag, cells[0]) >> tag.bit & 1)
    ordered = cells if tag.words == "big" or tag.type == "text" else cells[::-1]
    content = b"".join(_register(tag, cell).to_bytes(2, "big") for cell in ordered)
    if tag.type == "text":
        return _text(content)
    (number,) = struct.unpack(_FORMS[tag.type], content)
    return _scaled(tag, number, content)


def _register(tag: ModbusTag, cell: int) -> int:
    return cell if tag.bytes == "big" else cell >> 8 | (cell & 0xFF) << 8


def _scaled(tag: ModbusTag, number: float, content: bytes) -> Value:
    if not math.isfinite(number):
        raise NoValue(
            f"{number} in registers {content.hex(' ', 2)}: no number; is the order of words right?"
        )
    if tag.scale == 1.0 and tag.offset == 0.0:
        return number
    scaled = number * tag.scale + tag.offset
    if not math.isfinite(scaled):
        raise NoValue(f"{number:g} times scale {tag.scale:g} is no number any more")
    return scaled


def _text(content: bytes) -> str:
    """Text up to the first NUL, without blanks around it: UTF-8, else Windows-1252."""
    content = content.partition(b"\0")[0]
    for encoding in ("utf-8", "cp1252"):
        try:
            text = content.decode(encoding).strip()
        except UnicodeDecodeError:
            continue
        if text.isprintable():
            return text
        break
    raise NoValue(
        f"{content[:_SHOWN]!r} is no text: is the address right, and the order of the bytes?"
    )
