"""``optimize``: random candidates, a search from them, a check on fresh draws, the reasons."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.optimization import differential_evolution as de
from twin_core.optimization import front as fr
from twin_core.optimization.candidate import Candidate, Rules, Score
from twin_core.optimization.choose import apart, knee, preferred, thinned
from twin_core.optimization.confirm import Confirmed, confirm, fresh
from twin_core.optimization.constraints import LIMITS, asked
from twin_core.optimization.draws import checked_scatter, deviations, usual_scatter
from twin_core.optimization.evaluation import Evaluator, Stopped
from twin_core.optimization.explain import (
    Binding,
    InTheWay,
    Sensitivity,
    binding,
    in_the_way,
    scatter_effects,
    sensitivities,
)
from twin_core.optimization.goals import minimised
from twin_core.optimization.random_search import random_search, random_shares
from twin_core.optimization.result import Gain, OptimizationResult, Point, Progress, Tried
from twin_core.optimization.task import Change, OptimizationTask
from twin_core.optimization.variables import Bounds, checked_bounds, today, with_values

NEAR_BEST = 1.005
"""Candidates up to so many times the best may be exchanged for one of a lower pressure."""
NEARLY = 0.02
"""Relative; candidates so near to the best are checked, too."""
MOST_ALIKE, MOST_CHECKS = 5, 12
"""How many of them; and how many others, one after the other, until one holds."""
S_PER_H = 3600.0


def optimize(
    task: OptimizationTask,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    start: Sequence[Mapping[str, float]] | None = None,
) -> OptimizationResult:
    """Look for better settings; the same task gives the same result.

    Args:
        progress: told after each block of simulations, in this thread.
        cancelled: asked as often; True ends the search, and what there is is returned.
        start: ``population`` of an earlier result.

    Raises:
        InputError: bounds or limits cannot be, today's shot cannot be simulated, pymoo is missing.
    """
    if task.scenario.mold.open:
        raise InputError("optimize: an open cup has no mold to open: choose a closed mold")
    if len(task.goals) > 1:
        fr.non_dominated(np.zeros((1, len(task.goals))))  # pymoo is there, or it is said now
    search = _Search(task, progress or (lambda _: None), cancelled or (lambda: False))
    try:
        search.all_phases(start or ())
        search.finish()
    except Stopped:
        search.partial = True
    return search.result()


@dataclass
class _Search:
    """One search: what it has, phase by phase."""

    task: OptimizationTask
    progress: Callable[[Progress], None]
    cancelled: Callable[[], bool]
    partial: bool = False
    phase: str = "random"
    tried: int = 0
    earlier_simulations: int = 0
    checks: int = 0
    evaluator: Evaluator = field(init=False)
    today: Candidate | None = None
    today_checked: Confirmed | None = None
    random_best: Candidate | None = None
    checked: dict[int, Confirmed] = field(default_factory=dict)
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
        self.variables, self.constraints = dict(self.task.variables), dict(self.task.constraints)
        self.plan = [
            prepared(self.task, *_changed(self.task, count), len(self.rows))
            for count in range(len(self.task.changes) + 1)
        ]

    def all_phases(self, start: Sequence[Mapping[str, float]]) -> None:
        """The search, and again from where it is after each change."""
        ends = [change.after_candidates for change in _in_order(self.task)]
        ends = [min(end, self.task.candidates) for end in ends]
        for number, end in enumerate([*ends, self.task.candidates]):
            if number:
                start = self.population()
                self.earlier_simulations += self.evaluator.simulated
                change = _in_order(self.task)[number - 1]
                self.notes.append(f"after {self.tried} candidates: {change.why or 'other limits'}")
            self._begin(number, start)
            self._look_for_better(end, first=number == 0)

    def _begin(self, number: int, start: Sequence[Mapping[str, float]]) -> None:
        bounds, rules = self.plan[number]
        self.constraints = _changed(self.task, number)[1]
        self.bounds = bounds
        self.evaluator = Evaluator(
            self.task,
            {name: b for name, b in bounds.items() if name != "t_open_s"},
            rules,
            list(self.scatter),
            self.rows,
            tell=self._tell,
            cancelled=self.cancelled,
        )
        own = today(self.task.scenario)
        self.today = self.evaluator.begin(own)
        if len(self.today.drawn.errors) == len(self.today.drawn.which):
            raise InputError(
                f"optimize: today's shot cannot be simulated: {self.today.drawn.errors[0]}"
            )
        searched = self.evaluator.bounds.items()
        self.start = [
            (tuple(b.snapped(row.get(name, own[name])) for name, b in searched), 0.0)
            for row in [own, *start]
        ]

    def _look_for_better(self, end: int, first: bool) -> None:
        evaluator, several = self.evaluator, len(self.task.goals) > 1
        given = evaluator.look(self.start, "start", full=True)
        if first:
            shares = random_shares(self.task.samples, evaluator.dimensions, self.task.seed)
            # in parts, so that progress counts them
            for at in range(0, len(shares), 16):
                part = shares[at : at + 16]
                self.random_best = random_search(evaluator, part, self.random_best, full=several)
                self.tried += len(part)
        self.phase = "search"
        if not evaluator.dimensions or self.tried >= end:
            return
        known = [c for c in evaluator.kept if c.origin in {"random", "start"}]
        (self._several if several else self._one)(given, known, end)

    def _one(self, given: Sequence[Candidate], known: Sequence[Candidate], end: int) -> None:
        evaluator = self.evaluator
        size = de.population_size(evaluator.dimensions)
        first = list(dict.fromkeys(map(id, [*given[:size // 2], *sorted(
            known, key=lambda c: (not c.complete, c.score))])))  # fmt: skip
        by_id = {id(c): c for c in evaluator.kept}
        members = [by_id[i] for i in first if i in by_id][:size]
        places = np.array([evaluator.shares(c) for c in members])
        scores = [c.score for c in members]
        if len(places) < de.LEAST_POPULATION:
            more = random_shares(size, evaluator.dimensions, self.task.seed + 1)
            more = more[: de.LEAST_POPULATION - len(places)]
            places = np.vstack([places, more])
            scores += [c.score for c in self._compete(more, None)]

        def compete(shares: Array, rivals: Sequence[Score]) -> list[Score]:
            return [c.score for c in self._compete(shares, rivals)]

        de.search(compete, places, scores, lambda: end - self.tried, self.task.seed)

    def _compete(self, shares: Array, rivals: Sequence[Score] | None) -> list[Candidate]:
        asked_for = [self.evaluator.values(row) for row in shares]
        found = self.evaluator.look(asked_for, "search", rivals, self._promising())
        self.tried += len(shares)
        return found

    def _promising(self) -> Callable[[Score], bool]:
        """Whether a bound may still be better than all that is known."""
        good = [c.score for c in self.evaluator.kept if c.feasible]
        if len(self.task.goals) == 1:
            best = min((c.score for c in self.evaluator.kept if c.complete), default=None)
            return lambda score: best is None or score.beats(best)
        known = np.array([score.values for score in good]).reshape(-1, len(self.task.goals))
        return lambda score: (
            score.violation == 0.0 and not bool((known <= np.array(score.values)).all(axis=1).any())
        )

    def _several(self, given: Sequence[Candidate], known: Sequence[Candidate], end: int) -> None:
        evaluator = self.evaluator

        def evaluate(shares: Array) -> tuple[Array, Array]:
            found = self._compete(shares, None)
            values = np.array([c.score.values for c in found])
            missed = np.array([c.score.violation for c in found])
            return np.clip(np.nan_to_num(values, nan=1e12), -1e12, 1e12), missed

        size = fr.population_size(self.task.candidates)
        best = sorted(known, key=lambda c: c.score.violation)
        members = list({id(c): c for c in [*given, *best]}.values())[:size]
        places = np.array([evaluator.shares(c) for c in members])
        # the first members are known: asking for them again costs nothing
        self.tried -= len(members)
        fr.nsga2(
            evaluate, places, len(self.task.goals), lambda: end - self.tried, self.task.seed, size
        )

    def finish(self) -> None:
        """Check what is returned, choose, explain."""
        evaluator, rules = self.evaluator, self.evaluator.rules
        self.phase = "confirm"
        good = self._good()
        if not good:
            self._explain_infeasible()
            return
        assert self.today is not None
        if self.today.scenario is not None:
            self.today_checked = self._check(self.today, self.task.t_open_today_s)
        if len(self.task.goals) > 1:
            self._check_front(good)
        else:
            self._check_one(good)
        self.phase = "explain"
        if self.chosen is None:
            self.notes.append("no candidate held on the fresh draws: allow more, or raise draws")
            self._explain_infeasible()
            return
        inputs = list(self.scatter)
        self.scatter_effects = scatter_effects(self.chosen, inputs, self.rows)
        self.binding = binding(
            self.chosen, rules, self.constraints, inputs, self.rows, self.cancelled
        )
        self.sensitivities = sensitivities(evaluator, self.chosen)

    def _good(self) -> list[Candidate]:
        """Feasible candidates within the bounds, the best first."""
        good = [c for c in self.evaluator.kept if c.feasible and c.origin != "sensitivity"]
        good = [c for c in good if c is not self.today or self._inside(c)]
        good.sort(key=lambda c: c.score)
        return good

    def _inside(self, candidate: Candidate) -> bool:
        pairs = zip(self.evaluator.bounds.values(), candidate.values, strict=True)
        return all(b.snapped(v) == v for b, v in pairs)

    def _check(self, candidate: Candidate, t_open_s: float | None = None) -> Confirmed:
        def tell(count: int) -> None:
            self.checks += count
            self._tell()

        return confirm(
            candidate,
            self.task,
            self.evaluator.rules,
            list(self.scatter),
            self.fresh_rows,
            tell,
            self.cancelled,
            t_open_s,
        )

    def _check_one(self, good: Sequence[Candidate]) -> None:
        """The best on fresh draws of the best candidates and of unlike ones that are nearly so.

        A candidate at the edge of a limit is short on the draws that it was found with.
        """
        best = good[0].score.values[0]
        near = [c for c in good if c.score.values[0] <= best + NEARLY * abs(best)]
        places = np.array([self.evaluator.shares(c) for c in near])
        some = [near[i] for i in apart(places, MOST_ALIKE)]
        others = [c for c in good if c not in some][: MOST_CHECKS - len(some)]
        held: list[Candidate] = []
        for candidate in [*some, *others]:
            if candidate in others and held:
                break
            found = self._check(candidate)
            self.checked[id(candidate)] = found
            held += [candidate] if found.held else []
        if not held:
            return
        held.sort(key=self._goals_of)
        self.chosen, self.why = held[0], f"the best {self.task.goals[0]} of those that hold"
        if self.task.prefer_lower_pressure:
            most = NEAR_BEST * self._goals_of(held[0])[0]
            near = [c for c in held if self._goals_of(c)[0] <= most]
            self.chosen = min(near, key=lambda c: self.checked[id(c)].figures["pressure_bar"])
            self.why += ", with the lowest pressure of those within half a per cent"
        self.front = [self.chosen]

    def _check_front(self, good: Sequence[Candidate]) -> None:
        goals = np.array([c.score.values for c in good])
        best = fr.non_dominated(goals)
        kept = best[thinned(goals[best], self.task.front_points)]
        held = []
        for candidate in [good[i] for i in kept]:
            found = self._check(candidate)
            self.checked[id(candidate)] = found
            if found.held:
                held.append(candidate)
        if not held:
            return
        goals = np.array([self._goals_of(c) for c in held])
        order = fr.non_dominated(goals)
        order = order[np.argsort(goals[order, 0], kind="stable")]
        self.front = [held[i] for i in order]
        self.choose()

    def choose(self) -> None:
        """The point of the front that the weights prefer, or its knee."""
        if not self.front:
            return
        goals = np.array([self._goals_of(c) for c in self.front])
        if self.task.prefer:
            weights = self.task.weights
            at = preferred(goals, self.task.goals, weights)
            self.why = "preferred: " + ", ".join(f"{n} {w:g}" for n, w in weights.items())
        else:
            at, self.why = knee(goals), "the knee of the front"
        self.chosen = self.front[at]

    def _goals_of(self, candidate: Candidate) -> tuple[float, ...]:
        found = self.checked.get(id(candidate))
        values = candidate.figures if found is None else found.figures
        return minimised(dict(values), self.task.goals)

    def _explain_infeasible(self) -> None:
        nearest = self._nearest()
        if nearest is None:
            return
        if nearest.scenario is not None and not nearest.complete:
            self.evaluator.look([(nearest.values, nearest.wait)], nearest.origin, full=True)
        self.in_the_way = in_the_way(nearest, self.evaluator.rules)

    def _nearest(self) -> Candidate | None:
        """The candidate that misses least, of those that were looked at to the end."""
        known = [c for c in self.evaluator.kept if c.drawn.which and c.complete]
        return min(known, key=lambda c: c.score, default=None)

    def population(self) -> list[Mapping[str, float]]:
        """Settings of the best candidates, for another search."""
        names = list(self.evaluator.bounds)
        if len(self.task.goals) > 1 and (good := self._good()):
            goals = np.array([c.score.values for c in good])
            best = [good[i] for i in fr.non_dominated(goals)]
        else:
            best = sorted((c for c in self.evaluator.kept if c.complete), key=lambda c: c.score)
        return [dict(zip(names, c.values, strict=True)) for c in best[:32]]

    def _tell(self) -> None:
        total = self.task.candidates
        self.progress(
            Progress(
                self.phase,
                min(self.tried, total),
                total,
                self.earlier_simulations + self.evaluator.simulated + self.checks,
                self._best_so_far(),
                self._so_far,
            )
        )

    def _best_so_far(self) -> Mapping[str, Any] | None:
        good = [c for c in self.evaluator.kept if c.feasible and c.origin != "sensitivity"]
        best = self.chosen or min(good, key=lambda c: c.score, default=None)
        if best is None or best.judged is None:
            return None
        settings = dict(zip(self.evaluator.bounds, best.values, strict=True))
        return {
            "settings": settings,
            "t_open_s": best.judged.reached.t_open_s,
            **{name: best.figures[name] for name in self.task.goals},
        }

    def _so_far(self) -> OptimizationResult:
        before, self.partial = self.partial, True
        try:
            return self.result()
        finally:
            self.partial = before

    def result(self) -> OptimizationResult:
        """What there is; of a search that was ended, unchecked points that hold in its draws."""
        task, evaluator = self.task, self.evaluator
        chosen, front, why = self.chosen, self.front, self.why
        if chosen is None and self.partial and (good := self._good()):
            chosen, front, why = good[0], good[:1], "the best so far, not confirmed"
        chosen_point = None if chosen is None else self._point(chosen)
        today_point = None if self.today is None else self._point(self.today, self.today_checked)
        nearest = self._nearest() if chosen is None else None
        used = [c for c in evaluator.kept if c.origin != "sensitivity"]
        index = {id(c): i for i, c in enumerate(used)}
        rules = evaluator.rules
        limits = {n: v for n in LIMITS if (v := rules.what.limit(n)) is not None}
        return OptimizationResult(
            scenario_id=task.scenario.scenario_id,
            goals=task.goals,
            today=today_point,
            chosen=chosen_point,
            why_chosen=why,
            front=tuple(self._point(c) for c in front),
            gain=self._gain(today_point, chosen_point),
            random_best=_random(self.random_best, index, evaluator),
            random_count=min(task.samples, self.tried),
            candidates=max(self.tried, 0),
            simulations=self.earlier_simulations + evaluator.simulated + self.checks,
            draws=len(self.rows),
            violations_allowed=task.violations_allowed,
            scatter=self.scatter,
            scatter_source=task.scatter_source,
            bounds={name: b.model_dump() for name, b in self.bounds.items()},
            limits=limits,
            sensitivities=self.sensitivities,
            scatter_effects_s=self.scatter_effects,
            binding=self.binding,
            nearest=None if nearest is None else self._point(nearest),
            in_the_way=self.in_the_way,
            history=tuple(_tried(i, c, evaluator) for i, c in enumerate(used)),
            population=tuple(self.population()),
            notes=tuple(self.notes),
            seed=task.seed,
            partial=self.partial,
        )

    def _point(self, c: Candidate, checked: Confirmed | None = None) -> Point:
        rules = self.evaluator.rules
        assert c.scenario is not None
        assert c.judged is not None
        found = checked or self.checked.get(id(c))
        if found is None:
            none = np.empty((0, len(self.scatter)))
            found = confirm(
                c, self.task, rules, list(self.scatter), none, lambda _: None, lambda: False
            )
        on_fresh = found.draws != len(c.drawn.which) or bool(len(self.fresh_rows))
        was_checked = checked is not None or id(c) in self.checked
        return Point(
            settings=dict(zip(self.evaluator.bounds, c.values, strict=True)),
            process=c.scenario.process,
            t_open_s=found.t_open_s,
            t_open_search_s=found.t_open_search_s,
            figures=dict(found.figures),
            decides=c.deciding(rules),
            violations=found.violations,
            draws=found.draws,
            violated_share=found.share,
            violated_low=found.share_low,
            violated_high=found.share_high,
            confirmed=was_checked and on_fresh and found.held,
            missed=dict(found.missed),
        )

    def _gain(self, before: Point | None, after: Point | None) -> Gain | None:
        if before is None or after is None or math.isnan(before.t_open_s):
            return None
        task, prices = self.task, self.task.prices
        cost = before.figures["cost"] - after.figures["cost"] if prices.given else None
        parts = task.hours_per_year * S_PER_H / max(before.figures["cycle_s"], 1e-9)
        return Gain(
            settings={
                name: (value, after.settings[name])
                for name, value in before.settings.items()
                if value != after.settings[name]
            },
            cycle_s=before.figures["cycle_s"] - after.figures["cycle_s"],
            cost=cost,
            per_year=cost * parts if cost is not None and task.hours_per_year else None,
            currency=prices.currency,
        )


def _in_order(task: OptimizationTask) -> list[Change]:
    return sorted(task.changes, key=lambda change: change.after_candidates)


def _changed(task: OptimizationTask, count: int) -> tuple[dict[str, Bounds], dict[str, float]]:
    """Variables and constraints after so many changes."""
    variables, constraints = dict(task.variables), dict(task.constraints)
    for change in _in_order(task)[:count]:
        if change.variables and not variables:
            variables = checked_bounds(task.scenario, {})
        variables |= change.variables
        constraints |= change.constraints
    return variables, constraints


def prepared(
    task: OptimizationTask,
    variables: Mapping[str, Bounds],
    constraints: Mapping[str, float],
    draws: int,
) -> tuple[dict[str, Bounds], Rules]:
    """Bounds and rules, checked against each other."""
    what = asked(task.scenario, constraints)
    bounds = checked_bounds(task.scenario, variables)
    opening = bounds.get("t_open_s")
    low = 0.0 if opening is None else opening.low
    high = what.t_max_s if opening is None else min(opening.high, what.t_max_s)
    if low > high:
        raise InputError(
            f"variables: t_open_s: from {low:g} s on, but t_cycle_max_s is {what.t_max_s:g} s: "
            "no opening time can meet both"
        )
    for name, value in today(task.scenario).items():
        if name in bounds and bounds[name].low == bounds[name].high != value:
            with_values(task.scenario, {name: bounds[name].low})  # it can be, or it is said now
    allowed = math.floor(task.violations_allowed * draws + 1e-9)
    step = None if opening is None else opening.step
    return bounds, Rules(what, allowed, max(low, 1e-9), high, step)


def _tried(index: int, c: Candidate, evaluator: Evaluator) -> Tried:
    reached = None if c.judged is None else c.judged.reached
    known = reached is not None and c.scenario is not None
    t = reached.t_open_s if reached is not None else math.nan
    return Tried(
        index=index,
        origin=c.origin,
        settings=dict(zip(evaluator.bounds, c.values, strict=True)),
        t_open_s=None if math.isnan(t) else t,
        values=c.score.values,
        violation=c.score.violation,
        draws=len(c.drawn.which),
        feasible=c.feasible,
        p_max_bar=reached.p_max_bar if known and reached is not None else None,
    )


def _random(best: Candidate | None, index: Mapping[int, int], evaluator: Evaluator) -> Tried | None:
    """None, too, where the limits changed since: it was judged by others."""
    if best is None or id(best) not in index or not best.feasible:
        return None
    return _tried(index[id(best)], best, evaluator)
