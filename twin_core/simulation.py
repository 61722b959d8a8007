"""Integrate one scenario: scenario -> setup -> ODE problem -> trajectory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from twin_core.models import lumped, lumped_problem
from twin_core.models.setup import Setup, prepare
from twin_core.shot import Scenario
from twin_core.solvers import OdeSolution, backend, solve
from twin_core.solvers.base import Array, Tolerances

ANALYSIS_SPACING_S = 0.5
"""Grid on which audit, KPIs and demould window are computed, whatever output is asked for."""
FEWEST_INTERVALS = 200
"""Of the analysis in a run that is shorter than these many spacings."""


@dataclass(frozen=True)
class Trajectory:
    """A shot over time, SI; ``y`` has shape (times, states), ``seen`` (times, observables)."""

    scenario: Scenario
    setup: Setup
    solution: OdeSolution
    seen: Array

    @property
    def t_s(self) -> Array:
        return self.solution.t_s

    @property
    def y(self) -> Array:
        return self.solution.y

    @property
    def events(self) -> dict[str, float]:
        """Times [s] of cream, gel, mold_full and vent_closed, as far as they happened."""
        return self.solution.events

    @property
    def T_K(self) -> Array:
        return self.y[:, lumped.T]

    @property
    def P_Pa(self) -> Array:
        return self.seen[:, lumped.P_]

    @property
    def V_foam_m3(self) -> Array:
        return self.seen[:, lumped.VF_]

    @property
    def rho_kg_per_m3(self) -> Array:
        return self.seen[:, lumped.RHO_]

    @cached_property
    def X_OH(self) -> Array:
        """Conversion of the hydroxyl groups."""
        return np.asarray(1.0 - self.y[:, lumped.OH] / self.setup.amounts.n_OH_mol)

    @cached_property
    def alpha(self) -> Array:
        """Degree of cure 0..1: conversion of the groups that run out first (NCO; or OH, water)."""
        return self._alpha(self.y)

    def alpha_at(self, event: str) -> float | None:
        """Degree of cure at an event; None if it did not happen."""
        y = self.solution.y_at.get(event)
        return None if y is None else float(self._alpha(y[None, :])[0])

    def _alpha(self, y: Array) -> Array:
        a = self.setup.amounts
        if a.index < 1.0:
            left = y[:, lumped.NCO] / a.n_NCO_mol
        else:
            left = (y[:, lumped.OH] + 2.0 * y[:, lumped.W]) / (a.n_OH_mol + 2.0 * a.n_water_mol)
        return np.clip(1.0 - left, 0.0, 1.0)  # the tolerance of the solver may pass zero

    def part(self, rows: NDArray[np.intp]) -> Trajectory:
        """The same run on the chosen rows (ascending) of its grid."""
        return Trajectory(self.scenario, self.setup, self.solution.part(rows), self.seen[rows])


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
    """Times for audit and KPIs: dense after the pour, where a hot agent may flash, then even."""
    spacing = min(ANALYSIS_SPACING_S, t_end_s / FEWEST_INTERVALS)
    return np.union1d(grid(t_end_s, spacing), np.geomspace(1e-3, 8.0, 150) * spacing)


def integrate(scenario: Scenario, backend_name: str | None = None) -> tuple[Trajectory, Trajectory]:
    """Run the model of a scenario.

    Returns:
        The run for analysis, on a grid that does not depend on the output asked for; and the same
        run at the times of the output (every ``dt_s``).

    Args:
        backend_name: overrides ``scenario.simulation.backend``.

    Raises:
        InputError: the scenario cannot be simulated as given.
        SolverError, BudgetExceeded: the integration ended early.
    """
    options = scenario.simulation
    solver = backend(backend_name or options.backend)
    setup = prepare(scenario)
    problem = lumped_problem.problem(setup, options.t_end_s)
    analysis, output = analysis_grid(options.t_end_s), grid(options.t_end_s, options.dt_s)
    times = np.union1d(analysis, output)
    solution = solve(problem, solver, times, Tolerances(options.rtol), options.max_evaluations)
    seen = np.empty((len(times), len(lumped.OBSERVABLES)))
    ends = [start for start, _ in solution.modes[1:]] + [len(times)]
    for (start, parameters), end in zip(solution.modes, ends, strict=True):
        lumped.observe(solution.y[start:end], parameters, seen[start:end])
    run = Trajectory(scenario, setup, solution, seen)
    rows = np.searchsorted(times, analysis), np.searchsorted(times, output)
    return run.part(rows[0]), run.part(rows[1])
