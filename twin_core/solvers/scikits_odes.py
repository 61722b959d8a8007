"""CVODE through scikits.odes (package scikits-odes-sundials 3.0 for SUNDIALS 6)."""

from __future__ import annotations

import threading

import numpy as np
from scikits_odes_sundials.cvode import CVODE

from twin_core.arrays import Array
from twin_core.errors import SolverError
from twin_core.solvers.sundials import Cvode, Jacobian, Rhs


class _Kept(threading.local):
    def __init__(self) -> None:
        self.solvers: dict[tuple[int, bool], _Solver] = {}


_kept = _Kept()


def open_cvode(
    rhs: Rhs,
    jacobian: Jacobian | None,
    t0: float,
    y0: Array,
    t_end: float,
    rtol: float,
    atol: Array,
) -> Cvode:
    """CVODE at the start of a segment, see ``sundials.Adapter``.

    The library does not free the matrix of a solver that is dropped (8 bytes times the states
    squared, each time), so each thread keeps one for each number of states and takes it again.
    """
    key = len(y0), jacobian is not None
    solver = _kept.solvers.get(key)
    if solver is None:
        solver = _kept.solvers[key] = _Solver(*key)
    solver.start(rhs, jacobian, t0, y0, t_end, rtol, atol)
    return solver


def _zero(t: float, y: Array, out: Array) -> None:
    out[:] = 0.0


class _Solver:
    """One CVODE memory. No exception may pass through C: a callback keeps it and returns -1."""

    def __init__(self, states: int, with_jacobian: bool) -> None:
        self._rhs: Rhs = _zero  # tried by the library, once
        self._jacobian: Jacobian = _zero
        self._error: BaseException | None = None
        self._words = ""
        options = {"jacfn": self._call_jacobian} if with_jacobian else {}
        self._cvode = CVODE(
            self._call_rhs,
            lmm_type="BDF",
            linsolver="dense",
            old_api=False,
            err_handler=self._keep_words,  # else it writes to stderr
            **options,
        )
        self._cvode.init_step(0.0, np.zeros(states))

    def start(
        self,
        rhs: Rhs,
        jacobian: Jacobian | None,
        t0: float,
        y0: Array,
        t_end: float,
        rtol: float,
        atol: Array,
    ) -> None:
        self._rhs, self._jacobian = rhs, jacobian or _zero
        self._error, self._words, self._t_end = None, "", t_end
        self._cvode.reinit_IC(t0, y0)
        self._cvode.set_options(one_step_compute=True, rtol=rtol, atol=atol)
        self._single = True

    def advance(self) -> tuple[float, Array]:
        if not self._single:
            self._cvode.set_options(one_step_compute=True)
            self._single = True
        t, y = self._call(self._t_end)
        # no stop time: the library would keep a copy of the state at each for ever
        return (t, y) if t <= self._t_end else (self._t_end, self.state_at(self._t_end))

    def state_at(self, t: float) -> Array:
        if self._single:  # else CVODE would take a step
            self._cvode.set_options(one_step_compute=False)
            self._single = False
        return self._call(t)[1]

    def _call(self, t: float) -> tuple[float, Array]:
        found = self._cvode.step(t)
        error, self._error = self._error, None
        if error is not None:
            raise error
        if found.flag < 0:
            raise SolverError(
                f"CVODE failed at t = {float(found.errors.t):.6g} s: {self._words or found.message}"
            )
        return float(found.values.t), found.values.y

    def _call_rhs(self, t: float, y: Array, dy: Array) -> int:
        try:
            self._rhs(t, y, dy)
        except BaseException as error:  # raised again after the C code has returned
            self._error = error
            return -1
        return 0

    def _call_jacobian(self, t: float, y: Array, dy: Array, out: Array) -> int:
        try:
            self._jacobian(t, y, out)
        except BaseException as error:
            self._error = error
            return -1
        return 0

    def _keep_words(self, code: int, module: bytes, function: bytes, message: bytes) -> None:
        self._words = message.decode(errors="replace").strip()
