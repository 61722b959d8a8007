"""The web server for tests: its app in this process, or ``pur-mold-twin web`` as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner, Result
from fastapi import FastAPI

from broker.local.loopback import free_port
from edge_agent.cli import main
from edge_agent.clock import SystemClock
from edge_agent.config.settings import Settings
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.ports import HistoryRow, Stored
from edge_agent.web.access.control import Access
from edge_agent.web.app import create_app
from tests.support.agents import settings_for
from tests.support.processes import ROOT, wait_for
from tests.support.web_access import client_of

Rows = Sequence[tuple[str, dict[str, Any]]]


def web_settings(folder: Path, broker_port: int | None = None, **more: Any) -> Settings:
    """Settings of a web server whose files are all in a folder; without a broker by default."""
    web = {
        "database_path": folder / "web.db",
        "computations_per_minute": 100_000,
        "requests_per_minute": 1_000_000,
        "scenarios": folder / "scenarios",
    } | more.pop("web", {})
    learning = {"models": folder / "models"}
    port = broker_port or free_port()
    return settings_for(folder, port, web=web, learning=learning, **more)


@asynccontextmanager
async def running_app(settings: Settings) -> AsyncIterator[tuple[FastAPI, Access]]:
    """The app with all that lives beside it."""
    app = create_app(settings, SystemClock())
    async with app.router.lifespan_context(app):
        yield app, app.state.web.access


@asynccontextmanager
async def client(
    settings: Settings, address: str = "127.0.0.1", headers: dict[str, str] | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app."""
    async with running_app(settings) as (app, _), client_of(app, address) as found:
        found.headers.update(headers or {})
        yield found


async def put_rows(path: Path, rows: Rows) -> None:
    """Write rows into a history file, as the agent does; it is made if there is none."""
    history = SqliteHistory(path)
    try:
        stored = [
            Stored(number, SystemClock().now(), HistoryRow(kind, json.dumps(columns)))  # type: ignore[arg-type]
            for number, (kind, columns) in enumerate(rows, start=1)
        ]
        receipt = await history.deliver(stored)
        assert receipt.rejected == {}
    finally:
        await history.close()


class WebProcess:
    """``pur-mold-twin web`` on a configuration made for the test."""

    def __init__(self, folder: Path, broker_port: int, **sections: Any) -> None:
        self.folder, self.config, self.log = folder, folder / "agent.yaml", folder / "web.log"
        web = {"port": 0, "database_path": str(folder / "web.db")} | sections.pop("web", {})
        settings: dict[str, Any] = {
            "site": "test",
            "agent_id": "t1",
            "presses": ["p1"],
            "broker": {"port": broker_port},
            "spool": {"path": str(folder / "spool.db")},
            "history": {"path": str(folder / "history.db")},
            "learning": {"models": str(folder / "models")},
            "web": web,
        } | sections
        self.config.write_text(json.dumps(settings))
        self.process: subprocess.Popen[bytes] | None = None
        self.address = ""

    def __enter__(self) -> WebProcess:
        command = [sys.executable, "-m", "edge_agent", "web", "-c", str(self.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, env=os.environ.copy()
            )
        wait_for(lambda: self._listening() or self._ended(), "the web server to listen")
        told = self._listening()
        assert told, self.log.read_text()
        secure = json.loads(self.config.read_text())["web"].get("cert_file")
        self.address = f"{'https' if secure else 'http'}://127.0.0.1:{told['port']}"
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()

    def run(self, *command: str, stdin: str = "") -> Result:
        """Run a command below ``pur-mold-twin web``, beside the server; not within a loop."""
        return CliRunner().invoke(main, ["web", "-c", str(self.config), *command], input=stdin)

    def _listening(self) -> dict[str, Any] | None:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        told = [json.loads(line) for line in lines if '"web_listening"' in line]
        return told[-1] if told else None

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None
