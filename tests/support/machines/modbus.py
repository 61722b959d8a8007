"""A simulated Modbus TCP device: pymodbus' server, behind a proxy."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from broker.local.loopback import HOST, free_port
from edge_agent.clock import SystemClock
from edge_agent.config.gateway_sources import ModbusSource
from edge_agent.links.modbus import ModbusLink
from edge_agent.links.tag_source import Value
from tests.support.link_proxy import LinkProxy
from tests.support.machines.machine import TAGS, Spoil, Traits, Trouble

REGISTERS = 100
NAN = 0x7FC0
PLACES: dict[str, dict[str, Any]] = {
    "temperature": {"address": 10, "type": "float32", "words": "little"},
    "counter": {"address": 12, "type": "uint32"},
    "open": {"table": "coil", "address": 3},
    "material": {"address": 20, "type": "text", "length": 10},
    "missing": {"address": 300, "type": "int16"},
}


class ModbusMachine:
    """Holding registers 0 to 99 and coils 0 to 31 of a device that is simulated."""

    traits = Traits(own_time=False, keeps=False, every_value=False, half_open_s=5.0)

    def __init__(self, folder: Path) -> None:
        self.offset_s = 0.0
        self.registers = [0] * REGISTERS
        self.coils = [False] * 32
        self.refused: dict[int, ExcCodes] = {}
        """Holding registers that the device answers with an exception, and which."""
        self.requests: list[tuple[int, int, int]] = []
        """Function, address and count of what it was asked for."""
        self.port = free_port()
        self.proxy = LinkProxy(self.port)
        self._server: ModbusTcpServer | None = None

    async def __aenter__(self) -> Self:
        for tag, value in TAGS.items():
            await self.write(tag, value)
        await self._start()
        await self.proxy.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.proxy.__aexit__(kind, error, trace)
        await self._stop()

    def source(self, **settings: Any) -> ModbusLink:
        """The link; ``settings`` replace those of the suite."""
        given: dict[str, Any] = {
            "kind": "modbus",
            "host": HOST,
            "port": self.proxy.port,
            "poll_ms": 20,
            "timeout_s": 1.0,
            "tags": PLACES,
        }
        return ModbusLink("device", ModbusSource(**(given | settings)), SystemClock())

    async def write(self, tag: str, value: Value) -> None:
        if tag == "open":
            self.coils[3] = bool(value)
            return
        place = PLACES[tag]
        if tag == "material":
            content = str(value).encode().ljust(2 * place["length"], b"\0")
        else:
            form = {"float32": ">f", "uint32": ">I"}[place["type"]]
            content = struct.pack(form, value)
        words = [word for (word,) in struct.iter_unpack(">H", content)]
        self.refused.pop(place["address"], None)
        self.put(place["address"], words[::-1] if place.get("words") == "little" else words)

    def put(self, address: int, words: Sequence[int]) -> None:
        """Set registers."""
        self.registers[address : address + len(words)] = words

    async def burst(self, tag: str, values: Sequence[Value]) -> None:
        for value in values:
            await self.write(tag, value)

    async def spoil(self, tag: str, how: Spoil) -> None:
        address = PLACES[tag]["address"]
        if how == "bad quality":
            self.refused[address] = ExcCodes.DEVICE_FAILURE
        else:
            self.put(address, [NAN, NAN])

    async def break_link(self, trouble: Trouble) -> None:
        self.proxy.break_link(trouble)

    async def heal(self) -> None:
        self.proxy.heal()

    async def restart(self) -> None:
        await self._stop()
        await self._start()

    async def _start(self) -> None:
        device = SimDevice(
            1,
            (
                [SimData(0, values=[False] * 32, datatype=DataType.BITS)],
                [SimData(0, values=[False] * 32, datatype=DataType.BITS)],
                [SimData(0, count=REGISTERS, datatype=DataType.REGISTERS)],
                [SimData(0, count=REGISTERS, datatype=DataType.REGISTERS)],
            ),
            action=self._answer,
        )
        self._server = ModbusTcpServer(device, address=(HOST, self.port))
        await self._server.serve_forever(background=True)

    async def _stop(self) -> None:
        assert self._server is not None
        await self._server.shutdown()

    async def _answer(
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        _written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Answer with what stands in ``registers`` and ``coils``, or an exception."""
        self.requests.append((function, address, count))
        if function in {1, 2}:
            for at in range(len(registers)):
                bits = self.coils[16 * at : 16 * at + 16]
                registers[at] = sum(bit << place for place, bit in enumerate(bits))
            return None
        for at, code in self.refused.items():
            if address <= at < address + count:
                return code
        registers[:] = self.registers
        return None
