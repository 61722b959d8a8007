"""The one door to numba, and the fingerprint of the physics.

numba keeps compiled code on disk, but it watches only the file of the function itself: a change in
a formula that is called from elsewhere would leave stale machine code in use. The cache therefore
lies in a folder named after the hash of all source files of this package. This is, with
``plain_files``, the only module here that looks at the disk.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

P = ParamSpec("P")
T = TypeVar("T")


def _physics_hash() -> str:
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for source in sorted(root.rglob("*.py")):
        if "learning" in source.relative_to(root).parts:
            continue  # what corrects the physics is none of it, and nothing there is compiled
        digest.update(source.relative_to(root).as_posix().encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


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


PHYSICS_HASH = _physics_hash()
"""First 16 hex digits of the SHA-256 over the sources but ``learning``; in every prediction."""

_FOLDER = _cache_folder()
_WHOLE = "whole"
if _FOLDER is not None and not os.environ.get("NUMBA_CACHE_DIR"):
    numba.config.CACHE_DIR = str(_FOLDER)  # type: ignore[attr-defined]


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
    decorate = numba.njit(  # type: ignore[call-overload]
        cache=_FOLDER is not None, error_model="numpy", _nrt=False
    )
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
