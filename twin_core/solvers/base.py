"""What a solver is given, what it returns, and the walk through the modes of a shot.

A backend integrates one smooth segment and finds the first terminal event in it. ``solve`` strings
segments together: at a terminal event the problem may change its mode (vents close, a gelled foam
stops growing) by other parameters for the same right-hand side. So no backend ever sees a kink, and
a new backend is one class with one method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from twin_core.arrays import Array, Parameters
from twin_core.errors import SolverError


@dataclass(frozen=True)
class OdeProblem:
    """y' = rhs(t, y; parameters) with events, SI units throughout.

    Attributes:
        rhs: compiled ``rhs(t, y, parameters, dy_out)``.
        events: compiled ``events(t, y, parameters, values_out)``; an event is a value rising
            through zero.
        event_names: one name per value.
        terminal: names of the events that may change the mode.
        transition: ``(name, y, parameters) -> parameters`` of the next mode.
        parameters: of the first mode.
        y0: initial state; ``scale``: a change of each state that matters, for the tolerance.
        t_end_s: end of the shot.
        jacobian: ``jacobian(t, y, parameters, J_out)``, J_out[i, j] = d rhs_i / d y_j; dense, for
            all layers share one pressure.
    """

    rhs: Callable[[float, Array, Parameters, Array], None]
    events: Callable[[float, Array, Parameters, Array], None]
    event_names: tuple[str, ...]
    terminal: frozenset[str]
    transition: Callable[[str, Array, Parameters], Parameters]
    parameters: Parameters
    y0: Array
    scale: Array
    t_end_s: float
    jacobian: Callable[[float, Array, Parameters, Array], None] | None = None


@dataclass(frozen=True)
class Tolerances:
    """Relative tolerance; the absolute one is ``rtol * scale`` times a safety of 1e-2."""

    rtol: float = 1e-7

    def absolute(self, scale: Array) -> Array:
        """Absolute tolerance per state."""
        return np.asarray(1e-2 * self.rtol * scale)


@dataclass
class Statistics:
    """What a run cost."""

    backend: str
    evaluations: int = 0
    """Of the model, with those for derivatives."""
    steps: int = 0
    segments: int = 0
    rejected: int = 0
    """Steps taken again, where the backend says so."""


@dataclass(frozen=True)
class Hit:
    """An event found by a backend, and the state there."""

    name: str
    t_s: float
    y: Array


@dataclass(frozen=True)
class Segment:
    """States at the wanted times up to the end or the hit, and the passing events on the way."""

    y: Array
    """Shape (times reached, states)."""
    passed: list[Hit]
    hit: Hit | None
    evaluations: int
    steps: int


class Backend(Protocol):
    """The whole interface of a solver."""

    name: str

    def integrate(
        self,
        problem: OdeProblem,
        parameters: Parameters,
        t0: float,
        y0: Array,
        save_at: Array,
        active: frozenset[str],
        tolerances: Tolerances,
        budget: int,
    ) -> Segment:
        """Integrate from ``t0`` to ``problem.t_end_s`` or the first active terminal event.

        Args:
            save_at: ascending times in (t0, t_end] at which states are wanted.
            active: events still to be looked for.
            budget: evaluations of the right-hand side that are left.

        Raises:
            BudgetExceeded: the budget is used up.
            SolverError: the integrator failed.
        """
        ...


@dataclass(frozen=True)
class OdeSolution:
    """States on the wanted grid, the mode each belongs to, and the events in order of time."""

    t_s: Array
    y: Array
    """Shape (times, states)."""
    events: dict[str, float]
    statistics: Statistics
    y_at: dict[str, Array] = field(default_factory=dict)
    """State at each event."""
    modes: list[tuple[int, Parameters]] = field(default_factory=list)
    """(index of the first time of the mode, its parameters)."""
    heat: Array | None = None
    """Heat account of the run, from a backend that keeps it along its dense output."""


SHORTEST = 1e-12
"""Length of the last mode over that of the shot: less is not integrated."""


class Solver(Protocol):
    """What a backend is to those who want a solution."""

    name: str

    def solve(
        self, problem: OdeProblem, save_at_s: Array, tolerances: Tolerances, budget: int
    ) -> OdeSolution:
        """Integrate a problem through all its modes.

        Args:
            save_at_s: ascending times, the first is 0 and the last ``problem.t_end_s``.
            budget: most evaluations of the right-hand side for the whole run.

        Raises:
            BudgetExceeded, SolverError: the integration ended early.
        """
        ...


class Walking:
    """Makes a ``Solver`` of a ``Backend``."""

    def solve(
        self: Backend, problem: OdeProblem, save_at_s: Array, tolerances: Tolerances, budget: int
    ) -> OdeSolution:
        """See ``Solver.solve``."""
        return solve(problem, self, save_at_s, tolerances, budget)


def solve(
    problem: OdeProblem,
    backend: Backend,
    save_at_s: Array,
    tolerances: Tolerances,
    budget: int,
) -> OdeSolution:
    """Integrate a problem through all its modes.

    Args:
        save_at_s: ascending times, the first is 0 and the last ``problem.t_end_s``.
        budget: most evaluations of the right-hand side for the whole run.

    Raises:
        BudgetExceeded, SolverError: see ``Backend.integrate``.
    """
    statistics = Statistics(backend.name)
    rows = [problem.y0[None, :]]
    modes: list[tuple[int, Parameters]] = [(0, problem.parameters)]
    events: dict[str, float] = {}
    y_at: dict[str, Array] = {}
    t, y, parameters, done = 0.0, problem.y0, problem.parameters, 1
    while done < len(save_at_s):
        active = frozenset(problem.event_names) - events.keys()
        segment = backend.integrate(
            problem,
            parameters,
            t,
            y,
            save_at_s[done:],
            active,
            tolerances,
            budget - statistics.evaluations,
        )
        statistics.evaluations += segment.evaluations
        statistics.steps += segment.steps
        statistics.segments += 1
        rows.append(segment.y)
        done += len(segment.y)
        hit = segment.hit
        hits = [*segment.passed, *([hit] if hit else [])]
        if hit is not None:
            left = active - {found.name for found in hits}
            hits.extend(_ties(problem, parameters, t, y, hit, left))
        for found in hits:
            events[found.name], y_at[found.name] = found.t_s, found.y
        if hit is None:
            break
        t, y = hit.t_s, hit.y
        for found in hits:
            if found.name in problem.terminal:
                parameters = problem.transition(found.name, y, parameters)
        modes.append((done, parameters))
        if t >= problem.t_end_s * (1.0 - SHORTEST):
            rows.append(np.repeat(y[None, :], len(save_at_s) - done, axis=0))
            break
    states = np.concatenate(rows)
    if len(states) != len(save_at_s) or not np.isfinite(states).all():
        raise SolverError(f"backend {backend.name}: the solution is incomplete or not finite")
    ordered = dict(sorted(events.items(), key=lambda item: item[1]))
    return OdeSolution(save_at_s, states, ordered, statistics, y_at, modes)


def _ties(
    problem: OdeProblem,
    parameters: Parameters,
    t0: float,
    y0: Array,
    hit: Hit,
    left: frozenset[str],
) -> list[Hit]:
    """Events that happen together with the hit and were not reported: rounding put them just after
    it. They were below zero at the start of the segment and are not any more, so the next segment
    would miss them.
    """
    before, after = np.empty(len(problem.event_names)), np.empty(len(problem.event_names))
    problem.events(t0, y0, parameters, before)
    problem.events(hit.t_s, hit.y, parameters, after)
    return [
        Hit(name, hit.t_s, hit.y)
        for i, name in enumerate(problem.event_names)
        if name in left and before[i] < 0.0 <= after[i]
    ]
