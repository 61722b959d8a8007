"""Check that what a graph calls trees are trees, and how many splits an answer of them takes.

A library walks from node to node as a file says: to a node that is not there, in a ring, or down a
chain that is longer than its stack.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin_core.errors import ModelError
from twin_core.learning.own_graph import Node

NODES_MAX = 200_000
"""Of all trees of an operator; 150 trees of 15 leaves have 4,350."""
DEPTH_MAX = 64
_LISTS = ("treeids", "nodeids", "featureids", "truenodeids", "falsenodeids", "values")
_MAY_MISS = ("hitrates", "missing_value_tracks_true")
_SPAN = 1 << 32
_TRANSFORMS = {"", "NONE", "LOGISTIC", "SOFTMAX"}


def check_trees(node: Node, features_count: int, *, classes: bool) -> int:
    """Refuse what is no set of trees over so many features.

    Returns:
        Splits on the longest ways through all trees.

    Raises:
        ModelError: and what of it.
    """
    lists = {name: node.list(f"nodes_{name}") for name in (*_LISTS, *_MAY_MISS)}
    modes = node.attributes.get("nodes_modes")
    is_split = np.array([mode == b"BRANCH_LEQ" for mode in modes.many("strings")] if modes else [])
    is_leaf = np.array([mode == b"LEAF" for mode in modes.many("strings")] if modes else [])
    count = len(is_split)
    if not 0 < count <= NODES_MAX:
        raise ModelError(f"{node.label}: {count} nodes of trees: 1 to {NODES_MAX}")
    if not (is_split | is_leaf).all():
        raise ModelError(f"{node.label}: nodes_modes: neither BRANCH_LEQ nor LEAF")
    for name, numbers in lists.items():
        if len(numbers) != count and not (name in _MAY_MISS and not len(numbers)):
            raise ModelError(f"{node.label}: nodes_{name}: {len(numbers)} of {count} nodes")
    features = lists["featureids"][is_split]
    if len(features) and not (features.min() >= 0 and features.max() < features_count):
        raise ModelError(f"{node.label}: nodes_featureids: not 0 to {features_count - 1}")
    keys = _keys(node, lists["treeids"], lists["nodeids"])
    depth = _depth(node, lists, keys, is_split)
    _check_leaves(node, keys[is_leaf], classes=classes)
    return depth


def _keys(node: Node, trees: NDArray[Any], nodes: NDArray[Any]) -> NDArray[np.int64]:
    """One number for each node of each tree."""
    both = np.concatenate([trees, nodes])
    if len(both) and not (both.min() >= 0 and both.max() < 2 * NODES_MAX):
        raise ModelError(f"{node.label}: ids of trees and nodes are not 0 to {2 * NODES_MAX}")
    return np.asarray(trees.astype(np.int64) * _SPAN + nodes, np.int64)


def _depth(
    node: Node, lists: dict[str, NDArray[Any]], keys: NDArray[np.int64], is_split: NDArray[Any]
) -> int:
    """Sum of the depths of all trees."""
    order = np.argsort(keys, kind="stable")
    known = keys[order]
    if (known[1:] == known[:-1]).any():
        raise ModelError(f"{node.label}: nodes_nodeids: a node stands twice")
    trees, own = lists["treeids"][is_split], lists["nodeids"][is_split]
    children = []
    for name in ("truenodeids", "falsenodeids"):
        below = lists[name][is_split]
        if (below <= own).any():
            raise ModelError(f"{node.label}: nodes_{name}: a way leads back, or in a ring")
        found = _keys(node, trees, below)
        places = np.minimum(np.searchsorted(known, found), len(known) - 1)
        if (known[places] != found).any():
            raise ModelError(f"{node.label}: nodes_{name}: a way leads to no node")
        children.append(order[places])
    both = np.concatenate(children) if len(own) else np.zeros(0, np.int64)
    parents = np.bincount(both, minlength=len(keys))
    trees_count = len(np.unique(lists["treeids"]))
    is_root = parents == 0
    if parents.max() > 1 or is_root.sum() != trees_count:
        raise ModelError(f"{node.label}: nodes_truenodeids: two ways lead to one node, or none")
    below_of = np.full((len(keys), 2), -1)
    below_of[is_split] = np.stack(children, axis=1) if len(own) else below_of[is_split]
    level, total = np.flatnonzero(is_root), 0
    for _ in range(DEPTH_MAX + 1):
        level = below_of[level[is_split[level]]].ravel()
        if not len(level):
            return total + trees_count
        total += len(np.unique(lists["treeids"][level]))
    raise ModelError(f"{node.label}: a tree is deeper than {DEPTH_MAX} splits")


def _check_leaves(node: Node, leaves: NDArray[np.int64], *, classes: bool) -> None:
    kind = "class" if classes else "target"
    parts = ("ids", "nodeids", "treeids", "weights")
    ids, nodes, trees, weights = (node.list(f"{kind}_{part}") for part in parts)
    if len({len(ids), len(nodes), len(trees), len(weights)}) != 1:
        raise ModelError(f"{node.label}: {kind}_ids: as many as {kind}_weights")
    if not classes and node.number("n_targets", 1) != 1:
        raise ModelError(f"{node.label}: n_targets: {node.number('n_targets')}, not 1")
    if classes and node.list("classlabels_int64s").tolist() != [0, 1]:
        raise ModelError(f"{node.label}: classlabels_int64s: not 0 and 1")
    if len(node.list("base_values")) > 1 + classes:
        raise ModelError(f"{node.label}: base_values: more than one")
    if len(ids) and not (ids.min() >= 0 and ids.max() <= (1 if classes else 0)):
        raise ModelError(f"{node.label}: {kind}_ids: {int(ids.max())} is none of its {kind}s")
    transform = node.attributes.get("post_transform")
    if transform is not None and transform.text("s") not in _TRANSFORMS:
        raise ModelError(f"{node.label}: post_transform: none of {sorted(_TRANSFORMS)}")
    if not np.isin(_keys(node, trees, nodes), leaves).all():
        raise ModelError(f"{node.label}: {kind}_nodeids: a weight belongs to no leaf")
