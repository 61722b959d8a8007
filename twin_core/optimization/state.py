"""A search as far as it is: candidates, what was checked, what was chosen and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twin_core.optimization import front as fr
from twin_core.optimization.candidate import Candidate
from twin_core.optimization.confirm import Confirmed, confirm, fresh
from twin_core.optimization.draws import checked_scatter, deviations, usual_scatter
from twin_core.optimization.evaluation import Evaluator
from twin_core.optimization.explain import Binding, InTheWay, Sensitivity
from twin_core.optimization.goals import minimised
from twin_core.optimization.prepare import changed, prepared
from twin_core.optimization.task import OptimizationTask


@dataclass
class State:
    """What a search has, for those that move it on and those that tell of it."""

    task: OptimizationTask
    tell: Callable[[], None]
    """Called after each block of simulations."""
    cancelled: Callable[[], bool]
    partial: bool = False
    phase: str = "random"
    tried: int = 0
    earlier_simulations: int = 0
    checks: int = 0
    evaluator: Evaluator = field(init=False)
    constraints: Mapping[str, float] = field(default_factory=dict)
    today: Candidate | None = None
    today_checked: Confirmed | None = None
    random_best: Candidate | None = None
    random_count: int = 0
    """Random candidates that were judged by the limits in force."""
    checked: dict[Candidate, Confirmed] = field(default_factory=dict)
    front: list[Candidate] = field(default_factory=list)
    chosen: Candidate | None = None
    why: str = ""
    sensitivities: tuple[Sensitivity, ...] = ()
    scatter_effects: Mapping[str, float] = field(default_factory=dict)
    binding: Binding | None = None
    in_the_way: tuple[InTheWay, ...] = ()
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        scatter = self.task.scatter
        usual = usual_scatter(self.task.scenario)
        self.scatter = checked_scatter(usual if scatter is None else scatter)
        self.rows = deviations(self.scatter, self.task.draws, self.task.seed, even=True)
        self.fresh_rows = fresh(self.task, self.scatter) if self.scatter else self.rows[:0]
        self.plan = [
            prepared(self.task, *changed(self.task, count), len(self.rows))
            for count in range(len(self.task.changes) + 1)
        ]
        self.bounds = self.plan[0][0]

    def count(self, shots: int) -> None:
        """Count shots of a check or of a reason, and tell of them."""
        self.checks += shots
        self.tell()

    def check(self, candidate: Candidate, t_open_s: float | None = None) -> Confirmed:
        return confirm(
            candidate,
            self.task,
            self.evaluator.rules,
            list(self.scatter),
            self.fresh_rows,
            self.count,
            self.cancelled,
            t_open_s,
        )

    def good(self) -> list[Candidate]:
        """Feasible candidates within the bounds, the best first."""
        good = [c for c in self._within_bounds() if c.feasible]
        good.sort(key=lambda c: c.score)
        return good

    def _within_bounds(self) -> list[Candidate]:
        """What the search may return: today only where it lies within the bounds."""
        own = [c for c in self.evaluator.kept if c.origin != "sensitivity"]
        return [c for c in own if c is not self.today or self._inside(c)]

    def _inside(self, candidate: Candidate) -> bool:
        """Whether today lies within the bounds; on a step or not, the press is set so today."""
        pairs = zip(self.evaluator.bounds.values(), candidate.values, strict=True)
        return all(b.low <= v <= b.high for b, v in pairs)

    def goals_of(self, candidate: Candidate) -> tuple[float, ...]:
        found = self.checked.get(candidate)
        values = candidate.figures if found is None else found.figures
        return minimised(dict(values), self.task.goals)

    def nearest(self) -> Candidate | None:
        """The candidate within the bounds that misses least, of those looked at to the end.

        Where all that were checked miss on the fresh draws, that with the fewest of these.
        """
        if self.checked:
            return min(self.checked, key=lambda c: (self.checked[c].share, c.score))
        known = [c for c in self._within_bounds() if c.drawn.which and c.complete]
        return min(known, key=lambda c: c.score, default=None)

    def cannot_be(self) -> Candidate | None:
        """A candidate whose settings no shot can have."""
        return next((c for c in self._within_bounds() if c.problem), None)

    def population(self) -> list[Mapping[str, float]]:
        """Settings of the best candidates, for another search."""
        names = list(self.evaluator.bounds)
        if len(self.task.goals) > 1 and (good := self.good()):
            goals = np.array([c.score.values for c in good])
            best = [good[i] for i in fr.non_dominated(goals)]
        else:
            best = sorted((c for c in self.evaluator.kept if c.complete), key=lambda c: c.score)
        return [dict(zip(names, c.values, strict=True)) for c in best[:32]]

    def best_so_far(self) -> Mapping[str, Any] | None:
        best = self.chosen or next(iter(self.good()), None)
        if best is None or best.judged is None:
            return None
        settings = dict(zip(self.evaluator.bounds, best.values, strict=True))
        return {
            "settings": settings,
            "t_open_s": best.judged.reached.t_open_s,
            **{name: best.figures[name] for name in self.task.goals},
        }
