"""What every test gets: the kind from its folder, and a plain word where a program is missing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import traceback
from collections.abc import AsyncIterator, Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import settings

from broker.local.mosquitto import MosquittoProcess

if TYPE_CHECKING:
    from tests.support.timescale import TimescaleServer


@pytest.fixture(autouse=True)
def closed_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every SQLite connection that a test opens is closed when it ends.

    Python 3.13 warns of one that is not when it is collected, in whatever test that happens.
    """
    opened: list[tuple[sqlite3.Connection, str]] = []
    connect = sqlite3.connect

    def noted(*arguments: Any, **options: Any) -> sqlite3.Connection:
        db = connect(*arguments, **options)
        opened.append((db, "".join(traceback.format_stack(limit=8)[:-1])))
        return db

    for module in (sqlite3, sqlite3.dbapi2):
        monkeypatch.setattr(module, "connect", noted)
    yield
    left = [where for db, where in opened if _is_open(db)]
    assert not left, "SQLite connections that nobody closed, opened at:\n" + "\n".join(left)


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """A command that sets up logging does it for its own test alone."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def server() -> Iterator[TimescaleServer]:
    """A TimescaleDB for all tests of a worker; who kills it starts it again."""
    from tests.support.timescale import TimescaleServer

    with TimescaleServer() as server:
        yield server


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[MosquittoProcess]:
    """A Mosquitto that keeps sessions and retained messages over an orderly restart."""
    async with MosquittoProcess(directory=tmp_path / "mosquitto", persistence=True) as process:
        yield process


@pytest.fixture
def port(broker: MosquittoProcess) -> int:
    """The port of that Mosquitto."""
    return broker.port


def _is_open(db: sqlite3.Connection) -> bool:
    try:
        return db.total_changes >= 0
    except sqlite3.ProgrammingError:
        return False


ROOT = Path(__file__).parents[1]

settings.register_profile("tests", deadline=None)  # a busy machine is no failure
settings.load_profile("tests")

PRINTED = 20_000
"""Characters of each output of a test that failed."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests whose program or module is not here, with the reason; in CI they fail instead."""
    for item in items:
        if "benchmarks" in item.path.parts:  # here they only run; `./twin bench` measures
            item.add_marker(pytest.mark.peers)
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
    """Is a program, ``python:`` module or ``npm:`` package here; with ``|`` one of several?"""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for one in need.split("|"):
        kind, _, module = one.partition(":")
        if kind in {"npm", "venv"}:  # in a folder of its name: see deploy/setup
            inside = f"node_modules/{module}" if kind == "npm" else "bin/python"
            folder = ROOT / ".twin" / module / inside
            found: object = folder if folder.exists() else None
        else:
            found = find_spec(module) if kind == "python" else shutil.which(one, path=path)
        if found is not None:
            return True
    return False
