"""The backends that the conformance suites run over: the one list, and what each needs here."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from _pytest.mark import ParameterSet

from twin_core.backends import BACKENDS, backend
from twin_core.solvers.base import Solver
from twin_core.solvers.sundials import SundialsBackend

MODULES = {"scikits.odes": "scikits_odes_sundials", "scikit-sundae": "sksundae"}
"""Library of the backend sundials to its module; one is enough for the backend."""
NEEDS_SUNDIALS = pytest.mark.needs("|".join(f"python:{module}" for module in MODULES.values()))


def installed() -> list[str]:
    """Names of the backends that work here."""
    some = any(find_spec(module) for module in MODULES.values())
    return [name for name in sorted(BACKENDS) if some or name != "sundials"]


def _parameter(name: str) -> ParameterSet:
    library = name.partition("/")[2]
    if library:  # the other library may be there; NEEDS_SUNDIALS asks for one of them
        missing = find_spec(MODULES[library]) is None
        return pytest.param(name, marks=pytest.mark.skipif(missing, reason=f"no {library} here"))
    return pytest.param(name, marks=NEEDS_SUNDIALS if name == "sundials" else ())


NAMED = [_parameter(name) for name in sorted(BACKENDS)]
"""All names that a scenario may ask for."""
GENERAL = [_parameter(name) for name in ("solve_ivp", *(f"sundials/{x}" for x in MODULES))]
"""Those for any problem, with each library of sundials; ``manual`` is compiled with the foam."""


def solver(name: str) -> Solver:
    """The backend of a name in ``NAMED`` or ``GENERAL``."""
    library = name.partition("/")[2]
    return SundialsBackend(library) if library else backend(name)
