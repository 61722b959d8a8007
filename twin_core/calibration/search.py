"""Search for the numbers with which simulated runs come nearest to what was measured of them.

Least squares on (simulated - measured)/sigma over all runs together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from twin_core.arrays import Array
from twin_core.calibration import statistics
from twin_core.calibration.free_parameters import touched
from twin_core.calibration.observation import MeasuredRun
from twin_core.calibration.record import Change, fitted_number, next_version
from twin_core.calibration.unknown import OFFSET, OFFSET_LIMIT_S, Unknown
from twin_core.errors import InputError, SolverError
from twin_core.materials import MaterialSystem
from twin_core.scenario import Scenario
from twin_core.trajectory import integrate

STEP = 2e-3
"""Of the derivatives, in units of the unknowns (a fifth of a per cent): DESIGN asks for >= 1e-3."""
NOT_SIMULATED = 1e3
"""Residual where the model cannot follow a trial, in sigma."""
WIDEST = math.log(1e6)
"""Half an interval, at most: beyond it the data say nothing of the number."""


@dataclass(frozen=True)
class Estimate:
    """A fitted number with its 95 % interval."""

    path: str
    unit: str
    before: float
    value: float
    low: float
    high: float
    at_bound: bool


class Search:
    """Unknowns of some runs, which are simulated with trial values.

    Attributes:
        runs: all of one system.
        unknowns: in the order of the paths; a clock once a run.
        sizes: residuals of each series, run by run.
        as_given: scenarios of the runs before the fit, as they are simulated.
        low, high: bounds of the trial values.
    """

    def __init__(self, runs: Sequence[MeasuredRun], paths: Sequence[str]) -> None:
        """Look the unknowns up.

        Args:
            paths: of the system (``blowing_agent.k_transfer`` …), ``mold.cup_loss_W_per_K_kg``, and
                ``time_offset_s``.

        Raises:
            InputError: a path is wrong, or there are fewer points than unknowns.
        """
        if not paths or len(set(paths)) != len(paths):
            raise InputError("name each number to fit once, at least one")
        self.runs = runs
        self.sizes = [size for run in runs for size in run.sizes]
        first = runs[0].scenario
        self.unknowns: list[Unknown] = []
        for path in paths:
            if path == OFFSET and len(runs) > 1:
                self.unknowns += [
                    Unknown(path, first.system, run.scenario.mold, i, run.name)
                    for i, run in enumerate(runs)
                ]
            else:
                owner = 0 if path == OFFSET else None
                self.unknowns.append(Unknown(path, first.system, first.mold, owner))
        points = sum(self.sizes)
        if points <= len(self.unknowns):
            raise InputError(
                f"{points} measured points cannot tell {len(self.unknowns)} numbers: give more"
            )
        self.as_given = [_long_enough(run) for run in runs]
        self.low = np.array([u.low for u in self.unknowns])
        self.high = np.array([u.high for u in self.unknowns])

    def turned(self, x: Array) -> list[tuple[Scenario, float]]:
        """Scenario and clock [s] of every run with trial values."""
        system, loss = self.runs[0].scenario.system, None
        offsets = [0.0] * len(self.runs)
        for unknown, value in zip(self.unknowns, x.tolist(), strict=True):
            if unknown.free is not None:
                system = unknown.free.turn(system, math.exp(value))
            elif unknown.path == OFFSET:
                offsets[unknown.run or 0] = unknown.value(value)
            else:
                loss = unknown.value(value)
        found = []
        for base, offset in zip(self.as_given, offsets, strict=True):
            mold = base.mold
            if loss is not None:
                mold = mold.model_copy(update={"cup_loss_W_per_K_kg": loss})
            found.append((base.model_copy(update={"system": system, "mold": mold}), offset))
        return found

    def residuals(self, x: Array) -> Array:
        """Residuals of all runs in units of sigma."""
        parts = []
        for run, (scenario, offset) in zip(self.runs, self.turned(x), strict=True):
            try:
                parts.append(run.residuals(integrate(scenario)[1], offset))
            except (SolverError, InputError):
                parts.append(np.full(sum(run.sizes), NOT_SIMULATED))
        return np.concatenate(parts)

    def jacobian(self, x: Array) -> Array:
        """Derivatives of the residuals, one-sided."""
        columns, here = [], self.residuals(x)
        for i in range(len(x)):
            step = np.zeros(len(x))
            step[i] = STEP if x[i] + STEP <= self.high[i] else -STEP
            columns.append((self.residuals(x + step) - here) / step[i])
        return np.column_stack(columns)

    def minimum(self, first: Array | None = None) -> Minimum:
        """The trial values with the least sum of squares.

        Args:
            first: trial values to begin with; None begins with the numbers as they are.
        """
        start = np.zeros(len(self.unknowns))
        x0 = np.clip(start if first is None else first, self.low + 1e-6, self.high - 1e-6)
        found = least_squares(
            self.residuals, x0, jac=self.jacobian, bounds=(self.low, self.high), max_nfev=100
        )
        no_worse = 2.0 * found.cost <= float(np.sum(self.residuals(x0) ** 2))
        edge = 1e-3 * (self.high - self.low)
        at_bound = (found.x - self.low < edge) | (self.high - found.x < edge)
        return Minimum(
            np.asarray(found.x), 2.0 * float(found.cost), self.jacobian(found.x),
            self.residuals(found.x), at_bound.tolist(), bool(found.success) and no_worse,
            str(found.message),
        )  # fmt: skip

    def estimates(self, at: Minimum, sigma: Array, freedom: int) -> list[Estimate]:
        """The fitted numbers with their 95 % intervals.

        Args:
            sigma: one standard deviation of each trial value.
            freedom: degrees of freedom that are left.
        """
        reach = statistics.t_quantile(freedom) * sigma
        return [
            Estimate(
                path=u.label,
                unit=u.unit,
                before=u.before,
                value=u.value(float(at.x[i])),
                low=u.value(float(at.x[i]) - min(float(reach[i]), WIDEST)),
                high=u.value(float(at.x[i]) + min(float(reach[i]), WIDEST)),
                at_bound=at.at_bound[i],
            )
            for i, u in enumerate(self.unknowns)
        ]

    def recorded(
        self, at: Minimum, sigma: Array, source: str
    ) -> tuple[list[Change], MaterialSystem]:
        """The fitted numbers as they go into the system, and the system with its next version.

        Args:
            sigma: one standard deviation of each trial value.
            source: what the fitted numbers say of themselves.
        """
        start, fitted = self.runs[0].scenario.system, self.turned(at.x)[0][0].system
        free_parameters = [u.free for u in self.unknowns if u.free is not None]
        by_path = {u.path: float(s) for u, s in zip(self.unknowns, sigma, strict=True)}
        changes = []
        for path in touched(start, free_parameters):
            change, fitted = fitted_number(start, fitted, path, by_path.get(path), source)
            changes.append(change)
        return changes, next_version(start, fitted)


@dataclass(frozen=True)
class Minimum:
    """Where a search ended.

    Attributes:
        x: trial values; squares: sum of squares there.
        jacobian, residuals: there.
        at_bound: which trial values ended at a bound.
        converged: the search ended by itself, and no worse than it began; message: why it ended.
    """

    x: Array
    squares: float
    jacobian: Array
    residuals: Array
    at_bound: list[bool]
    converged: bool
    message: str


def _long_enough(run: MeasuredRun) -> Scenario:
    """The scenario, simulated up to the last reading by any clock."""
    last = max(float(o.t_s.max()) for o in run.observations)
    simulation = run.scenario.simulation.model_copy(update={"t_end_s": last + OFFSET_LIMIT_S})
    return run.scenario.model_copy(update={"simulation": simulation})
