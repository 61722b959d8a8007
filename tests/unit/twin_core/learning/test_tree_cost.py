"""What is called trees must be trees."""

from __future__ import annotations

from typing import Any

import onnx
import pytest
from onnx import helper

from twin_core.errors import ModelError
from twin_core.learning.onnx_wire import Message, read_model
from twin_core.learning.own_graph import Node
from twin_core.learning.tree_cost import check_trees

STUMP: dict[str, Any] = {
    "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [1, 0, 0],
    "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0],
    "nodes_values": [0.5, 0.0, 0.0], "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "target_ids": [0, 0], "target_nodeids": [1, 2], "target_treeids": [0, 0],
    "target_weights": [1.0, 2.0], "n_targets": 1,
}  # fmt: skip
"""One split."""


def trees(**changes: Any) -> Node:
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], **(STUMP | changes))
    graph = helper.make_graph([node], "g", [], [])
    model = onnx.ModelProto(graph=graph)
    (found,) = read_model(model.SerializeToString()).fields["graph"].many("node")
    attributes: dict[str, Message] = {item.text("name"): item for item in found.many("attribute")}
    return Node("trees", ("ai.onnx.ml", "TreeEnsembleRegressor"), ["x"], ["y"], attributes)


def test_a_stump() -> None:
    assert check_trees(trees(), 2, classes=False) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nodes_modes": ["BRANCH_LEQ", "LEAF", "BRANCH_MEMBER"]}, "neither BRANCH_LEQ nor LEAF"),
        ({"nodes_modes": ["LEAF"] * 2}, "nodes_treeids: 3 of 2 nodes"),
        ({"nodes_featureids": [2, 0, 0]}, "nodes_featureids: not 0 to 1"),
        ({"nodes_featureids": [-1, 0, 0]}, "nodes_featureids: not 0 to 1"),
        ({"nodes_nodeids": [0, 1, 1]}, "a node stands twice"),
        ({"nodes_truenodeids": [0, 0, 0]}, "leads back, or in a ring"),
        ({"nodes_truenodeids": [7, 0, 0]}, "leads to no node"),
        ({"nodes_truenodeids": [2, 0, 0]}, "two ways lead to one node, or none"),
        ({"nodes_treeids": [0, 0, 1]}, "leads to no node"),
        ({"nodes_nodeids": [0, 1, 1 << 40]}, "ids of trees and nodes are not 0 to"),
        ({"target_nodeids": [1, 0]}, "a weight belongs to no leaf"),
        ({"target_ids": [0, 1]}, "target_ids: 1 is none of its targets"),
        ({"target_weights": [1.0]}, "target_ids: as many as"),
        ({"n_targets": 2}, "n_targets: 2, not 1"),
        ({"post_transform": "PROBIT"}, "post_transform: none of"),
        ({"base_values": [1.0, 1.0]}, "base_values: more than one"),
    ],
)
def test_what_is_none(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        check_trees(trees(**changes), 2, classes=False)
