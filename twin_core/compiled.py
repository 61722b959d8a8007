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
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from twin_core.fingerprint import PHYSICS_HASH

P = ParamSpec("P")
T = TypeVar("T")

_LOOKED_FOR = ("scipy", "cffi")
"""numba loads them to see whether there is a BLAS for ``np.linalg``, and C functions to call.
Nothing that is compiled here asks for either, and they are a third of the start of a process."""


def _numba() -> Any:
    """Import numba without what it only looks for, where that is not loaded already."""
    hidden = [name for name in _LOOKED_FOR if name not in sys.modules]
    sys.modules |= dict.fromkeys(hidden)  # type: ignore[arg-type]  # None: there is no such module
    try:
        importlib.import_module("numba.np.arraymath")
        importlib.import_module("numba.core.typing.cffi_utils")
        return importlib.import_module("numba")
    finally:
        for name in hidden:
            del sys.modules[name]


numba = _numba()


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
_WHOLE = "whole"
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
    decorate = numba.njit(cache=_FOLDER is not None, error_model="numpy", _nrt=False)
    return cast(Callable[P, T], decorate(function))


def allocating(function: Callable[P, T]) -> Callable[P, T]:
    """As ``compiled``, for a function that makes arrays. It gives up the interpreter's lock."""
    decorate = numba.njit(cache=_FOLDER is not None, error_model="numpy", nogil=True)
    return cast(Callable[P, T], decorate(function))


@compiled
def copy(source: NDArray[np.float64], target: NDArray[np.float64]) -> None:
    """``target[:] = source`` for vectors; numba's own copies through a new array."""
    for i in range(source.size):
        target[i] = source[i]
