"""Import every module of a checkout as if it were the first; its folder is the argument.

A fresh interpreter a module would take minutes. Here each module runs once, and while it runs only
what it has imported itself is visible: in ``sys.modules``, and as attributes of its packages.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

PACKAGES = ("twin_core", "broker", "edge_agent")
OPTIONAL = {"sksundae", "scikits_odes_sundials"}
"""SUNDIALS comes with one of these; where neither is, CI fails."""


def is_own(name: str) -> bool:
    """True if a module is the project's."""
    return name.partition(".")[0] in PACKAGES


def modules_of(root: Path, package: str) -> list[str]:
    """Names of all modules of a package but its programs, the package first."""
    found = []
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[-1] not in {"__main__", "env"} and "versions" not in parts:  # run by alembic
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(found)


class FirstImports(MetaPathFinder, Loader):
    """Finder under which a module sees, of the project, only what it has imported."""

    def __init__(self) -> None:
        self._done: dict[str, ModuleType] = {}
        self._brings: dict[str, set[str]] = {}
        """Modules that an import of this one loads."""
        self._running: list[str] = []

    def run(self, name: str) -> None:
        """Import a module alone, unless that was done.

        Raises:
            ImportError: it cannot be imported, or it imports what is importing it.
        """
        if name in self._running:
            raise ImportError("circle: " + " -> ".join([*self._running, name]))
        package = name.rpartition(".")[0]
        if package and package not in self._done and package not in self._running:
            self.run(package)
        if name in self._done:
            return
        before = {module: sys.modules[module] for module in sys.modules if is_own(module)}
        for module in before:
            if module not in self._running or not name.startswith(f"{module}."):
                self._hide(module)
        self._running.append(name)
        try:
            self._done[name] = importlib.import_module(name)
            self._brings[name] = {module for module in sys.modules if is_own(module)}
        finally:
            self._running.pop()
            for module in [module for module in sys.modules if is_own(module)]:
                self._hide(module)
            for module, loaded in before.items():
                self._show(module, loaded)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Run alone first what a module imports."""
        if not is_own(name):
            return None
        if name == self._running[-1]:
            return PathFinder.find_spec(name, path)
        self.run(name)
        return ModuleSpec(name, self, is_package=hasattr(self._done[name], "__path__"))

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Give a module that has run."""
        module = self._done[spec.name]
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Show what it has imported, and do not run it again."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state
        for other in self._brings[module.__name__] & self._done.keys():
            self._show(other, self._done[other])

    def _show(self, name: str, module: ModuleType) -> None:
        sys.modules[name] = module
        package, _, own_name = name.rpartition(".")
        if package in sys.modules and not hasattr(sys.modules[package], own_name):
            setattr(sys.modules[package], own_name, module)

    def _hide(self, name: str) -> None:
        module = sys.modules.pop(name)
        package, _, own_name = name.rpartition(".")
        holder = sys.modules.get(package) or self._done.get(package)
        if holder is not None and holder.__dict__.get(own_name) is module:
            delattr(holder, own_name)


def main(root: Path) -> int:
    """Print what cannot be imported alone, and why; the number of such modules."""
    sys.path.insert(0, str(root))
    imports = FirstImports()
    sys.meta_path.insert(0, imports)
    failed, missing = 0, set[str | None]()
    for name in (name for package in PACKAGES for name in modules_of(root, package)):
        try:
            imports.run(name)
        except ModuleNotFoundError as error:
            if error.name in OPTIONAL:
                missing.add(error.name)
                continue
            failed += 1
            print(f"{name}: {traceback.format_exc(limit=-3)}")
        except Exception:
            failed += 1
            print(f"{name}: {traceback.format_exc(limit=-3)}")
    if missing == OPTIONAL and os.environ.get("CI", "").lower() in {"1", "true"}:
        failed += 1
        print(f"none of {', '.join(sorted(OPTIONAL))} is here: ./twin test installs them")
    return failed


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1]).resolve()), 100))
