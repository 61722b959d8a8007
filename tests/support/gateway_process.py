"""The gateway as its own process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support import waiting
from tests.support.processes import ROOT, read_file


class GatewayProcess:
    """``pur-mold-twin gateway`` on a configuration made for the test; its log is kept."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Nothing runs yet.

        Args:
            folder: where configuration, log and outbox lie.
            settings: of the gateway; ``outbox`` is added.
        """
        self.config, self.log = folder / "gateway.yaml", folder / "gateway.log"
        self.outbox = folder / "gateway.db"
        own = {"outbox": {"path": str(self.outbox)}}
        self.config.write_text(json.dumps(own | settings))  # JSON is YAML
        self.environment = os.environ.copy()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", "edge_agent", "gateway", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=log, env=self.environment)

    def logged(self, event: str) -> int:
        """Count of an event in its log, over all its lives."""
        return self.log.read_text().count(f'"{event}"') if self.log.exists() else 0

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(waiting.LIMIT_S)

    def must_live(self) -> None:
        """It may not end by itself.

        Raises:
            AssertionError: it has.
        """
        assert self.process is not None
        words = f"the gateway ended: {self.log.read_text()[-3000:]}"
        assert self.process.poll() is None, words

    def waiting(self) -> int:
        """Messages that no agent has confirmed."""
        return int(read_file(self.outbox, "SELECT count(*) FROM message")[0][0])
