"""Foreign MQTT beside a real Mosquitto: nothing twice, nothing lost, and what is odd is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.links.foreign_mqtt import ForeignMqttLink
from edge_agent.links.tag_source import SampleBatch
from tests.support.machines.gateway import Gateway
from tests.support.machines.machine import TAGS
from tests.support.machines.mqtt import PLACES, MqttMachine
from tests.support.played_broker import SUBACK, PlayedBroker, packet, publish
from tests.support.played_broker import _topics as topics_of_packet
from tests.support.waiting import until


class Shaped(MqttMachine):
    """A machine whose link has settings of the test."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.settings: dict[str, Any] = {}

    def source(self, **settings: Any) -> ForeignMqttLink:
        return super().source(**(self.settings | settings))


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Shaped]:
    async with Shaped(tmp_path) as running:
        yield running


async def count(machine: Shaped, values: range) -> None:
    await machine.burst("counter", list(values))


async def test_a_message_that_is_safe_is_not_read_twice(machine: Shaped) -> None:
    """The gateway is killed between its commit and the acknowledgement; nothing has a time here."""
    gateway = Gateway(machine)
    async with gateway:
        await gateway.has_all(TAGS)
        gateway.hold()
        await count(machine, range(100, 105))
        await until(lambda: any(one.tag == "counter" for one in gateway.waiting))
        machine.proxy.break_link("half-open")  # the acknowledgement does not arrive
        gateway.go_on()
        await gateway.has("counter", 104)
        await gateway.kill()
        await count(machine, range(105, 108))
        gateway.start()
        await gateway.has("counter", 107)
        assert [one.value for one in gateway.of("counter")] == [TAGS["counter"], *range(100, 108)]


async def test_a_long_backlog_is_whole_in_order_and_marked(machine: Shaped) -> None:
    """Longer than what the broker sends before the first acknowledgement."""
    gateway = Gateway(machine)
    async with gateway:
        await gateway.has_all(TAGS)
        await gateway.kill()
        await count(machine, range(1000, 1800))
        gateway.start()
        await gateway.has("counter", 1799)
        for value in range(1800, 1810):  # the first may come while the last of it is read
            await machine.write("counter", value)
            await gateway.has("counter", value)
    found = gateway.of("counter")[1:]
    assert [one.value for one in found] == list(range(1000, 1810))
    assert all(one.historical for one in found[:800])
    assert not any(one.historical for one in found[805:])


async def test_retained_messages_are_state_without_a_time(machine: Shaped) -> None:
    gateway = Gateway(machine)
    async with gateway:
        await gateway.has_all(TAGS)
        assert all(one.unknown_age and one.historical for one in gateway.samples if not one.fault)
        await machine.write("counter", 8)
        live = await gateway.has("counter", 8)
        assert not live.unknown_age
        assert not live.historical
        seen = len(gateway.samples)
        await gateway.kill()
        gateway.start()
        await machine.write("counter", 9)
        await gateway.has("counter", 9)
        again = [one for one in gateway.samples[seen:] if one.unknown_age]
        assert again == [], "the session is there, so nothing is subscribed anew"


async def test_a_session_that_the_broker_lost_is_made_again(machine: Shaped) -> None:
    gateway = Gateway(machine)
    async with gateway:
        await gateway.has_all(TAGS)
        await machine.broker.kill()  # without having saved anything since its start
        await gateway.lost(20.0)
        await machine.broker.start()
        await machine.write("counter", 9)
        await gateway.has("counter", 9)


async def test_other_topics_after_a_change_of_the_configuration(machine: Shaped) -> None:
    gateway = Gateway(machine)
    async with gateway:
        await gateway.has_all(TAGS)
        await gateway.stop()
        seen = len(gateway.samples)
        machine.settings = {"tags": {"other": {"topic": "hall/4"}, "open": PLACES["open"]}}
        gateway.start()
        await until(lambda: gateway.position.get("topics") == ["hall/3/state", "hall/4"])
        await machine.write("counter", 55)
        await machine.send("hall/4", "77")
        await gateway.has("other", 77)
    assert {one.tag for one in gateway.samples[seen:]} <= {"other", "open"}


async def test_nonsense_costs_the_tag_and_the_rest_goes_on(machine: Shaped) -> None:
    async with Gateway(machine) as gateway:
        await gateway.has_all(TAGS)
        for payload in (
            b"\xff\xfe",
            b"[" * 100_000,
            b"{" * 3,
            b"",
            b"\x00",
            b"[1, 2]",
            b'"\\ud800"',
        ):
            await machine.send("hall/3/state", payload)
            await machine.send("hall/3/state", payload)
        fault = await gateway.fault("temperature")
        assert fault.fault
        await machine.write("counter", 8)
        await gateway.has("counter", 8)
        await machine.write("temperature", 50.0)
        await gateway.has("temperature", 50.0)
        told = [one.fault for one in gateway.samples if one.tag == "temperature" and one.fault]
        assert len(told) == len(set(told)), "each kind is told once"
        assert gateway.errors == []


async def test_a_tag_that_is_silent_has_no_value(machine: Shaped) -> None:
    machine.settings = {"silent_s": 0.2}
    async with Gateway(machine) as gateway:
        fault = await gateway.fault("counter")
        assert fault.fault == "no message for 0.2 s"
        await machine.write("counter", 9)
        await gateway.has("counter", 9)
        await gateway.fault("counter")
        assert gateway.errors == []


async def test_filters_that_overlap(machine: Shaped) -> None:
    """A message that two filters match has each tag once."""
    tags = {
        "one": {"topic": "hall/+/count", "path": "n"},
        "two": {"topic": "hall/3/+", "path": "n", "where": {"$topic[2]": "count"}},
    }
    machine.settings = {"tags": tags}
    async with Gateway(machine) as gateway:
        await gateway.has("one", 7)
        await count(machine, range(10, 20))
        await gateway.has("one", 19)
        await gateway.has("two", 19)
    for tag in tags:
        found = [one.value for one in gateway.samples if one.tag == tag and not one.unknown_age]
        assert found == list(range(10, 20))


async def test_browsing_shows_places_as_they_are_written(machine: Shaped) -> None:
    found = {one.address: one async for one in machine.source().browse()}
    assert found["hall/3/state zones[0].value"].value == "45.5"
    assert found['hall/3/material ["Mat. Name"]'].data_type == "text"


async def test_a_full_disk_acknowledges_nothing(machine: Shaped) -> None:
    """What ``deliver`` raises ends the run, and the broker sends it again."""

    async def full(batch: SampleBatch) -> None:
        if batch.samples:
            raise OSError(28, "No space left on device")

    link = machine.source()
    with pytest.raises(OSError, match="No space"):
        await link.run(full, {})
    await machine.send("hall/3/count", json.dumps({"n": 5}))
    async with Gateway(machine) as gateway:
        await gateway.has("counter", 5)


async def test_a_topic_that_the_broker_refuses_costs_its_tags(tmp_path: Path) -> None:
    """Until its rules are changed, which is tried at each connection."""
    async with PlayedBroker() as broker, Shaped(tmp_path) as machine:
        forbidden = {b"hall/4"}

        def suback(body: bytes) -> bytes:
            codes = b"\x87" if forbidden & set(topics_of_packet(body, 1)) else b"\x01"
            return packet(SUBACK, body[:2] + b"\0" + codes * len(topics_of_packet(body, 1)))

        broker.answers[0x80] = suback
        tags = {"open": {"topic": "hall/3"}, "shut": {"topic": "hall/4"}}
        address = {"port": broker.port, "protocol": "5"}
        machine.settings = {"tags": tags, "broker": address}
        async with Gateway(machine) as gateway:
            fault = await gateway.fault("shut")
            assert "hall/4: the broker refused the subscription" in fault.fault
            broker.send(publish("hall/3", 1, b"", b"7"))
            await gateway.has("open", 7)
            assert gateway.position["topics"] == ["hall/3"]
            forbidden.clear()
            broker.hang_up()
            await until(lambda: gateway.position["topics"] == ["hall/3", "hall/4"])
            broker.send(publish("hall/4", 2, b"", b"8"))
            await gateway.has("shut", 8)
        assert broker.acknowledged == [1, 2]


async def test_times_of_arrival_are_those_of_arrival(machine: Shaped) -> None:
    """However long it takes until what came is looked at."""
    async with Gateway(machine) as gateway:
        await gateway.has_all(TAGS)
        gateway.hold()
        await machine.write("counter", 8)
        await until(lambda: bool(gateway.waiting))
        before = datetime.now(UTC)
        await machine.write("counter", 9)
        await asyncio.sleep(0.3)
        after = datetime.now(UTC) - timedelta(seconds=0.1)
        gateway.go_on()
        sample = await gateway.has("counter", 9)
        assert before <= sample.ts <= after
