"""A server of node-opcua (npm), another implementation than asyncua's, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from broker.local.loopback import HOST, free_port

ROOT = Path(__file__).parents[2]
MODULES = ROOT / ".twin" / "node-opcua" / "node_modules"
SCRIPT = Path(__file__).with_suffix(".js")


class NodeOpcUa:
    """The server; inside ``with`` it runs.

    ``tags``: type and value by name. ``history``: names of those whose history is kept.
    """

    def __init__(self, tags: Mapping[str, tuple[str, Any]], **options: Any) -> None:
        self.port = free_port()
        self.options = {"tags": dict(tags), "port": self.port, **options}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"opc.tcp://{HOST}:{self.port}/press"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

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

    def start(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            ["node", str(SCRIPT), json.dumps(self.options)],
            env=os.environ | {"NODE_PATH": str(MODULES), "HOME": str(ROOT / ".twin")},
            cwd=ROOT / ".twin",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._answer()

    def kill(self) -> None:
        """End it as by SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def write(self, tag: str, *values: Any, status: str = "Good", pause_ms: float = 15) -> None:
        """Give a tag values one after the other, so far apart that the server notices each."""
        self.ask(do="write", tag=tag, values=values, status=status, pause_ms=pause_ms)

    def ask(self, **command: Any) -> Any:
        """Have a command done; its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            if line.startswith(b"{"):  # others are notices of node-opcua
                answer = json.loads(line)
                if "error" in answer:
                    raise AssertionError(answer["error"])
                return answer
        raise AssertionError("the server of node-opcua has ended")
