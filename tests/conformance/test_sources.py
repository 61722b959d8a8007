"""Every source of a gateway keeps the promises of ``TagSource``, against real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import LinkError
from edge_agent.links.tag_source import SampleBatch
from tests.support.machines.gateway import Gateway, in_order
from tests.support.machines.machine import MISSING, TAGS, Machine
from tests.support.waiting import until

MACHINES = {
    "opcua": "tests.support.machines.opcua:OpcUaMachine",
    "modbus": "tests.support.machines.modbus:ModbusMachine",
    "mqtt": "tests.support.machines.mqtt:MqttMachine",
    "mqtt-timed": "tests.support.machines.mqtt:TimedMqttMachine",
    "sparkplug": "tests.support.machines.sparkplug:SparkplugMachine",
    "folder": "tests.support.machines.folder:FolderMachine",
}
"""A class by the module that has it; made with a folder of its own for the test."""


PEERS = {"mqtt", "sparkplug"}
"""All of their tests: ``mqtt`` differs from ``mqtt-timed`` in its times only, and of ``sparkplug``
there are quicker ones."""


@pytest.fixture(
    params=[pytest.param(one, marks=[pytest.mark.peers] * (one in PEERS)) for one in MACHINES]
)
async def machine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Machine]:
    module, _, name = MACHINES[request.param].partition(":")
    made: Machine = getattr(import_module(module), name)(tmp_path)
    async with made as running:
        yield running


async def ready(gateway: Gateway) -> None:
    """Wait until all tags are there."""
    await gateway.has_all(TAGS)


async def test_values_of_every_type_arrive(machine: Machine) -> None:
    async with Gateway(machine) as gateway:
        await ready(gateway)
        await machine.write("temperature", 46.25)
        await machine.write("counter", 8)
        await machine.write("open", True)
        await machine.write("material", "PU-FLEX-40")
        await gateway.has_all(
            {"temperature": 46.25, "counter": 8, "open": True, "material": "PU-FLEX-40"}
        )
    types = {tag: type(gateway.values(tag)[-1]) for tag in TAGS}
    assert types["open"] is bool
    assert types["material"] is str
    assert types["counter"] in {int, float}
    assert all(in_order(gateway.of(tag)) for tag in TAGS)
    assert gateway.errors == []


@pytest.mark.parametrize("offset_s", [-3600.0, 7200.0])
async def test_times_are_the_machines_or_marked(machine: Machine, offset_s: float) -> None:
    machine.offset_s = offset_s if machine.traits.own_time else 0.0
    async with Gateway(machine) as gateway:
        await ready(gateway)
        before = datetime.now(UTC) + timedelta(seconds=machine.offset_s)
        await machine.write("counter", 1000)
        after = datetime.now(UTC) + timedelta(seconds=machine.offset_s)
        sample = await gateway.has("counter", 1000)
    assert sample.of_arrival is not machine.traits.own_time
    assert sample.ts.tzinfo is UTC
    resolution = timedelta(seconds=machine.traits.resolution_s)
    if machine.traits.own_time:
        assert before - resolution <= sample.ts <= after + resolution
    else:
        assert before <= sample.ts <= datetime.now(UTC)


async def test_a_tag_that_is_not_there_costs_itself(machine: Machine) -> None:
    async with Gateway(machine) as gateway:
        await ready(gateway)
        sample = await gateway.fault(MISSING)
        await machine.write("temperature", 50.0)
        await gateway.has("temperature", 50.0)
        assert sample.value is None
        assert len([one for one in gateway.samples if one.tag == MISSING]) == 1, "told once"
        assert gateway.errors == []


async def test_bad_quality_costs_the_tag_until_it_is_good(machine: Machine) -> None:
    async with Gateway(machine) as gateway:
        await ready(gateway)
        await machine.spoil("temperature", "bad quality")
        sample = await gateway.fault("temperature")
        assert sample.value is None
        await machine.write("counter", 8)
        await gateway.has("counter", 8)
        await machine.write("temperature", 47.0)
        await gateway.has("temperature", 47.0)
        assert gateway.errors == []


async def test_a_wrong_type_is_no_number_and_costs_the_tag(machine: Machine) -> None:
    async with Gateway(machine) as gateway:
        await ready(gateway)
        seen = len(gateway.of("temperature"))
        await machine.spoil("temperature", "wrong type")
        await machine.write("counter", 8)
        await gateway.has("counter", 8)
        after = gateway.of("temperature")[seen:]
        assert any(sample.fault or isinstance(sample.value, str) for sample in after)
        assert not any(isinstance(sample.value, float | int) for sample in after[1:])
        await machine.write("temperature", 47.0)
        await gateway.has("temperature", 47.0)
        assert gateway.errors == []


async def test_a_burst_is_whole_and_in_order(machine: Machine) -> None:
    values = list(range(100, 400))
    async with Gateway(machine) as gateway:
        await ready(gateway)
        await machine.burst("counter", values)
        await gateway.has("counter", values[-1])
    found = gateway.values("counter")[1:]
    if machine.traits.every_value:
        assert found == values
    else:
        assert found == sorted(set(found))
    assert in_order(gateway.of("counter"))


async def test_a_link_that_was_cut_comes_back(machine: Machine) -> None:
    async with Gateway(machine) as gateway:
        await ready(gateway)
        await machine.break_link("cut")
        await gateway.lost(20.0)
        for value in (101, 102, 103):
            await machine.write("counter", value)
        await machine.heal()
        last = await gateway.has("counter", 103)
        await machine.write("counter", 104)
        await gateway.has("counter", 104)
    found = gateway.values("counter")
    if machine.traits.keeps:
        assert found == [TAGS["counter"], 101, 102, 103, 104], "nothing is lost, nothing twice"
        assert last.historical
    else:
        assert found == [TAGS["counter"], 103, 104]
    assert not gateway.of("counter")[-1].historical


SLOW = {"mqtt", "mqtt-timed", "sparkplug"}
"""A broker's keep-alive of 5 s, the shortest that is allowed, notices it after 10."""


@pytest.mark.parametrize(
    "machine",
    [
        pytest.param(one, marks=[pytest.mark.peers] * (one in SLOW))
        for one in MACHINES
        if one != "folder"  # which has no link
    ],
    indirect=True,
)
async def test_a_link_that_swallows_everything_is_noticed(machine: Machine) -> None:
    assert machine.traits.half_open_s is not None
    async with Gateway(machine) as gateway:
        await ready(gateway)
        await machine.break_link("half-open")
        await machine.write("counter", 101)
        await gateway.lost(machine.traits.half_open_s)
        await machine.heal()
        await gateway.has("counter", 101)


async def test_a_machine_that_starts_again_goes_on(machine: Machine) -> None:
    async with Gateway(machine) as gateway:
        await ready(gateway)
        await machine.restart()
        await machine.write("counter", 101)
        await gateway.has("counter", 101)
        await machine.write("temperature", 50.0)
        await gateway.has("temperature", 50.0)


@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_a_gateway_that_starts_again_goes_on_where_it_stood(
    machine: Machine, way: str
) -> None:
    gateway = Gateway(machine)
    async with gateway:
        await ready(gateway)
        await machine.write("counter", 101)
        await gateway.has("counter", 101)
        await (gateway.kill() if way == "kill" else gateway.stop())
        for value in (102, 103):
            await machine.write("counter", value)
        gateway.start()
        await gateway.has("counter", 103)
        await machine.write("counter", 104)
        await gateway.has("counter", 104)
    kept = [102, 103] if machine.traits.keeps else [103]
    assert gateway.values("counter") == [TAGS["counter"], 101, *kept, 104]


async def test_what_was_not_safe_comes_again(machine: Machine) -> None:
    """The gateway is killed after it was handed over, and before it was on disk."""
    gateway = Gateway(machine)
    async with gateway:
        await ready(gateway)
        gateway.hold()
        await machine.write("counter", 101)
        await until(lambda: any(one.tag == "counter" for one in gateway.waiting))
        await machine.write("counter", 102)
        await gateway.kill()
        gateway.go_on()
        gateway.start()
        await gateway.has("counter", 102)
    if machine.traits.keeps:
        assert gateway.values("counter") == [TAGS["counter"], 101, 102]


async def test_nobody_there_is_a_link_error_with_the_way_out(machine: Machine) -> None:
    await machine.break_link("cut")

    async def deliver(_batch: SampleBatch) -> None:
        raise AssertionError("nothing can be read")

    with pytest.raises(LinkError) as caught:
        await asyncio.wait_for(machine.source().run(deliver, {}), 20.0)
    assert caught.value.hint


async def test_it_tells_people_its_tags(machine: Machine) -> None:
    found = [tag async for tag in machine.source().browse()]
    assert len({tag.address for tag in found}) == len(found) >= len(TAGS)
    assert any("45.5" in tag.value for tag in found)


async def test_a_gateway_that_stops_leaves_nothing_behind(machine: Machine) -> None:
    before = asyncio.all_tasks()
    gateway = Gateway(machine)
    async with gateway:
        await ready(gateway)
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < 5.0

    def left() -> set[str]:
        tasks = asyncio.all_tasks() - before - {asyncio.current_task()}
        return {repr(task) for task in tasks if not _of_the_machine(task)}

    await until(lambda: not left(), f"the end of {left()}", 2.0)


def _of_the_machine(task: asyncio.Task[Any]) -> bool:
    """Does a task belong to a server or the proxy in the same loop?"""
    return "tests/support" in repr(task) or "server" in repr(task)
