"""What an optimisation found, and how far it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from twin_core.optimization.explain import Binding, InTheWay, Sensitivity
from twin_core.optimization.goals import minimised
from twin_core.scenario import Process

NO_BETTER = 1e-4
"""Relative; what is better by less is not worth a change."""


@dataclass(frozen=True)
class Point:
    """Settings, and what they give in the scatter of production."""

    settings: Mapping[str, float]
    process: Process
    """As it is poured, with the masses that follow."""
    t_open_s: float
    t_open_search_s: float
    """On the draws of the search; ``t_open_s`` holds on the fresh ones, too."""
    figures: Mapping[str, float]
    """All goals, by name."""
    decides: str
    """The criterion that decides the opening."""
    violations: int
    draws: int
    """On which ``violations`` were counted."""
    violated_share: float
    violated_low: float
    violated_high: float
    """Clopper-Pearson, 95 %."""
    confirmed: bool
    """On fresh draws, with no more violations than are allowed."""
    missed: Mapping[str, int]
    """Draws that miss each criterion, or meet it only after the opening."""


@dataclass(frozen=True)
class Gain:
    """What changes against today."""

    settings: Mapping[str, tuple[float, float]]
    """Of each setting that changes: today, then."""
    cycle_s: float
    cost: float | None
    """Of a part; None without prices."""
    per_year: float | None
    """At as many parts as today; None without prices or hours per year."""
    currency: str


@dataclass(frozen=True)
class Tried:
    """A candidate in the history."""

    index: int
    origin: str
    settings: Mapping[str, float]
    t_open_s: float | None
    values: tuple[float, ...]
    """The goals; of one that was given up a bound."""
    violation: float
    draws: int
    feasible: bool
    p_max_bar: float | None


@dataclass(frozen=True)
class OptimizationResult:
    """What was found; ``partial`` when it was ended before its end.

    Attributes:
        today: the settings of today; chosen: what is advised, None where nothing is feasible.
        front: of several goals, the confirmed points; of one the chosen alone.
        random_best: the best of ``random_count`` random candidates, on the draws of the search.
        nearest: the candidate that misses least, where nothing is feasible, and what is in the way.
        population: settings to start another search from.
        parameter_set: calibration that all was simulated with.
        memory_factor: times what the physics says a mold may be opened.
    """

    scenario_id: str
    goals: tuple[str, ...]
    today: Point | None
    chosen: Point | None
    why_chosen: str
    front: tuple[Point, ...]
    gain: Gain | None
    random_best: Tried | None
    random_count: int
    candidates: int
    simulations: int
    draws: int
    violations_allowed: float
    scatter: Mapping[str, float]
    scatter_source: str
    bounds: Mapping[str, Mapping[str, float | None]]
    bounds_source: str
    limits: Mapping[str, float]
    sensitivities: tuple[Sensitivity, ...]
    scatter_effects_s: Mapping[str, float]
    binding: Binding | None
    nearest: Point | None
    in_the_way: tuple[InTheWay, ...]
    history: tuple[Tried, ...]
    population: tuple[Mapping[str, float], ...]
    notes: tuple[str, ...]
    parameter_set: str | None
    memory_factor: float
    memory_source: str
    seed: int
    partial: bool

    def holds(self, point: Point) -> bool:
        """Whether no more draws of a point miss a limit at its opening than are allowed."""
        return point.violations <= math.floor(self.violations_allowed * point.draws + 1e-9)

    @property
    def nothing_better(self) -> bool:
        """Whether today holds and is as good as the chosen point in every goal, or nearly."""
        if self.today is None or self.chosen is None or not self.holds(self.today):
            return False
        goals = (self.today.figures, self.chosen.figures)
        own, found = (minimised(dict(figures), self.goals) for figures in goals)
        pairs = zip(own, found, strict=True)
        return all(mine <= its + NO_BETTER * abs(its) for mine, its in pairs)

    @property
    def feasible(self) -> bool:
        """Whether there is anything to advise."""
        return self.chosen is not None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with the names of the first generation beside.

        ``baseline`` is today, ``optimized`` the chosen point, ``candidate`` its settings.
        """
        found = asdict(self)
        for name, point in (("today", self.today), ("chosen", self.chosen)):
            found[name] = _point(point)
        found["nearest"] = _point(self.nearest)
        found["front"] = [_point(point) for point in self.front]
        found["baseline"], found["optimized"] = found["today"], found["chosen"]
        found["candidate"] = None if self.chosen is None else dict(self.chosen.settings)
        found["feasible"] = self.feasible
        return dict(_plain(found))


def _point(point: Point | None) -> dict[str, Any] | None:
    if point is None:
        return None
    process = point.process.model_dump(mode="json", exclude_unset=True)
    return {**{k: v for k, v in vars(point).items() if k != "process"}, "process": process}


def _plain(value: Any) -> Any:
    """JSON has neither NaN nor infinity: they become None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


@dataclass(frozen=True)
class Progress:
    """How far a search is."""

    phase: str
    """``random``, ``search``, ``confirm`` or ``explain``."""
    done: int
    of: int
    """Candidates; of ``confirm`` draws."""
    simulations: int
    best: Mapping[str, Any] | None
    """Settings, opening time and goals of the best feasible candidate so far."""
    partial: Callable[[], OptimizationResult]
    """What would be returned if it ended now; for one who keeps it against a sudden end."""
