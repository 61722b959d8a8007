"""The agent as its own process, and programs that watch it from outside."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support import waiting

ROOT = Path(__file__).parents[2]
WAITING = frozenset({"inbox", "publish", "forward"})
"""Tables of the spool that are empty when all is done; not every version has each."""
GROUP_SECRET = "the-secret-of-the-group-in-tests"


class AgentProcess:
    """``pur-mold-twin agent`` on a configuration made for the test.

    Its history is a file beside it, or the database at ``history_url``. ``more`` replaces or adds
    sections of the configuration. ``gather_s`` is that of the history.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        presses: tuple[str, ...] = ("p1",),
        history_url: str | None = None,
        more: dict[str, Any] | None = None,
        gather_s: float = waiting.GATHER_S,
    ) -> None:
        self.folder = folder
        self.config = folder / "agent.yaml"
        self.history = Path((more or {}).get("history", {}).get("path", folder / "history.db"))
        self.spool = folder / "spool.db"
        self.log = folder / "agent.log"
        self.up = "group_joined" if "share" in (more or {}) else "link_connected"
        settings: dict[str, Any] = {
            "site": "test",
            "agent_id": "t1",
            "presses": list(presses),
            "broker": {"port": port, "reconnect_max_s": 0.5},
            "spool": {"path": str(self.spool)},
            "history": {"url": history_url} if history_url else {"path": str(self.history)},
        } | (more or {})
        settings["history"] = {"gather_s": gather_s} | settings["history"]
        self.config.write_text(json.dumps(settings))  # JSON is YAML
        self.environment = os.environ.copy()
        if "share" in (more or {}):
            self.environment["TWIN_BROKER__SESSION_SECRET"] = GROUP_SECRET
        self.process: subprocess.Popen[bytes] | None = None
        self.prefix: tuple[str, ...] = ()
        """A program that runs the agent, as strace; the process must stay the agent's own."""

    def start(self, *, wait: bool = True) -> None:
        """Start it, and ``wait`` until it says that it is connected: without a broker, do not."""
        observables = self.logged(self.up)
        command = [sys.executable, "-m", "edge_agent", "agent", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, *command],
                cwd=ROOT,
                stderr=log,
                env=self.environment,
            )
        if wait:
            wait_for(lambda: self.logged(self.up) > observables, "agent to connect")

    def logged(self, event: str) -> int:
        """Count of an event in its log, over all its lives."""
        return self.log.read_text().count(f'"{event}"') if self.log.exists() else 0

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(waiting.LIMIT_S)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the history, read as any program would."""
        if not self.history.exists():
            return []
        return read_file(self.history, sql, *values)

    def count(self, table: str) -> int:
        """Rows of a table of the history."""
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])


def read_file(path: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of a SQLite file of the agent, read without getting into its way."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(sql, values).fetchall()


def waiting_in(spool: Path, of: frozenset[str] = WAITING) -> int:
    """Number of messages and rows of a spool that must still go somewhere."""
    tables = {name for (name,) in read_file(spool, "SELECT name FROM sqlite_master")}
    counts = [f"(SELECT count(*) FROM {table})" for table in of & tables]
    return int(read_file(spool, "SELECT " + " + ".join(counts))[0][0])


def cpu_s(pid: int) -> float:
    """Processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = waiting.LIMIT_S) -> None:
    """Look until it is so; tables of the history that are just being made are not.

    Raises:
        AssertionError: it was not so in time.
    """
    waiting.wait_for(condition, what, timeout_s, away=(sqlite3.OperationalError,))


def mosquitto_sub(
    port: int, topic: str, count: int, timeout_s: int = 30, form: str = "%p"
) -> list[str]:
    """Payloads that an independent client reads, or what ``form`` asks of each message."""
    done = subprocess.run(
        ["mosquitto_sub", "-V", "5", "-h", "127.0.0.1", "-p", str(port), "-q", "1"]  # noqa: RUF005
        + ["-t", topic, "-C", str(count), "-W", str(timeout_s), "-F", form],
        capture_output=True,
        text=True,
        timeout=timeout_s + 5,
        check=False,
    )
    return done.stdout.splitlines()
