"""Node-RED with a flow that parses frames, checks them and publishes them again."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

from broker.local.loopback import free_port
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import connect
from tests.support.processes import cpu_s, rss_mb, wait_for

CHECK = """
const p = msg.payload;
if (!p || p.v !== 1 || !p.ts || typeof p.seq !== 'number' || !p.device_id) return null;
for (const name in p.sensors) if (!Number.isFinite(p.sensors[name])) return null;
return {topic: 'checked', payload: p, qos: 1};
"""

ECHO = """
const p = msg.payload;
if (!p || p.v !== 1 || !p.ts || !p.shot_id || !p.event) return null;
return {topic: 'echo', payload: p, qos: 1};
"""


def flow(port: int) -> list[dict[str, Any]]:
    """mqtt in -> json -> function -> mqtt out, for frames and for shot events.

    Its MQTT nodes have no setting for TCP_NODELAY, and their library does not set it.
    """
    broker = {"id": "b", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(port)}
    broker |= {"clientid": "node-red", "protocolVersion": "5", "cleansession": True}
    first = {"id": "i", "type": "mqtt in", "z": "f", "topic": "pur/v1/test/p1/telemetry"}
    first |= {"qos": "1", "datatype": "auto-detect", "broker": "b", "wires": [["c"]]}
    shots = {"id": "s", "type": "mqtt in", "z": "f", "topic": "pur/v1/test/+/shot", "qos": "1"}
    shots |= {"datatype": "auto-detect", "broker": "b", "wires": [["e"]]}
    echo = {"id": "e", "type": "function", "z": "f", "func": ECHO, "outputs": 1, "wires": [["o"]]}
    check = {"id": "c", "type": "function", "z": "f", "func": CHECK, "outputs": 1}
    last = {"id": "o", "type": "mqtt out", "z": "f", "topic": "", "qos": "", "broker": "b"}
    return [
        {"id": "f", "type": "tab", "label": "flow"},
        broker,
        first,
        shots,
        echo,
        check | {"wires": [["o"]]},
        last | {"wires": []},
    ]


class NodeRed:
    """A running Node-RED; counts what it publishes on ``checked``.

    Args:
        port: the broker's.
        flows: what it runs instead of ``flow``.
    """

    def __init__(self, folder: Path, port: int, flows: list[dict[str, Any]] | None = None) -> None:
        self._folder, self._port, self._heard = folder / "node-red", port, 0
        self._flows = flow(port) if flows is None else flows
        self._ui_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._folder.mkdir()
        (self._folder / "flows.json").write_text(json.dumps(self._flows))
        settings = {"uiHost": "127.0.0.1", "uiPort": self._ui_port, "flowFile": "flows.json"}
        (self._folder / "settings.js").write_text(f"module.exports = {json.dumps(settings)}")
        log = self.log
        with log.open("wb") as out:
            self._process = await asyncio.to_thread(
                subprocess.Popen, ["node-red", "--userDir", self._folder], stdout=out, stderr=out
            )
        ready = asyncio.Event()
        self._listening = asyncio.create_task(self._listen(ready))
        async with asyncio.timeout(60):
            await ready.wait()
            await asyncio.to_thread(wait_for, lambda: "Connected to" in log.read_text(), "Node-RED")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        assert self._listening is not None
        self._listening.cancel()
        self._process.terminate()
        await asyncio.to_thread(self._process.wait, 20)

    @property
    def log(self) -> Path:
        """The file with what it prints."""
        return self._folder / "log"

    def inject(self, node: str) -> None:
        """Press the button of an inject node."""
        request = Request(f"http://127.0.0.1:{self._ui_port}/inject/{node}", method="POST")
        with urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def in_context(self, tab: str, name: str) -> Any:
        """A value in the context of a flow."""
        address = f"http://127.0.0.1:{self._ui_port}/context/flow/{tab}/{name}"
        with urlopen(address, timeout=10) as answer:
            found = json.loads(answer.read())
        # a long array comes as its text, behind its length
        return json.loads(found["msg"]) if found.get("format", "").startswith("array") else found

    async def heard(self, count: int) -> None:
        """Wait until it has published so many."""
        async with asyncio.timeout(120):
            while self._heard < count:  # noqa: ASYNC110 (a count, looked at now and then)
                await asyncio.sleep(0.02)

    def cpu_s(self) -> float:
        """Its processor time."""
        assert self._process is not None
        return cpu_s(self._process.pid)

    def rss_mb(self) -> float:
        """Its memory."""
        assert self._process is not None
        return rss_mb(self._process.pid)

    async def _listen(self, ready: asyncio.Event) -> None:
        async with connect(BrokerSettings(port=self._port), "listener") as session:
            await session.subscribe(["checked"])
            ready.set()
            while True:
                batch = await session.next_batch(1000)
                session.acknowledge(batch)
                self._heard += len(batch)
