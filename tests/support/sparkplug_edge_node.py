"""A Sparkplug edge node of tests, written with the codec; it may also do what is forbidden."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from broker.sparkplug.data_types import DataType
from broker.sparkplug.payload import Metric, Payload, Property, decode, encode
from broker.sparkplug.topics import MessageKind, SparkplugTopic
from tests.support.played_broker import CONNECT, PUBLISH, SUBSCRIBE, packet, text

TYPES = {
    bool: DataType.BOOLEAN,
    int: DataType.INT64,
    float: DataType.DOUBLE,
    str: DataType.STRING,
}
WILL_CLEAN = 0b0000_1110
"""Flags of a CONNECT: a will with QoS 1, not retained, and a clean session."""
Values = dict[str, bool | int | float | str | None]


class EdgeNode:
    """Connected and born inside ``async with``.

    Attributes:
        values: by device (None: of the node itself) and metric; births and data are of these.
        units: by metric.
        qualities: of metrics that are not good.
        offset_s: its clock is so much ahead [s].
        seq: of the next message; a test that adds to it loses messages.
        aliases: by device and metric; empty ones travel by name.
        births: how often it was born.
        extra: metrics that stand in its NBIRTH, too.
        obeys: it is born again when it is asked to.
    """

    def __init__(
        self,
        port: int,
        values: Mapping[str | None, Values],
        group: str = "hall",
        name: str = "node1",
        *,
        with_aliases: bool = True,
    ) -> None:
        self.port, self.group, self.name = port, group, name
        self.values = {device: dict(of) for device, of in values.items()}
        self.units: dict[str, str] = {}
        self.qualities: dict[str, int] = {}
        self.offset_s = 0.0
        self.seq = self.bd_seq = self.births = 0
        self.obeys = True
        self.extra: tuple[Metric, ...] = ()
        names = [(device, name) for device, of in self.values.items() for name in of]
        self.aliases = {key: at for at, key in enumerate(names, 1)} if with_aliases else {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.vanish()

    async def connect(self) -> None:
        """Connect with NDEATH as will, and be born."""
        self.bd_seq += 1
        death = encode(Payload(self.now_ms(), (self._bd_seq(),)))
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        texts = [f"test-{self.group}-{self.name}".encode(), *self._will(death)]
        head = text(b"MQTT") + b"\x04" + bytes([WILL_CLEAN]) + bytes(2)
        self._writer.write(packet(CONNECT, head + b"".join(map(text, texts))))
        await self._packet()
        ncmd = text(self.topic(MessageKind.NCMD).encode())
        self._writer.write(packet(SUBSCRIBE, b"\x00\x01" + ncmd + b"\x00"))
        await self._packet()
        await self.born()
        self._task = asyncio.create_task(self._obey())

    def _will(self, death: bytes) -> tuple[bytes, bytes]:
        return self.topic(MessageKind.NDEATH).encode(), death

    async def vanish(self) -> None:
        """Lose the connection, without a DISCONNECT: the broker publishes the will."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()

    async def _packet(self) -> bytes:
        """What follows the fixed header of the next packet."""
        await self._reader.readexactly(1)
        length = shift = 0
        while True:
            (byte,) = await self._reader.readexactly(1)
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return await self._reader.readexactly(length)

    async def _obey(self) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                content = await self._packet()
                command = decode(content[2 + int.from_bytes(content[:2], "big") :])
                for metric in command.metrics:
                    if metric.name == "Node Control/Rebirth" and metric.value and self.obeys:
                        await self.born()

    def now_ms(self) -> int:
        return round((datetime.now(UTC).timestamp() + self.offset_s) * 1000)

    def topic(self, kind: MessageKind, device: str | None = None) -> str:
        return str(SparkplugTopic(kind, self.group, self.name, device))

    def _bd_seq(self) -> Metric:
        return Metric("bdSeq", None, DataType.INT64, self.bd_seq, self.now_ms())

    def metric(
        self, name: str, device: str | None = None, *, born: bool = False, ts_ms: int | None = None
    ) -> Metric:
        """A metric as it stands."""
        value, alias = self.values[device][name], self.aliases.get((device, name))
        properties = {}
        if name in self.qualities:
            properties["Quality"] = Property(DataType.INT32, self.qualities[name])
        if born and name in self.units:
            properties["engUnit"] = Property(DataType.STRING, self.units[name])
        kind = TYPES.get(type(value), DataType.DOUBLE)
        by_name = name if born or alias is None else None
        return Metric(by_name, alias, kind, value, ts_ms or self.now_ms(), properties=properties)

    async def born(self) -> None:
        """NBIRTH, and a DBIRTH for each device."""
        self.seq, self.births = 0, self.births + 1
        control = Metric("Node Control/Rebirth", None, DataType.BOOLEAN, False, self.now_ms())
        of_node = [self.metric(one, born=True) for one in self.values.get(None, ())]
        await self.send(MessageKind.NBIRTH, None, self._bd_seq(), control, *self.extra, *of_node)
        for device in self.values:
            if device is not None:
                await self.device_born(device)

    async def device_born(self, device: str) -> None:
        """DBIRTH."""
        metrics = [self.metric(one, device, born=True) for one in self.values[device]]
        await self.send(MessageKind.DBIRTH, device, *metrics)

    async def device_dies(self, device: str) -> None:
        """DDEATH."""
        await self.send(MessageKind.DDEATH, device)

    async def say(
        self, device: str | None, *names: str, ts_ms: int | None = None, types: bool = False
    ) -> None:
        """Data of metrics as they stand."""
        metrics = [self.metric(name, device, ts_ms=ts_ms) for name in names]
        kind = MessageKind.NDATA if device is None else MessageKind.DDATA
        await self.send(kind, device, *metrics, types=types)

    async def send(
        self, kind: MessageKind, device: str | None, *metrics: Metric, types: bool = True
    ) -> None:
        """A message with the next ``seq``."""
        data = encode(Payload(self.now_ms(), metrics, self.seq % 256), types=types)
        self.seq += 1
        await self.send_bytes(kind, device, data)

    async def send_bytes(self, kind: MessageKind, device: str | None, data: bytes) -> None:
        """A message that is perhaps none of Sparkplug."""
        self._writer.write(packet(PUBLISH, text(self.topic(kind, device).encode()) + data))
        await self._writer.drain()
