"""CVODE called from compiled code, without events: a peer for the backend ``manual``.

The libraries are those inside the wheel of scikit-sundae, driven through ctypes functions that
numba calls directly. Nothing of the product uses this.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from twin_core.arrays import Array
from twin_core.models import layers
from twin_core.models import state as s
from twin_core.solvers.base import OdeProblem

BDF, NORMAL = 2, 1


@intrinsic
def _pointer(typing: Any, address: Any) -> Any:  # type: ignore[no-untyped-def]
    """An address as the pointer that ``carray`` wants."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


def _library(name: str) -> Any:
    import sksundae

    folder = Path(sksundae.__file__).parents[1] / "scikit_sundae.libs"
    (path,) = folder.glob(f"libsundials_{name}-*.so*")
    return ctypes.CDLL(str(path), mode=ctypes.RTLD_LOCAL)


def _function(library: Any, name: str, result: Any, *arguments: Any) -> Any:
    found = getattr(library, name)
    found.restype, found.argtypes = result, list(arguments)
    return found


def prepare_cvode(
    ode: OdeProblem, rtol: float, save_at_s: Array
) -> Callable[[], tuple[Array, int]]:
    """A function that integrates the first mode of a problem to all times: states and a code."""
    pointer, index, real, number = ctypes.c_size_t, ctypes.c_int32, ctypes.c_double, ctypes.c_int
    core, cvode = _library("core"), _library("cvode")
    vector, matrix = _library("nvecserial"), _library("sunmatrixdense")
    linear = _library("sunlinsoldense")
    address = ctypes.byref

    data = _function(vector, "N_VGetArrayPointer_Serial", ctypes.c_void_p, ctypes.c_void_p)
    n, count = ode.y0.size, len(save_at_s)
    parameters = ode.parameters

    @numba.cfunc(types.int32(types.float64, types.voidptr, types.voidptr, types.voidptr))
    def rhs(t: float, y: Any, dy: Any, user: Any) -> int:
        p = numba.carray(user, 1, s.PARAMETERS)
        layers.rhs(
            t,
            numba.carray(_pointer(data(y)), n, np.float64),
            p,
            numba.carray(_pointer(data(dy)), n, np.float64),
        )
        return 0

    advance = _function(cvode, "CVode", number, pointer, real, pointer, pointer, number)

    @numba.njit
    def loop(memory: int, y: int, values: Array, reached: Array, times: Array, out: Array) -> int:
        code = 0
        for k in range(1, times.size):
            code = advance(memory, times[k], y, reached.ctypes.data, NORMAL)
            if code < 0:
                return code
            for m in range(values.size):
                out[k, m] = values[m]
        return code

    context = ctypes.c_size_t(0)
    _function(core, "SUNContext_Create", number, number, ctypes.c_void_p)(0, address(context))
    ctx = context.value
    values = ode.y0.copy()
    make = _function(vector, "N_VMake_Serial", pointer, index, ctypes.c_void_p, pointer)
    y = make(n, values.ctypes.data, ctx)
    allowed = (rtol * 1e-2 * ode.scale).copy()
    tolerance = make(n, allowed.ctypes.data, ctx)
    memory = _function(cvode, "CVodeCreate", pointer, number, pointer)(BDF, ctx)
    _function(cvode, "CVodeInit", number, pointer, pointer, real, pointer)(
        memory, rhs.address, 0.0, y
    )
    _function(cvode, "CVodeSVtolerances", number, pointer, real, pointer)(memory, rtol, tolerance)
    _function(cvode, "CVodeSetUserData", number, pointer, ctypes.c_void_p)(
        memory, parameters.ctypes.data
    )
    _function(cvode, "CVodeSetMaxNumSteps", number, pointer, ctypes.c_long)(memory, 100_000)
    jacobian = _function(matrix, "SUNDenseMatrix", pointer, index, index, pointer)(n, n, ctx)
    solver = _function(linear, "SUNLinSol_Dense", pointer, pointer, pointer, pointer)(
        y, jacobian, ctx
    )
    _function(cvode, "CVodeSetLinearSolver", number, pointer, pointer, pointer)(
        memory, solver, jacobian
    )
    again = _function(cvode, "CVodeReInit", number, pointer, real, pointer)
    reached, out = np.zeros(1), np.empty((count, n))

    def run() -> tuple[Array, int]:
        values[:] = ode.y0
        out[0] = ode.y0
        again(memory, 0.0, y)
        return out, loop(memory, y, values, reached, save_at_s, out)

    run.kept = (rhs, allowed, parameters, context)  # type: ignore[attr-defined]
    return run
