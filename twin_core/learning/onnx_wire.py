"""ONNX file as plain data, read from protobuf's wire format before any library opens it.

Only fields are taken that files of this product have; each other one is refused. So nothing nests
deeper than ``_FIELDS`` says, nothing stands twice that a library would join, and no number lies in
another file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin_core.errors import ModelError

NUMBERS_MAX = 400_000
"""Of one list. A tree of 15 leaves has 29 nodes: 150 trees have 4,350 numbers in each list."""
FIELDS_MAX = 200_000
"""Of a file, each list of numbers counted as one; of the trees there is a text for each node."""
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_ONE, _MANY = "one", "many"
_BYTES, _INT, _FLOAT, _INTS, _FLOATS = "bytes", "int", "float", "ints", "floats"
_FIELDS: dict[str, dict[int, tuple[str, str, str]]] = {
    "model": {
        1: ("ir_version", _INT, _ONE),
        2: ("producer_name", _BYTES, _ONE),
        3: ("producer_version", _BYTES, _ONE),
        4: ("domain", _BYTES, _ONE),
        5: ("model_version", _INT, _ONE),
        6: ("doc_string", _BYTES, _ONE),
        7: ("graph", "graph", _ONE),
        8: ("opset_import", "opset", _MANY),
        14: ("metadata_props", "property", _MANY),
    },
    "opset": {1: ("domain", _BYTES, _ONE), 2: ("version", _INT, _ONE)},
    "property": {1: ("key", _BYTES, _ONE), 2: ("value", _BYTES, _ONE)},
    "graph": {
        1: ("node", "node", _MANY),
        2: ("name", _BYTES, _ONE),
        5: ("initializer", "tensor", _MANY),
        10: ("doc_string", _BYTES, _ONE),
        11: ("input", "value", _MANY),
        12: ("output", "value", _MANY),
    },
    "node": {
        1: ("input", _BYTES, _MANY),
        2: ("output", _BYTES, _MANY),
        3: ("name", _BYTES, _ONE),
        4: ("op_type", _BYTES, _ONE),
        5: ("attribute", "attribute", _MANY),
        6: ("doc_string", _BYTES, _ONE),
        7: ("domain", _BYTES, _ONE),
    },
    "attribute": {
        1: ("name", _BYTES, _ONE),
        2: ("f", _FLOAT, _ONE),
        3: ("i", _INT, _ONE),
        4: ("s", _BYTES, _ONE),
        7: ("floats", _FLOATS, _MANY),
        8: ("ints", _INTS, _MANY),
        9: ("strings", _BYTES, _MANY),
        13: ("doc_string", _BYTES, _ONE),
        20: ("type", _INT, _ONE),
    },
    "tensor": {
        1: ("dims", _INTS, _MANY),
        2: ("data_type", _INT, _ONE),
        4: ("float_data", _FLOATS, _MANY),
        7: ("int64_data", _INTS, _MANY),
        8: ("name", _BYTES, _ONE),
        9: ("raw_data", _BYTES, _ONE),
        12: ("doc_string", _BYTES, _ONE),
        14: ("data_location", _INT, _ONE),
    },
    "value": {
        1: ("name", _BYTES, _ONE),
        2: ("type", "type", _ONE),
        3: ("doc_string", _BYTES, _ONE),
    },
    "type": {1: ("tensor_type", "tensor type", _ONE)},
    "tensor type": {1: ("elem_type", _INT, _ONE), 2: ("shape", "shape", _ONE)},
    "shape": {1: ("dim", "dim", _MANY)},
    "dim": {1: ("dim_value", _INT, _ONE), 2: ("dim_param", _BYTES, _ONE)},
}
"""By message of onnx.proto and number of the field: name, what it holds, how often it stands."""
_ELSEWHERE = "its numbers are in another file (external data)"
_INSIDE = "it holds a graph within its graph (a loop or a branch)"
_REFUSED = {
    ("model", 20): "it holds steps of a training",
    ("model", 25): "it holds functions of its own",
    ("graph", 15): "it holds sparse numbers",
    ("attribute", 5): "an operator holds a tensor in an attribute",
    ("attribute", 6): _INSIDE,
    ("attribute", 10): "an operator holds tensors in an attribute",
    ("attribute", 11): _INSIDE,
    ("attribute", 22): "an operator holds sparse numbers in an attribute",
    ("attribute", 23): "an operator holds sparse numbers in an attribute",
    ("tensor", 13): _ELSEWHERE,
    ("tensor", 14): _ELSEWHERE,
}
"""Words for fields that attacks are made of; ``tensor`` 14 counts if it is not 0."""
_NO_NUMBERS: NDArray[Any] = np.zeros(0, np.int64)


@dataclass
class Message:
    """One message: its fields by their names in onnx.proto; lists of those that may stand often."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)

    def many(self, name: str) -> list[Any]:
        """Messages or byte strings of a field."""
        found: list[Any] = self.fields.get(name, [])
        return found

    def text(self, name: str) -> str:
        """Text of a field; empty if it is not there."""
        try:
            return bytes(self.fields.get(name, b"")).decode()
        except UnicodeDecodeError:
            raise ModelError(f"not a usable ONNX file: {self.kind} {name} is no text") from None

    def texts(self, name: str) -> list[str]:
        """Texts of a field that stands often."""
        return [Message(self.kind, {name: item}).text(name) for item in self.many(name)]

    def number(self, name: str, default: int = 0) -> int:
        """Whole number of a field."""
        return int(self.fields.get(name, default))

    def numbers(self, name: str) -> NDArray[Any]:
        """Numbers of a list, int64 or float32."""
        found: NDArray[Any] = self.fields.get(name, _NO_NUMBERS)
        return found


def read_model(content: bytes) -> Message:
    """The model, as far as it holds nothing but what models of this product hold.

    Raises:
        ModelError: it does, or it is no ONNX file.
    """
    return _Reader(content).message("model", 0, len(content))


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._bytes = np.frombuffer(content, np.uint8)
        self._count = 0

    def message(self, kind: str, at: int, end: int) -> Message:
        known, found = _FIELDS[kind], Message(kind)
        while at < end:
            self._count += 1
            if self._count > FIELDS_MAX:
                raise ModelError(f"it has more than {FIELDS_MAX} fields: train a smaller one")
            begin = at
            tag, at = _varint(self._content, at, end)
            number, wire = tag >> 3, tag & 7
            if tag >= 1 << 32 or number == 0 or wire not in (0, 1, 2, 5):
                raise _broken(begin)
            if number not in known:
                raise _refused(kind, number)
            name, holds, often = known[number]
            listed = holds in (_INTS, _FLOATS)
            if name in found.fields and (listed or often == _ONE):
                raise ModelError(
                    f"it has {name} of a {kind} twice: models of this product are one file, "
                    "without loops, and nothing in them stands twice"
                )
            if listed:
                at, found.fields[name] = self._numbers(holds, wire, tag, begin, at, end)
                if len(found.fields[name]) > NUMBERS_MAX:
                    raise ModelError(f"{kind} {name}: more than {NUMBERS_MAX} numbers")
                continue
            at, value = self._value(holds, wire, at, end)
            if (kind, number) == ("tensor", 14) and value:
                raise _refused(kind, number)
            if often == _MANY:
                found.fields.setdefault(name, []).append(value)
            else:
                found.fields[name] = value
        return found

    def _value(self, holds: str, wire: int, at: int, end: int) -> tuple[int, Any]:
        if holds == _INT:
            if wire != _VARINT:
                raise _broken(at)
            value, at = _varint(self._content, at, end)
            return at, _signed(value)
        if holds == _FLOAT:
            if wire != _FOUR_BYTES or at + 4 > end:
                raise _broken(at)
            return at + 4, float(np.frombuffer(self._content, "<f4", 1, at)[0])
        if wire != _LENGTH:
            raise _broken(at)
        length, at = _varint(self._content, at, end)
        if at + length > end:
            raise _broken(at)
        if holds == _BYTES:
            return at + length, self._content[at : at + length]
        return at + length, self.message(holds, at, at + length)

    def _numbers(
        self, holds: str, wire: int, tag: int, begin: int, at: int, end: int
    ) -> tuple[int, NDArray[Any]]:
        """End of a list, and its numbers: packed, or each with its tag before it."""
        if wire == _LENGTH:
            length, at = _varint(self._content, at, end)
            stop = at + length
            if stop > end:
                raise _broken(at)
            if holds == _FLOATS:
                if length % 4:
                    raise _broken(at)
                return stop, np.frombuffer(self._content, "<f4", length // 4, at)
            values, used = _varints(self._bytes[at:stop])
            if used != length:
                raise _broken(at)
            return stop, values
        if wire != (_VARINT if holds == _INTS else _FOUR_BYTES):
            raise _broken(begin)
        if at - begin != 1:  # the tag of a list has one byte
            raise _broken(begin)
        part = self._bytes[begin:end]
        if holds == _FLOATS:
            count = len(part) // 5
            if not count:
                raise _broken(begin)
            rows = part[: 5 * count].reshape(count, 5)
            same = _prefix(rows[:, 0] == tag)
            return begin + 5 * same, rows[:same, 1:].copy().view("<f4")[:, 0]
        part = part[: 11 * NUMBERS_MAX + 22]
        values, _ = _varints(part)
        same = _prefix(values[: len(values) // 2 * 2 : 2] == tag)
        if not same:
            raise _broken(begin)
        ends = np.flatnonzero(part < 0x80)
        return begin + int(ends[2 * same - 1]) + 1, values[1 : 2 * same : 2]


def _prefix(same: NDArray[np.bool_]) -> int:
    """How many hold from the first on."""
    return len(same) if same.all() else int(same.argmin())


def _varints(part: NDArray[np.uint8]) -> tuple[NDArray[np.int64], int]:
    """Numbers one after the other, up to the first that is none, and the bytes they take."""
    ends = np.flatnonzero(part < 0x80)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    lengths = ends - starts + 1
    good = _prefix(lengths <= 10) if len(lengths) else 0
    starts, lengths = starts[:good], lengths[:good]
    values = np.zeros(good, np.uint64)
    for place in range(int(lengths.max()) if good else 0):
        has = lengths > place
        bits = (part[starts[has] + place] & 0x7F).astype(np.uint64) << np.uint64(7 * place)
        values[has] |= bits
    return values.view(np.int64), int(ends[good - 1]) + 1 if good else 0


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _broken(at)


def _signed(value: int) -> int:
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >= 1 << 63 else value


def _refused(kind: str, number: int) -> ModelError:
    words = _REFUSED.get((kind, number))
    if words is None:
        words = f"it has field {number} of a {kind}, which no model of this product has"
        return ModelError(f"not a usable ONNX file: {words}")
    return ModelError(f"{words}: models of this product are one file, without loops")


def _broken(at: int) -> ModelError:
    return ModelError(f"not a usable ONNX file: it is damaged at byte {at}, or none at all")
