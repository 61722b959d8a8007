"""Integrate one scenario: scenario -> setup -> ODE problem -> trajectory."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from twin_core.backends import backend
from twin_core.models import observe, problem
from twin_core.models import state as s
from twin_core.models.limits import limits_record
from twin_core.models.part_properties import PART, cure_at_gel, part
from twin_core.models.setup import Setup, prepare
from twin_core.scenario import Scenario
from twin_core.solvers.base import Array, OdeProblem, OdeSolution, Parameters, Tolerances

ANALYSIS_SPACING_S = 0.5
ANALYSIS_GROWTH = 0.01
"""The grid of key figures and demould window: half a second, later one per cent of the time; the
same for every run, whatever output is asked for."""


@dataclass(frozen=True)
class Trajectory:
    """A shot over time, SI; on the grid of the analysis, of the output, or of both.

    ``y`` has shape (times, states), ``seen`` (times, observables), ``borne`` (times, part).
    """

    scenario: Scenario
    setup: Setup
    problem: OdeProblem
    limits: Parameters
    t_s: Array
    y: Array
    seen: Array
    borne: Array
    solution: OdeSolution

    @property
    def events(self) -> dict[str, float]:
        """Times [s] of cream, gel, mold_full and vent_closed, as far as they happened."""
        return self.solution.events

    @property
    def event_times(self) -> Array:
        """Times [s] of ``EVENTS``, NaN where it did not happen."""
        return np.array([self.events.get(name, np.nan) for name in s.EVENTS])

    @property
    def T_K(self) -> Array:
        """Middle layer."""
        return self.seen[:, s.T_CORE_]

    @property
    def P_Pa(self) -> Array:
        return self.seen[:, s.P_]

    @property
    def V_foam_m3(self) -> Array:
        return self.seen[:, s.V_]

    @property
    def rho_kg_per_m3(self) -> Array:
        return self.seen[:, s.RHO_]

    @property
    def X_OH(self) -> Array:
        """Mean conversion of the hydroxyl groups that are mixed."""
        return self.seen[:, s.X_]

    @property
    def alpha(self) -> Array:
        """Mean degree of cure 0..1: conversion of the groups that run out first."""
        return self.seen[:, s.ALPHA_]

    @cached_property
    def alpha_gel(self) -> float:
        """Mean degree of cure at gel; 1 if it does not gel: no stiffness."""
        y = self.solution.y_at.get("gel")
        return 1.0 if y is None else cure_at_gel(y, self.problem.parameters[0])

    def rows(self, chosen: NDArray[np.intp]) -> Trajectory:
        """The same run on the chosen rows (ascending) of its grid."""
        return replace(
            self,
            t_s=self.t_s.take(chosen),
            y=self.y.take(chosen, axis=0),
            seen=self.seen.take(chosen, axis=0),
            borne=self.borne.take(chosen, axis=0),
        )


def grid(t_end_s: float, spacing_s: float) -> Array:
    """Times from 0 at exactly this spacing; the end is always one, after a shorter last interval
    when the spacing does not divide it.
    """
    count = math.floor(t_end_s / spacing_s * (1 + 1e-12))
    times: Array = np.arange(count + 1, dtype=np.float64) * spacing_s
    if t_end_s - times[-1] > 1e-9 * t_end_s:
        return np.append(times, t_end_s)
    times[-1] = t_end_s
    return times


def analysis_grid(t_end_s: float) -> Array:
    """Times for key figures: dense after the pour, where a hot agent may flash, then ever wider."""
    first = np.geomspace(1e-3, 8.0, 60) * ANALYSIS_SPACING_S
    even_until = ANALYSIS_SPACING_S / ANALYSIS_GROWTH
    even = np.arange(0.0, even_until, ANALYSIS_SPACING_S)
    count = max(math.ceil(math.log(max(t_end_s / even_until, 1.0)) / ANALYSIS_GROWTH), 1)
    later = np.geomspace(even_until, max(t_end_s, even_until), count + 1)
    times = np.unique(np.concatenate((even, first, later, [t_end_s])))
    found: Array = times[times <= t_end_s]
    return found


@lru_cache(maxsize=32)
def grids(
    t_cycle_max_s: float, t_end_s: float, dt_s: float
) -> tuple[Array, NDArray[np.intp], NDArray[np.intp]]:
    """All times of a run, and the rows of the analysis and of the output among them."""
    analysis, output = analysis_grid(t_cycle_max_s), grid(t_end_s, dt_s)
    times = np.union1d(analysis, output)
    times.flags.writeable = False
    return times, np.searchsorted(times, analysis), np.searchsorted(times, output)


def integrate(scenario: Scenario, backend_name: str | None = None) -> tuple[Trajectory, Trajectory]:
    """Run the model of a scenario.

    Returns:
        The run for analysis, up to ``quality.t_cycle_max_s`` on a grid that does not depend on the
        output asked for; and the same run at the times of the output (every ``dt_s``).

    Args:
        backend_name: overrides ``scenario.simulation.backend``.

    Raises:
        InputError: the scenario cannot be simulated as given.
        SolverError, BudgetExceeded: the integration ended early.
    """
    options = scenario.simulation
    solver = backend(backend_name or options.backend)
    setup = prepare(scenario)
    layers = 1 if options.dimension == "0d" else options.layers
    times, analysis, output = grids(scenario.quality.t_cycle_max_s, options.t_end_s, options.dt_s)
    ode = problem.problem(setup, float(times[-1]), layers)
    solution = solver.solve(ode, times, Tolerances(options.rtol), options.max_evaluations)
    seen = _seen(solution) if solution.seen is None else solution.seen
    limits = limits_record(scenario, setup)
    run = Trajectory(
        scenario, setup, ode, limits, times, solution.y, seen, np.empty((0, 0)), solution
    )
    borne = np.empty((len(times), len(PART)))
    part(solution.y, seen, ode.parameters, limits, run.alpha_gel, borne)
    run = replace(run, borne=borne)
    return run.rows(analysis), run.rows(output)


def _seen(solution: OdeSolution) -> Array:
    """Observables of a solution that only has states and modes."""
    seen = np.empty((len(solution.t_s), len(s.OBSERVABLES)))
    ends = [start for start, _ in solution.modes[1:]] + [len(solution.t_s)]
    for (start, parameters), end in zip(solution.modes, ends, strict=True):
        observe.observe(solution.y[start:end], parameters, seen[start:end])
    return seen
