"""What somebody who may write into the model directory could do to an agent, and what it says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

from edge_agent.inference.manifest import MANIFEST, MODEL, STATE
from edge_agent.inference.registry import ModelRegistry
from tests.support.models import NOW, model_file
from tests.support.odd_graphs import with_node
from twin_core.learning.card import CARD_KEY

TARGET = "p_max"


@dataclass(frozen=True)
class Attack:
    """On version 1 of ``pour``, which is promoted."""

    make: Callable[[ModelRegistry], object]
    words: str
    """The reason that is given."""


def folder_of(registry: ModelRegistry) -> Path:
    """Folder of the version that is attacked."""
    return registry.folder / "pour" / "1"


def put(registry: ModelRegistry, content: bytes) -> None:
    """Another file, and its hash: as if it had been trained."""
    folder = folder_of(registry)
    (folder / MODEL).write_bytes(content)
    told(registry, sha256=sha256(content).hexdigest(), bytes_count=max(len(content), 1))


def told(registry: ModelRegistry, **fields: Any) -> None:
    """Other fields in the manifest."""
    path = folder_of(registry) / MANIFEST
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | fields))


def edited(change: Callable[[onnx.ModelProto], object]) -> bytes:
    """The model, changed."""
    model = onnx.load_from_string(model_file())
    change(model)
    return bytes(model.SerializeToString())


def carded(old: str, new: str) -> bytes:
    """The model with another text in its card, once."""

    def change(model: onnx.ModelProto) -> None:
        (item,) = (item for item in model.metadata_props if item.key == CARD_KEY)
        assert old in item.value
        item.value = item.value.replace(old, new, 1)

    return edited(change)


def endless_loop() -> bytes:
    """Three million turns: accepted once, and 3.6 s in the event loop."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Sin", ["x"], ["y"])],
        "body",
        [
            info("at", TensorProto.INT64, []),
            info("go", TensorProto.BOOL, []),
            info("x", TensorProto.FLOAT, [1]),
        ],
        [info("on", TensorProto.BOOL, []), info("y", TensorProto.FLOAT, [1])],
    )
    turns = numpy_helper.from_array(np.array(3_000_000), "turns")
    start = numpy_helper.from_array(np.ones(1, np.float32), "start")
    node = helper.make_node("Loop", ["turns", "", "start"], ["looped"], body=body)
    model = onnx.load_from_string(with_node(model_file(), node))
    model.graph.initializer.extend([turns, start])
    return bytes(model.SerializeToString())


def _grow(model: onnx.ModelProto) -> None:
    """A product of a row and a column: 10 billion numbers of 40 kB, worked out at the loading."""
    for name, shape in (("row", (1, 100_000)), ("column", (100_000, 1))):
        values = np.ones(shape, np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    model.graph.node.insert(0, helper.make_node("Mul", ["row", "column"], ["large"]))


def _many(model: onnx.ModelProto) -> None:
    """Work that is allowed, thousands of times."""
    last = "features"
    for number in range(1000):
        model.graph.node.insert(number, helper.make_node("Max", [last], [f"more{number}"]))
        last = f"more{number}"


def _multiply(model: onnx.ModelProto) -> None:
    """A product of matrices, which is nothing that training writes."""
    values = np.ones((900, 900), np.float32)
    model.graph.initializer.append(numpy_helper.from_array(values, "square"))
    model.graph.node.insert(0, helper.make_node("MatMul", ["square", "square"], ["product"]))


def _add_up(model: onnx.ModelProto) -> None:
    """Rows that are allowed, and together too many numbers."""
    values = np.ones((1, 50_000), np.float32)
    model.graph.initializer.append(numpy_helper.from_array(values, "row"))
    for number in range(10):
        model.graph.node.insert(0, helper.make_node("Max", ["row"], [f"row{number}"]))


def trees(change: Callable[[dict[str, onnx.AttributeProto]], object]) -> bytes:
    """The model with changed trees."""

    def change_model(model: onnx.ModelProto) -> None:
        node = next(n for n in model.graph.node if n.op_type == "TreeEnsembleRegressor")
        change({attribute.name: attribute for attribute in node.attribute})

    return edited(change_model)


def _ring(found: dict[str, onnx.AttributeProto]) -> None:
    at = list(found["nodes_modes"].strings).index(b"BRANCH_LEQ")
    found["nodes_truenodeids"].ints[at] = found["nodes_nodeids"].ints[at]


def _nowhere(found: dict[str, onnx.AttributeProto]) -> None:
    at = list(found["nodes_modes"].strings).index(b"BRANCH_LEQ")
    found["nodes_truenodeids"].ints[at] = 100_000


def _chain(found: dict[str, onnx.AttributeProto]) -> None:
    """One tree, 50,000 splits deep: a recursion over it overflows the stack."""
    count = 50_000
    ids = np.arange(2 * count + 1)
    splits = np.arange(count) * 2
    below_true, below_false = np.zeros(2 * count + 1, int), np.zeros(2 * count + 1, int)
    below_true[splits], below_false[splits] = splits + 1, splits + 2
    modes = [b"BRANCH_LEQ" if i % 2 == 0 and i < 2 * count else b"LEAF" for i in ids]
    for name, values in {
        "nodes_nodeids": ids, "nodes_treeids": ids * 0, "nodes_featureids": ids * 0,
        "nodes_truenodeids": below_true, "nodes_falsenodeids": below_false,
        "nodes_missing_value_tracks_true": ids * 0, "target_nodeids": [1], "target_ids": [0],
        "target_treeids": [0],
    }.items():  # fmt: skip
        del found[name].ints[:]
        found[name].ints.extend(int(value) for value in values)
    for name in ("nodes_values", "nodes_hitrates"):
        del found[name].floats[:]
        found[name].floats.extend([1.0] * len(ids))
    del found["nodes_modes"].strings[:]
    found["nodes_modes"].strings.extend(modes)
    del found["target_weights"].floats[:]
    found["target_weights"].floats.append(1.0)


def _beyond(found: dict[str, onnx.AttributeProto]) -> None:
    at = list(found["nodes_modes"].strings).index(b"BRANCH_LEQ")
    found["nodes_featureids"].ints[at] = 1_000_000


def _targets(found: dict[str, onnx.AttributeProto]) -> None:
    found["n_targets"].i = 2_000_000_000


def _nan(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if n.op_type == "LinearRegressor")
    (found,) = (a for a in node.attribute if a.name == "coefficients")
    found.floats[0] = float("nan")


def _wrong_shape(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.dims[:] = [1 << 40, 1 << 40]


def nested(depth: int = 100_000) -> bytes:
    """Graphs in attributes of nodes of graphs, as deep as the file allows."""
    content = b""
    for _ in range(min(depth, 5_000)):
        for tag in (b"\x32", b"\x2a", b"\x0a"):  # attribute.g, node.attribute, graph.node
            content = tag + _length(len(content)) + content
    return model_file() + b"\x3a" + _length(len(content)) + content


def _length(value: int) -> bytes:
    found = b""
    while value > 0x7F:
        found, value = found + bytes([value & 0x7F | 0x80]), value >> 7
    return found + bytes([value])


def link(registry: ModelRegistry, name: str = MODEL, to: str | None = None) -> None:
    """A symbolic link in place of a file, to the same content elsewhere."""
    path = folder_of(registry) / name
    outside = registry.folder.parent / f"outside-{name}"
    shutil.copy(path, outside)
    path.unlink()
    path.symlink_to(to or outside)


def link_folder(registry: ModelRegistry) -> None:
    """The whole version is elsewhere."""
    outside = registry.folder.parent / "outside" / "1"
    outside.parent.mkdir()
    folder_of(registry).rename(outside)
    folder_of(registry).symlink_to(outside)


def hard_link(registry: ModelRegistry) -> None:
    """A second name outside, through which somebody else may write."""
    os.link(folder_of(registry) / MODEL, registry.folder.parent / "mine.onnx")


def huge(registry: ModelRegistry) -> None:
    """A file of 100 GB that takes no place on the disk."""
    with (folder_of(registry) / MODEL).open("wb") as file:
        file.truncate(100_000_000_000)


def large_manifest(registry: ModelRegistry) -> None:
    """A manifest of 100 MB."""
    with (folder_of(registry) / MANIFEST).open("ab") as file:
        file.truncate(100_000_000)


def swapped(registry: ModelRegistry) -> None:
    """Another good model under the same name, of the same size and age."""
    path = folder_of(registry) / MODEL
    before = path.stat()
    other = bytearray(path.read_bytes())
    other[-5] ^= 1
    path.write_bytes(bytes(other))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def directory(registry: ModelRegistry) -> None:
    """A folder in place of the file."""
    path = folder_of(registry) / MODEL
    path.unlink()
    path.mkdir()


def fifo(registry: ModelRegistry, name: str = MODEL) -> None:
    """A FIFO in place of a file: to open it waits for ever."""
    path = folder_of(registry) / name
    path.unlink()
    os.mkfifo(path)


def state(registry: ModelRegistry, text: str) -> None:
    """Another state."""
    (registry.folder / "pour" / STATE).write_text(text)


def copied(registry: ModelRegistry) -> None:
    """``cp -r pour backup``, and the original is gone."""
    (registry.folder / "pour").rename(registry.folder / "backup")


def newer(registry: ModelRegistry) -> None:
    """``cp -r 1 2``: a version that nobody trained, promoted."""
    shutil.copytree(folder_of(registry), registry.folder / "pour" / "2")
    state(registry, "promoted: 2")


def _with(content: Callable[[], bytes]) -> Callable[[ModelRegistry], object]:
    return lambda registry: put(registry, content())


ATTACKS: dict[str, Attack] = {
    "a copy of a version": Attack(newer, "manifest.yaml: version: is 1, but it lies in pour/2"),
    "a copy of a model": Attack(copied, "manifest.yaml: name: is pour, but it lies in backup/1"),
    "a FIFO": Attack(fifo, "is a FIFO or a pipe"),
    "a FIFO as manifest": Attack(lambda r: fifo(r, MANIFEST), "manifest.yaml: is a FIFO"),
    "a loop of 3 million": Attack(_with(endless_loop), "it holds a graph within its graph"),
    "a link out": Attack(link, "is a link to"),
    "a manifest elsewhere": Attack(lambda r: link(r, MANIFEST), "manifest.yaml: is a link to"),
    "a link to a device": Attack(lambda r: link(r, MODEL, "/dev/zero"), "is a device"),
    "a link in a ring": Attack(lambda r: link(r, MODEL, MODEL), "cannot be read"),
    "a version elsewhere": Attack(link_folder, "is a link to"),
    "a second name": Attack(hard_link, "has 2 names (hard links)"),
    "a huge file": Attack(huge, "100000000000 bytes, more than 16000000"),
    "a manifest of 100 MB": Attack(large_manifest, "manifest.yaml: 100000000 bytes, more than"),
    "a manifest of brackets": Attack(
        lambda r: (folder_of(r) / MANIFEST).write_text("a: " + 90_000 * "["), "nested deeper"
    ),
    "a state of 10 MB": Attack(lambda r: state(r, 10_000_000 * "#"), "state.yaml: 10000000 bytes"),
    "a version beyond all": Attack(
        lambda r: state(r, "promoted: 99999999999999999999"), "state.yaml: promoted"
    ),
    "another file, same size and age": Attack(swapped, "its hash differs"),
    "a folder": Attack(directory, "is a folder, not a regular file"),
    "a path as name": Attack(lambda r: told(r, name="../pour"), "manifest.yaml: name"),
    "a letter of another script": Attack(lambda r: told(r, name="роur"), "manifest.yaml: name"),
    "NaN as width": Attack(_with(lambda: carded('"width":', '"width":NaN,"w":')), "its card"),
    "infinity in a range": Attack(
        _with(lambda: carded('"low":[', '"low":[-Infinity,')), "its card does not fit"
    ),
    "NaN as coefficient": Attack(_with(lambda: edited(_nan)), "'coefficients' holds what is no"),
    "a wrong shape": Attack(_with(lambda: edited(_wrong_shape)), "does not fit its"),
    "a shape that grows": Attack(_with(lambda: edited(_grow)), "20000000000 numbers for one shot"),
    "a product of matrices": Attack(_with(lambda: edited(_multiply)), "have none such, only Add"),
    "rows without end": Attack(_with(lambda: edited(_add_up)), "an answer costs more than 500000"),
    "a thousand operators": Attack(_with(lambda: edited(_many)), "operators, more than 500"),
    "nested messages": Attack(_with(nested), "models of this product are one file"),
    "a tree in a ring": Attack(_with(lambda: trees(_ring)), "a way leads back, or in a ring"),
    "a tree to nowhere": Attack(_with(lambda: trees(_nowhere)), "a way leads to no node"),
    "a tree of 50,000 floors": Attack(_with(lambda: trees(_chain)), "deeper than 64 splits"),
    "a feature beyond all": Attack(_with(lambda: trees(_beyond)), "nodes_featureids: not 0 to"),
    "two billion targets": Attack(_with(lambda: trees(_targets)), "n_targets: 2000000000, not 1"),
    "bytes at random": Attack(
        _with(lambda: np.random.default_rng(1).bytes(1_000_000)), "not a usable ONNX file"
    ),
    "15 MB of small fields": Attack(
        _with(lambda: b"\x42\x02\x10\x01" * 3_900_000), "more than 200000 fields"
    ),
    "a card of 10 MB": Attack(
        _with(lambda: carded('"learner":"', '"learner":"' + 10_000_000 * "x")), "its card has"
    ),
}
"""By name."""


def with_one_more(folder: Path, content: bytes) -> ModelRegistry:
    """A model directory with a model that is attacked, and one for the demolding that is not."""
    registry = ModelRegistry(folder)
    for name, file in (("pour", content), ("rest", model_file("demold"))):
        registry.add(name, file, NOW, {})
        registry.promote(name, 1)
    return registry
