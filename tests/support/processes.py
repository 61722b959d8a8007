"""The agent as its own process, and programs that watch it from outside."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class AgentProcess:
    """``pur-mold-twin agent`` on a configuration made for the test."""

    def __init__(self, folder: Path, port: int, presses: tuple[str, ...] = ("p1",)) -> None:
        self.folder = folder
        self.config = folder / "agent.yaml"
        self.history = folder / "history.db"
        self.spool = folder / "spool.db"
        self.log = folder / "agent.log"
        self.config.write_text(
            json.dumps(  # JSON is YAML
                {
                    "site": "test",
                    "agent_id": "t1",
                    "presses": list(presses),
                    "broker": {"port": port, "reconnect_max_s": 0.5},
                    "spool": {"path": str(self.spool)},
                    "history": {"path": str(self.history)},
                }
            )
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it says that it is connected."""
        seen = self.log.read_text().count("link_connected") if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge_agent", "agent", "--config", str(self.config)],
                cwd=ROOT,
                stderr=log,
            )
        wait_for(lambda: self.log.read_text().count("link_connected") > seen, "agent to connect")

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """What the history holds, read as any program would."""
        if not self.history.exists():
            return []
        with sqlite3.connect(f"file:{self.history}?mode=ro", uri=True) as db:
            return db.execute(sql, values).fetchall()

    def count(self, table: str) -> int:
        """Rows of a table of the history."""
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    """Look until it is so.

    Raises:
        AssertionError: it was not so in time.
    """
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        try:
            if condition():
                return
        except sqlite3.OperationalError:
            pass  # the tables are just being made
        time.sleep(0.05)
    raise AssertionError(f"waited {timeout_s} s for {what}")


def mosquitto_sub(port: int, topic: str, count: int, timeout_s: int = 30) -> list[str]:
    """Payloads that an independent client reads."""
    done = subprocess.run(
        ["mosquitto_sub", "-V", "5", "-h", "127.0.0.1", "-p", str(port), "-q", "1"]  # noqa: RUF005
        + ["-t", topic, "-C", str(count), "-W", str(timeout_s)],
        capture_output=True,
        text=True,
        timeout=timeout_s + 5,
        check=False,
    )
    return done.stdout.splitlines()
