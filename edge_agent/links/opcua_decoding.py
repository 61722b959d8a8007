"""Values of OPC UA from their bytes, by position instead of by class.

asyncua makes some ten objects for a value: 500 tags ten times a second cost it most of a core. Here
a value is a tuple. It covers what a notification and a history have, with every type of a variant;
``tests/unit`` compares it with asyncua's own encoding of the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from edge_agent.errors import LinkError

U16, I32, U32, I64, F64 = (struct.Struct(f"<{code}") for code in "HiIqd")
_NUMBERS = {
    1: struct.Struct("<?"),
    2: struct.Struct("<b"),
    3: struct.Struct("<B"),
    4: struct.Struct("<h"),
    5: struct.Struct("<H"),
    6: I32,
    7: U32,
    8: I64,
    9: struct.Struct("<Q"),
    10: struct.Struct("<f"),
    11: F64,
}
"""By the number of the built-in type: Boolean to Double."""
_SIZES = {number: one.size for number, one in _NUMBERS.items()} | {13: 8, 14: 16, 19: 4}
"""Types of a fixed size; with DateTime, Guid and StatusCode."""
TYPE_NAMES = (
    "null Boolean SByte Byte Int16 UInt16 Int32 UInt32 Int64 UInt64 Float Double String DateTime "
    "Guid ByteString XmlElement NodeId ExpandedNodeId StatusCode QualifiedName LocalizedText "
    "structure DataValue Variant DiagnosticInfo"
).split()
_BROKEN = (struct.error, IndexError, KeyError, RecursionError)
DEPTH_MAX = 16
"""Variants and diagnostics within each other."""
TEXT_MAX = 1000
"""Longest text that is a value [characters]."""
DATA_CHANGE, STATUS_CHANGE, HISTORY_DATA = 811, 820, 658
"""Encodings of notifications and of a history, in namespace 0."""


class NotDecoded(LinkError):
    """What the server sent is not what OPC UA says."""

    usual_hint = "look at the server and what is between: its answer cannot be read"


class NoValue(str):
    """Words why what was sent is no value."""

    __slots__ = ()


class DataValue(NamedTuple):
    """A value as it was sent; times in 100 ns since 1601, 0 where there is none."""

    value: float | int | bool | str | NoValue
    status: int
    source_time: int
    server_time: int


@dataclass(frozen=True, slots=True)
class Notification:
    """A publish response: values by the handle of their item, in the order of the server."""

    subscription: int
    sequence: int
    """Number of this message; of a keep-alive that of the next one."""
    publish_time: int
    items: list[tuple[int, DataValue]]
    is_keep_alive: bool = False
    more: bool = False
    """The server has more to say at once."""
    status: int = 0
    """Status change of the subscription; 0: none."""


@dataclass(frozen=True, slots=True)
class History:
    """What a history answers for one node."""

    status: int
    continuation: bytes
    """Not empty: there is more."""
    values: list[DataValue]


def publish_response(data: bytes) -> Notification:
    """A ``PublishResponse``.

    Raises:
        NotDecoded: it is none.
    """
    try:
        return _publish_response(data)
    except _BROKEN as error:
        raise NotDecoded(f"a notification of the server cannot be read: {error}") from None


def notification_message(subscription: int, data: bytes) -> Notification:
    """A ``RepublishResponse`` of this subscription.

    Raises:
        NotDecoded: it is none.
    """
    try:
        return _message(data, _after_header(data), subscription, more=False)[0]
    except _BROKEN as error:
        raise NotDecoded(f"a message that the server sent again cannot be read: {error}") from None


def header_time(data: bytes) -> int:
    """When an answer was made, by the server [100 ns since 1601]; 0 if it does not say."""
    try:
        return max(0, int(I64.unpack_from(data, _skip_node_id(data, 0))[0]))
    except _BROKEN:
        return 0


def read_response(data: bytes) -> list[DataValue]:
    """A ``ReadResponse``.

    Raises:
        NotDecoded: it is none.
    """
    try:
        count, at = _length(data, _after_header(data))
        values = []
        for _ in range(count):
            value, at = data_value(data, at)
            values.append(value)
    except _BROKEN as error:
        raise NotDecoded(f"values of the server cannot be read: {error}") from None
    return values


def history_response(data: bytes) -> list[History]:
    """A ``HistoryReadResponse`` of raw values.

    Raises:
        NotDecoded: it is none.
    """
    try:
        count, at = _length(data, _after_header(data))
        results = []
        for _ in range(count):
            result, at = _history(data, at)
            results.append(result)
    except _BROKEN as error:
        raise NotDecoded(f"a history of the server cannot be read: {error}") from None
    return results


def data_value(data: bytes, at: int) -> tuple[DataValue, int]:
    """A ``DataValue`` and where the next one begins."""
    mask = data[at]
    at += 1
    value: float | int | bool | str | NoValue = _NULL
    status = source_time = server_time = 0
    if mask & 1:
        kind = data[at]
        number = _NUMBERS.get(kind)  # a scalar: no bit of an array is set
        if number is not None:
            value = number.unpack_from(data, at + 1)[0]
            at += 1 + number.size
        else:
            value, at = variant(data, at)
    if mask & 2:
        status = U32.unpack_from(data, at)[0]
        at += 4
    if mask & 4:
        source_time = I64.unpack_from(data, at)[0]
        at += 8
    if mask & 16:
        at += 2
    if mask & 8:
        server_time = I64.unpack_from(data, at)[0]
        at += 8
    if mask & 32:
        at += 2
    return DataValue(value, status, source_time, server_time), at


def variant(data: bytes, at: int, depth: int = 0) -> tuple[float | int | bool | str | NoValue, int]:
    """The value of a ``Variant``, or words for one that is neither number, truth value nor text."""
    if depth > DEPTH_MAX:
        raise RecursionError("variants within variants")
    encoding = data[at]
    at += 1
    kind = encoding & 0x3F
    if kind >= len(TYPE_NAMES):
        raise IndexError(f"type {kind} of a variant")
    if encoding & 0x80:
        count, at = _length(data, at)
        at = _skip(data, at, kind, count, depth)
        if encoding & 0x40:
            dimensions, at = _length(data, at)
            at += 4 * dimensions
        return NoValue(f"an array of {count} {TYPE_NAMES[kind]}: name a variable of one value"), at
    if kind == 0:
        return _NULL, at
    if (number := _NUMBERS.get(kind)) is not None:
        return number.unpack_from(data, at)[0], at + number.size
    if kind == 12:
        return _text(data, at)
    if kind == 21:
        return _localized(data, at)
    return _OTHERS[kind], _skip(data, at, kind, 1, depth)


_NULL = NoValue("no value (null)")
_OTHERS = {
    number: NoValue(f"a {name}: not a number, truth value or text")
    for number, name in enumerate(TYPE_NAMES)
}


def _publish_response(data: bytes) -> Notification:
    at = _after_header(data)
    subscription = U32.unpack_from(data, at)[0]
    available, at = _length(data, at + 4)
    at += 4 * available
    return _message(data, at + 1, subscription, more=bool(data[at]))[0]


def _message(data: bytes, at: int, subscription: int, *, more: bool) -> tuple[Notification, int]:
    sequence, publish_time = struct.unpack_from("<Iq", data, at)
    parts, at = _length(data, at + 12)
    items: list[tuple[int, DataValue]] = []
    status = 0
    for _ in range(parts):
        kind, at = _type_id(data, at)
        size = I32.unpack_from(data, at + 1)[0]
        start, at = at + 5, at + 5 + size
        if size < 0 or at > len(data):
            raise IndexError("a notification that ends before its end")
        if kind == DATA_CHANGE:
            _items(data, start, items)
        elif kind == STATUS_CHANGE:
            status = U32.unpack_from(data, start)[0]
    return (
        Notification(subscription, sequence, publish_time, items, parts == 0, more, status),
        at,
    )


def _items(data: bytes, at: int, items: list[tuple[int, DataValue]]) -> None:
    count, at = _length(data, at)
    for _ in range(count):
        handle = U32.unpack_from(data, at)[0]
        value, at = data_value(data, at + 4)
        items.append((handle, value))


def _history(data: bytes, at: int) -> tuple[History, int]:
    status = U32.unpack_from(data, at)[0]
    continuation, at = _bytes(data, at + 4)
    kind, at = _type_id(data, at)
    body = data[at]
    at += 1
    values: list[DataValue] = []
    if body:
        size = I32.unpack_from(data, at)[0]
        start, at = at + 4, at + 4 + max(size, 0)
        if kind == HISTORY_DATA and size > 0:
            count, start = _length(data, start)
            for _ in range(count):
                value, start = data_value(data, start)
                values.append(value)
    return History(status, continuation, values), at


def _after_header(data: bytes) -> int:
    """Where the answer begins: after its type and ``ResponseHeader``."""
    at = _skip_node_id(data, 0) + 16
    at = _skip_diagnostics(data, at, 0)
    strings, at = _length(data, at)
    for _ in range(strings):
        at = _bytes(data, at)[1]
    return _skip_extension(data, at)


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Count of an array, not more than there are bytes, and where its first element is."""
    count: int = I32.unpack_from(data, at)[0]
    if count > len(data):
        raise IndexError(f"an array of {count} in {len(data)} bytes")
    return max(count, 0), at + 4


def _bytes(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = _length(data, at)
    if at + size > len(data):
        raise IndexError("a text that ends before its end")
    return data[at : at + size], at + size


def _text(data: bytes, at: int) -> tuple[str | NoValue, int]:
    if I32.unpack_from(data, at)[0] < 0:
        return _NULL, at + 4
    raw, at = _bytes(data, at)
    if len(raw) > 4 * TEXT_MAX:
        return NoValue(f"a text of {len(raw)} bytes; up to {TEXT_MAX} characters are a value"), at
    text = raw.decode(errors="replace")
    if len(text) > TEXT_MAX:
        return NoValue(f"a text of {len(text)} characters; up to {TEXT_MAX} are a value"), at
    return text, at


def _localized(data: bytes, at: int) -> tuple[str | NoValue, int]:
    mask = data[at]
    at += 1
    if mask & 1:
        at = _bytes(data, at)[1]
    return _text(data, at) if mask & 2 else (_NULL, at)


def _skip(data: bytes, at: int, kind: int, count: int, depth: int) -> int:
    """Where ``count`` elements of a type end."""
    size = _SIZES.get(kind)
    if size is not None:
        if at + size * count > len(data):
            raise IndexError("an array that ends before its end")
        return at + size * count
    for _ in range(count):
        at = _skip_one(data, at, kind, depth)
    return at


def _skip_one(data: bytes, at: int, kind: int, depth: int) -> int:
    if kind in _TEXTS:
        return _bytes(data, at)[1]
    if kind == 24:
        return variant(data, at, depth + 1)[1]
    if kind == 25:
        return _skip_diagnostics(data, at, depth)
    return _ENDS[kind](data, at)


def _type_id(data: bytes, at: int) -> tuple[int, int]:
    """Number of a node in namespace 0, -1 for any other, and where it ends."""
    if data[at] == 1 and data[at + 1] == 0:
        return U16.unpack_from(data, at + 2)[0], at + 4
    if data[at] == 2 and data[at + 1 : at + 3] == b"\0\0":
        return U32.unpack_from(data, at + 3)[0], at + 7
    return -1, _skip_node_id(data, at)


def _skip_node_id(data: bytes, at: int) -> int:
    kind = data[at]
    form = kind & 0x3F
    at += 1
    if form in {0, 1, 2}:
        at += (1, 3, 6)[form]
    elif form == 4:
        at += 18
    elif form in {3, 5}:
        at = _bytes(data, at + 2)[1]
    else:
        raise IndexError(f"form {form} of a node id")
    if kind & 0x80:
        at = _bytes(data, at)[1]
    if kind & 0x40:
        at += 4
    return at


def _skip_extension(data: bytes, at: int) -> int:
    at = _skip_node_id(data, at)
    return _bytes(data, at + 1)[1] if data[at] else at + 1


def _skip_diagnostics(data: bytes, at: int, depth: int) -> int:
    if depth > DEPTH_MAX:
        raise RecursionError("diagnostics within diagnostics")
    mask = data[at]
    at += 1 + 4 * (mask & 0x0F).bit_count()
    if mask & 0x10:
        at = _bytes(data, at)[1]
    if mask & 0x20:
        at += 4
    if mask & 0x40:
        at = _skip_diagnostics(data, at, depth + 1)
    return at


_TEXTS = {12, 15, 16}
_ENDS: dict[int, Callable[[bytes, int], int]] = {
    17: _skip_node_id,
    18: _skip_node_id,
    20: lambda data, at: _bytes(data, at + 2)[1],
    21: lambda data, at: _localized(data, at)[1],
    22: _skip_extension,
    23: lambda data, at: data_value(data, at)[1],
}
"""Where a value ends, by its type."""
