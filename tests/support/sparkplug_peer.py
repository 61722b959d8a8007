"""The host on pysparkplug as a process: what it heard, its problems, and commands to it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".twin" / "pysparkplug" / "bin" / "python"
SCRIPT = Path(__file__).with_name("pysparkplug_host.py")
LINE_BYTES = 4 * 1024 * 1024


class PeerHost:
    """Runs inside ``async with``; a test that uses it needs ``venv:pysparkplug``.

    Args:
        port: of the broker.
        group: whose nodes it listens to.
        host_id: its name in STATE.
    """

    def __init__(self, port: int, group: str, host_id: str = "pysparkplug") -> None:
        self.heard: list[dict[str, Any]] = []
        """Messages of nodes as it read them, in order."""
        self.problems: list[str] = []
        self.connections = 0
        self.host_id = host_id
        self._arguments = [str(port), group, host_id]
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.come()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.die()

    async def come(self) -> None:
        """Start it; return when it is connected."""
        before = self.connections
        self._process = await asyncio.create_subprocess_exec(
            PYTHON,
            SCRIPT,
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        self._reading = asyncio.create_task(self._read(self._process))
        await until(lambda: self.connections > before, f"host {self.host_id} to connect")

    async def go(self) -> None:
        """Let it say that it is offline, and end."""
        await self._tell("go")
        await self._ended()

    async def die(self) -> None:
        """End it without a word: the broker publishes its will."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        await self._ended()

    async def rebirth(self, node: str) -> None:
        """Let it ask a node for its births."""
        await self._tell(f"rebirth {node}")

    def count(self, kind: str) -> int:
        """Messages of a kind that it heard."""
        return sum(one["kind"] == kind for one in self.heard)

    def samples(self, device: str, name: str, *, historical: bool) -> Counter[int]:
        """How often data gave a metric of a device at each time [ms], as live or as historical."""
        return Counter(
            at
            for one in self.heard
            if one["kind"] == "DDATA" and one["device"] == device
            for metric, _value, at, past in one["metrics"]
            if metric == name and past is historical
        )

    def values(self, device: str, name: str) -> set[Any]:
        """All values of a metric of a device, of births and data."""
        return {
            value
            for one in self.heard
            if one.get("device") == device
            for metric, value, _at, _historical in one.get("metrics", ())
            if metric == name
        }

    async def _tell(self, command: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        await self._process.stdin.drain()

    async def _ended(self) -> None:
        if self._process is not None:
            await self._process.wait()
        if self._reading is not None:
            await self._reading

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            said = json.loads(line)
            if "problem" in said:
                self.problems.append(said["problem"])
            elif "connected" in said:
                self.connections += 1
            else:
                self.heard.append(said)
