"""CVODE of SUNDIALS behind the backend protocol: BDF of variable order, dense Newton.

Two libraries bind it, ``scikits.odes`` and ``scikit-sundae``; each has its adapter module, which is
imported when the backend is asked for, so that nothing here needs either. The adapters step and
look up single states; events and dense output are ours and the same for both.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Protocol, cast

import numpy as np

from twin_core.arrays import Array, Parameters
from twin_core.errors import InputError, SolverError
from twin_core.extras import how_to_install
from twin_core.solvers.base import OdeProblem, Segment, Tolerances, Walking
from twin_core.solvers.stepping import CountedRhs, walk

LIBRARIES = {
    "scikits.odes": "twin_core.solvers.scikits_odes",
    "scikit-sundae": "twin_core.solvers.scikit_sundae",
}
"""Library to the module with its adapter, the preferred one first."""

INSTALL = (
    f"install one: the extra sundae (a wheel, where there is one; {how_to_install('sundae')}), or "
    "apt-get install libsundials-dev gfortran gcc python3-dev (SUNDIALS 6, as in Debian 12) and "
    "the extra sundials; or take the backend manual"
)

Rhs = Callable[[float, Array, Array], None]
"""``rhs(t, y, dy_out)``."""
Jacobian = Callable[[float, Array, Array], None]
"""``jacobian(t, y, J_out)``."""


class Cvode(Protocol):
    """CVODE on its way, as an adapter gives it."""

    def advance(self) -> tuple[float, Array]:
        """One internal step towards the end, or the last one again after ``state_at``.

        Raises:
            SolverError: CVODE failed.
            Exception: whatever the right-hand side raised.
        """
        ...

    def state_at(self, t: float) -> Array:
        """State at a time within the last step, by CVODE's own interpolation."""
        ...


class Adapter(Protocol):
    """Adapter: how a library opens CVODE on a segment."""

    def __call__(
        self,
        rhs: Rhs,
        jacobian: Jacobian | None,
        t0: float,
        y0: Array,
        t_end: float,
        rtol: float,
        atol: Array,
    ) -> Cvode: ...


class SundialsBackend(Walking):
    """BDF for stiff shots; a second opinion beside LSODA, from another code.

    Args:
        library: one of ``LIBRARIES``; None takes the first that can be imported.

    Raises:
        InputError: there is none; the message says how to get one.
    """

    name = "sundials"

    def __init__(self, library: str | None = None) -> None:
        self.library, self._open = _load([library] if library else list(LIBRARIES))

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
        cvode = self._open(
            rhs,
            _jacobian(problem, parameters),
            t0,
            np.ascontiguousarray(y0, dtype=np.float64),
            problem.t_end_s,
            tolerances.rtol,
            tolerances.absolute(problem.scale),
        )
        return walk(_Steps(cvode, t0), rhs, t0, y0, save_at, active)


def _load(libraries: list[str]) -> tuple[str, Adapter]:
    """The first of these libraries that can be imported, and its adapter."""
    reasons = []
    for library in libraries:
        try:
            module = import_module(LIBRARIES[library])
        except (ImportError, ValueError) as error:  # ValueError: built for another numpy
            reasons.append(f"{library}: {error}")
        else:
            return library, cast(Adapter, module.open_cvode)
    raise InputError(
        f"simulation.backend is 'sundials', but no library for it works here "
        f"({'; '.join(reasons)}); {INSTALL}"
    )


def _jacobian(problem: OdeProblem, parameters: Parameters) -> Jacobian | None:
    given = problem.jacobian
    if given is None:
        return None

    def jacobian(t: float, y: Array, out: Array) -> None:
        given(t, y, parameters, out)

    return jacobian


MAX_ORDER = 5
"""Of BDF in CVODE, and so of the polynomial that CVODE interpolates a step with."""
_U = 0.5 * (np.cos(np.pi * (np.arange(MAX_ORDER) + 0.5) / MAX_ORDER) - 1.0)
_POWERS = np.arange(1, MAX_ORDER + 1)
_TO_COEFFICIENTS = np.linalg.inv(_U[:, None] ** _POWERS)
"""Chebyshev points of a step in u = (t - t_n) / h, in (-1, 0), and from the values there, less
that at its end, to the coefficients of u, u^2, ... u^5."""


class _Steps:
    """CVODE as a ``Stepper``; an output grid never changes its steps.

    A few outputs in a step are looked up one by one. Many cost as much as five: these give CVODE's
    polynomial exactly, and a matrix product the rest.
    """

    def __init__(self, cvode: Cvode, t0: float) -> None:
        self._cvode = cvode
        self._t = self._start = t0

    def step(self) -> tuple[float, Array]:
        t, y = self._cvode.advance()
        if t == self._t:  # the end of the last step again
            t, y = self._cvode.advance()
        if not t > self._t:
            raise SolverError(f"CVODE stands still at t = {self._t:.6g} s; its step underflows")
        self._start, self._t, self._y = self._t, t, y
        return t, y

    def dense(self, times: Array) -> Array:
        if len(times) <= MAX_ORDER:
            return np.array([self._state_at(t) for t in times.tolist()])
        h = self._t - self._start
        known = np.array([self._cvode.state_at(self._t + u * h) for u in _U])
        coefficients = _TO_COEFFICIENTS @ (known - self._y)
        u = (times - self._t) / h
        return np.asarray(self._y + u[:, None] ** _POWERS @ coefficients)

    def _state_at(self, t: float) -> Array:
        return self._y if t == self._t else self._cvode.state_at(t)
