"""What every test gets: the kind from its folder, and a plain word where a program is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from importlib.util import find_spec

import pytest

PRINTED = 20_000
"""Characters of each output of a test that failed."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests whose program or module is not here, with the reason; in CI they fail instead."""
    for item in items:
        for marker in item.iter_markers("needs"):
            missing = [need for need in marker.args if not _have(need)]
            if missing and os.environ.get("CI", "").lower() not in {"1", "true"}:
                reason = f"not on this machine: {', '.join(missing)} (./twin test installs it)"
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Bound what a failing test prints of its output and log."""
    report = yield
    report.sections = [(name, shortened(text)) for name, text in report.sections]
    return report


def shortened(text: str) -> str:
    """A text of at most some pages: its beginning and its end."""
    if len(text) <= PRINTED:
        return text
    half = PRINTED // 2
    return f"{text[:half]}\n[… {len(text) - PRINTED} characters left out …]\n{text[-half:]}"


def _have(need: str) -> bool:
    """Is a program, or after ``python:`` a module, on this machine; with ``|`` one of several?"""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for one in need.split("|"):
        kind, _, module = one.partition(":")
        found = find_spec(module) if kind == "python" else shutil.which(one, path=path)
        if found is not None:
            return True
    return False
