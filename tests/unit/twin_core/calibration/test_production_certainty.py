"""Intervals and gates of a production fit, on a linear model whose answers are known."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field

import numpy as np
import pytest

from twin_core.arrays import Array
from twin_core.calibration import shot_features as sf
from twin_core.calibration.production_certainty import MODEL_ERROR, Certainty
from twin_core.calibration.production_numbers import Number
from twin_core.calibration.production_run import Outcome
from twin_core.calibration.production_search import Local

FEATURES = len(sf.names())


@dataclass
class Poured:
    name: str
    lot: str | None


@dataclass
class AllNumbers:
    all: list[Number]
    shared: int


@dataclass
class Linear:
    """Shots whose features are linear in three shared numbers."""

    J: Array
    off: Array
    lots: list[str | None]
    shots: list[Poured] = field(init=False)
    numbers: AllNumbers = field(init=False)
    place: Array = field(init=False)

    def __post_init__(self) -> None:
        self.shots = [Poured(f"S{i}", lot) for i, lot in enumerate(self.lots)]
        some = [Number(f"n{i}", None, "1", 1.0, True, -9.0, 9.0, 0.5, 0.01) for i in range(3)]
        self.numbers = AllNumbers(some, 3)
        self.place = np.empty((len(self.shots), 0), int)

    def solved(self, left_out: np.ndarray | None = None) -> Array:
        use = np.ones(len(self.shots), bool) if left_out is None else ~left_out
        J, off = self.J[use].reshape(-1, 3), self.off[use].ravel()
        return np.asarray(np.linalg.lstsq(J, off, rcond=None)[0])

    def certainty(self) -> Certainty:
        x = self.solved()
        residuals = self.J @ x - self.off
        there = np.ones(residuals.shape)
        here = Local(x, residuals, self.J, there, there[0], np.zeros(residuals.shape, bool))
        return Certainty(self, here)  # type: ignore[arg-type]


def linear(count: int = 40, alike: float = 1.0, lots: int = 0, seed: int = 1) -> Linear:
    """A linear production; ``alike``: an error that all features of a shot (or lot) share."""
    rng = np.random.default_rng(seed)
    J = rng.standard_normal((count, FEATURES, 3)) + np.array([3.0, 0.0, 0.0])
    lot = [f"L{i % lots}" if lots else None for i in range(count)]
    common = rng.standard_normal(lots or count)
    shared = np.array([common[i % len(common)] for i in range(count)])
    off = alike * shared[:, None] + 0.1 * rng.standard_normal((count, FEATURES))
    return Linear(J, off, lot)


@pytest.mark.parametrize("lots", [0, 10])
def test_the_jackknife_is_that_of_shots_or_lots_left_out(lots: int) -> None:
    made = linear(lots=lots)
    certainty = made.certainty()
    assert certainty.by_lot == bool(lots)
    certainty.pull[:] = 0.0
    C = certainty.covariance(np.ones(3, bool), jackknife=True)
    keys = np.array([shot.lot or shot.name for shot in made.shots])
    apart = np.array([made.solved(keys == key) for key in np.unique(keys)])
    moved = apart - apart.mean(axis=0)
    count = len(apart)
    np.testing.assert_allclose(C, (count - 1) / count * moved.T @ moved, rtol=1e-4, atol=1e-12)
    assert certainty.freedom(np.ones(3, bool)).tolist() == [count - 3.0] * 3


def test_what_is_not_fitted_and_what_the_model_lacks_widen_the_others() -> None:
    made = linear()
    made.J[:, :, 1] += made.J[:, :, 0]
    certainty = made.certainty()
    kept = np.array([True, False, True])
    known = np.ones(3, bool)
    alone = certainty.covariance(kept, jackknife=True, certain=known)
    wider = certainty.covariance(kept, jackknife=True)
    assert wider[0, 0] > alone[0, 0] + 0.2
    certainty.pull[:] = 0.0
    assert certainty.covariance(kept, jackknife=True, certain=known)[0, 0] < alone[0, 0]
    assert 0.0 < MODEL_ERROR < 1.0


def test_two_of_which_only_the_sum_is_known_are_both_left() -> None:
    made = linear(alike=0.01)
    made.J[:, :, 1] = made.J[:, :, 0] * (1.0 + 1e-3 * np.arange(FEATURES))
    certainty = made.certainty()
    certainty.pull[:] = 0.0
    kept, left = certainty.undetermined(np.ones(3, bool))
    assert kept.tolist() == [False, False, True]
    assert {one.path for one in left} == {"n0", "n1"}


def test_what_scatters_too_much_is_named_with_its_limit() -> None:
    made = linear(alike=0.01)
    made.J[:, :, 2] *= 1e-3
    certainty = made.certainty()
    certainty.pull[:] = 0.0
    kept, left = certainty.undetermined(np.ones(3, bool))
    assert kept.tolist() == [True, True, False]
    assert left[0].path == "n2"
    assert left[0].why.endswith("of it, allowed 25 %") or "depends on it" in left[0].why


def test_many_molds_take_little_memory() -> None:
    shots, molds, own = 200, 40, 6
    made = linear(shots)
    made.J = np.random.default_rng(2).standard_normal((shots, FEATURES, own))
    made.place = (np.arange(shots) % molds)[:, None] * own + np.arange(own)
    made.numbers = AllNumbers(
        [
            Number(f"n{i}", f"M{m}", "1", 1.0, True, -9.0, 9.0, 0.5, 0.01)
            for m in range(molds)
            for i in range(own)
        ],
        0,
    )
    there = np.ones((shots, FEATURES))
    residuals = np.random.default_rng(3).standard_normal(there.shape)
    none = np.zeros(there.shape, bool)
    here = Local(np.zeros(molds * own), residuals, made.J, there, there[0], none)
    tracemalloc.start()
    try:
        certainty = Certainty(made, here)  # type: ignore[arg-type]
        C = certainty.covariance(np.ones(molds * own, bool), jackknife=True)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 20e6  # (shots, numbers, numbers) alone are 92 MB
    assert np.all(np.diag(C) > 0.0)


def test_only_a_shift_that_all_molds_share_is_suspicious() -> None:
    def shifted(*offsets: float) -> float:
        x = np.array(offsets)
        off = "T_mold_offset_C"
        numbers = [
            Number(off, f"M{i}", "K", 0.0, False, -9.0, 9.0, 3.0, 0.5) for i in range(len(x))
        ]
        none = np.zeros((1, 1))
        here = Local(x, none, none, none, none, none > 0.0)
        kept = np.ones(len(x), bool)
        return Outcome(here, kept, none, none, [], True, numbers, False).shifted_K()

    assert shifted(-3.0, -4.0) == -3.5
    assert shifted(-3.0, 4.0) == 0.0
    assert shifted(-3.0) == 0.0
