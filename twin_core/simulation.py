"""Integrate one scenario: scenario -> setup -> ODE problem -> trajectory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twin_core.models import lumped, lumped_problem
from twin_core.models.setup import Setup, prepare
from twin_core.shot import Scenario
from twin_core.solvers import OdeSolution, backend, solve
from twin_core.solvers.base import Array, Tolerances

AUDIT_SPACING_S = 0.5
"""Coarsest grid on which a run is kept, so that the energy audit stays sharp."""


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
        a = self.setup.amounts
        if a.index < 1.0:
            return np.asarray(1.0 - self.y[:, lumped.NCO] / a.n_NCO_mol)
        left = self.y[:, lumped.OH] + 2.0 * self.y[:, lumped.W]
        return np.asarray(1.0 - left / (a.n_OH_mol + 2.0 * a.n_water_mol))


def output_grid(t_end_s: float, dt_s: float) -> tuple[Array, int]:
    """Times of the run and the stride of the output in them; the end is always a time.

    The spacing is exactly ``dt_s`` divided until it is fine enough for the audit; a last shorter
    interval ends the run when ``dt_s`` does not divide the horizon.
    """
    stride = math.ceil(dt_s / AUDIT_SPACING_S)
    fine = dt_s / stride
    count = math.floor(t_end_s / fine * (1 + 1e-12))
    times: Array = np.arange(count + 1, dtype=np.float64) * fine
    if t_end_s - times[-1] > 1e-9 * t_end_s:
        return np.append(times, t_end_s), stride
    times[-1] = t_end_s
    return times, stride


def integrate(scenario: Scenario, backend_name: str | None = None) -> Trajectory:
    """Run the model of a scenario.

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
    grid, _ = output_grid(options.t_end_s, options.dt_s)
    solution = solve(problem, solver, grid, Tolerances(options.rtol), options.max_evaluations)
    seen = np.empty((len(grid), len(lumped.OBSERVABLES)))
    ends = [start for start, _ in solution.modes[1:]] + [len(grid)]
    for (start, parameters), end in zip(solution.modes, ends, strict=True):
        lumped.observe(solution.y[start:end], parameters, seen[start:end])
    return Trajectory(scenario, setup, solution, seen)
