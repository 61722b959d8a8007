"""SciPy's LSODA behind the backend protocol."""

from __future__ import annotations

import numpy as np
from scipy.integrate import LSODA, DenseOutput

from twin_core.arrays import Array, Parameters
from twin_core.errors import SolverError
from twin_core.solvers.base import OdeProblem, Segment, Tolerances, Walking
from twin_core.solvers.stepping import CountedRhs, walk


class ScipyBackend(Walking):
    """LSODA switches between a stiff and a non-stiff method by itself: both phases of a shot.

    It never uses the model's Jacobian, so it stays a check of the backends that do.
    """

    name = "solve_ivp"

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
        """Integrate as ``Backend.integrate`` asks."""
        rhs = CountedRhs(problem, parameters, budget)
        return walk(_Lsoda(rhs, t0, y0, tolerances), rhs, t0, y0, save_at, active)


class _Lsoda:
    """LSODA as a ``Stepper``."""

    def __init__(self, rhs: CountedRhs, t0: float, y0: Array, tolerances: Tolerances) -> None:
        self._along: DenseOutput | None = None

        def fun(t: float, y: Array) -> Array:
            dy = np.empty_like(y)
            rhs(t, y, dy)
            return dy

        t_end = rhs.problem.t_end_s
        self._solver = LSODA(
            fun,
            t0,
            y0,
            t_end,
            first_step=min(1e-3, t_end - t0),
            rtol=tolerances.rtol,
            atol=tolerances.absolute(rhs.problem.scale),
        )

    def step(self) -> tuple[float, Array]:
        solver = self._solver
        before = solver.t
        message = solver.step()
        if solver.status == "failed" or not solver.t > before:
            words = message or "time stands still"
            raise SolverError(f"LSODA failed at t = {solver.t:.3f} s: {words}")
        self._along = None
        return solver.t, np.asarray(solver.y)

    def dense(self, times: Array) -> Array:
        if self._along is None:
            self._along = self._solver.dense_output()
        return np.asarray(self._along(times)).T
