"""A simulated PLC with OPC UA: asyncua's server in a process of its own, behind a proxy."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.links.opcua import OpcUaLink
from edge_agent.links.tag_source import Value
from tests.support.link_proxy import LinkProxy
from tests.support.machines.machine import MISSING, TAGS, Spoil, Traits, Trouble
from tests.support.opcua_server import URI, OpcUaServer

BAD_SENSOR = 0x808C_0000
_servers: list[OpcUaServer] = []
"""The server of this process of tests: to start one takes longer than a test."""


class OpcUaMachine:
    """Variables of every type in the namespace of a vendor."""

    traits = Traits(own_time=True, keeps=True, every_value=True, half_open_s=6.0)

    def __init__(self, folder: Path, server: OpcUaServer | None = None) -> None:
        """Make a machine.

        Args:
            folder: is not needed.
            server: one of its own; by default that of all tests.
        """
        self.offset_s = 0.0
        self.server = server or _shared_server()
        self.proxy = LinkProxy(self.server.port)
        self._values = dict(TAGS)
        self.changes: dict[str, Any] = {}
        """Settings of the source that a test wants otherwise."""

    async def __aenter__(self) -> Self:
        self.server.ask(do="end-sessions")
        for tag, value in TAGS.items():
            if tag in self.server.options["tags"]:
                self.server.write(tag, value)
        await self.proxy.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.proxy.__aexit__(kind, error, trace)

    def source(self) -> OpcUaLink:
        return OpcUaLink("plc", self.settings())

    def settings(self) -> OpcUaSource:
        """The source's settings."""
        return OpcUaSource.model_validate(
            {
                "kind": "opcua",
                "url": f"opc.tcp://127.0.0.1:{self.proxy.port}/press",
                "subscription_ms": 50,
                "timeout_s": 1.0,
                "tags": {tag: {"node": node_of(tag)} for tag in (*TAGS, MISSING)},
            }
            | self.changes
        )

    async def write(self, tag: str, value: Value) -> None:
        self._values[tag] = value
        self.server.write(tag, value, offset_s=self.offset_s)

    async def burst(self, tag: str, values: Sequence[Value]) -> None:
        self._values[tag] = values[-1]
        self.server.write(tag, *values, offset_s=self.offset_s)

    async def spoil(self, tag: str, how: Spoil) -> None:
        if how == "bad quality":
            self.server.write(tag, self._values[tag], status=BAD_SENSOR)
        else:
            self.server.write(tag, [1.0, 2.0])

    async def break_link(self, trouble: Trouble) -> None:
        self.proxy.break_link(trouble)

    async def heal(self) -> None:
        self.proxy.heal()

    async def restart(self) -> None:
        self.server.kill()
        self.server.start(tags=self._values)


def node_of(tag: str) -> str:
    """Node id of a tag."""
    return f"nsu={URI};s=Press.{tag}"


def _shared_server() -> OpcUaServer:
    if not _servers:
        server = OpcUaServer(TAGS)
        server.start()
        atexit.register(server.kill)
        _servers.append(server)
    return _servers[0]
