"""The web server as a process of its own, and what a browser or a program asks of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from broker.local.loopback import free_port
from tests.support.processes import ROOT, rss_mb, wait_for


class WebProcess:
    """``pur-mold-twin web`` on a configuration made for the test."""

    def __init__(
        self,
        folder: Path,
        broker_port: int,
        history: Path,
        more: dict[str, Any] | None = None,
        site: str = "test",
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "web.log"
        self.config = folder / "web.yaml"
        settings: dict[str, Any] = {
            "site": site,
            "agent_id": "t1",
            "presses": ["p1"],
            "broker": {"port": broker_port, "reconnect_max_s": 0.5},
            "history": {"path": str(history)},
            "web": {"port": self.port},
        }
        for section, fields in (more or {}).items():
            settings[section] = settings.get(section, {}) | fields
        self.config.write_text(json.dumps(settings))  # JSON is YAML
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "edge_agent", "web", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=log, env=os.environ.copy())
        wait_for(self.answers, "the web server")

    def answers(self) -> bool:
        """Does it answer?"""
        try:
            return self.get("/static/icon.svg") != ""
        except OSError:
            return False

    def get(self, path: str) -> str:
        """The body of an answer."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return str(answer.read().decode())

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.process is not None
        return self.process.pid

    def rss_mb(self) -> float:
        """Its memory."""
        return rss_mb(self.pid)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)
