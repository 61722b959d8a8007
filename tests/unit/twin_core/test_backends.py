"""Backends by name: which there are, which is only reserved, and what to do without a library."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.support.backends import MODULES
from twin_core import InputError
from twin_core.backends import BACKENDS, RESERVED, backend
from twin_core.extras import how_to_install
from twin_core.solvers.sundials import LIBRARIES, SundialsBackend


def test_an_unknown_backend_lists_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'euler', must be one of: manual, solve_ivp, sundials$"):
        backend("euler")


def test_jax_is_reserved_and_says_so() -> None:
    """The place of the backend to come: its tests start here."""
    assert "jax" in RESERVED
    assert not RESERVED & BACKENDS.keys()
    with pytest.raises(InputError, match=r"'jax': this name is reserved and not built") as failure:
        backend("jax")
    assert "must be one of: manual, solve_ivp, sundials" in str(failure.value)


def hide(monkeypatch: pytest.MonkeyPatch, *libraries: str) -> None:
    """As if these libraries were not installed."""
    for library in libraries:
        for loaded in [name for name in sys.modules if name.split(".")[0] == MODULES[library]]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setitem(sys.modules, MODULES[library], None)
        monkeypatch.delitem(sys.modules, LIBRARIES[library], raising=False)


def test_without_a_library_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, *LIBRARIES)
    with pytest.raises(
        InputError, match=r"'sundials', but no library .*scikits\.odes: "
    ) as failure:
        backend("sundials")
    words = str(failure.value)
    for cure in (how_to_install("sundae"), "the extra sundials", "libsundials-dev"):
        assert cure in words
    assert "manual" in words


@pytest.mark.parametrize("library", LIBRARIES)
def test_one_library_is_enough(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    if find_spec(MODULES[library]) is None:
        pytest.skip(f"no {library} here")
    hide(monkeypatch, *(LIBRARIES.keys() - {library}))
    assert SundialsBackend().library == library


def test_the_core_needs_no_library_until_it_is_asked_for_one() -> None:
    program = "import sys, twin_core, twin_core.backends; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert "twin_core.models.manual" in loaded
    assert "scipy.optimize" not in loaded
    assert not {*MODULES.values(), *LIBRARIES.values()} & {*loaded}
