"""What every test gets: the kind from its folder, and a plain word where a program is missing."""

from __future__ import annotations

import os
import shutil

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests whose program is not on the machine, with the reason; in CI they fail instead."""
    for item in items:
        for marker in item.iter_markers("needs"):
            missing = [name for name in marker.args if _find(name) is None]
            if missing and os.environ.get("CI", "").lower() not in {"1", "true"}:
                reason = f"not on this machine: {', '.join(missing)} (./twin test installs it)"
                item.add_marker(pytest.mark.skip(reason=reason))


def _find(program: str) -> str | None:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which(program, path=path)
