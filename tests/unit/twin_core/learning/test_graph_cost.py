"""What a graph may hold is what training writes, and its cost is known before it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.support.models import model_file
from twin_core.errors import ModelError
from twin_core.learning.graph_cost import OPERATORS, check_cost
from twin_core.learning.own_graph import check_own_graph
from twin_core.learning.training.candidates import CLASSIFIERS, REGRESSORS, spread_learner
from twin_core.learning.training.export import converted

pytestmark = pytest.mark.xdist_group("training")  # models are trained once

OF_THE_WHOLE = {("", "Mul"), ("", "Gather"), ("", "Add"), ("", "Max")}
"""Operators that join the learners to one graph (``training.export``)."""


@pytest.mark.peers  # it trains each kind of learner
def test_the_list_is_what_training_writes() -> None:
    """Each learner that competes: no operator or attribute is missing, and none is too many."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 4)).astype(np.float32)
    X[rng.random(X.shape) < 0.1] = np.nan
    y = np.nan_to_num(X[:, 0]) + 0.1 * rng.normal(size=150)
    learners = [make([0, 1, 2]) for make in REGRESSORS.values()]
    learners.append(spread_learner(0, [0, 1]))
    learners = [learner.fit(X, y) for learner in learners]
    learners += [make(0, [0, 1, 2]).fit(X, y > 0) for make in CLASSIFIERS.values()]
    used: dict[tuple[str, str], set[str]] = {operator: set() for operator in OF_THE_WHOLE}
    used["", "Gather"].add("axis")
    for learner in learners:
        for node in converted(learner, 4).graph.node:
            names = {attribute.name for attribute in node.attribute}
            used.setdefault((node.domain, node.op_type), set()).update(names)
    assert set(used) == set(OPERATORS)
    for operator, attributes in used.items():
        assert attributes <= set(OPERATORS[operator][2].split()), operator


def test_a_model_of_ours_costs_little() -> None:
    graph = check_own_graph(model_file())
    ((_, _, shape),) = graph.inputs
    assert 0 < check_cost(graph, shape[1], [name for name, *_ in graph.outputs]) < 5_000


def small(*nodes: onnx.NodeProto, **tensors: Any) -> bytes:
    """A graph of three features and one output ``y``."""
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        list(nodes),
        "small",
        [info("features", TensorProto.FLOAT, [None, 3])],
        [info("y", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return bytes(model.SerializeToString())


PICK = helper.make_node("Gather", ["features", "at"], ["y"], axis=1)
AT = np.array([1])


def node(operator: str, *inputs: str, domain: str = "", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, list(inputs), ["x"], domain=domain, **attributes)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "operator": (lambda: small(node("Sin", "features"), PICK, at=AT), "Sin.: models of this"),
    "its own domain": (
        lambda: small(node("Scaler", "features"), PICK, at=AT), "Scaler.: models of this"
    ),
    "attribute": (
        lambda: small(node("Max", "features", more=1), PICK, at=AT), "'more' is none that training"
    ),
    "inputs": (lambda: small(node("Mul", "features"), PICK, at=AT), "1 inputs and 1 res"),
    "network": (lambda: small(node("Relu", "features"), PICK, at=AT), "Relu.: models of this"),
    "later": (lambda: small(node("Max", "y"), PICK, at=AT), "'y' is not computed before"),
    "twice": (lambda: small(PICK, PICK, at=AT), "no name, or one that is taken"),
    "place": (lambda: small(PICK, at=np.array([3])), "place 3 of 3"),
    "place below": (lambda: small(PICK, at=np.array([-1])), "place -1 of 3"),
    "places of an answer": (
        lambda: small(helper.make_node("Gather", ["features", "features"], ["y"], axis=1)),
        "no constant whole numbers",
    ),
    "axis": (
        lambda: small(helper.make_node("Gather", ["features", "at"], ["y"], axis=7), at=AT), "range"
    ),
    "sizes that do not fit": (
        lambda: small(node("Add", "features", "four"), PICK, at=AT, four=np.ones(4, np.float32)),
        "shape mismatch",
    ),
    "scales": (
        lambda: small(
            node("Scaler", "features", domain="ai.onnx.ml", scale=[1.0, 2.0], offset=[0.0]),
            PICK, at=AT,
        ),
        "not one for each of 3 columns",
    ),
    "coefficients": (
        lambda: small(
            node("LinearRegressor", "features", domain="ai.onnx.ml", coefficients=[1.0] * 4),
            PICK, at=AT,
        ),
        "4 coefficients are not 1 for each",
    ),
    "targets": (
        lambda: small(
            node("LinearRegressor", "features", domain="ai.onnx.ml", coefficients=[1.0] * 4,
                 targets=2_000_000_000),
            PICK, at=AT,
        ),
        "coefficients are not 2000000000",
    ),
    "answer": (lambda: small(helper.make_node("Max", ["features"], ["y"])), "shape of output y"),
    "no answer": (lambda: small(node("Max", "features")), "shape of output y is none"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, words = REFUSED[name]
    graph = check_own_graph(make())
    with pytest.raises(ModelError, match=words):
        check_cost(graph, 3, ["y"])


def test_ends_that_are_not_those_of_the_card() -> None:
    graph = check_own_graph(small(PICK, at=AT))
    assert check_cost(graph, 3, ["y"]) == 1
    with pytest.raises(ModelError, match="the card names 4 features"):
        check_cost(graph, 4, ["y"])
    with pytest.raises(ModelError, match="its outputs differ in 'z'"):
        check_cost(graph, 3, ["y", "z"])
