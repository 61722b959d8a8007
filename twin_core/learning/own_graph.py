"""Refusal of ONNX files that would read other files, or never end, before a library opens them.

An ONNX graph may keep its numbers in other files, named by the graph: whoever may put a model
beside the press would read what the agent may read. A loop inside a graph may have no end. Models
of this product have neither, so a file with one is not run at all. Only the outline of the file is
read here, in protobuf's wire format; everything else of it is left to onnxruntime.
"""

from __future__ import annotations

from collections.abc import Iterator

from twin_core.errors import ModelError

_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""By message of onnx.proto and number of the field: which message lies in it."""
_ELSEWHERE = "its numbers are in another file (external data)"
_REFUSED = {
    ("model", 20): "it holds steps of a training",
    ("model", 25): "it holds functions of its own",
    ("attribute", 6): "it holds a graph within its graph (a loop or a branch)",
    ("attribute", 11): "it holds a graph within its graph (a loop or a branch)",
    ("tensor", 13): _ELSEWHERE,
    ("tensor", 14): _ELSEWHERE,
}
"""Fields that no model of this product has; ``tensor`` 14 counts if it is not 0."""
FIELDS_MAX = 3_000_000
"""Each number of a tree is one; some hundred kilobytes of gradient boosting have 100,000."""
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


def check_own_graph(content: bytes) -> None:
    """Refuse a file that needs other files, or holds what could go on for ever.

    Raises:
        ModelError: it does, or it is no ONNX file.
    """
    waiting = [("model", 0, len(content))]
    count = 0
    while waiting:
        kind, begin, end = waiting.pop()
        for number, value, start in _fields(content, begin, end):
            count += 1
            if count > FIELDS_MAX:
                raise ModelError(f"it has more than {FIELDS_MAX} fields: train a smaller one")
            if start is None and not value:
                continue
            if words := _REFUSED.get((kind, number)):
                raise ModelError(f"{words}: models of this product are one file, without loops")
            part = _PARTS[kind].get(number)
            if part is not None and start is not None:
                waiting.append((part, start, start + value))


def _fields(content: bytes, at: int, end: int) -> Iterator[tuple[int, int, int | None]]:
    """Number, value and None of each field that is a number; number, length and start of others."""
    while at < end:
        tag, at = _varint(content, at, end)
        if tag >= 1 << 32:
            raise _broken(at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(content, at, end)
            yield number, value, None
            continue
        if kind == _LENGTH:
            length, at = _varint(content, at, end)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise _broken(at)
        if at + length > end:
            raise _broken(at)
        if kind == _LENGTH:
            yield number, length, at
        at += length


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


def _broken(at: int) -> ModelError:
    return ModelError(f"not a usable ONNX file: it is damaged at byte {at}, or none at all")
