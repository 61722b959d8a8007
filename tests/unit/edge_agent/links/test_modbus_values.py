"""Registers become values in every order of words and bytes, or say why they do not."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.config.gateway_sources import ModbusTag
from edge_agent.links.modbus_values import NoValue, value_in

FORMS = {
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
}


def tag(**given: Any) -> ModbusTag:
    return ModbusTag(address=0, **given)


def registers(form: str, value: float, words: str, order: str) -> list[int]:
    """As a device holds a value, written without the code that is tested."""
    content = struct.pack(">" + form, value)
    found = [content[at : at + 2] for at in range(0, len(content), 2)]
    if words == "little":
        found.reverse()
    return [int.from_bytes(word, "big" if order == "big" else "little") for word in found]


@given(
    st.sampled_from(sorted(FORMS)),
    st.sampled_from(["big", "little"]),
    st.sampled_from(["big", "little"]),
    st.data(),
)
def test_every_type_in_every_order(kind: str, words: str, order: str, data: st.DataObject) -> None:
    form = FORMS[kind]
    if kind.startswith("float"):
        value = data.draw(st.floats(width=32, allow_nan=False, allow_infinity=False))
    else:
        bits = 8 * struct.calcsize(form)
        low = 0 if kind.startswith("u") else -(2 ** (bits - 1))
        value = data.draw(st.integers(low, low + 2**bits - 1))
    settings = tag(type=kind, words=words, bytes=order)
    cells = registers(form, value, words, order)
    assert len(cells) == settings.size
    found = value_in(settings, cells)
    assert found == value
    assert type(found) is type(value)


def test_scale_and_offset() -> None:
    assert value_in(tag(scale=0.1, offset=-40.0), [855]) == pytest.approx(45.5)
    assert value_in(tag(type="uint16"), [855]) == 855


@pytest.mark.parametrize(
    ("given", "cells", "value"),
    [
        ({"type": "bool", "bit": 0}, [0x0001], True),
        ({"type": "bool", "bit": 15}, [0x7FFF], False),
        ({"bit": 8, "bytes": "little"}, [0x0001], True),
        ({"table": "coil"}, [1], True),
        ({"table": "discrete"}, [False], False),
        ({"type": "text", "length": 3}, [0x4142, 0x4300, 0x4444], "ABC"),
        ({"type": "text", "length": 2, "bytes": "little"}, [0x4241, 0x2043], "ABC"),
        ({"type": "text", "length": 1}, [0xD656], "ÖV"),
        ({"type": "text", "length": 2}, [0, 0], ""),
    ],
)
def test_bits_and_texts(given: dict[str, Any], cells: list[int], value: object) -> None:
    found = value_in(tag(**given), cells)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("given", "cells", "words"),
    [
        ({"type": "float32"}, [0x7FC0, 0], "nan in registers 7fc0 0000: no number"),
        ({"type": "float32"}, [0xFF80, 0], "is the order of words right"),
        ({"type": "float64", "scale": 1e308}, [0x7FE0, 0, 0, 0], "is no number any more"),
        ({"type": "text", "length": 2}, [0x0102, 0x0304], "is no text"),
        ({"type": "text", "length": 1}, [0x8181], "is no text"),
    ],
)
def test_what_is_no_value_says_why(given: dict[str, Any], cells: list[int], words: str) -> None:
    with pytest.raises(NoValue, match=words):
        value_in(tag(**given), cells)


@given(st.sampled_from([*FORMS, "text"]), st.lists(st.integers(0, 65_535), min_size=8, max_size=8))
def test_any_registers_are_a_value_or_a_fault(kind: str, cells: list[int]) -> None:
    settings = tag(type=kind, length=8) if kind == "text" else tag(type=kind)
    try:
        found = value_in(settings, cells[: settings.size])
    except NoValue:
        return
    assert not isinstance(found, float) or math.isfinite(found)


def test_a_tag_ends_within_the_table() -> None:
    with pytest.raises(ValidationError, match="reach beyond 65535"):
        ModbusTag(address=65_535, type="int32")
    assert ModbusTag(address=65_535, table="coil").size == 1
