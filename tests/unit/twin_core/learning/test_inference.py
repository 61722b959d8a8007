"""A model file at work: what it says outside of what it knows, and which files it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.support.feature_sets import feature_set
from twin_core.errors import ModelError
from twin_core.learning import inference
from twin_core.learning.adaptive_interval import Seen
from twin_core.learning.card import CARD_KEY
from twin_core.learning.columns import TARGETS, known_by, schema_hash
from twin_core.learning.inference import CERTAIN_RATIO, WITHHELD_RATIO, Model
from twin_core.learning.training.export import with_card
from twin_core.learning.training.fit import TrainConfig
from twin_core.learning.training.train import Trained, train

pytestmark = pytest.mark.xdist_group("training")  # models are trained once

SYSTEM = ("SYSTEM_R1", "0123456789abcdef")
SURE = {name: Seen(1.0, 1.0) for name in TARGETS}
"""A press where the learners have proven themselves."""


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
    assert not found.reasons
    assert set(found.targets) == {"rho_moulded", "t_demold", "p_max", "T_core_max"}
    expected = found.targets["rho_moulded"]
    assert expected.layer == "learner"
    assert expected.low < expected.value < expected.high
    assert 0.0 < found.risks["any_defect"] < 1.0


WARM = "dev_rho_moulded_T_ambient_C"
"""Read by the learner of the density, and by no other."""


def beyond(trained: Trained, name: str, ratio: float) -> float:
    """So far above its range."""
    at, domain = trained.card.features.index(name), trained.card.domain
    return domain.high[at] + ratio * (domain.high[at] - domain.low[at])


def memory_of(row: dict[str, float]) -> float:
    """Density that the memory expects."""
    return 80.0 * float(np.exp(row["prev_rho_moulded_expected"]))


def test_outside_it_fades_into_the_memory(trained: Trained, row: dict[str, float]) -> None:
    """Before, it faded into the physics and was withheld: now the memory always answers."""
    model = Model(trained.content)
    whole = model.predict(row | {WARM: beyond(trained, WARM, 0.0)}, SYSTEM, SURE)
    half = row | {WARM: beyond(trained, WARM, 0.5 * (CERTAIN_RATIO + WITHHELD_RATIO))}
    faded = model.predict(half, SYSTEM, SURE)
    learner = model.run(np.array([[half[feature] for feature in trained.card.features]]))
    middle = 0.5 * (learner["rho_moulded"][0] + half["prev_rho_moulded_expected"])
    assert faded.reasons == {"rho_moulded": "outside-range"}
    assert faded.targets["rho_moulded"].layer == "faded"
    assert np.log(faded.targets["rho_moulded"].value / 80.0) == pytest.approx(middle)
    assert f"drawn to the memory: {WARM} is" in str(faded.words)
    far = model.predict(row | {WARM: beyond(trained, WARM, 0.6)}, SYSTEM, SURE)
    assert far.targets["rho_moulded"].layer == "memory"
    assert far.targets["rho_moulded"].value == pytest.approx(memory_of(row))
    assert whole.targets["rho_moulded"].layer == "learner"


def test_the_guard_is_per_target_and_on_what_its_learner_reads(
    trained: Trained, row: dict[str, float]
) -> None:
    model = Model(trained.content)
    usual = model.predict(row, SYSTEM)
    warm = model.predict(row | {WARM: beyond(trained, WARM, 9.0)}, SYSTEM)
    assert set(warm.reasons) == {"rho_moulded"}
    assert warm.targets["p_max"] == usual.targets["p_max"]
    unread = model.predict(row | {"proc_T_ambient_C": 500.0}, SYSTEM)
    assert unread.targets == usual.targets
    assert not unread.reasons


@pytest.mark.parametrize(
    ("system", "words"),
    [
        (("SYSTEM_M1", "0123456789abcdef"), "never saw this material"),
        (("SYSTEM_R1", "fedcba9876543210"), "saw other parameters"),
    ],
)
def test_of_an_unknown_material_the_memory_answers(
    trained: Trained, row: dict[str, float], system: tuple[str, str], words: str
) -> None:
    found = Model(trained.content).predict(row, system)
    assert set(found.reasons.values()) == {"unknown-material"}
    assert {one.layer for one in found.targets.values()} == {"memory"}
    assert found.targets["rho_moulded"].value == pytest.approx(memory_of(row))
    assert not found.risks
    assert words in str(found.words)


def test_a_missing_feature_leaves_the_memory_of_those_who_read_it(
    trained: Trained, row: dict[str, float]
) -> None:
    """Before, one missing input took all corrections away."""
    found = Model(trained.content).predict(row | {WARM: np.nan}, SYSTEM)
    assert found.reasons == {"rho_moulded": "missing-feature"}
    assert found.targets["rho_moulded"].layer == "memory"
    assert found.targets["p_max"].layer == "learner"
    assert f"memory alone: {WARM} is missing" in str(found.words)


def test_where_nothing_is_known_there_is_no_correction_by_the_memory(
    trained: Trained, row: dict[str, float]
) -> None:
    nothing = {"prev_rho_moulded_count": 0.0, "press_rho_moulded_count": 0.0}
    found = Model(trained.content).predict(row | nothing, ("SYSTEM_M1", "0123456789abcdef"))
    assert found.reasons["rho_moulded"] == "no-results"
    assert "rho_moulded" not in found.targets
    assert "p_max" in found.targets


def test_what_was_seen_here_widens_and_draws_to_the_memory(
    trained: Trained, row: dict[str, float]
) -> None:
    model = Model(trained.content)
    one = model.predict(row, SYSTEM, {"rho_moulded": Seen(1.0, 1.0)})
    wide = model.predict(row, SYSTEM, {"rho_moulded": Seen(1.0, 2.0)})
    first, second = (found.said["rho_moulded"] for found in (one, wide))
    assert second.half == pytest.approx(2.0 * first.half)
    assert second.value == first.value == first.learner
    worse = model.predict(row, SYSTEM, {"rho_moulded": Seen(0.0, 1.0)})
    assert worse.reasons == {"rho_moulded": "not-better"}
    assert worse.targets["rho_moulded"].value == pytest.approx(memory_of(row))
    assert worse.said["rho_moulded"].memory == pytest.approx(row["prev_rho_moulded_expected"])


def test_a_file_that_holds_the_memory_alone() -> None:
    """Where residuals follow nothing but their mold."""
    config = TrainConfig(learners=["ridge"], targets=["p_max"], defects=False)
    found = train(feature_set(400, 4, slope=0.0), config)
    assert found.card.targets["p_max"].is_memory
    assert found.card.targets["p_max"].reads == []
    assert any(note.startswith("p_max: the memory alone: no learner") for note in found.notes)
    shot = {name: float(np.nanmedian(found.table[name])) for name in found.card.features}
    said = Model(found.content).predict(shot | {"sim_p_max_bar": 2.0}, SYSTEM)
    assert said.reasons == {"p_max": "no-learner"}
    assert said.targets["p_max"].layer == "memory"
    assert said.targets["p_max"].value == pytest.approx(2.0 + shot["prev_p_max_expected"])


def test_without_physics_there_is_nothing_to_correct() -> None:
    columns = feature_set(400, 3)
    columns["sim_t_demold_min_s"][::3] = np.nan
    config = TrainConfig(targets=["rho_moulded", "t_demold"], defects=False)
    found = train(columns, config)
    row = {name: float(np.nanmedian(found.table[name])) for name in found.card.features}
    said = Model(found.content).predict(row | {"sim_t_demold_min_s": np.nan}, SYSTEM)
    assert "t_demold" not in said.targets
    assert "rho_moulded" in said.targets


def changed(trained: Trained, **changes: Any) -> bytes:
    """The same graph with something else in its card."""
    card = trained.card.model_copy(update=changes)
    return with_card(trained.final.model, card)


def renamed(trained: Trained, name: str) -> bytes:
    """A card that names another column in place of one."""
    features = list(trained.card.features)
    other = next(one for one in known_by("pour") if one not in features)
    features[features.index(name)] = other
    return changed(trained, features=features, feature_schema=schema_hash(features))


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
    "older format": (lambda t: changed(t, format=1), "its card does not fit this version: format"),
    "newer format": (lambda t: changed(t, format=3), "its card does not fit this version: format"),
    "reads what is no feature": (
        lambda t: changed(
            t, targets={n: c.model_copy(update={"reads": ["x"]}) for n, c in t.card.targets.items()}
        ),
        "x is no feature of it",
    ),
    "without its memory": (lambda t: renamed(t, "prev_p_max_error"), "prev_p_max_error is no feat"),
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
