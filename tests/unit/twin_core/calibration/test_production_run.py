"""Rounds of a production fit: what each takes away, and what is saved on the way."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from twin_core.calibration import production_run
from twin_core.calibration.production_certainty import NotFitted
from twin_core.calibration.production_numbers import Number
from twin_core.calibration.production_run import ROUNDS, Outcome, Run

COUNT = ROUNDS + 6


class Model:
    """As much of a model as a run looks at itself."""

    shots: tuple[()] = ()
    features = SimpleNamespace(measured=np.zeros((0, 1)))

    def __init__(self) -> None:
        of_mold = [None] * (COUNT // 2) + ["M"] * (COUNT - COUNT // 2)
        self.numbers = SimpleNamespace(
            all=[
                Number(f"n{i}", mold_id, "1", 1.0, True, -9.0, 9.0, 0.5, 0.01)
                for i, mold_id in enumerate(of_mold)
            ]
        )


class OneLess:
    """Certainty that finds the first number that is kept undetermined, down to four of them."""

    by_lot = False

    def __init__(self, model: Model, here: Any) -> None:
        self._numbers = model.numbers.all

    def undetermined(self, kept: np.ndarray) -> tuple[np.ndarray, list[NotFitted]]:
        if kept.sum() <= 4:
            return kept, []
        first = int(np.flatnonzero(kept)[0])
        left = kept.copy()
        left[first] = False
        one = self._numbers[first]
        return left, [NotFitted(one.path, one.mold_id, "too wide")]

    def covariance(self, kept: np.ndarray, jackknife: bool) -> np.ndarray:
        return np.eye(int(kept.sum()))

    def freedom(self, kept: np.ndarray) -> np.ndarray:
        return np.full(COUNT, 9.0)


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    def search(
        model: Model, x: Any, free: Any, assumed: bool, after_step: Any, done: int = 0
    ) -> Any:
        here = SimpleNamespace(x=np.where(free, 1.0, 0.0))
        after_step(here, done)
        return here, True

    monkeypatch.setattr(production_run, "search", search)
    monkeypatch.setattr(production_run, "Certainty", OneLess)
    return []


def run(saved: list[dict[str, Any]]) -> tuple[Run, Outcome]:
    made = Run(Model(), saved.append, lambda words, done, total: None, None)  # type: ignore[arg-type]
    return made, made.fit()


def test_no_number_is_fitted_and_named_as_not_fitted(saved: list[dict[str, Any]]) -> None:
    _, outcome = run(saved)
    fitted = {one.path for one, kept in zip(outcome.numbers, outcome.kept, strict=True) if kept}
    assert len(fitted) == 4
    assert fitted.isdisjoint(one.path for one in outcome.not_fitted)
    assert len(outcome.not_fitted) == COUNT - 4


def test_a_checkpoint_of_other_numbers_of_the_system_is_not_used(
    saved: list[dict[str, Any]],
) -> None:
    run(saved)
    model = Model()
    said: list[str] = []
    for start in (1.0, 2.0):
        model.numbers.all[0] = replace(model.numbers.all[0], start=start)
        made = Run(model, saved.append, lambda *_: None, saved[-1])  # type: ignore[arg-type]
        said.append(" ".join(made.warnings))
    assert said == ["", "the checkpoint is of other shots or numbers: begun anew"]


def test_molds_alone_leave_the_checkpoint_as_it_was(saved: list[dict[str, Any]]) -> None:
    made, outcome = run(saved)
    count = len(saved)
    alone = made.of_molds_alone(outcome)
    assert not alone.of_system()
    assert len(saved) == count
    assert made.state["x"] == outcome.here.x.tolist()
