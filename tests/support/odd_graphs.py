"""ONNX files that read other files, never end, or need code that nobody has."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper

LEAK = "leak"
"""Output that shows what was read."""
READ = 64
"""Numbers; of a handful the library wants to know more than where they are."""


def elsewhere(location: str, name: str = "stolen", dims: tuple[int, ...] = (2,)) -> TensorProto:
    """A tensor of float32 whose numbers are in a file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (
        ("location", location),
        ("offset", "0"),
        ("length", str(4 * int(np.prod(dims)))),
    ):
        tensor.external_data.add(key=key, value=value)
    return tensor


def with_file(content: bytes, location: str) -> bytes:
    """A model with an output more: the first ``READ`` numbers of a file.

    The highest feature is compared with each: what is constant would be worked out beforehand.
    """
    model = onnx.load_from_string(content)
    model.graph.initializer.append(elsewhere(location, dims=(READ,)))
    model.graph.node.append(helper.make_node("ReduceMax", ["features"], ["highest"], keepdims=0))
    model.graph.node.append(helper.make_node("Max", ["stolen", "highest"], [LEAK]))
    model.graph.output.append(helper.make_tensor_value_info(LEAK, TensorProto.FLOAT, [READ]))
    return bytes(model.SerializeToString())


def with_node(content: bytes, node: onnx.NodeProto) -> bytes:
    """A model with a node more, whose output it hands out."""
    model = onnx.load_from_string(content)
    model.graph.node.append(node)
    model.graph.output.append(
        helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None)
    )
    if node.domain and all(node.domain != known.domain for known in model.opset_import):
        model.opset_import.append(helper.make_opsetid(node.domain, 1))
    return bytes(model.SerializeToString())


def _loop(tensor: TensorProto) -> onnx.NodeProto:
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Identity", [tensor.name], ["found"]),
        ],
        "body",
        [info("at", TensorProto.INT64, []), info("go", TensorProto.BOOL, [])],
        [info("go_on", TensorProto.BOOL, []), info("found", TensorProto.FLOAT, None)],
        [tensor],
    )
    return helper.make_node("Loop", ["", ""], ["looped"], body=body)


def _plain(name: str) -> TensorProto:
    return helper.make_tensor(name, TensorProto.FLOAT, [2], [1.0, 2.0])


def hidden(content: bytes, location: str) -> dict[str, bytes]:
    """Every other place of a model where a reference to a file, or a loop, may hide."""
    stolen = elsewhere(location)
    constant = helper.make_node("Constant", [], ["constant"], value=stolen)
    several = helper.make_node("Odd", [], ["odd"], tensors=[stolen], domain="ours")
    sparse = onnx.SparseTensorProto(values=stolen, dims=[2])
    sparse_constant = helper.make_node("Constant", [], ["sparse"], sparse_value=sparse)
    found = {
        "attribute": with_node(content, constant),
        "attributes": with_node(content, several),
        "sparse attribute": with_node(content, sparse_constant),
        "loop": with_node(content, _loop(_plain("x"))),
        "initializer of a loop": with_node(content, _loop(stolen)),
    }
    model = onnx.load_from_string(content)
    model.graph.sparse_initializer.append(sparse)
    found["sparse initializer"] = bytes(model.SerializeToString())
    model = onnx.load_from_string(content)
    model.functions.append(
        helper.make_function("ours", "Read", [], ["constant"], [constant], model.opset_import)
    )
    found["function"] = bytes(model.SerializeToString())
    model = onnx.load_from_string(content)
    model.training_info.add().initialization.initializer.append(stolen)
    found["training"] = bytes(model.SerializeToString())
    # protobuf joins what stands twice: half of a reference in each of two graphs
    twice = ModelProto()
    twice.graph.initializer.append(stolen)
    found["second graph"] = content + twice.SerializeToString()
    return found
