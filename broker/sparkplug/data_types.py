"""Types of metrics and properties, by the numbers of Sparkplug 3.0."""

from __future__ import annotations

from enum import IntEnum


class DataType(IntEnum):
    """Type of a value; 0 (unknown) is no type."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15
    DATASET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19
    PROPERTY_SET = 20
    PROPERTY_SET_LIST = 21
    INT8_ARRAY = 22
    INT16_ARRAY = 23
    INT32_ARRAY = 24
    INT64_ARRAY = 25
    UINT8_ARRAY = 26
    UINT16_ARRAY = 27
    UINT32_ARRAY = 28
    UINT64_ARRAY = 29
    FLOAT_ARRAY = 30
    DOUBLE_ARRAY = 31
    BOOLEAN_ARRAY = 32
    STRING_ARRAY = 33
    DATETIME_ARRAY = 34


SIGNED_BITS = {
    DataType.INT8: 8,
    DataType.INT16: 16,
    DataType.INT32: 32,
    DataType.INT64: 64,
}
"""Width of signed integers, which travel as two's complement of that width."""

UNSIGNED_BITS = {
    DataType.UINT8: 8,
    DataType.UINT16: 16,
    DataType.UINT32: 32,
    DataType.UINT64: 64,
    DataType.DATETIME: 64,
}
"""Width of unsigned integers; a time is milliseconds since 1970 in UTC."""

INTEGERS = SIGNED_BITS | UNSIGNED_BITS
FLOATS = frozenset({DataType.FLOAT, DataType.DOUBLE})
TEXTS = frozenset({DataType.STRING, DataType.TEXT, DataType.UUID})
ARRAYS = frozenset(one for one in DataType if one >= DataType.INT8_ARRAY)
OF_METRICS = frozenset(DataType) - {DataType.PROPERTY_SET, DataType.PROPERTY_SET_LIST}
"""Types that a metric may have."""
OF_PROPERTIES = frozenset(
    {*INTEGERS, *FLOATS, *TEXTS, DataType.BOOLEAN}
    | {DataType.PROPERTY_SET, DataType.PROPERTY_SET_LIST}
) - {DataType.UUID}
"""Types that a property may have: the basic ones and sets of properties."""


def type_of(number: int) -> DataType | None:
    """The type with a number, or None if there is none."""
    return _OF_NUMBER.get(number)


_OF_NUMBER = {int(one): one for one in DataType}
