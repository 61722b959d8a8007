"""A server of OPC UA that forgets, changes or comes back otherwise costs no value that it has.

What every source must do is in tests/conformance/test_sources.py; this is what only OPC UA has.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.links import opcua_items, opcua_reader
from edge_agent.links.tag_source import FoundTag
from tests.support.machines.gateway import Gateway, in_order
from tests.support.machines.machine import TAGS
from tests.support.machines.opcua import OpcUaMachine, node_of
from tests.support.opcua_server import URI, OpcUaServer

HISTORIZED = ("counter", "temperature")


@pytest.fixture
def server() -> Iterator[OpcUaServer]:
    with OpcUaServer(TAGS, history=HISTORIZED, page=40) as server:
        yield server


@asynccontextmanager
async def running(
    server: OpcUaServer | None, folder: Path, **changes: Any
) -> AsyncIterator[tuple[OpcUaMachine, Gateway]]:
    """A machine, and a gateway that has all its values."""
    async with OpcUaMachine(folder, server) as machine:
        machine.changes = changes
        async with Gateway(machine) as gateway:
            await gateway.has_all(
                {tag: TAGS[tag] for tag in machine.settings().tags if tag in TAGS}
            )
            yield machine, gateway


async def test_the_history_fills_what_the_subscription_lost(
    server: OpcUaServer, tmp_path: Path
) -> None:
    async with running(server, tmp_path) as (machine, gateway):
        await gateway.kill()
        server.ask(do="forget")
        for value in range(100, 200):  # two tags in turn, in pages of the history
            server.write("counter", value)
            server.write("temperature", float(value))
        before = len(gateway.samples)
        gateway.start()
        await gateway.has("counter", 199)
        await machine.write("counter", 200)
        await gateway.has("counter", 200)
    assert gateway.values("counter") == [TAGS["counter"], *range(100, 201)]
    assert gateway.values("temperature") == [TAGS["temperature"], *map(float, range(100, 200))]
    filled = [one for one in gateway.samples[before:] if one.historical]
    assert {one.tag for one in filled} == set(HISTORIZED)
    assert in_order(filled), "the tags are merged by time"
    assert not gateway.of("counter")[-1].historical


async def test_a_gateway_that_dies_in_a_history_reads_it_again(
    server: OpcUaServer, tmp_path: Path
) -> None:
    async with running(server, tmp_path) as (_, gateway):
        await gateway.kill()
        server.ask(do="forget")
        server.write("counter", *range(100, 150))
        gateway.hold()
        gateway.start()
        await _until_waits(gateway)
        await gateway.kill()
        server.write("counter", 150)
        gateway.go_on()
        gateway.start()
        await gateway.has("counter", 150)
    assert gateway.values("counter") == [TAGS["counter"], *range(100, 151)]


@pytest.mark.parametrize(
    ("tags", "trouble", "seamless"),
    [
        (("counter", "open"), "", True),
        (("counter",), "forget", True),
        (("counter", "open"), "forget", False),  # it has no history of one
        (("counter",), "restart", False),  # nor of the time when it was not there
    ],
)
async def test_whether_anything_can_be_missed_is_said(
    server: OpcUaServer, tmp_path: Path, tags: tuple[str, ...], trouble: str, seamless: bool
) -> None:
    nodes = {tag: {"node": node_of(tag)} for tag in tags}
    async with running(server, tmp_path, tags=nodes) as (_, gateway):
        await gateway.kill()
        if trouble == "forget":
            server.ask(do="forget")
        if trouble == "restart":
            server.kill()
            server.start()
        gateway.batches.clear()
        gateway.start()
        server.write("counter", 101)
        await gateway.has("counter", 101)
        assert gateway.batches[0].seamless is seamless
        assert not any(batch.seamless for batch in gateway.batches[1:])


async def test_another_mapping_takes_what_the_earlier_subscription_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opcua_items, "KEEP_ALIVE_S", 0.3)  # which ends the wait for more
    tags = {tag: {"node": node_of(tag)} for tag in ("counter", "open")}
    async with running(None, tmp_path, tags=tags) as (machine, gateway):
        await gateway.stop()
        machine.server.write("counter", 101, 102, 103)
        machine.changes = {"tags": tags | {"material": {"node": node_of("material")}}}
        gateway.start()
        await gateway.has("material", TAGS["material"])
        await gateway.has("counter", 103)
        assert len(machine.server.ask(do="subscriptions")) == 1, "the earlier one is ended"
    assert gateway.values("counter") == [TAGS["counter"], 101, 102, 103]


async def test_namespaces_that_come_back_in_another_order(
    server: OpcUaServer, tmp_path: Path
) -> None:
    tags = {
        "temperature": {"node": "ns=2;s=Press.temperature"},
        "counter": {"node": node_of("counter")},
    }
    async with running(server, tmp_path, tags=tags) as (_, gateway):
        server.kill()
        server.start(other_first=True, tags=TAGS | {"temperature": 60.5})
        await gateway.has("temperature", 60.5)  # ns=2 is another vendor's there, with -1
        server.write("counter", 8)
        await gateway.has("counter", 8)
    assert -1.0 not in gateway.values("temperature")


async def test_a_tag_that_comes_later_is_found(
    server: OpcUaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opcua_reader, "RETRY_S", 0.1)
    async with running(server, tmp_path) as (_, gateway):
        fault = (await gateway.fault("missing")).fault
        assert fault.startswith("BadNodeIdUnknown")
        server.ask(do="add", tag="missing", value=3.5)
        await gateway.has("missing", 3.5)
        server.write("missing", 4.5)
        await gateway.has("missing", 4.5)
    assert len([one for one in gateway.samples if one.fault]) == 1, "told once"


@pytest.mark.parametrize(
    ("value", "type_name", "words"),
    [
        (math.nan, "Double", "nan: not a finite number"),
        ([0.5] * 100_000, "Double", "an array of 100000 Double: name a variable of one value"),
        ("x" * 100_000, "String", "a text of 100000 bytes; up to 1000 characters are a value"),
        (None, "Null", "no value (null)"),
    ],
    ids=["nan", "array", "text", "null"],
)
async def test_what_is_no_value_costs_its_tag(
    tmp_path: Path, value: Any, type_name: str, words: str
) -> None:
    async with running(None, tmp_path) as (machine, gateway):
        machine.server.write("temperature", value, type_name=type_name)
        sample = await gateway.fault("temperature")
        assert sample.fault == words
        await machine.write("counter", 8)
        await gateway.has("counter", 8)
        assert gateway.errors == []


async def test_a_structure_and_doubt_cost_their_tags(tmp_path: Path) -> None:
    async with running(None, tmp_path) as (machine, gateway):
        machine.server.ask(do="structure", tag="temperature")
        sample = await gateway.fault("temperature")
        assert sample.fault == "a structure: not a number, truth value or text"
        machine.server.write("counter", 9, status=0x4090_0000)
        sample = await gateway.fault("counter")
        assert sample.fault == "UncertainLastUsableValue"


async def test_an_array_and_a_text_that_is_no_node_id(tmp_path: Path) -> None:
    tags = {"counter": {"node": node_of("counter")}, "wrong": {"node": "Press.counter"}}
    tags["list"] = {"node": "i=2255"}
    async with running(None, tmp_path, tags=tags) as (_, gateway):
        assert "is no node id: write ns=2;s=Name" in (await gateway.fault("wrong")).fault
        assert "i=2255 is an array" in (await gateway.fault("list")).fault


async def test_a_deadband_leaves_small_changes_away(tmp_path: Path) -> None:
    tags = {"temperature": {"node": node_of("temperature"), "deadband": 0.5}}
    async with running(None, tmp_path, tags=tags) as (machine, gateway):
        machine.server.write("temperature", 45.6, 47.0, 47.1)
        await gateway.has("temperature", 47.0)
        machine.server.write("temperature", 50.0)
        await gateway.has("temperature", 50.0)
    assert gateway.values("temperature") == [45.5, 47.0, 50.0]


async def test_times_of_arrival_keep_their_distances(tmp_path: Path) -> None:
    tags = {"counter": {"node": node_of("counter")}}
    async with running(None, tmp_path, tags=tags, clock="arrival") as (machine, gateway):
        began = datetime.now(UTC)
        past = datetime(2020, 1, 1, tzinfo=UTC)
        times = [past + timedelta(milliseconds=10 * number) for number in range(3)]
        machine.server.write("counter", 101, 102, 103, times=times)
        last = await gateway.has("counter", 103)
        first, second, _ = gateway.of("counter")[-3:]
    assert began <= last.ts <= datetime.now(UTC)
    assert last.of_arrival
    assert last.ts - second.ts == second.ts - first.ts == timedelta(milliseconds=10)


async def test_variables_are_found_with_unit_and_type(tmp_path: Path) -> None:
    async with OpcUaMachine(tmp_path) as machine:
        found = {tag.name: tag async for tag in machine.source().browse()}
        assert machine.server.ask(do="sessions") == {"count": 0}
    assert found["Press.counter"].data_type == "Int64"
    temperatures = [tag for tag in found.values() if tag.address == node_of("temperature")]
    [temperature] = temperatures or [found["Press.temperature"]]
    assert isinstance(temperature, FoundTag)
    assert URI in found["Press.material"].address


async def _until_waits(gateway: Gateway) -> None:
    from tests.support.waiting import until

    await until(lambda: any(one.historical for one in gateway.waiting), "a history")
