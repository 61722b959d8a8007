"""Refusal of ONNX files that would read other files, or never end, before a library opens them.

A graph may keep its numbers in other files, named by the graph: whoever may put a model beside the
press would read what the agent may read. A loop inside a graph may have no end. Models of this
product have neither, so a file with one is not run at all. ``graph_cost`` says what may be run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin_core.errors import ModelError
from twin_core.learning.onnx_wire import Message, read_model

OPSETS = {"": 18, "ai.onnx.ml": 3}
"""Versions of the operators, by domain, that training writes."""
IR_VERSION = 10
NODES_MAX = 500
"""Four targets and ten kinds of defects have 90."""
NUMBERS_BYTES_MAX = 4_000_000
"""Of all tensors. Ours have some hundred."""
FLOAT, INT64 = 1, 7
"""Kinds of numbers, in ONNX's count."""
_KINDS: dict[int, tuple[str, str]] = {FLOAT: ("<f4", "float_data"), INT64: ("<i8", "int64_data")}
Place = tuple[str, int, tuple[int, ...]]
"""Name, kind of numbers and shape of an input or output; -1 where the shape is left open."""


@dataclass(frozen=True)
class Node:
    """Operator at work."""

    label: str
    """As errors name it."""
    operator: tuple[str, str]
    """Domain and name."""
    inputs: list[str]
    outputs: list[str]
    attributes: Mapping[str, Message]

    def number(self, name: str, default: int = 0) -> int:
        """Whole number among the attributes."""
        found = self.attributes.get(name)
        return default if found is None else found.number("i", default)

    def list(self, name: str) -> NDArray[Any]:
        """List of numbers among the attributes; empty if it is not there."""
        found = self.attributes.get(name)
        if found is None:
            return np.zeros(0, np.int64)
        return found.numbers("floats") if "floats" in found.fields else found.numbers("ints")


@dataclass(frozen=True)
class Graph:
    """Graph without anything inside that would have to be run to be known."""

    metadata: dict[str, str]
    nodes: list[Node]
    numbers: dict[str, NDArray[Any]]
    """Tensors by name, float32 or int64."""
    inputs: list[Place]
    outputs: list[Place]


def check_own_graph(content: bytes) -> Graph:
    """Read a file that needs no other files, and holds nothing that could go on for ever.

    Raises:
        ModelError: it does, or it is no ONNX file; the message says which part.
    """
    model = read_model(content)
    if "graph" not in model.fields:
        raise ModelError("not a usable ONNX file: it has no graph")
    _check_versions(model)
    graph: Message = model.fields["graph"]
    nodes = graph.many("node")
    if len(nodes) > NODES_MAX:
        raise ModelError(f"it has {len(nodes)} operators, more than {NODES_MAX}")
    return Graph(
        metadata={item.text("key"): item.text("value") for item in model.many("metadata_props")},
        nodes=[_node(node, number) for number, node in enumerate(nodes, 1)],
        numbers=_tensors(graph.many("initializer")),
        inputs=[_place(item) for item in graph.many("input")],
        outputs=[_place(item) for item in graph.many("output")],
    )


def _check_versions(model: Message) -> None:
    if (version := model.number("ir_version")) != IR_VERSION:
        raise ModelError(f"not a model of this product: ir_version: {version}, not {IR_VERSION}")
    seen = set[str]()
    for item in model.many("opset_import"):
        domain, version = item.text("domain"), item.number("version")
        if domain in seen or OPSETS.get(domain) != version:
            known = ", ".join(f"{name or 'ai.onnx'} {number}" for name, number in OPSETS.items())
            raise ModelError(
                f"not a model of this product: opset_import: version {version} of the operators of "
                f"{domain or 'ai.onnx'!r}, not {known}, each once"
            )
        seen.add(domain)


def _node(message: Message, number: int) -> Node:
    domain, name = message.text("domain"), message.text("op_type")
    label = f"operator {number} ({f'{domain}.' if domain else ''}{name})"[:200]
    attributes = dict[str, Message]()
    for item in message.many("attribute"):
        attribute = item.text("name")
        if attribute in attributes:
            raise ModelError(f"{label}: attribute {attribute!r} stands twice")
        attributes[attribute] = item
    return Node(label, (domain, name), message.texts("input"), message.texts("output"), attributes)


def _tensors(messages: list[Message]) -> dict[str, NDArray[Any]]:
    found = dict[str, NDArray[Any]]()
    total = 0
    for message in messages:
        name, kind = message.text("name"), message.number("data_type")
        if kind not in _KINDS:
            raise ModelError(f"tensor {name!r}: numbers of kind {kind}, neither float32 nor int64")
        dims = [int(size) for size in message.numbers("dims")]
        dtype, listed = _KINDS[kind]
        raw = message.fields.get("raw_data")
        if raw is not None and len(raw) % np.dtype(dtype).itemsize:
            raise ModelError(f"tensor {name!r}: {len(raw)} bytes are no {dtype[1:]} numbers")
        values = message.numbers(listed) if raw is None else np.frombuffer(raw, dtype)
        fits = all(size > 0 for size in dims) and _product(dims) == len(values)
        if name in found or not fits or len(dims) > 4 or set(message.fields) & _others(kind, raw):
            raise ModelError(
                f"tensor {name!r}: shape {dims} does not fit its {len(values)} numbers"
            )
        total += values.nbytes
        if total > NUMBERS_BYTES_MAX:
            raise ModelError(f"its tensors have more than {NUMBERS_BYTES_MAX} bytes")
        if not np.isfinite(values).all():
            raise ModelError(f"tensor {name!r}: holds what is no finite number")
        found[name] = values.reshape(dims)
    return found


def _others(kind: int, raw: bytes | None) -> set[str]:
    """Fields that would hold the numbers a second time."""
    mine = "raw_data" if raw is not None else _KINDS[kind][1]
    return {"raw_data", "float_data", "int64_data"} - {mine}


def _product(sizes: list[int]) -> int:
    total = 1
    for size in sizes:
        total *= size  # of Python: it does not overflow
    return total


def _place(message: Message) -> Place:
    name, kind = message.text("name"), message.fields.get("type", Message("type"))
    tensor = kind.fields.get("tensor_type", Message("tensor type"))
    shape = tensor.fields.get("shape", Message("shape"))
    sizes = tuple(item.number("dim_value", -1) for item in shape.many("dim"))
    return name, tensor.number("elem_type"), sizes
