"""Value of a metric or property: its field on the wire, and what its type allows.

Signed integers travel as two's complement in an unsigned field. Edge nodes differ in the width of
that: of -1 as Int8 some send 0xFF, some 0xFFFFFFFF; and some send UInt32 in the field of 64 bit.
All of it is read; what is written is of the type's own width, in the field of the specification.
"""

from __future__ import annotations

import math

from broker.sparkplug.data_types import (
    ARRAYS,
    FLOATS,
    INTEGERS,
    SIGNED_BITS,
    TEXTS,
    UNSIGNED_BITS,
    DataType,
)
from broker.sparkplug.errors import SparkplugError

Value = bool | int | float | str | bytes
"""A value in Python. Bytes are also what is kept unread: data sets, templates, arrays and sets."""

INT, LONG, SINGLE, DOUBLE = "int_value", "long_value", "float_value", "double_value"
BOOLEAN, TEXT, BYTES = "boolean_value", "string_value", "bytes_value"
DATASET, TEMPLATE, EXTENSION = "dataset_value", "template_value", "extension_value"
SET, SETS = "propertyset_value", "propertysets_value"

FLOAT_MAX = (2 - 2**-23) * 2.0**127
"""Largest finite number of 32 bit."""

_FIELDS = {
    **{one: INT if bits <= 32 else LONG for one, bits in INTEGERS.items()},
    **dict.fromkeys(TEXTS, TEXT),
    **dict.fromkeys(ARRAYS, BYTES),
    DataType.FLOAT: SINGLE,
    DataType.DOUBLE: DOUBLE,
    DataType.BOOLEAN: BOOLEAN,
    DataType.BYTES: BYTES,
    DataType.FILE: BYTES,
    DataType.DATASET: DATASET,
    DataType.TEMPLATE: TEMPLATE,
    DataType.PROPERTY_SET: SET,
    DataType.PROPERTY_SET_LIST: SETS,
}
_FIELD_BITS = {INT: 32, LONG: 64}


def to_wire(value: Value, type_: DataType) -> tuple[str, Value]:
    """Field and content on the wire of a value.

    Raises:
        SparkplugError: the value is not of the type, or beyond its range.
    """
    field = _FIELDS[type_]
    if type_ in INTEGERS:
        return field, _unsigned(value, type_)
    if type_ in FLOATS:
        return field, _float(value, type_)
    if type_ is DataType.BOOLEAN:
        if isinstance(value, bool):
            return field, value
    elif type_ in TEXTS:
        if isinstance(value, str):
            return field, _encodable(value)
    elif isinstance(value, bytes):
        return field, value
    raise SparkplugError(f"{_shown(value)} is no {type_.name}")


def from_wire(field: str, content: Value, type_: DataType) -> Value:
    """Value of a type from a field of the wire.

    Raises:
        SparkplugError: the field does not hold this type, or the number is beyond its range.
    """
    if type_ in INTEGERS and field in _FIELD_BITS and isinstance(content, int):
        return _integer(content, _FIELD_BITS[field], type_)
    if type_ in FLOATS and field in {SINGLE, DOUBLE}:
        return content
    if field == _FIELDS[type_]:
        return content
    raise SparkplugError(f"a value in {field} is no {type_.name}, which is in {_FIELDS[type_]}")


def untyped(field: str, content: Value) -> Value:
    """Value of a field whose type is not known here; integers as they are on the wire, unsigned.

    Raises:
        SparkplugError: it is an extension, which nobody here understands.
    """
    if field == EXTENSION:
        raise SparkplugError("a value of an extension that is not known here")
    return content


def of_type(value: Value, type_: DataType) -> Value:
    """An `untyped` value as its type says, which the birth of the metric gave.

    Raises:
        SparkplugError: the value is not of the type, or beyond its range.
    """
    match value:
        case bool():
            field = BOOLEAN
        case int():
            field = INT if value < 1 << 32 else LONG
        case float():
            field = DOUBLE
        case str():
            field = TEXT
        case bytes():
            field = _FIELDS[type_] if _FIELDS[type_] in {DATASET, TEMPLATE, SET, SETS} else BYTES
    return from_wire(field, value, type_)


def _unsigned(value: Value, type_: DataType) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SparkplugError(f"{_shown(value)} is no {type_.name}")
    bits = INTEGERS[type_]
    low = -(1 << (bits - 1)) if type_ in SIGNED_BITS else 0
    high = low + (1 << bits) - 1
    if not low <= value <= high:
        raise SparkplugError(f"{_shown(value)} is beyond {type_.name}: {low} to {high}")
    return value & ((1 << bits) - 1)


def _integer(content: int, field_bits: int, type_: DataType) -> int:
    bits = INTEGERS[type_]
    if type_ in UNSIGNED_BITS:
        if content < 1 << bits:
            return content
    elif content < 1 << bits:
        return content - (1 << bits) if content >> (bits - 1) else content
    elif content >= (1 << field_bits) - (1 << (bits - 1)):
        return content - (1 << field_bits)  # its sign fills the field
    raise SparkplugError(f"{content} is beyond {type_.name}")


def _float(value: Value, type_: DataType) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SparkplugError(f"{_shown(value)} is no {type_.name}")
    try:
        number = float(value)
    except OverflowError:
        raise SparkplugError(f"{_shown(value)} is beyond {type_.name}") from None
    if type_ is DataType.FLOAT and math.isfinite(number) and abs(number) > FLOAT_MAX:
        raise SparkplugError(f"{_shown(value)} is beyond {type_.name}")
    return number


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SparkplugError(f"{text[:40]!r} is no Unicode: a lone surrogate") from None
    return text


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bit"
    return repr(value)[:80]
