"""A real TimescaleDB of one's own, made by the same script that a person calls."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

from edge_agent.config.settings import HistorySettings
from edge_agent.history.timescale import TimescaleHistory
from tests.support.waiting import until

SCRIPTS = Path(__file__).parents[2] / "deploy" / "timescale"
GONE_TIMEOUT_S = 10.0


class TimescaleServer:
    """A database cluster in a temporary folder; it keeps its port over restarts."""

    def __init__(self) -> None:
        # not below pytest's folders: PostgreSQL never runs as root, and root's are closed to others
        self._folder = Path(tempfile.mkdtemp(prefix="twin-timescale-"))
        self.url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def port(self) -> int:
        """Port on which it listens."""
        return int(self.url.rpartition(":")[2].partition("/")[0])

    def start(self) -> None:
        """Start it, after a crash too; nothing when it runs."""
        done = subprocess.run(
            [SCRIPTS / "up", self._folder], capture_output=True, text=True, check=False, timeout=240
        )
        if done.returncode != 0:
            raise RuntimeError(f"TimescaleDB did not start:\n{done.stderr}")
        self.url = done.stdout.strip()

    def stop(self) -> None:
        """End it in order."""
        subprocess.run([SCRIPTS / "down", self._folder], capture_output=True, check=True)

    def kill(self) -> None:
        """SIGKILL of the server and all it started, as a power cut would; returns when it is gone.

        The children must be gone before a new server opens the same files.
        """
        pid_file = self._folder / "data" / "postmaster.pid"
        if not pid_file.exists():
            return
        server = int(pid_file.read_text().split()[0])
        children = Path(f"/proc/{server}/task/{server}/children")
        pids = [server, *map(int, children.read_text().split())] if children.exists() else []
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + GONE_TIMEOUT_S
        while any(_lives(pid) for pid in pids) and time.monotonic() < end:
            time.sleep(0.005)


def _lives(pid: int) -> bool:
    """True if it is a process still, and not only an entry that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


_MIGRATED: dict[tuple[str, bool], str] = {}
"""Addresses of databases to copy, by server and whether they are plain."""


async def migrated_database(url: str, *, plain: bool = False) -> str:
    """Address of a database on the server with the tables of today and no rows.

    It is a copy of one in which a store made the tables, so that this is done once for all tests.
    """
    original = _MIGRATED.get((url, plain))
    if original is None:
        original = _MIGRATED[url, plain] = await _with_tables(url, plain)
    copy = f"copy_{uuid.uuid4().hex[:12]}"
    head, _, name = original.rpartition("/")
    admin = await asyncpg.connect(url)
    await admin.execute(f"CREATE DATABASE {copy} TEMPLATE {name}")
    await admin.close()
    return f"{head}/{copy}"


async def _with_tables(url: str, plain: bool) -> str:
    made = await new_database(url, plain=plain)
    store = TimescaleHistory(HistorySettings(url=made))
    await store.deliver([])
    await store.close()
    name = made.rpartition("/")[2]
    admin = await asyncpg.connect(url)
    await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")  # not to be worked in

    async def left() -> bool:
        """Have all left it, TimescaleDB's own worker, too?"""
        here = f"FROM pg_stat_activity WHERE datname = '{name}'"
        await admin.execute(f"SELECT pg_terminate_backend(pid) {here}")
        return not await admin.fetchval(f"SELECT count(*) {here}")

    await until(left, "an idle database to copy")
    await admin.close()
    return made


async def new_database(url: str, *, plain: bool = False) -> str:
    """Address of an empty database on the server; ``plain``: its user may not use TimescaleDB."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(url)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    await admin.close()
    own = url.rpartition("/")[0] + f"/{name}"
    if not plain:
        return own
    admin = await asyncpg.connect(own)
    await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'plain'")
    await admin.execute(f"GRANT ALL ON SCHEMA public TO {name}")
    await admin.close()
    return f"postgresql://{name}:plain@{own.rpartition('@')[2]}"
