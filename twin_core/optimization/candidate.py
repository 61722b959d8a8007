"""A candidate: settings, what its draws gave so far, and the verdict on that."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array
from twin_core.batch import BatchResult
from twin_core.optimization.constraints import OF_THE_SHOT, Asked, margins
from twin_core.optimization.goals import Reached
from twin_core.optimization.opening import earliest_opening
from twin_core.scenario import Scenario
from twin_core.units import PA_PER_BAR

NO_WINDOW = 1.0
"""Shortfall of a draw whose window never opens, beside that of its margins."""
NO_RUN = 10.0
"""Shortfall of a draw that cannot be simulated."""
MISSED = 0.1
"""Shortfall of a window that does not reach the opening time of the others."""


RISK = OF_THE_SHOT.index("defect_risk")


class Score(NamedTuple):
    """Smaller is better: first what is missed, then the goals."""

    violation: float
    values: tuple[float, ...]

    def beats(self, other: Score) -> bool:
        """Whether it is better in its violation, or, both missing nothing, in its first goal."""
        if self.violation or other.violation:
            return self.violation < other.violation
        return self.values[0] < other.values[0]


NOT_LOOKED_AT = Score(math.inf, ())


@dataclass
class Drawn:
    """What was simulated of a candidate, a row a draw in the order of simulation."""

    which: list[int] = field(default_factory=list)
    """Numbers of the draws."""
    start: Array = field(default_factory=lambda: np.empty(0))
    """Of the demold window, s; NaN: none."""
    end: Array = field(default_factory=lambda: np.empty(0))
    margins: Array = field(default_factory=lambda: np.empty((0, len(OF_THE_SHOT))))
    p_bar: Array = field(default_factory=lambda: np.empty(0))
    opens: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, dtype="U16"))
    """Criterion that decides when each window opens, or that stays open."""
    errors: list[str] = field(default_factory=list)

    def add(self, which: Sequence[int], result: BatchResult, what: Asked) -> None:
        """Take what was simulated."""
        self.which += which
        self.start = np.append(self.start, result["t_demold_min_s"] * what.memory_factor)
        self.end = np.append(self.end, result["t_demold_max_s"])
        self.margins = np.vstack([self.margins, margins(result, what)])
        self.p_bar = np.append(self.p_bar, result["p_max_Pa"] / PA_PER_BAR)
        self.opens = np.append(self.opens, result.words["binding_earliest"])
        self.errors += [result.errors[i] for i in sorted(result.errors)]


@dataclass(frozen=True)
class Rules:
    """How draws are judged; the same for all candidates of a search."""

    what: Asked
    violations: int
    """Draws that may miss."""
    t_low_s: float
    t_high_s: float
    t_step_s: float | None

    @property
    def latest(self) -> str:
        """Criterion that ``t_high_s`` is from: the longest cycle, or the bound of the opening."""
        return "cycle" if self.t_high_s >= self.what.t_max_s else "t_open_s"

    def windows(self, drawn: Drawn) -> tuple[Array, Array]:
        """Start and end of each draw's window within the bounds; NaN where it has none."""
        start = np.maximum(drawn.start, self.t_low_s)
        end = np.minimum(drawn.end, self.t_high_s)
        gone = ~(drawn.margins >= 0.0).all(axis=1) | ~(start <= end)
        return np.where(gone, np.nan, start), np.where(gone, np.nan, end)

    def shortfalls(self, drawn: Drawn) -> Array:
        """How far each draw is from being good, 0 where it is."""
        short = np.where(drawn.margins < 0.0, -drawn.margins, 0.0).sum(axis=1)
        late = np.maximum(drawn.start, self.t_low_s) / self.t_high_s - 1.0
        early = 1.0 - drawn.end / self.t_low_s
        missed = np.maximum(np.maximum(late, early), 0.0)
        short += np.where(np.isnan(drawn.start), NO_WINDOW, missed)
        broken = np.isnan(drawn.p_bar)
        return np.where(broken, NO_RUN, short)


@dataclass(frozen=True)
class Judged:
    """The verdict on what was simulated so far: never worse than that on all draws."""

    violation: float
    reached: Reached


def judge(drawn: Drawn, rules: Rules, wait: float = 0.0) -> Judged:
    """The verdict on a candidate's draws; on some of them it is a bound of that on all.

    Args:
        wait: share by which the mold is opened later than the earliest time.
    """
    count, allowed = len(drawn.which), rules.violations
    short = np.sort(rules.shortfalls(drawn))
    violation = float(short[: max(count - allowed, 0)].sum())
    start, end = rules.windows(drawn)
    step = None if rules.t_step_s is None else (rules.t_low_s, rules.t_step_s)
    t_open, missing = earliest_opening(start, end, allowed, step)
    if wait and missing == 0:
        later = np.where(np.isnan(start), np.nan, np.maximum(start, t_open * (1.0 + wait)))
        t_open, missing = earliest_opening(
            np.where(later <= end, later, np.nan), end, allowed, step
        )
    violation += MISSED * missing
    p = np.sort(np.nan_to_num(drawn.p_bar, nan=np.inf))
    p_max = p[max(count - allowed, 1) - 1] if count > allowed else 0.0
    return Judged(violation, Reached(t_open, float(p_max), margin_at(drawn, t_open, allowed)))


def margin_at(drawn: Drawn, t_open: float, allowed: int) -> float:
    """The least relative margin of all draws but the allowed ones, opened at ``t_open`` [s].

    Of the shot's criteria but the defect risk, which is made of them, and of time: how much later
    than its earliest opening a part is opened.
    """
    if math.isnan(t_open) or len(drawn.which) <= allowed:
        return math.inf if len(drawn.which) <= allowed else -math.inf
    time = np.minimum(t_open / drawn.start - 1.0, np.where(drawn.end >= t_open, np.inf, -1.0))
    least = np.minimum(drawn.margins[:, :RISK].min(axis=1), np.nan_to_num(time, nan=-1.0))
    return float(np.sort(least)[allowed])


@dataclass(eq=False)
class Candidate:
    """One set of settings; no two of a search have the same."""

    values: tuple[float, ...]
    """In the order of the task's variables."""
    wait: float
    scenario: Scenario | None
    """As it is set at the press; None where these settings cannot be."""
    simulated: Scenario | None = None
    """The same with the numbers of a calibration."""
    problem: str = ""
    drawn: Drawn = field(default_factory=Drawn)
    judged: Judged | None = None
    complete: bool = False
    """All draws were simulated; else it was given up."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """All goals, by name; a bound of them where it is not complete."""
    score: Score = NOT_LOOKED_AT
    origin: str = ""
    """Which part of the search made it."""

    @property
    def feasible(self) -> bool:
        """Whether all draws were simulated and enough of them hold."""
        return self.complete and self.score.violation == 0.0

    def deciding(self, rules: Rules) -> str:
        """The criterion that decides the opening in the draw that comes last of those that hold.

        Of a candidate that is not feasible: what most draws miss.
        """
        assert self.judged is not None
        t = self.judged.reached.t_open_s
        if self.feasible and not math.isnan(t):
            start, _ = rules.windows(self.drawn)
            late = int(np.nanargmax(np.where(start <= t + 1e-9, start, np.nan)))
            return str(self.drawn.opens[late]) if start[late] > rules.t_low_s else "t_open_s"
        missed = self.missed(rules)
        return max(missed, key=lambda name: missed[name], default="")

    def missed(self, rules: Rules) -> dict[str, int]:
        """Draws that miss each criterion."""
        found = defaultdict[str, set[int]](set)
        for i, name in enumerate(OF_THE_SHOT):
            found[name].update(np.flatnonzero(self.drawn.margins[:, i] < 0.0).tolist())
        for draw in np.flatnonzero(np.isnan(self.drawn.start)).tolist():
            found[str(self.drawn.opens[draw]) or "simulation"].add(draw)
        late = np.flatnonzero(self.drawn.start > rules.t_high_s)
        found[rules.latest].update(late.tolist())
        early = np.flatnonzero(self.drawn.end < rules.t_low_s)
        found["t_open_s"].update(early.tolist())
        return {name: len(draws) for name, draws in found.items() if draws}
