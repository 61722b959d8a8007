"""Candidates on draws: as few simulations as decide, all of them for what may be returned."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import numpy as np

from twin_core.arrays import Array
from twin_core.batch import BatchResult, simulate_many
from twin_core.calibration.parameter_set import calibrated
from twin_core.errors import InputError
from twin_core.optimization.candidate import NO_RUN, Candidate, Judged, Rules, Score, judge
from twin_core.optimization.draws import scattered
from twin_core.optimization.goals import Reached, figures, minimised
from twin_core.optimization.task import OptimizationTask
from twin_core.optimization.variables import Bounds, with_values
from twin_core.scenario import Scenario

FIRST_ROUND = 2
"""Draws beyond those that may miss, after which the worst candidates are given up."""
LEAST_SCREEN = 8
"""Draws, the hardest first, after which candidates are compared; only a promising one gets all."""
BLOCK = 256
"""Shots between two looks at whether to go on."""
THREADS: ContextVar[int | None] = ContextVar("THREADS", default=None)
"""That simulate; None: one for each core. Set by ``run.optimize``."""
WAIT_MAX = 0.5
"""Share by which the opening may be put off for the sake of the quality margin."""


class Stopped(Exception):
    """The search was cancelled; what there is so far stays."""


class Evaluator:
    """Simulates and judges candidates; keeps all of them.

    Attributes:
        kept: every candidate, in the order of its first look.
        simulated: shots so far.
        rounds: numbers of draws after which candidates are compared, ascending.
    """

    def __init__(
        self,
        task: OptimizationTask,
        bounds: Mapping[str, Bounds],
        rules: Rules,
        inputs: Sequence[str],
        deviations: Array,
        *,
        tell: Callable[[], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """Begin with no candidate.

        Args:
            bounds: of the variables that are searched.
            inputs: what scatters; deviations: (draws, inputs).
            tell: called after each block of shots.
        """
        self.bounds, self.rules = dict(bounds), rules
        self._task, self._inputs, self._deviations = task, list(inputs), deviations
        self._tell, self._cancelled = tell, cancelled
        self._order = list(range(len(deviations)))
        self._known: dict[tuple[float, ...], Candidate] = {}
        self.kept: list[Candidate] = []
        self.simulated = 0
        count = len(self._order)
        screen = min(count, max(LEAST_SCREEN, 2 * rules.violations + 6))
        self.rounds: tuple[int, ...] = tuple(
            dict.fromkeys((min(rules.violations + FIRST_ROUND, count), screen))
        )

    @property
    def waits(self) -> bool:
        """Whether the opening may be put off: only where a quality margin is wanted."""
        return "quality_margin" in self._task.goals

    @property
    def dimensions(self) -> int:
        """Numbers of a candidate: its variables, and how long the opening is put off."""
        return len(self.bounds) + self.waits

    @property
    def is_fixed(self) -> bool:
        """Whether there is one candidate alone: no variable has a second value."""
        return not self.waits and all(b.low == b.high for b in self.bounds.values())

    def values(self, shares: Array) -> tuple[tuple[float, ...], float]:
        """Settings at shares 0..1 of their bounds, and how long the opening is put off."""
        found = tuple(
            b.at(share) for b, share in zip(self.bounds.values(), shares.tolist(), strict=False)
        )
        return found, WAIT_MAX * float(shares[-1]) if self.waits else 0.0

    def shares(self, candidate: Candidate) -> Array:
        """Where a candidate lies between the bounds."""
        found = [b.share(v) for b, v in zip(self.bounds.values(), candidate.values, strict=True)]
        return np.array([*found, candidate.wait / WAIT_MAX] if self.waits else found)

    def begin(self, today: Mapping[str, float]) -> Candidate:
        """Today's settings on all draws; those that come last there are the first of all others."""
        values = tuple(today[name] for name in self.bounds)
        found = self._candidate(values, 0.0, "today")
        self._look([found], len(self._order))
        late = np.nan_to_num(found.drawn.start, nan=np.inf)
        hard = np.maximum(self.rules.shortfalls(found.drawn) * 1e6, late)
        self._order = [found.drawn.which[i] for i in np.argsort(-hard, kind="stable")]
        return found

    def look(
        self,
        candidates: Sequence[tuple[tuple[float, ...], float]],
        origin: str,
        rivals: Sequence[Score] | None = None,
        promising: Callable[[Score], bool] | None = None,
        full: bool = False,
    ) -> list[Candidate]:
        """Judge candidates, each against a rival.

        One that can no longer beat its rival, or without rivals be feasible, is given up: its score
        is then a bound that does not beat the rival either.

        Args:
            promising: whether one with such a score, a bound, is worth all draws; None: one that
                still may beat its rival.
            full: give up none.
        """
        found = [self._candidate(values, wait, origin) for values, wait in candidates]
        rival_of = dict[int, Score]()
        for i, candidate in enumerate(found):
            if rivals is not None:  # steps make trials alike: then it need beat only one rival
                rival_of[id(candidate)] = max(rivals[i], rival_of.get(id(candidate), rivals[i]))

        def left(last: bool) -> list[Candidate]:
            there = {id(c): c for c in found if c.scenario is not None and not c.complete}
            return [
                c
                for key, c in there.items()
                if full
                or (last and promising is not None and promising(c.score))
                or (not (last and promising) and self._may_win(c, rival_of.get(key)))
            ]

        for count in () if full else self.rounds:
            self._look(left(False), count)
        self._look(left(True), len(self._order))
        return found

    def _may_win(self, candidate: Candidate, rival: Score | None) -> bool:
        if not candidate.drawn.which:
            return True
        score = candidate.score
        if rival is None:
            return score.violation == 0.0
        if rival.violation == 0.0 and self._task.goals[0] == "quality_margin":
            return score.violation == 0.0  # its bound holds only on all draws
        return score.beats(rival)

    def _candidate(self, values: tuple[float, ...], wait: float, origin: str) -> Candidate:
        key = (*values, wait)
        if key in self._known:
            return self._known[key]
        try:
            base = self.rules.what.scenario
            scenario = with_values(base, dict(zip(self.bounds, values, strict=True)))
            simulated = calibrated(scenario, self._task.parameter_set)
            found = Candidate(values, wait, scenario, simulated, origin=origin)
        except InputError as error:
            found = Candidate(values, wait, None, problem=str(error), origin=origin)
            found.complete = True
            found.judged = Judged(NO_RUN * len(self._order), Reached(np.nan, np.nan, -np.inf))
            found.score = Score(found.judged.violation, (np.inf,) * len(self._task.goals))
        self._known[key] = found
        self.kept.append(found)
        return found

    def _look(self, candidates: Sequence[Candidate], count: int) -> None:
        """Bring candidates to so many draws, in blocks."""
        todo = [
            (candidate, draw)
            for candidate in candidates
            for draw in self._order[len(candidate.drawn.which) : count]
        ]
        for part in _blocks(todo):
            if self._cancelled():
                raise Stopped
            shots = [
                scattered(_scenario(c), self._inputs, self._deviations[draw]) for c, draw in part
            ]
            results = run_parts(shots)
            self.simulated += len(shots)
            at = 0
            for result in results:
                for first, last in _runs([c for c, _ in part[at : at + len(result)]]):
                    candidate = part[at + first][0]
                    draws = [draw for _, draw in part[at + first : at + last]]
                    candidate.drawn.add(draws, _rows(result, first, last), self.rules.what)
                at += len(result)
            self._tell()
        for candidate in candidates:
            if candidate.drawn.which:
                self._judge(candidate)

    def _judge(self, c: Candidate) -> None:
        c.judged = judge(c.drawn, self.rules, c.wait)
        c.complete = len(c.drawn.which) == len(self._order)
        c.figures = figures(
            _scenario(c), c.judged.reached, self._task.handling_s, self._task.prices
        )
        values = minimised(dict(c.figures), self._task.goals)
        c.score = Score(c.judged.violation, tuple(np.nan_to_num(values, nan=np.inf).tolist()))


def run_parts(shots: Sequence[Scenario]) -> list[BatchResult]:
    """Simulate shots on all cores, also when they are few."""
    cores = THREADS.get() or len(os.sched_getaffinity(0))
    cores = max(min(cores, len(shots)), 1)
    size = -(-len(shots) // cores)
    parts = [shots[i : i + size] for i in range(0, len(shots), size)]
    with ThreadPoolExecutor(cores) as pool:
        return list(pool.map(lambda part: simulate_many(part, workers=1), parts))


def _scenario(candidate: Candidate) -> Scenario:
    assert candidate.simulated is not None
    return candidate.simulated


def _blocks(todo: Sequence[tuple[Candidate, int]]) -> Iterable[Sequence[tuple[Candidate, int]]]:
    for start in range(0, len(todo), BLOCK):
        yield todo[start : start + BLOCK]


def _runs(items: Sequence[object]) -> Iterable[tuple[int, int]]:
    """First and last index of each run of the same object."""
    first = 0
    for i in range(1, len(items) + 1):
        if i == len(items) or items[i] is not items[first]:
            yield first, i
            first = i


def _rows(result: BatchResult, first: int, last: int) -> BatchResult:
    """Some rows of a batch."""
    return BatchResult(
        {name: values[first:last] for name, values in result.figures.items()},
        {name: values[first:last] for name, values in result.words.items()},
        {i - first: words for i, words in result.errors.items() if first <= i < last},
        result.time_s,
        {},
        result.release[first:last],
    )
