"""The backends by name."""

from __future__ import annotations

from collections.abc import Callable

from twin_core.errors import InputError
from twin_core.models.manual import ManualBackend
from twin_core.solvers.base import Solver


def _scipy() -> Solver:
    from twin_core.solvers.scipy_ivp import ScipyBackend  # 50 MB that an agent need not carry

    return ScipyBackend()


def _sundials() -> Solver:
    from twin_core.solvers.sundials import SundialsBackend

    return SundialsBackend()


BACKENDS: dict[str, Callable[[], Solver]] = {
    "manual": ManualBackend,
    "solve_ivp": _scipy,
    "sundials": _sundials,
}

RESERVED = frozenset({"jax"})
"""Names kept for backends that are not built."""


def backend(name: str) -> Solver:
    """The backend of this name.

    Raises:
        InputError: there is none, its name is only reserved, or the library that it needs is not
            installed; the message says which there are.
    """
    if name in BACKENDS:
        return BACKENDS[name]()
    known = ", ".join(sorted(BACKENDS))
    if name in RESERVED:
        raise InputError(
            f"simulation.backend is {name!r}: this name is reserved and not built; "
            f"must be one of: {known}"
        )
    raise InputError(f"simulation.backend is {name!r}, must be one of: {known}")
