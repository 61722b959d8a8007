"""A simulated press whose PLC has nothing but tags, by three protocols; and what it did.

Each shot: set points and the counter, the pour begins, the pour ends, readings while it cures, the
mold opens and closes. Every reading has a value that no other one has, so each can be counted in
the history.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import LinkError
from edge_agent.links.mqtt import Session, connect
from tests.support.link_proxy import LinkProxy
from tests.support.machines.modbus import ModbusMachine
from tests.support.opcua_server import URI, OpcUaServer

STEP_S = 0.06
"""Between two changes of a tag; frames hold readings of 20 ms."""
READINGS = 5
FIRST_VALUE, VALUE_STEP = 20.0, 0.01
"""Of the mold's temperature [°C]: no two readings are equal within 4,000."""
FIRST_COUNT = 100
START: dict[str, Any] = {
    "temperature": FIRST_VALUE,
    "counter": FIRST_COUNT,
    "pouring": False,
    "open": False,
    "polyol": 500.0,
    "iso": 530.0,
}
OFFSET_S = -1.5
"""The PLC's clock is behind, where it has one."""


class Plc(Protocol):
    """The PLC of the press, simulated."""

    port: int
    """Where the link to it leads: a proxy."""
    proxy: LinkProxy
    own_time: bool
    keeps: bool
    """It keeps what changes while nobody reads."""

    def source(self) -> dict[str, Any]:
        """Settings of the source, for the gateway's YAML."""
        ...

    async def write(self, tag: str, value: Any, ts: datetime) -> None:
        """Change a tag at a time of the PLC's clock."""
        ...

    async def seen(self) -> None:
        """Wait as long as a slow press would, where the PLC keeps nothing but what is now."""
        ...


@dataclass
class Made:
    """A shot as the PLC knows it."""

    shot_id: str
    poured_at: datetime
    opened_at: datetime


@dataclass
class Press:
    """Makes shots."""

    plc: Plc
    shots: list[Made] = field(default_factory=list)
    readings: dict[float, datetime] = field(default_factory=dict)
    """Time of each value of the mold's temperature."""
    count: int = FIRST_COUNT
    _value: float = FIRST_VALUE

    async def switch_on(self) -> None:
        """Let every tag have its first value."""
        for tag, value in START.items():
            await self._set(tag, value)

    async def make(self, shots: int) -> None:
        """Make so many shots, one after the other."""
        for _ in range(shots):
            await self._shot()

    async def _shot(self) -> None:
        self.count += 1
        await self._set("polyol", round(500 + self.count % 7 * 0.5, 1))
        await self._set("iso", round(530 + self.count % 5 * 0.5, 1))
        await self._set("counter", self.count)
        await self._set("pouring", True)
        poured = await self._set("pouring", False)
        for _ in range(READINGS):
            self._value = round(self._value + VALUE_STEP, 2)
            self.readings[self._value] = await self._set("temperature", self._value)
        opened = await self._set("open", True)
        await self._set("open", False)
        self.shots.append(Made(f"S-{self.count}", poured, opened))

    async def _set(self, tag: str, value: Any) -> datetime:
        ts = datetime.fromtimestamp(datetime.now(UTC).timestamp() + OFFSET_S, UTC)
        ts = ts.replace(microsecond=ts.microsecond // 1000 * 1000)
        await self.plc.write(tag, value, ts)
        await asyncio.sleep(STEP_S)
        await self.plc.seen()
        return ts


class OpcUaPlc:
    """An asyncua server; its subscriptions keep values, and it has a history."""

    own_time, keeps = True, True

    def __init__(self, folder: Path) -> None:
        self._server = OpcUaServer(START, history=list(START), max_queue=10_000)
        self.proxy = LinkProxy(self._server.port)
        self.port = 0

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._server.start)
        await self.proxy.__aenter__()
        self.port = self.proxy.port
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.proxy.__aexit__(kind, error, trace)
        await asyncio.to_thread(self._server.kill)

    def source(self) -> dict[str, Any]:
        return {
            "kind": "opcua",
            "url": f"opc.tcp://127.0.0.1:{self.port}/press",
            "subscription_ms": 50,
            "timeout_s": 2,
            "tags": {name: {"node": f"nsu={URI};s=Press.{name}"} for name in START},
        }

    async def write(self, tag: str, value: Any, ts: datetime) -> None:
        await asyncio.to_thread(self._server.write, tag, value, times=[ts])

    async def seen(self) -> None:
        """It keeps what nobody has read."""


ROUNDS, REQUESTS = 3, 3
"""Polls that a step of a Modbus device must outlast, and requests in each."""


class ModbusPlc:
    """A pymodbus server: only what stands in its registers, without times."""

    own_time, keeps = False, False
    _PLACES: dict[str, dict[str, Any]] = {  # noqa: RUF012
        "temperature": {"address": 10, "type": "float32"},
        "counter": {"address": 12, "type": "uint16"},
        "polyol": {"address": 14, "type": "float32", "words": "little"},
        "iso": {"address": 16, "type": "uint16", "scale": 0.1},
        "pouring": {"table": "coil", "address": 3},
        "open": {"table": "coil", "address": 4},
    }

    def __init__(self, folder: Path) -> None:
        self._machine = ModbusMachine(folder)
        self.proxy = self._machine.proxy
        self.port = 0

    async def __aenter__(self) -> Self:
        await self._machine.__aenter__()
        for tag, value in START.items():
            await self.write(tag, value, datetime.now(UTC))
        self.port = self.proxy.port
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._machine.__aexit__(kind, error, trace)

    def source(self) -> dict[str, Any]:
        return {
            "kind": "modbus",
            "host": "127.0.0.1",
            "port": self.port,
            "poll_ms": 20,
            "timeout_s": 1,
            "tags": self._PLACES,
        }

    async def write(self, tag: str, value: Any, ts: datetime) -> None:
        place, machine = self._PLACES[tag], self._machine
        if place.get("table") == "coil":
            machine.coils[place["address"]] = bool(value)
        elif place["type"] == "uint16":
            machine.put(place["address"], [round(value / place.get("scale", 1))])
        else:
            high, low = struct.unpack(">HH", struct.pack(">f", value))
            words = [low, high] if place.get("words") == "little" else [high, low]
            machine.put(place["address"], words)

    async def seen(self) -> None:
        """Go on when it was asked for everything again, and again: the first answers are safe then.

        The gateway asks anew only when what it was told before is on its disk.
        """
        asked, machine = len(self._machine.requests), self._machine
        while len(machine.requests) < asked + ROUNDS * REQUESTS:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class JsonPlc:
    """A publisher of foreign JSON on a broker of its own, which keeps the gateway's session."""

    own_time, keeps = True, True

    def __init__(self, folder: Path) -> None:
        self._broker = MosquittoProcess(directory=folder / "foreign", persistence=True)
        self.proxy: LinkProxy
        self.port = 0
        self._session: Session | None = None

    async def __aenter__(self) -> Self:
        await self._broker.start()
        self.proxy = LinkProxy(self._broker.port)
        await self.proxy.__aenter__()
        self.port = self.proxy.port
        self._publisher = AsyncExitStack()
        await self._connect()
        return self

    async def _connect(self) -> None:
        await self._publisher.aclose()
        link = connect(BrokerSettings(port=self._broker.port), "the-plc")
        self._session = await self._publisher.enter_async_context(link)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._publisher.aclose()
        await self.proxy.__aexit__(kind, error, trace)
        await self._broker.terminate()

    def source(self) -> dict[str, Any]:
        return {
            "kind": "mqtt",
            "broker": {"port": self.port, "keepalive_s": 5},
            "time_path": "t",
            "time_unit": "ms",
            "tags": {
                "temperature": {"topic": "line/+/temp", "path": "zones[0].value"},
                **{
                    name: {"topic": "line/7/state", "path": "v", "where": {"name": name}}
                    for name in START
                    if name != "temperature"
                },
            },
        }

    async def write(self, tag: str, value: Any, ts: datetime) -> None:
        assert self._session is not None
        stamp = round(ts.timestamp() * 1000)
        if tag == "temperature":
            topic, document = "line/7/temp", {"t": stamp, "zones": [{"value": value}]}
        else:
            topic, document = "line/7/state", {"t": stamp, "name": tag, "v": value}
        try:
            await self._session.publish(topic, json.dumps(document).encode())
        except LinkError:  # a busy machine: a good publisher sends it again
            await self._connect()
            await self._session.publish(topic, json.dumps(document).encode())

    async def seen(self) -> None:
        """Its broker keeps what nobody has read."""


PLCS: dict[str, Callable[[Path], Any]] = {"opcua": OpcUaPlc, "modbus": ModbusPlc, "json": JsonPlc}
