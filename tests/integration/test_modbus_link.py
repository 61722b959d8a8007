"""Modbus TCP beside pymodbus' server, and devices that break the protocol."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from broker.local.loopback import HOST, free_port
from edge_agent.clock import SystemClock
from edge_agent.config.gateway_sources import ModbusSource
from edge_agent.errors import LinkError
from edge_agent.links.modbus import ModbusLink
from edge_agent.links.modbus_device import connect
from edge_agent.links.tag_source import SampleBatch
from tests.support.local_server import LocalServer
from tests.support.machines.gateway import Gateway
from tests.support.machines.machine import TAGS
from tests.support.machines.modbus import PLACES, ModbusMachine
from tests.support.waiting import until


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[ModbusMachine]:
    async with ModbusMachine(tmp_path) as running:
        yield running


async def first_values(link: ModbusLink) -> dict[str, Any]:
    """Values, or faults, of the first batch."""
    found: dict[str, Any] = {}

    class Enough(Exception):
        pass

    async def deliver(batch: SampleBatch) -> None:
        found.update({one.tag: one.fault or one.value for one in batch.samples})
        raise Enough

    with pytest.raises(Enough):
        await asyncio.wait_for(link.run(deliver, {}), 20.0)
    return found


async def test_all_tags_of_a_device_in_few_requests(machine: ModbusMachine) -> None:
    machine.registers[40:100] = range(60)
    tags = {f"t{at}": {"address": at} for at in range(40, 100)}
    found = await first_values(machine.source(tags=tags))
    assert found == {f"t{at}": at - 40 for at in range(40, 100)}
    assert machine.requests == [(3, 40, 60)]


async def test_every_table(machine: ModbusMachine) -> None:
    machine.put(5, [11])
    machine.coils[2] = True
    tags = {
        table: {"table": table, "address": at}
        for table, at in [("holding", 5), ("input", 5), ("coil", 2), ("discrete", 2)]
    }
    found = await first_values(machine.source(tags=tags))
    assert found == {"holding": 11, "input": 11, "coil": True, "discrete": True}
    assert sorted(one[0] for one in machine.requests) == [1, 2, 3, 4]


async def test_an_absent_address_between_others_costs_its_tag(machine: ModbusMachine) -> None:
    tags = {f"t{at}": {"address": at} for at in (97, 98, 99, 100)}
    found = await first_values(machine.source(tags=tags, gap=10))
    assert found.pop("t100") == "Modbus exception 2 (illegal address)"
    assert found == {"t97": 0, "t98": 0, "t99": 0}


async def test_a_wrong_order_of_words_is_told(machine: ModbusMachine) -> None:
    machine.put(10, [0x0000, 0x7FC0])
    tags = {"t": {"address": 10, "type": "float32", "words": "little"}, "n": {"address": 12}}
    found = await first_values(machine.source(tags=tags))
    assert "is the order of words right?" in found["t"]
    assert found["n"] == 0


async def test_a_unit_that_is_not_there_costs_its_tags(machine: ModbusMachine) -> None:
    found = await first_values(machine.source(unit_id=9))
    assert set(found.values()) == {"Modbus exception 4 (device failure)"}, "as pymodbus says it"


async def test_polls_do_not_drift_and_each_is_one_batch(machine: ModbusMachine) -> None:
    """Reading takes time, and so does making it safe: the grid stays that of the first poll."""
    machine.proxy._delay_s = 0.004
    times: list[float] = []
    loop = asyncio.get_running_loop()

    class Enough(Exception):
        pass

    async def deliver(batch: SampleBatch) -> None:
        times.append(loop.time())
        machine.registers[50] = len(times)
        await asyncio.sleep(0.01)
        if len(times) > 20:
            raise Enough

    with pytest.raises(Enough):
        await machine.source(poll_ms=50, tags={"n": {"address": 50}}).run(deliver, {})
    mean_s = (times[-1] - times[0]) / (len(times) - 1)
    late = [b - a for a, b in pairwise(times) if b - a > 0.09]  # a busy machine left one out
    assert mean_s == pytest.approx(0.05, abs=0.003 + 0.06 * len(late) / len(times))


async def test_tags_may_have_their_own_period(machine: ModbusMachine) -> None:
    tags = {"fast": {"address": 50, "poll_ms": 20}, "slow": {"address": 51, "poll_ms": 3_600_000}}
    async with Gateway(_WithTags(machine, tags)) as gateway:
        await gateway.has_all({"fast": 0, "slow": 0})
        machine.put(50, [1, 1])
        await gateway.has("fast", 1)
        machine.put(50, [2, 2])
        await gateway.has("fast", 2)
        assert gateway.values("slow") == [0]


class _WithTags:
    """A machine whose source has tags of the test."""

    def __init__(self, machine: ModbusMachine, tags: dict[str, Any]) -> None:
        self._machine, self._tags = machine, tags

    def source(self) -> ModbusLink:
        return self._machine.source(tags=self._tags)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)


class Odd(LocalServer):
    """Answers each request as a test says."""

    def __init__(self, answer: bytes | None) -> None:
        super().__init__()
        self._answer = answer
        self._open = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        while request := await reader.read(1000):
            if self._answer is None:
                break
            writer.write(request[:2] + self._answer)
        writer.close()
        self._open -= 1

    async def _close(self) -> None:
        await until(lambda: not self._open, "the connections to end")


def answer(body: bytes, unit: int = 1) -> bytes:
    """A response behind its transaction id."""
    return struct.pack(">HHB", 0, len(body) + 1, unit) + body


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (answer(b"\x03\x02\x00\x07"), "1 values where 2 were asked for"),
        (answer(b"\x03\x04\x00\x07\x00\x07", unit=7), "no answer within 0.3 s"),
        (answer(b"\x63\x00"), ""),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no answer within 0.3 s"),
        (b"\0" * 3000, "no answer within 0.3 s"),
        (None, "the connection has ended"),
    ],
    ids=["short", "other-unit", "unknown-function", "http", "zeros", "hangs-up"],
)
async def test_a_device_that_breaks_the_protocol_is_a_lost_link(
    given: bytes | None, words: str
) -> None:
    async with Odd(given) as server:
        settings = ModbusSource(
            kind="modbus",
            host=HOST,
            port=server.port,
            timeout_s=0.3,
            tags={"t": {"address": 0, "type": "int32"}},  # type: ignore[dict-item]
        )

        async def deliver(_batch: SampleBatch) -> None:
            raise AssertionError("nothing can be read")

        with pytest.raises(LinkError) as caught:
            await ModbusLink("odd", settings, SystemClock()).run(deliver, {})
        assert words in str(caught.value)
        assert f"{HOST}:{server.port}" in str(caught.value)


async def test_nobody_listens(machine: ModbusMachine) -> None:
    settings = machine.source(port=free_port())._settings
    with pytest.raises(LinkError, match="cannot connect within 1 s") as caught:
        async with connect(settings):
            pass
    assert caught.value.hint


SERVER = """
import asyncio, sys
from pymodbus.server import StartAsyncTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
device = SimDevice(1, [SimData(0, count=200, values=int(sys.argv[2]), datatype=DataType.REGISTERS)])
asyncio.run(StartAsyncTcpServer(device, address=("127.0.0.1", int(sys.argv[1]))))
"""


@pytest.mark.peers
async def test_a_server_process_that_is_killed_and_comes_back(machine: ModbusMachine) -> None:
    port = free_port()

    def started(value: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", SERVER, str(port), str(value)])

    class Remote(_WithTags):
        def source(self) -> ModbusLink:
            return machine.source(port=port, tags=self._tags)

    process = started(7)
    try:
        async with Gateway(Remote(machine, {"n": {"address": 3}})) as gateway:
            await gateway.has("n", 7)
            for value in range(8, 12):
                losses = len(gateway.errors)
                process.kill()
                process.wait()
                await until(lambda before=losses: len(gateway.errors) > before)  # type: ignore[misc]
                process = started(value)
                await gateway.has("n", value)
    finally:
        process.kill()
        process.wait()


async def test_browsing_reads_what_is_configured(machine: ModbusMachine) -> None:
    found = {one.name: one async for one in machine.source().browse()}
    assert set(found) == set(PLACES)
    assert (found["temperature"].address, found["temperature"].value) == ("holding:10", "45.5")
    assert found["open"].data_type == "bool"
    assert "illegal address" in found["missing"].value
    assert found["material"].value == TAGS["material"]
