"""Training: what is learned, how sure it says it is, and that its file says the same."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from tests.support.feature_sets import feature_set
from twin_core.errors import InputError
from twin_core.learning.columns import COLUMNS, known_by
from twin_core.learning.inference import Model
from twin_core.learning.training.bar import demands, hold
from twin_core.learning.training.candidates import CLASSIFIERS, fitted
from twin_core.learning.training.evaluation import evaluate
from twin_core.learning.training.export import PARITY, difference, graph
from twin_core.learning.training.fit import TrainConfig
from twin_core.learning.training.regression import conformal_width, level_for_other_molds
from twin_core.learning.training.risk import RiskModel, RiskSkill
from twin_core.learning.training.table import FeatureSet, group_folds, held_out, later_folds
from twin_core.learning.training.train import Trained, train

pytestmark = pytest.mark.xdist_group("training")  # its models are trained once
CONFIG = TrainConfig(learners=["ridge", "boosting"], targets=["rho_moulded", "T_core_max"])


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(feature_set(900, 5), CONFIG)


def table(**options: int) -> FeatureSet:
    return FeatureSet.of(feature_set(**options), list(COLUMNS))


def test_a_mold_is_on_one_side_of_every_split() -> None:
    shots = table(presses=5)
    other_molds, later = held_out(shots, 0.2, 0.2, seed=1)
    assert other_molds.any()
    assert later.any()
    assert not set(shots.molds[other_molds]) & set(shots.molds[~other_molds])
    assert shots.time_s[later].min() > shots.time_s[~other_molds & ~later].max()
    for learn, test in later_folds(shots, 5, seed=1):
        assert not set(shots.groups[learn]) & set(shots.groups[test])
        assert shots.time_s[learn].max() < shots.time_s[test].min()
    folds = list(group_folds(shots.groups, 5, seed=1))
    assert np.array_equal(np.sum(folds, axis=0), np.ones(len(shots)))


def test_a_single_mold_is_divided_by_time() -> None:
    shots = table(presses=1)
    other_molds, later = held_out(shots, 0.2, 0.2, seed=1)
    assert not other_molds.any()
    assert later.sum() == pytest.approx(0.2 * len(shots), abs=1)
    assert len(np.unique(shots.groups)) == 5


def test_the_file_answers_as_the_learners_do(trained: Trained) -> None:
    final = trained.final
    X = trained.table.matrix(final.features)
    learners = list(final.regressions.values()), list(final.risks.values())
    assert 0.0 < difference(final.model, *learners, X) <= PARITY
    said = Model(trained.content).run(X)
    for name, item in final.regressions.items():
        assert said[name] == pytest.approx(item.model.predict(X), abs=PARITY * item.known.std())
    probabilities = said["risk.any_defect"]
    assert probabilities.mean() == pytest.approx(trained.table["qc_any_defect"].mean(), abs=0.02)


@pytest.mark.parametrize("cut", [100, 101])
def test_readings_next_to_each_other_fall_to_the_same_side_in_the_file(cut: int) -> None:
    """In single precision the middle between two neighbours is one of them: half the time the
    upper one."""
    bits = np.float32(50.0).view(np.int32) + np.arange(200, dtype=np.int32)
    X = bits.view(np.float32)[:, None]
    learner = fitted(CLASSIFIERS["boosting"](1, [0]), X, (np.arange(200) >= cut).astype(int))
    skill = RiskSkill("any", 0, 0)
    risk = RiskModel("any", "boosting", [0], {}, learner, 1.0, 0.0, np.zeros(0), np.zeros(0), skill)
    assert difference(graph([], [risk], 1), [], [risk], X) <= PARITY


@pytest.mark.peers
def test_the_same_inputs_give_the_same_file(trained: Trained) -> None:
    assert train(feature_set(900, 5), CONFIG).content == trained.content


@pytest.mark.peers
def test_other_data_and_another_seed_are_named_in_the_card(trained: Trained) -> None:
    other = train(feature_set(900, 5, seed=1), CONFIG.model_copy(update={"seed": 1}))
    assert other.card.origin.data_hash != trained.card.origin.data_hash
    assert other.card.origin.config_hash != trained.card.origin.config_hash


def test_presses_it_never_saw(trained: Trained) -> None:
    """Better than every baseline, than half of the physics too, and as sure as it says."""
    unseen = feature_set(shots=1500, presses=6, seed=7)
    found = evaluate(Model(trained.content), unseen, trained.final.ridges)
    for one in found.scores.values():
        assert one.ratio < 0.5
        assert one.rmse_ewma_ridge is not None
        assert one.rmse < min(one.rmse_mean, one.rmse_last, one.rmse_memory)
        assert one.ratio_ewma < 0.8
        assert 0.87 <= one.coverage <= 0.93
        assert min(one.coverage_by_mold.values()) >= 0.8
        assert hold(demands(one, 0.9))


def test_the_physics_and_the_memory_are_among_what_was_tried(trained: Trained) -> None:
    for item in trained.final.regressions.values():
        errors = item.errors
        assert list(errors) == ["physics", "memory", "ridge 1", "ridge 30", "ridge 1000"]
        assert errors[item.learner] == min(errors.values()) < errors["memory"] < errors["physics"]
        assert "error than the memory, p = " in item.verdict


def test_it_looks_at_nothing_that_is_known_later(trained: Trained) -> None:
    assert set(trained.card.features) <= set(known_by("pour"))
    later = train(feature_set(400, 3), TrainConfig(known_at="demold", learners=["ridge"]))
    assert set(later.card.targets) == {"rho_moulded", "t_demold"}
    with pytest.raises(InputError, match="T_core_max has been measured at the demold"):
        train(feature_set(400, 3), TrainConfig(known_at="demold", targets=["T_core_max"]))


def test_the_width_is_that_of_split_conformal_prediction() -> None:
    """The ceil((n + 1) * coverage)-th smallest score (Lei et al. 2018, algorithm 2)."""
    scores = np.random.default_rng(0).normal(size=199)
    assert conformal_width(scores, 0.9) == pytest.approx(np.sort(np.abs(scores))[180 - 1])


def test_intervals_of_few_molds_are_wider() -> None:
    """Half of the way to (K + 1) / K of the share for K molds, never more than half of the rest."""
    assert level_for_other_molds(0.9, 24) == pytest.approx(0.91875)
    assert level_for_other_molds(0.9, 1) == level_for_other_molds(0.9, 9) == 0.95
    assert level_for_other_molds(0.9, 10**9) == pytest.approx(0.9)


def test_what_cannot_be_learned_from_is_said() -> None:
    columns = feature_set(400)
    with pytest.raises(InputError, match="column qc_rho_moulded is missing"):
        train({name: v for name, v in columns.items() if name != "qc_rho_moulded"}, CONFIG)
    with pytest.raises(InputError, match="50 shots are too few"):
        train({name: values[:50] for name, values in columns.items()}, CONFIG)
    with pytest.raises(InputError, match="is none of"):
        train(columns, TrainConfig(targets=["colour"]))
    columns["qc_rho_moulded"] = np.full(400, np.nan)
    found = train(columns, CONFIG.model_copy(update={"defects": False}))
    assert any(note.startswith("rho_moulded: fewer than") for note in found.notes)


@pytest.mark.parametrize("learner", ["network", "forest"])
def test_learners_that_are_gone_are_refused_by_name(learner: str) -> None:
    with pytest.raises(ValidationError, match="learners"):
        TrainConfig.model_validate({"learners": ["ridge", learner]})


def test_the_memory_cannot_be_left_out() -> None:
    with pytest.raises(InputError, match="prev_p_max_error belongs to the memory of p_max"):
        train(feature_set(150, 3), TrainConfig(leave_out=["prev_p_max_error"], targets=["p_max"]))
