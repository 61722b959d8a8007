"""Numbers are read as the library reads them, packed or not; what stands twice is refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from twin_core.errors import ModelError
from twin_core.learning.onnx_wire import Message, read_model

INTS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50)
FLOATS = st.lists(st.floats(width=32, allow_nan=False), max_size=50)


def written(ints: list[int], floats: list[float]) -> bytes:
    attributes = [
        onnx.AttributeProto(name="ints", ints=ints, type=7),
        onnx.AttributeProto(name="floats", floats=floats, type=6),
    ]
    node = onnx.NodeProto(op_type="Any", attribute=attributes)
    tensor = onnx.TensorProto(float_data=floats, int64_data=ints)  # these are packed
    graph = onnx.GraphProto(node=[node], initializer=[tensor])
    return bytes(onnx.ModelProto(ir_version=10, graph=graph).SerializeToString())


@given(INTS, FLOATS)
def test_numbers(ints: list[int], floats: list[float]) -> None:
    graph: Message = read_model(written(ints, floats)).fields["graph"]
    (node,), (tensor,) = graph.many("node"), graph.many("initializer")
    first, second = node.many("attribute")
    single = np.array(floats, np.float32).tolist()
    assert first.numbers("ints").tolist() == tensor.numbers("int64_data").tolist() == ints
    assert second.numbers("floats").tolist() == tensor.numbers("float_data").tolist() == single


@pytest.mark.parametrize("part", ["\x08\x0a", "\x3a\x00"])
def test_what_stands_twice(part: str) -> None:
    with pytest.raises(ModelError, match="twice"):
        read_model(part.encode() * 2)


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    """Read, or refused; and what follows a good model is not overlooked."""
    good = helper.make_model(helper.make_graph([], "g", [], [])).SerializeToString()
    for text in (content, good + content):
        try:
            read_model(text)
        except ModelError:
            pass
        else:
            onnx.load_from_string(text)
