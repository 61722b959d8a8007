"""The hash of the physics covers what a simulation imports, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import twin_core
from twin_core.fingerprint import SOURCES

PACKAGE = Path(twin_core.__file__).parent
FIRST = ("twin_core.single_shot", "twin_core.batch")
"""Where ``simulate`` and ``simulate_many`` are."""


def source_of(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported(module: str) -> Iterator[str]:
    """Modules of the package that are imported with this one, not those inside its functions."""
    for node in ast.parse(source_of(module).read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("twin_core"):
            assert node.module is not None
            yield node.module
            names = (f"{node.module}.{name.name}" for name in node.names)
            yield from (name for name in names if source_of(name).is_file())
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("twin_core"))


def closure(first: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(first)
    while waiting:
        module = waiting.pop()
        if module in found or module == "twin_core":  # its __init__ only names what there is
            continue
        found.add(module)
        waiting.extend((*imported(module), module.rpartition(".")[0]))
    return found


def test_the_hash_covers_what_a_simulation_imports() -> None:
    assert sorted(SOURCES) == sorted(closure(FIRST)), "correct SOURCES in twin_core/fingerprint.py"


def test_functions_compiled_elsewhere_stand_on_the_hashed_sources() -> None:
    """The folder of the compiled code is named after the hash, and numba watches the own file."""
    for file in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
        if module in SOURCES or "twin_core.compiled" not in imported(module):
            continue
        elsewhere = set(imported(module)) - {*SOURCES, "twin_core"}
        assert not elsewhere, f"{module} calls what the hash does not cover"
