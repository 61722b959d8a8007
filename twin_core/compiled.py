"""The one door to numba.

numba keeps compiled code on disk, but it watches only the file of the function itself: a change in
a formula that is called from elsewhere would leave stale machine code in use. The cache therefore
lies in a folder named after the fingerprint of the physics. This is, with ``fingerprint`` and
``plain_files``, the only module here that looks at the disk.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from twin_core.fingerprint import PHYSICS_HASH

P = ParamSpec("P")
T = TypeVar("T")


def _numba() -> Any:
    """Import numba without SciPy, which it only asks for its version."""
    if "scipy" in sys.modules:
        return importlib.import_module("numba")
    sys.modules["scipy"] = None  # type: ignore[assignment]  # there is no such module
    try:
        return importlib.import_module("numba")
    finally:
        del sys.modules["scipy"]


numba = _numba()


_runtime = importlib.import_module("numba.core.runtime")
_TRIED = "0.68."
"""The versions of numba that ``_KeptCode`` was tried with; others load in their own way."""
_to_tell: list[Callable[[], None]] = []


class _KeptCode(importlib.import_module("numba.core.caching").FunctionCache):  # type: ignore[misc]
    """Compiled functions on disk; to load one, the compiler itself is not needed.

    numba loads every part of it first, with SciPy behind it: half the start of a process.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function for these types, or None: then numba compiles it."""
        if numba.__version__.startswith(_TRIED):
            _runtime.rtsys.initialize(target_context)
            found = self._load_overload(sig, target_context)
        else:
            found = super().load_overload(sig, target_context)
        if found is None and _to_tell:
            _to_tell.pop()()
        return found


def before_compiling(tell: Callable[[], None]) -> None:
    """Call ``tell`` once, when something has to be compiled that the disk does not hold."""
    if _FOLDER is None:
        tell()
    else:
        _to_tell[:] = [tell]


def _keep(dispatcher: Any) -> Any:
    """Let the disk keep what is compiled of a function, where there is a folder for it."""
    if _FOLDER is not None:
        dispatcher._cache = _KeptCode(dispatcher.py_func)
    return dispatcher


def _cache_folder() -> Path | None:
    """A writable folder for compiled code, or None (then every start compiles afresh)."""
    base = os.environ.get("CACHE_DIRECTORY") or os.environ.get("XDG_CACHE_HOME")
    try:
        folder = Path(base) if base else Path.home() / ".cache"
        folder = folder / "pur-mold-twin" / "numba" / PHYSICS_HASH
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # read-only or no home
        return None
    return folder if os.access(folder, os.W_OK) else None


_FOLDER = _cache_folder()
_WHOLE = f"whole-{sha256(str(Path(__file__).parent).encode()).hexdigest()[:16]}"
"""Of this installation: numba takes no code that was compiled from files elsewhere."""
if _FOLDER is not None and not os.environ.get("NUMBA_CACHE_DIR"):
    numba.config.CACHE_DIR = str(_FOLDER)


def cache_folder() -> Path | None:
    """Where compiled code is kept; None where no folder can be written."""
    return _FOLDER


def is_kept() -> bool:
    """Does the disk hold the compiled model, whole (``keep`` was called)?"""
    return _FOLDER is not None and (_FOLDER / _WHOLE).exists()


def keep() -> None:
    """Note that everything that a simulation needs has been compiled."""
    if _FOLDER is not None:
        (_FOLDER / _WHOLE).touch()


def compiled(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a function of numbers and of arrays that it is given; it must not make arrays.

    Division follows IEEE 754 (no exceptions). numba's counting of references to arrays, of no use
    then, is off: it took 40 per cent of a shot.
    """
    decorate = numba.njit(error_model="numpy", _nrt=False)
    return cast(Callable[P, T], _keep(decorate(function)))


def allocating(function: Callable[P, T]) -> Callable[P, T]:
    """As ``compiled``, for a function that makes arrays. It gives up the interpreter's lock."""
    decorate = numba.njit(error_model="numpy", nogil=True)
    return cast(Callable[P, T], _keep(decorate(function)))


@compiled
def copy(source: NDArray[np.float64], target: NDArray[np.float64]) -> None:
    """``target[:] = source`` for vectors; numba's own copies through a new array."""
    for i in range(source.size):
        target[i] = source[i]
