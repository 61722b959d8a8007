"""A connection to a Modbus TCP device: one request at a time, each with its time limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from edge_agent.config.gateway_sources import ModbusSource
from edge_agent.errors import LinkError

_WORDS = {
    1: "illegal function: the device has no such table",
    2: "illegal address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, answer later",
    6: "device busy",
    7: "negative acknowledgement",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "no answer from the device behind the gateway",
}
ENDED = "the connection has ended"
ONE_OF_MANY = frozenset({2, 3, 4})
"""Codes that may be about one address of those that were asked for."""
_HINT = "is the device on, and are host, port and unit_id right? A device may take few connections"


class DeviceException(Exception):
    """The device answered with an exception code; the message is the fault of the tags."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code} ({_WORDS.get(code, 'unknown code')})")
        self.code = code


class ModbusDevice:
    """An open connection; ``connect`` makes it."""

    def __init__(self, client: AsyncModbusTcpClient, settings: ModbusSource) -> None:
        self._client, self._settings = client, settings
        self._where = f"{settings.host}:{settings.port}"
        self._read: dict[str, Callable[..., Awaitable[ModbusPDU]]] = {
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
        }
        self.lost = asyncio.Event()

    async def read(self, table: str, first: int, count: int) -> Sequence[int]:
        """Registers, or bits, from an address on.

        Raises:
            DeviceException: the device says that it cannot.
            LinkError: the link is lost, or no answer came in time.
        """
        if self.lost.is_set():
            raise LinkError(f"{self._where}: {ENDED}", hint=_HINT)
        asked = asyncio.ensure_future(
            self._read[table](first, count=count, device_id=self._settings.unit_id)
        )
        lost = asyncio.create_task(self.lost.wait())
        try:
            await asyncio.wait({asked, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise LinkError(f"{self._where}: {ENDED}", hint=_HINT)
            answer = asked.result()
        except ModbusException as error:
            raise LinkError(self._why(table, first, count, error), hint=_HINT) from None
        finally:
            for task in (asked, lost):
                task.cancel()
            await asyncio.gather(asked, lost, return_exceptions=True)
        if isinstance(answer, ExceptionResponse) or answer.isError():
            raise DeviceException(answer.exception_code)
        cells: Sequence[int] = answer.bits if table in {"coil", "discrete"} else answer.registers
        if len(cells) < count:
            words = f"{len(cells)} values where {count} were asked for, from {table} {first} on"
            raise LinkError(f"{self._where}: {words}", hint="look at the device: it breaks Modbus")
        return cells

    def _why(self, table: str, first: int, count: int, error: ModbusException) -> str:
        if self.lost.is_set():
            return f"{self._where}: {ENDED}"
        if "No response" in str(error):
            limit = f"no answer within {self._settings.timeout_s:g} s"
            return f"{self._where}: {limit} to {count} of {table} from {first} on"
        return f"{self._where}: {error}"


@asynccontextmanager
async def connect(settings: ModbusSource) -> AsyncIterator[ModbusDevice]:
    """Open a connection.

    Raises:
        LinkError: nobody answers there.
    """
    made: list[ModbusDevice] = []

    def told(connected: bool) -> None:
        if not connected and made:
            made[0].lost.set()

    client = AsyncModbusTcpClient(
        settings.host,
        port=settings.port,
        timeout=settings.timeout_s,
        retries=0,
        reconnect_delay=0,
        trace_connect=told,
    )
    made.append(ModbusDevice(client, settings))
    try:
        if not await client.connect():
            raise LinkError(
                f"{settings.host}:{settings.port}: cannot connect within {settings.timeout_s:g} s",
                hint=_HINT,
            )
        yield made[0]
    finally:
        client.close()
