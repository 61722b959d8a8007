"""Integrate one scenario: scenario -> setup -> ODE problem -> trajectory."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array, Parameters, stacked
from twin_core.backends import backend
from twin_core.models import observe, problem, skin
from twin_core.models import state as s
from twin_core.models.limits import limits_record
from twin_core.models.part_properties import PART, part
from twin_core.models.setup import Setup, prepare
from twin_core.scenario import Scenario
from twin_core.solvers.base import OdeProblem, OdeSolution, Tolerances

ANALYSIS_SPACING_S = 0.5
ANALYSIS_GROWTH = 0.01
"""The grid of key figures and demold window: half a second, later one per cent of the time; the
same for every run, whatever output is asked for."""


@dataclass(frozen=True)
class Prepared:
    """A scenario ready to be integrated."""

    scenario: Scenario
    setup: Setup
    problem: OdeProblem
    limits: Parameters

    @classmethod
    def of(cls, scenario: Scenario, t_end_s: float) -> Prepared:
        """Prepare a scenario.

        Raises:
            InputError: the scenario cannot be simulated as given.
        """
        setup = prepare(scenario)
        ode = problem.problem(setup, t_end_s, layers_of(scenario))
        return cls(scenario, setup, ode, limits_record(scenario, setup))


def layers_of(scenario: Scenario) -> int:
    """Layers of the model: 1 in 0D and in a cup."""
    lump = scenario.simulation.dimension == "0d" or scenario.mold.open
    return 1 if lump else scenario.simulation.layers


def window_kind(scenario: Scenario) -> str:
    """``layered``; ``quick`` of one layer, which does not tell skin from core; ``none``: a cup."""
    if scenario.mold.open:
        return "none"
    return "quick" if layers_of(scenario) == 1 else "layered"


@dataclass(frozen=True)
class Trajectory:
    """A shot over time, SI; on the grid of the analysis, of the output, or of both.

    ``y`` has shape (times, states), ``observables`` (times, observables), ``borne`` (times,
    part). The observables are computed from the states when they are asked for.
    """

    shot: Prepared
    t_s: Array
    y: Array
    first: NDArray[np.int64]
    """First row of each mode of the solution."""
    solution: OdeSolution

    @classmethod
    def of(cls, shot: Prepared, solution: OdeSolution) -> Trajectory:
        """All rows of a solution."""
        first = np.array([row for row, _ in solution.modes])
        return cls(shot, solution.t_s, solution.y, first, solution)

    @property
    def setup(self) -> Setup:
        """The shot in SI."""
        return self.shot.setup

    @property
    def problem(self) -> OdeProblem:
        """The ODE problem that was solved."""
        return self.shot.problem

    @property
    def events(self) -> dict[str, float]:
        """Times [s] of cream, gel, mold_full and vent_closed, as far as they happened."""
        return self.solution.events

    @cached_property
    def observables(self) -> Array:
        """``OBSERVABLES`` at each time."""
        found = np.empty((len(self.t_s), len(s.OBSERVABLES)))
        modes = stacked([parameters for _, parameters in self.solution.modes])
        observe.observe(self.y, np.arange(len(self.t_s)), modes, self.first, len(modes), found)
        return found

    @cached_property
    def borne(self) -> Array:
        """``PART`` at each time."""
        found = np.empty((len(self.t_s), len(PART)))
        gelled = self.solution.y_at.get("gel", np.empty(0))
        part(self.y, self.observables, self.problem.parameters, self.shot.limits, gelled, found)
        return found

    @property
    def T_K(self) -> Array:
        """Middle layer."""
        return self.observables[:, s.T_CORE_]

    @property
    def P_Pa(self) -> Array:
        return self.observables[:, s.P_]

    @property
    def layers_count(self) -> int:
        """Layers of the model; of a symmetric part those of one half, in 0D 1."""
        return s.layer_count(self.y.shape[1])

    @property
    def P_cells_Pa(self) -> Array:
        """In the cells: that of the cavity and what the network bears."""
        return self.observables[:, s.P_CELLS_]

    @property
    def V_foam_m3(self) -> Array:
        return self.observables[:, s.V_]

    @property
    def rho_kg_per_m3(self) -> Array:
        return self.observables[:, s.RHO_]

    @property
    def X_OH(self) -> Array:
        """Mean conversion of the hydroxyl groups that are mixed."""
        return self.observables[:, s.X_]

    @cached_property
    def X_surface(self) -> Array:
        """Conversion of the hydroxyl at the less cured surface; on the grid of the analysis."""
        found = np.empty(len(self.t_s))
        p, c = self.problem.parameters[0], self.shot.limits[0]
        skin.surface(self.t_s, self.y, len(self.t_s), p, c, found)
        return found

    @property
    def alpha(self) -> Array:
        """Mean degree of cure 0..1: conversion of the groups that run out first."""
        return self.observables[:, s.ALPHA_]

    def rows(self, chosen: NDArray[np.int64]) -> Trajectory:
        """The same run on the chosen rows (ascending) of its grid."""
        return replace(
            self,
            t_s=self.t_s.take(chosen),
            y=self.y.take(chosen, axis=0),
            first=np.searchsorted(chosen, self.first),
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


@dataclass(frozen=True)
class Grids:
    """All times of a run, and the rows of the analysis and of the output among them."""

    t_s: Array
    analysis: NDArray[np.int64]
    output: NDArray[np.int64]


@lru_cache(maxsize=32)
def grids(t_cycle_max_s: float, t_end_s: float, dt_s: float) -> Grids:
    """The grids of a run; for the analysis alone when ``t_end_s`` is 0."""
    analysis = analysis_grid(t_cycle_max_s)
    output = grid(t_end_s, dt_s) if t_end_s > 0.0 else np.empty(0)
    times = np.union1d(analysis, output)
    return Grids(times, np.searchsorted(times, analysis), np.searchsorted(times, output))


def grids_of(scenario: Scenario) -> Grids:
    """The grids that a scenario asks for."""
    options = scenario.simulation
    return grids(scenario.quality.t_cycle_max_s, options.t_end_s, options.dt_s)


def solve(scenario: Scenario, backend_name: str | None = None) -> Trajectory:
    """Run the model of a scenario at all times of its grids.

    Args:
        backend_name: overrides ``scenario.simulation.backend``.

    Raises:
        InputError: the scenario cannot be simulated as given.
        SolverError, BudgetExceeded: the integration ended early.
    """
    options, times = scenario.simulation, grids_of(scenario).t_s
    solver = backend(backend_name or options.backend)
    shot = Prepared.of(scenario, float(times[-1]))
    tolerances = Tolerances(options.rtol)
    solution = solver.solve(shot.problem, times, tolerances, options.max_evaluations)
    return Trajectory.of(shot, solution)


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
    found, times = solve(scenario, backend_name), grids_of(scenario)
    return found.rows(times.analysis), found.rows(times.output)
