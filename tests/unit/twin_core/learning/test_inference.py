"""A model file at work: what it says outside of what it knows, and which files it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.support.feature_sets import feature_set
from twin_core.errors import InvalidInput, ModelError
from twin_core.learning import inference
from twin_core.learning.card import CARD_KEY
from twin_core.learning.inference import CERTAIN_RATIO, WITHHELD_RATIO, Model
from twin_core.learning.training.export import with_card
from twin_core.learning.training.fit import TrainConfig
from twin_core.learning.training.train import Trained, train

pytestmark = pytest.mark.xdist_group("training")  # models are trained once

SYSTEM = ("SYSTEM_R1", "0123456789abcdef")


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(feature_set(600, 4), TrainConfig(learners=["ridge"]))


@pytest.fixture
def row(trained: Trained) -> dict[str, float]:
    middle = {name: float(np.nanmedian(trained.table[name])) for name in trained.card.features}
    return middle | {"sim_rho_moulded": 80.0}


def test_a_shot_that_it_knows(trained: Trained, row: dict[str, float]) -> None:
    found = Model(trained.content).predict(row, SYSTEM)
    assert found.words is None
    assert set(found.targets) == {"rho_moulded", "t_demold", "p_max", "T_core_max"}
    expected = found.targets["rho_moulded"]
    assert expected.low < expected.value < expected.high
    assert 0.0 < found.risks["any_defect"] < 1.0


def beyond(trained: Trained, name: str, ratio: float) -> float:
    """So far above its range."""
    at, domain = trained.card.features.index(name), trained.card.domain
    return domain.high[at] + ratio * (domain.high[at] - domain.low[at])


def test_outside_it_fades_then_is_silent(trained: Trained, row: dict[str, float]) -> None:
    model, name = Model(trained.content), "proc_T_ambient_C"
    inside = model.predict(row | {name: beyond(trained, name, 0.0)}, SYSTEM).targets["rho_moulded"]
    there = row | {name: beyond(trained, name, 0.5 * (CERTAIN_RATIO + WITHHELD_RATIO))}
    faded = model.predict(there, SYSTEM)
    whole = model.run(np.array([[there[feature] for feature in trained.card.features]]))
    assert faded.words is not None
    assert "faded and widened: proc_T_ambient_C is" in faded.words
    expected = faded.targets["rho_moulded"]
    assert expected.high - expected.low > inside.high - inside.low
    assert np.log(expected.value / 80.0) == pytest.approx(0.5 * whole["rho_moulded"][0])
    silent = model.predict(row | {name: beyond(trained, name, 0.6)}, SYSTEM)
    assert not silent.targets
    assert not silent.risks
    assert str(silent.words).startswith("withheld: proc_T_ambient_C is")


def test_an_unknown_material_is_not_corrected(trained: Trained, row: dict[str, float]) -> None:
    model = Model(trained.content)
    other = model.predict(row, ("SYSTEM_M1", "0123456789abcdef"))
    changed = model.predict(row, ("SYSTEM_R1", "fedcba9876543210"))
    assert not other.targets
    assert not changed.targets
    assert "never saw this material" in str(other.words)
    assert "saw other parameters" in str(changed.words)


def test_a_missing_feature_is_named(trained: Trained, row: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="proc_T_mold_init_C is missing"):
        Model(trained.content).predict(row | {"proc_T_mold_init_C": np.nan}, SYSTEM)


def test_without_physics_there_is_nothing_to_correct() -> None:
    columns = feature_set(400, 3)
    columns["sim_t_demold_min_s"][::3] = np.nan
    found = train(columns, TrainConfig(learners=["ridge"], defects=False))
    row = {name: float(np.nanmedian(found.table[name])) for name in found.card.features}
    said = Model(found.content).predict(row | {"sim_t_demold_min_s": np.nan}, SYSTEM)
    assert "t_demold" not in said.targets
    assert "rho_moulded" in said.targets


def changed(trained: Trained, **changes: Any) -> bytes:
    """The same graph with something else in its card."""
    card = trained.card.model_copy(update=changes)
    return with_card(trained.final.model, card)


def foreign(_trained: Trained) -> bytes:
    """A good ONNX file of somebody else."""
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "other",
        [info("x", TensorProto.FLOAT, [1])],
        [info("y", TensorProto.FLOAT, [1])],
    )
    opset = [helper.make_opsetid("", 18)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString())


def wrong_graph(trained: Trained) -> bytes:
    """Our card in somebody else's graph."""
    model = onnx.load_from_string(foreign(trained))
    helper.set_model_props(model, {CARD_KEY: trained.card.model_dump_json()})
    return bytes(model.SerializeToString())


REFUSED: dict[str, tuple[Callable[[Trained], bytes], str]] = {
    "empty": (lambda _: b"", "not a usable ONNX file"),
    "text": (lambda _: b"hello" * 100, "not a usable ONNX file"),
    "cut": (lambda t: t.content[: len(t.content) // 2], "not a usable ONNX file"),
    "foreign": (foreign, "not a model of this product"),
    "foreign graph": (wrong_graph, "does not fit its card"),
    "physics": (lambda t: changed(t, physics_hash="0" * 16), "it corrects physics 0000"),
    "schema": (lambda t: changed(t, feature_schema="0" * 16), "mean something else"),
    "unknown feature": (
        lambda t: changed(t, features=["x", *t.card.features[1:]]),
        "no column of this version",
    ),
    "later feature": (
        lambda t: changed(t, features=["qc_rho_moulded", *t.card.features[1:]]),
        "known after the pour",
    ),
    "format": (lambda t: changed(t, format=2), "format"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_refused(name: str, trained: Trained) -> None:
    make, words = REFUSED[name]
    with pytest.raises(ModelError, match=words):
        Model(make(trained))


def test_an_oversized_file_is_refused_unread(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "BYTES_MAX", 1000)
    with pytest.raises(ModelError, match="more than 1000"):
        Model(trained.content)


def test_damage_anywhere_never_ends_the_program(trained: Trained) -> None:
    """Bytes turned over one after the other: refused, or a model that answers with numbers."""
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        content = bytearray(trained.content)
        for at in rng.integers(0, len(content), 3):
            content[at] ^= int(rng.integers(1, 256))
        try:
            Model(bytes(content))
        except ModelError:
            refused += 1
    assert refused
