"""The backends by name."""

from __future__ import annotations

from twin_core.errors import InputError
from twin_core.models.manual import ManualBackend
from twin_core.solvers.base import Solver
from twin_core.solvers.scipy_ivp import ScipyBackend

BACKENDS: dict[str, type[Solver]] = {"manual": ManualBackend, "solve_ivp": ScipyBackend}


def backend(name: str) -> Solver:
    """The backend of this name.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    try:
        return BACKENDS[name]()
    except KeyError:
        known = ", ".join(sorted(BACKENDS))
        raise InputError(f"simulation.backend is {name!r}, must be one of: {known}") from None
