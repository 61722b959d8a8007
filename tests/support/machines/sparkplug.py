"""A Sparkplug edge node with a device at a Mosquitto, behind a proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from broker.local.mosquitto import MosquittoProcess
from edge_agent.clock import SystemClock
from edge_agent.config.gateway_sources import SparkplugSource
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.sparkplug_source import SparkplugLink
from edge_agent.links.tag_source import Value
from tests.support.link_proxy import LinkProxy
from tests.support.machines.machine import TAGS, Spoil, Traits, Trouble
from tests.support.sparkplug_edge_node import EdgeNode

DEVICES: dict[str, str | None] = {
    "temperature": "press",
    "counter": "press",
    "open": None,
    "material": None,
}
PLACES: dict[str, dict[str, Any]] = {
    tag: {"metric": f"Now/{tag}", "device": device} for tag, device in DEVICES.items()
} | {"missing": {"metric": "Now/missing", "device": "press"}}


class SparkplugMachine:
    """An edge node that is born again when it is asked to; it keeps nothing for anybody."""

    traits = Traits(
        own_time=True, keeps=False, every_value=True, half_open_s=20.0, resolution_s=1e-3
    )

    def __init__(self, folder: Path) -> None:
        self.broker = MosquittoProcess(directory=folder / "mosquitto")
        self._stack = AsyncExitStack()
        self.proxy: LinkProxy
        self.node: EdgeNode
        self._offset_s = 0.0

    @property
    def offset_s(self) -> float:
        return self._offset_s

    @offset_s.setter
    def offset_s(self, offset_s: float) -> None:
        self._offset_s = self.node.offset_s = offset_s

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.broker)
        self.proxy = await self._stack.enter_async_context(LinkProxy(self.broker.port))
        values: dict[str | None, dict[str, Any]] = {None: {}, "press": {}}
        for tag, value in TAGS.items():
            values[DEVICES[tag]][f"Now/{tag}"] = value
        self.node = EdgeNode(self.broker.port, values)
        await self.node.connect()
        self._stack.push_async_callback(self.node.vanish)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def source(self, **settings: Any) -> SparkplugLink:
        """The link; ``settings`` replace those of the suite."""
        broker = BrokerSettings(port=self.proxy.port, keepalive_s=5, protocol="5")
        given = {
            "kind": "sparkplug", "group": "hall", "edge_node": "node1", "rebirth": True,
            "backlog_s": 0, "tags": PLACES, **settings,
        }  # fmt: skip
        source = SparkplugSource.model_validate(given)
        link = SparkplugLink("hall", source, broker, "gateway-hall", SystemClock())
        link.listen_s, link.quiet_s = 2.0, 0.1
        return link

    async def write(self, tag: str, value: Value) -> None:
        device, name = DEVICES[tag], f"Now/{tag}"
        self.node.values[device][name] = value
        self.node.qualities.pop(name, None)
        await self.node.say(device, name)

    async def burst(self, tag: str, values: Sequence[Value]) -> None:
        for value in values:
            await self.write(tag, value)

    async def spoil(self, tag: str, how: Spoil) -> None:
        device, name = DEVICES[tag], f"Now/{tag}"
        if how == "bad quality":
            self.node.qualities[name] = 0
        else:
            self.node.values[device][name] = "warm"
        await self.node.say(device, name)

    async def break_link(self, trouble: Trouble) -> None:
        self.proxy.break_link(trouble)

    async def heal(self) -> None:
        self.proxy.heal()

    async def restart(self) -> None:
        await self.broker.kill()
        await self.broker.start()
        await self.node.vanish()
        await asyncio.wait_for(self.node.connect(), 10)
