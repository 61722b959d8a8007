"""Fitted learners as one ONNX graph: one input, an output for each answer, the card in it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx.compose import add_prefix
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from twin_core.errors import ModelError
from twin_core.learning.card import CARD_KEY, INPUT, Card
from twin_core.learning.own_graph import IR_VERSION, OPSETS
from twin_core.learning.training.regression import Regression
from twin_core.learning.training.risk import RiskModel

PARITY = 1e-5
"""Largest difference between a file and the learners it was made from (float32 against float64)."""


def converted(learner: Any, features_count: int) -> onnx.ModelProto:
    """One learner as a graph of its own."""
    with warnings.catch_warnings():
        # skl2onnx gives booleans as integers, which protobuf 7 will refuse
        warnings.filterwarnings("ignore", "Field onnx.AttributeProto.ints", DeprecationWarning)
        found: onnx.ModelProto = to_onnx(
            learner,
            initial_types=[(INPUT, FloatTensorType([None, features_count]))],
            target_opset=OPSETS,
            options={"zipmap": False} if hasattr(learner, "predict_proba") else None,
        )
    return found


def graph(
    regressions: Sequence[Regression], risks: Sequence[RiskModel], features_count: int
) -> onnx.ModelProto:
    """One graph of all learners: outputs ``NAME``, ``NAME.spread`` and ``risk.NAME``."""
    nodes: list[Any] = []
    numbers: list[Any] = []
    outputs: list[str] = []

    def add(name: str, learner: Any) -> str:
        part = add_prefix(converted(learner, features_count), f"{name}/")
        for node in part.graph.node:
            for i, source in enumerate(node.input):
                if source == f"{name}/{INPUT}":
                    node.input[i] = INPUT
        nodes.extend(part.graph.node)
        numbers.extend(part.graph.initializer)
        return str(part.graph.output[-1].name)

    def number(name: str, values: Any, kind: int) -> str:
        numbers.append(helper.make_tensor(name, kind, [1], [values]))
        return name

    for item in regressions:
        column = number(f"{item.name}.column", item.model.level, TensorProto.INT64)
        news, level = f"{item.name}.news", f"{item.name}.level"
        if item.model.learner is None:
            nodes.append(helper.make_node("Gather", [INPUT, column], [item.name], axis=1))
        else:
            found = add(f"{item.name}.residual", item.model.learner)
            scale = number(f"{item.name}.scale", item.model.scale, TensorProto.FLOAT)
            nodes.append(helper.make_node("Mul", [found, scale], [news]))
            nodes.append(helper.make_node("Gather", [INPUT, column], [level], axis=1))
            nodes.append(helper.make_node("Add", [news, level], [item.name]))
        found = add(f"{item.name}.size", item.spread.learner)
        floor = number(f"{item.name}.floor", item.spread.floor, TensorProto.FLOAT)
        nodes.append(helper.make_node("Max", [found, floor], [f"{item.name}.spread"]))
        outputs += [item.name, f"{item.name}.spread"]
    for risk in risks:
        found = add(f"{risk.name}.probabilities", risk.model)
        column = number(f"{risk.name}.column", 1, TensorProto.INT64)
        output = f"risk.{risk.name}"
        nodes.append(helper.make_node("Gather", [found, column], [output], axis=1))
        outputs.append(output)
    whole = helper.make_graph(
        nodes,
        "pur-mold-twin",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, features_count])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in outputs],
        numbers,
    )
    model = helper.make_model(
        whole,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in OPSETS.items()],
        producer_name="pur-mold-twin",
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(model)
    return model


def with_card(model: onnx.ModelProto, card: Card) -> bytes:
    """The file: the graph and its card."""
    del model.metadata_props[:]
    helper.set_model_props(model, {CARD_KEY: card.model_dump_json()})
    return bytes(model.SerializeToString(deterministic=True))


def run(model: onnx.ModelProto, X: NDArray[np.float32]) -> Mapping[str, NDArray[np.float64]]:
    """All outputs of a graph, (shots,) each."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    values = session.run(names, {INPUT: X})
    return {name: v.reshape(len(X)).astype(float) for name, v in zip(names, values, strict=True)}


def difference(
    model: onnx.ModelProto,
    regressions: Sequence[Regression],
    risks: Sequence[RiskModel],
    X: NDArray[np.float32],
) -> float:
    """Largest difference between the graph and the learners it was made from.

    Differences of a residual count against the largest one, or 1 where that is smaller.
    """
    said = run(model, X)
    found = [0.0]
    for item in regressions:
        for name, wanted in (
            (item.name, item.model.predict(X)),
            (f"{item.name}.spread", item.spread.predict(X)),
        ):
            found.append(np.abs(said[name] - wanted).max() / max(1.0, np.abs(wanted).max()))
    for risk in risks:
        found.append(np.abs(said[f"risk.{risk.name}"] - risk.model.predict_proba(X)[:, 1]).max())
    return float(max(found))


def check_parity(
    model: onnx.ModelProto,
    regressions: Sequence[Regression],
    risks: Sequence[RiskModel],
    X: NDArray[np.float32],
) -> float:
    """Check the graph against the learners, as ``difference`` measures it.

    Raises:
        ModelError: it is more than ``PARITY``.
    """
    found = difference(model, regressions, risks, X)
    if not found <= PARITY:
        raise ModelError(f"the ONNX graph differs from its learners by {found:.2g}: not written")
    return found
