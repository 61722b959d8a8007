"""Run of a production fit: all numbers first, then those that are determined."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin_core.arrays import Array
from twin_core.calibration import statistics
from twin_core.calibration.production_certainty import Certainty, NotFitted, fitted_along
from twin_core.calibration.production_model import Flags, Model, Progress
from twin_core.calibration.production_numbers import Number
from twin_core.calibration.production_search import STEPS_MAX, Local, search

ROUNDS = 4
"""Of fitting and looking at what is determined, as a rule: each takes away a number at least."""
COMMON_SHIFT_K = 2.5
"""Probes are seldom all wrong by so much, and the same way (assumed)."""
Checkpoint = Mapping[str, Any]
"""Plain numbers, words and lists of them, from which a fit goes on."""


@dataclass(frozen=True)
class Outcome:
    """Place where a run ended.

    Attributes:
        here: with trial values, derivatives and weights.
        kept: which numbers are fitted.
        C: covariance of all trial values; 0 of those that are not fitted.
        reach: half of the 95 % interval of each trial value.
        not_fitted: the others, and why.
        numbers: all.
        by_lot: lots were left out one by one for the intervals, not shots.
    """

    here: Local
    kept: Flags
    C: Array
    reach: Array
    not_fitted: list[NotFitted]
    converged: bool
    numbers: list[Number]
    by_lot: bool

    def shifted_K(self) -> float:
        """Mean of ``T_mold_offset_C`` where all molds that have it have it the same way, else 0."""
        own = [k and n.path == "T_mold_offset_C" for n, k in self._both()]
        found = self.here.x[own]
        if len(found) < 2 or abs(np.sign(found).sum()) < len(found):
            return 0.0
        return float(found.mean())

    def doubts(self, timed: bool) -> list[str]:
        """What speaks against the numbers; ``timed``: safe times were measured."""
        found, shift = [], self.shifted_K()
        if timed and abs(shift) > COMMON_SHIFT_K:
            found.append(
                f"T_mold_offset_C is {shift:+.1f} K on average of all molds: the laboratory may "
                "mean something else by a safe time than the limits of quality do"
            )
        if not self.converged:
            found.append(
                "the search did not end by itself: its numbers are the best that were found"
            )
        return found

    def of_system(self) -> bool:
        """Whether a number of the system is fitted."""
        return any(k and n.mold_id is None and not fitted_along(n) for n, k in self._both())

    def of_molds(self) -> bool:
        """Whether a number of a mold is fitted."""
        return any(k and n.mold_id is not None for n, k in self._both())

    def _both(self) -> list[tuple[Number, bool]]:
        return list(zip(self.numbers, self.kept.tolist(), strict=True))


class Run:
    """A fit that goes on from a checkpoint and saves one after each step."""

    def __init__(
        self,
        model: Model,
        save: Callable[[dict[str, Any]], None],
        progress: Progress,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.model, self.save, self.progress = model, save, progress
        self.warnings: list[str] = []
        self.digest = _digest(model)
        self.state: dict[str, Any] = {
            "of": self.digest, "round": 0, "step": 0, "x": [0.0] * len(model.numbers.all),
            "kept": [True] * len(model.numbers.all), "not_fitted": [], "steps": 0,
        }  # fmt: skip
        if checkpoint is not None:
            if checkpoint.get("of") == self.digest:
                self.state = dict(checkpoint)
            else:
                self.warnings.append("the checkpoint is of other shots or numbers: begun anew")
        self.steps = int(self.state["steps"])
        self.steps_at_most = STEPS_MAX * (ROUNDS + 1)

    def fit(self) -> Outcome:
        """Fit all numbers with their assumed spreads, then those that are determined, alone."""
        not_fitted = [NotFitted(*one) for one in self.state["not_fitted"]]
        kept = np.array(self.state["kept"], bool)
        x = np.array(self.state["x"], float)
        turn, done = int(self.state["round"]), int(self.state["step"])
        while True:
            self.state |= {"round": turn, "kept": kept.tolist()}
            here, converged = search(self.model, x, kept, turn == 0, self._step, done)
            left, more = Certainty(self.model, here).undetermined(kept)
            not_fitted += more
            self.state["not_fitted"] = [[n.path, n.mold_id, n.why] for n in not_fitted]
            if turn > 0 and not more:
                return self._outcome(here, kept, not_fitted, converged)
            kept, turn, done = left, turn + 1, 0
            x = np.where(kept, here.x, 0.0)
            self.state |= {"round": turn, "step": 0, "x": x.tolist(), "kept": kept.tolist()}
            self.save(dict(self.state))

    def of_molds_alone(self, whole: Outcome) -> Outcome:
        """The fit without numbers of the system; nothing is saved: it is not what goes on."""
        shared = np.array(
            [n.mold_id is None and not fitted_along(n) for n in self.model.numbers.all]
        )
        kept = whole.kept & ~shared
        x = np.where(kept, whole.here.x, 0.0)
        here, converged = search(self.model, x, kept, False, self._count)
        why = "on the held-out shots the numbers of the molds are better alone"
        dropped = [
            NotFitted(n.path, None, why)
            for n, was, is_ in zip(self.model.numbers.all, whole.kept, kept, strict=True)
            if was and not is_
        ]
        return self._outcome(here, kept, whole.not_fitted + dropped, converged)

    def _step(self, here: Local, step: int) -> None:
        self.state |= {"step": step, "x": here.x.tolist(), "steps": self.steps + 1}
        self.save(dict(self.state))
        self._count(here, step)

    def _count(self, here: Local, step: int) -> None:
        self.steps += 1
        self.progress("fit", min(self.steps, self.steps_at_most), self.steps_at_most)

    def _outcome(
        self, here: Local, kept: Flags, not_fitted: list[NotFitted], converged: bool
    ) -> Outcome:
        certainty, count = Certainty(self.model, here), len(kept)
        C, reach = np.zeros((count, count)), np.zeros(count)
        if kept.any():
            own = certainty.covariance(kept, jackknife=True)
            C[np.ix_(kept, kept)] = own
            freedom = certainty.freedom(kept)
            t = np.array([statistics.t_quantile(int(f)) for f in freedom])
            reach = t * np.sqrt(np.clip(np.diag(C), 0.0, None))
        return Outcome(
            here, kept, C, reach, not_fitted, converged, self.model.numbers.all, certainty.by_lot
        )


def _digest(model: Model) -> str:
    found = hashlib.sha256(np.nan_to_num(model.features.measured, nan=-1e9).tobytes())
    for shot in model.shots:
        found.update(f"{shot.name} {shot.poured_at!r}\n".encode())
    found.update(repr([(n.label, n.start) for n in model.numbers.all]).encode())
    return found.hexdigest()[:16]
