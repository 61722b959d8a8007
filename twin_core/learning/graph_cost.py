"""Bound on what a graph costs, counted before a library opens it: operators, shapes, trees.

Shapes follow from the one row of features that the agent asks for, so the cost of an answer is
known without an answer: no operator that is allowed costs more for other numbers. What an operator
may be is what training writes, attribute by attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from twin_core.errors import ModelError
from twin_core.learning.card import INPUT
from twin_core.learning.own_graph import FLOAT, Graph, Node
from twin_core.learning.tree_cost import check_trees

ML = "ai.onnx.ml"
NUMBERS_MAX = 100_000
"""Of one result for one shot; training writes no more than a number for each feature."""
COST_MAX = 500_000
"""Numbers made, products and splits of trees, for one shot. Ours cost 1,000 to 10,000."""
INPUTS_MAX = 8
Shape = tuple[int, ...]
_TREES = (
    "base_values n_targets nodes_falsenodeids nodes_featureids nodes_hitrates "
    "nodes_missing_value_tracks_true nodes_modes nodes_nodeids nodes_treeids nodes_truenodeids "
    "nodes_values post_transform"
)
OPERATORS: dict[tuple[str, str], tuple[int, int, str]] = {
    ("", "Add"): (2, 1, ""),
    ("", "Gather"): (2, 1, "axis"),
    ("", "Max"): (INPUTS_MAX, 1, ""),
    ("", "Mul"): (2, 1, ""),
    (ML, "ArrayFeatureExtractor"): (2, 1, ""),
    (ML, "Imputer"): (1, 1, "imputed_value_floats replaced_value_float"),
    (ML, "LinearClassifier"): (
        *(1, 2),
        "classlabels_ints coefficients intercepts multi_class post_transform",
    ),
    (ML, "LinearRegressor"): (1, 1, "coefficients intercepts post_transform targets"),
    (ML, "Scaler"): (1, 1, "offset scale"),
    (ML, "TreeEnsembleClassifier"): (
        *(1, 2),
        f"{_TREES} class_ids class_nodeids class_treeids class_weights classlabels_int64s",
    ),
    (ML, "TreeEnsembleRegressor"): (
        *(1, 1),
        f"{_TREES} target_ids target_nodeids target_treeids target_weights",
    ),
}
"""Inputs and outputs at most, and attributes, by domain and operator. Whoever trains with a new
kind of learner adds its operators here, and below what they cost."""


def check_cost(graph: Graph, features_count: int, outputs: Sequence[str]) -> int:
    """Refuse a graph that has other operators, other inputs or outputs, or costs too much.

    Args:
        graph: as it was read.
        features_count: how many features its card names.
        outputs: names of the outputs that its card promises.

    Returns:
        Its cost for one shot, as ``COST_MAX`` counts.

    Raises:
        ModelError: and which part of it.
    """
    _check_ends(graph, features_count, outputs)
    walk = _Walk(graph, features_count)
    for node in graph.nodes:
        walk.take(node)
    for name in outputs:
        if walk.shapes.get(name) not in {(1, 1), (1,)}:
            found = walk.shapes.get(name, "none")
            raise ModelError(f"the graph does not fit its card: shape of output {name} is {found}")
    return walk.cost


def _check_ends(graph: Graph, features_count: int, outputs: Sequence[str]) -> None:
    if len(graph.inputs) != 1 or graph.inputs[0][:2] != (INPUT, FLOAT):
        listed = ", ".join(name for name, *_ in graph.inputs)[:200]
        raise ModelError(f"the graph does not fit its card: its input is {listed}, not {INPUT}")
    shape = graph.inputs[0][2]
    if len(shape) != 2 or shape[0] > 0 or shape[1] != features_count:
        raise ModelError(
            f"the graph does not fit its card: it takes {list(shape)} numbers, "
            f"the card names {features_count} features"
        )
    names = [name for name, *_ in graph.outputs]
    if sorted(names) != sorted(outputs):
        other = min(set(names) ^ set(outputs), default="one twice")
        raise ModelError(f"the graph does not fit its card: its outputs differ in {other[:100]!r}")


class _Walk:
    """Shapes of all results for one shot, operator by operator."""

    def __init__(self, graph: Graph, features_count: int) -> None:
        self.numbers = graph.numbers
        self.shapes: dict[str, Shape] = {n: v.shape for n, v in graph.numbers.items()}
        if INPUT in self.shapes:
            raise ModelError(f"{INPUT} is a tensor and the input: nothing may stand twice")
        self.shapes[INPUT] = (1, features_count)
        self.cost = 0

    def take(self, node: Node) -> None:
        """One operator more."""
        _check_operator(node)
        shapes = []
        for name in node.inputs:
            if name not in self.shapes:
                raise ModelError(f"{node.label}: {name[:100]!r} is not computed before it is read")
            shapes.append(self.shapes[name])
        if any(name in self.shapes for name in node.outputs) or "" in node.outputs:
            raise ModelError(f"{node.label}: its result has no name, or one that is taken")
        try:
            found = _SHAPES[node.operator](self, node, shapes)
        except (ValueError, IndexError, TypeError) as error:
            words = str(error) or "its inputs do not fit"
            raise ModelError(f"{node.label}: {words} (inputs {list(map(list, shapes))})") from None
        for name, shape in zip(node.outputs, found, strict=False):
            self._count(node, _product(shape), NUMBERS_MAX)
            self.shapes[name] = shape
        if len(node.outputs) > len(found):
            raise ModelError(f"{node.label}: it has {len(node.outputs)} results, not {len(found)}")

    def _count(self, node: Node, cost: int, limit: int) -> None:
        if cost > limit:
            raise ModelError(f"{node.label}: {cost} numbers for one shot, more than {limit}")
        self.cost += cost
        if self.cost > COST_MAX:
            raise ModelError(f"{node.label}: with it an answer costs more than {COST_MAX} steps")

    def broadcast(self, node: Node, shapes: list[Shape]) -> list[Shape]:
        """Add, Max, Mul: shapes that fit each other."""
        found = np.broadcast_shapes(*shapes)
        self._count(node, _product(found) * len(shapes), NUMBERS_MAX)
        return [found]

    def gather(self, node: Node, shapes: list[Shape]) -> list[Shape]:
        """Numbers picked out by constant places."""
        axis, (data, places) = node.number("axis"), shapes
        self._check_places(node, data[axis])
        axis %= len(data)
        return [(*data[:axis], *places, *data[axis + 1 :])]

    def pick(self, node: Node, shapes: list[Shape]) -> list[Shape]:
        """Columns picked out by constant places."""
        data, places = shapes
        self._check_places(node, data[-1])
        return [(*(data[:-1] or (1,)), _product(places))]

    def _check_places(self, node: Node, size: int) -> None:
        places = self.numbers.get(node.inputs[1])
        if places is None or places.dtype != np.int64:
            raise ValueError("its places are no constant whole numbers")
        if places.min() < 0 or places.max() >= size:
            raise ValueError(f"place {int(places.max())} of {size}")

    def per_column(self, node: Node, shapes: list[Shape]) -> list[Shape]:
        """Imputer, Scaler: a number for each column, or one for all."""
        names = OPERATORS[node.operator][2].split()
        lists = [node.list(name) for name in names if name != "replaced_value_float"]
        (row,) = shapes
        if any(len(numbers) not in {1, row[-1]} for numbers in lists) or len(row) != 2:
            raise ValueError(f"its numbers are not one for each of {row[-1]} columns")
        return [row]

    def linear(self, node: Node, shapes: list[Shape]) -> list[Shape]:
        """LinearRegressor, LinearClassifier: coefficients times features."""
        ((rows, columns),) = shapes
        classes = len(node.list("classlabels_ints"))
        count = classes if node.operator[1] == "LinearClassifier" else node.number("targets", 1)
        coefficients, intercepts = node.list("coefficients"), node.list("intercepts")
        if not 0 < count <= INPUTS_MAX or len(coefficients) != count * columns:
            raise ValueError(f"{len(coefficients)} coefficients are not {count} for each column")
        if len(intercepts) not in {0, count}:
            raise ValueError(f"{len(intercepts)} intercepts are not {count}")
        self._count(node, rows * len(coefficients), COST_MAX)
        return [(rows,), (rows, count)] if classes else [(rows, count)]

    def trees(self, node: Node, shapes: list[Shape]) -> list[Shape]:
        """TreeEnsembleRegressor, TreeEnsembleClassifier: one target, or two classes."""
        ((rows, columns),) = shapes
        classes = node.operator[1] == "TreeEnsembleClassifier"
        self._count(node, rows * check_trees(node, columns, classes=classes), COST_MAX)
        return [(rows,), (rows, 2)] if classes else [(rows, 1)]


_SHAPES: dict[tuple[str, str], Callable[[_Walk, Node, list[Shape]], list[Shape]]] = {
    ("", "Add"): _Walk.broadcast,
    ("", "Gather"): _Walk.gather,
    ("", "Max"): _Walk.broadcast,
    ("", "Mul"): _Walk.broadcast,
    (ML, "ArrayFeatureExtractor"): _Walk.pick,
    (ML, "Imputer"): _Walk.per_column,
    (ML, "LinearClassifier"): _Walk.linear,
    (ML, "LinearRegressor"): _Walk.linear,
    (ML, "Scaler"): _Walk.per_column,
    (ML, "TreeEnsembleClassifier"): _Walk.trees,
    (ML, "TreeEnsembleRegressor"): _Walk.trees,
}


def _check_operator(node: Node) -> None:
    if node.operator not in OPERATORS:
        listed = ", ".join(name for _, name in OPERATORS)
        raise ModelError(f"{node.label}: models of this product have none such, only {listed}")
    inputs_max, outputs_max, attributes = OPERATORS[node.operator]
    fewest = 1 if inputs_max == INPUTS_MAX else inputs_max
    if not fewest <= len(node.inputs) <= inputs_max or not 0 < len(node.outputs) <= outputs_max:
        counts = f"{len(node.inputs)} inputs and {len(node.outputs)} results"
        raise ModelError(f"{node.label}: {counts}, not {inputs_max} and {outputs_max}")
    for name, message in node.attributes.items():
        if name not in attributes.split():
            raise ModelError(f"{node.label}: attribute {name[:100]!r} is none that training writes")
        numbers = np.atleast_1d(message.fields.get("f", node.list(name)))
        odd = {"replaced_value_float": ~np.isfinite(numbers), "nodes_values": np.isinf(numbers)}
        if not (np.isfinite(numbers) | odd.get(name, np.zeros(1, bool))).all():
            raise ModelError(f"{node.label}: attribute {name!r} holds what is no finite number")


def _product(sizes: Sequence[int]) -> int:
    total = 1
    for size in sizes:
        total *= int(size)  # of Python: it does not overflow
    return total
