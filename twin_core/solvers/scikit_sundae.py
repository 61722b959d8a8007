"""CVODE through scikit-sundae, a wheel with SUNDIALS 7 inside."""

from __future__ import annotations

import numpy as np
from sksundae.cvode import CVODE

from twin_core.arrays import Array
from twin_core.errors import SolverError
from twin_core.solvers.sundials import Cvode, Jacobian, Rhs


def open_cvode(
    rhs: Rhs,
    jacobian: Jacobian | None,
    t0: float,
    y0: Array,
    t_end: float,
    rtol: float,
    atol: Array,
) -> Cvode:
    """CVODE at the start of a segment, see ``sundials.Adapter``."""
    return _Solver(rhs, jacobian, t0, y0, t_end, rtol, atol)


class _Solver:
    """One CVODE memory. The library carries exceptions of the callbacks through C by itself."""

    def __init__(
        self,
        rhs: Rhs,
        jacobian: Jacobian | None,
        t0: float,
        y0: Array,
        t_end: float,
        rtol: float,
        atol: Array,
    ) -> None:
        state = np.empty(len(y0))  # the library's is read-only, which is another type to numba

        def call_rhs(t: float, y: Array, dy: Array) -> None:
            state[:] = y
            rhs(t, state, dy)

        options = {}
        if jacobian is not None:

            def call_jacobian(t: float, y: Array, dy: Array, out: Array) -> None:
                state[:] = y
                jacobian(t, state, out)

            options["jacfn"] = call_jacobian
        self._t_end = t_end
        self._cvode = CVODE(
            call_rhs, method="BDF", linsolver="dense", rtol=rtol, atol=atol, **options
        )
        self._cvode.init_step(t0, y0)

    def advance(self) -> tuple[float, Array]:
        return self._call(self._t_end, "onestep", self._t_end)

    def state_at(self, t: float) -> Array:
        return self._call(t, "normal", None)[1]

    def _call(self, t: float, method: str, t_stop: float | None) -> tuple[float, Array]:
        found = self._cvode.step(t, method, t_stop)
        if found.status < 0:
            raise SolverError(f"CVODE failed at t = {found.t:.6g} s: {found.message}")
        return found.t, found.y
