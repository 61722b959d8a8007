"""Sparkplug edge nodes as a source, beside a real Mosquitto: births, losses, deaths, commands."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from broker.sparkplug.data_types import DataType
from broker.sparkplug.metric_specs import PRODUCT, PRODUCT_NAME
from broker.sparkplug.payload import Metric, decode
from broker.sparkplug.topics import MessageKind
from edge_agent.cli import main
from edge_agent.clock import SystemClock
from edge_agent.config.gateway_settings import GatewaySettings
from edge_agent.config.gateway_sources import SparkplugSource
from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import SettingsError
from edge_agent.gateway.station import StationTranslator
from edge_agent.links.bounded_inbox import BoundedInbox
from edge_agent.links.left_out import LeftOut
from edge_agent.links.mqtt import connect, passing_id
from edge_agent.links.sparkplug_source import SparkplugLink
from edge_agent.links.tag_source import SampleBatch
from tests.support.machines.gateway import Gateway
from tests.support.processes import AgentProcess
from tests.support.sparkplug_edge_node import EdgeNode
from tests.support.waiting import until

pytestmark = pytest.mark.needs("mosquitto")
TAGS = {
    "humidity": {"metric": "Hall/Humidity"},
    "mold": {"metric": "Temperatures/Mold", "device": "press"},
    "pouring": {"metric": "Dosing/Pouring", "device": "press"},
}
VALUES: dict[str | None, dict[str, Any]] = {
    None: {"Hall/Humidity": 41.0},
    "press": {"Temperatures/Mold": 40.5, "Dosing/Pouring": False, "Dosing/Polyol mass": 0.4},
}
GROUPS = itertools.count(1)


@pytest.fixture
async def node(port: int) -> AsyncIterator[EdgeNode]:
    found = EdgeNode(port, VALUES, f"foam{next(GROUPS)}", "line3")
    found.units = {"Temperatures/Mold": "°C", "Dosing/Polyol mass": "kg"}
    async with found:
        yield found


class Source:
    """What the stand-in of a gateway asks for."""

    def __init__(self, node: EdgeNode, **settings: Any) -> None:
        given = {
            "kind": "sparkplug", "group": node.group, "edge_node": node.name, "rebirth": True,
            "tags": TAGS, "backlog_s": 0, **settings,
        }  # fmt: skip
        self._settings = SparkplugSource.model_validate(given)
        self._node = node
        self.link = self.source()

    def source(self) -> SparkplugLink:
        broker = BrokerSettings(port=self._node.port)
        name = f"gateway-{self._node.group}"
        self.link = SparkplugLink("line", self._settings, broker, name, SystemClock())
        self.link.listen_s, self.link.quiet_s = 1.0, 0.1
        return self.link


def write(node: EdgeNode, **values: Any) -> None:
    names = {"mold": "Temperatures/Mold", "pouring": "Dosing/Pouring"}
    node.values["press"] |= {names[name]: value for name, value in values.items()}


async def test_it_goes_on_over_lost_messages_and_deaths(node: EdgeNode) -> None:
    source = Source(node)
    async with Gateway(source) as gateway:  # type: ignore[arg-type]
        await gateway.has_all({"humidity": 41.0, "mold": 40.5, "pouring": False})
        births = node.births

        write(node, pouring=True)
        node.seq += 1  # a message that nobody got
        await node.say("press", "Dosing/Pouring")
        write(node, pouring=False)
        await node.say("press", "Dosing/Pouring")
        await until(lambda: node.births > births)
        write(node, mold=42.0)
        await node.say("press", "Temperatures/Mold")
        await gateway.has("mold", 42.0)
        assert gateway.values("pouring") == [False, True, False], "the pulse was held, and is there"
        assert source.link.left_out[LeftOut.MISSING] == 1
        assert LeftOut.HELD_IN_VAIN not in source.link.left_out

        await node.device_dies("press")
        sample = await gateway.fault("mold")
        assert "is dead (DDEATH)" in sample.fault
        assert gateway.last("humidity").value == 41.0  # type: ignore[union-attr]
        await node.device_born("press")
        await gateway.has("mold", 42.0)

        await node.vanish()
        sample = await gateway.fault("humidity")
        assert "is dead (NDEATH)" in sample.fault
        await node.connect()
        await gateway.has_all({"humidity": 41.0, "mold": 42.0})
        assert gateway.errors == []


async def test_without_leave_nobody_is_asked_for_a_rebirth(node: EdgeNode) -> None:
    source = Source(node, rebirth=False)
    async with Gateway(source) as gateway:  # type: ignore[arg-type]
        await until(lambda: bool(gateway.batches))
        await node.say("press", "Temperatures/Mold")
        await until(lambda: bool(source.link.left_out))
        assert node.births == 1
        assert gateway.of("mold") == []
        await node.born()
        await gateway.has("mold", 40.5)
    assert source.link.left_out == {LeftOut.NO_BIRTH: 1}


async def test_a_pour_that_an_edge_node_stored_while_it_was_away_is_found(node: EdgeNode) -> None:
    source = Source(node, backlog_s=0.5)
    line = {"kind": "sparkplug", "group": node.group, "edge_node": node.name, "tags": TAGS}
    shots = {
        "poured": {"tag": "line.pouring", "when": "falls"},
        "settle_s": 0.1,
        "system_id": "SYSTEM_R1",
        "recipe": {"m_polyol_kg": 0.4, "m_iso_kg": 0.45},
    }
    station = {"press": "press1", "mold": "PANEL_A", "shots": shots}
    settings = GatewaySettings.model_validate(
        {"site": "s", "sources": {"line": line}, "stations": {"press1": station}}
    )
    translator, drafts = StationTranslator("press1", settings.stations["press1"], settings), []

    async def deliver(batch: SampleBatch) -> None:
        drafts.extend(translator.take("line", batch.samples, datetime.now(UTC)))

    def knows_that_it_is_closed() -> bool:
        translator.tick(datetime.now(UTC))
        return translator.state()["triggers"]["before"].get("line.pouring") is False

    reading = asyncio.create_task(source.source().run(deliver, {}))
    try:
        await until(knows_that_it_is_closed)
        await node.vanish()
        began_ms = node.now_ms()
        await asyncio.sleep(0.3)
        await node.connect()
        for at, pouring in ((10, True), (200, False)):
            write(node, pouring=pouring)
            old = node.metric("Dosing/Pouring", "press", ts_ms=began_ms + at)
            await node.send(MessageKind.DDATA, "press", replace(old, historical=True))
        await node.say("press", "Dosing/Pouring")

        def told() -> bool:
            drafts.extend(translator.tick(datetime.now(UTC)))
            return any(draft.kind == "shot" for draft in drafts)

        await until(told)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    (poured,) = [draft for draft in drafts if draft.kind == "shot"]
    assert poured.historical
    assert round(poured.ts.timestamp() * 1000) == began_ms + 200


async def test_an_edge_node_of_the_twin_ends_the_source(node: EdgeNode) -> None:
    node.extra = (Metric(PRODUCT, None, DataType.STRING, PRODUCT_NAME, node.now_ms()),)

    async def deliver(batch: SampleBatch) -> None:
        assert not batch.samples

    source = Source(node).source()
    with pytest.raises(SettingsError, match="is an edge node of the twin itself"):
        await asyncio.wait_for(source.run(deliver, {}), 20)
    with pytest.raises(SettingsError, match="is an edge node of the twin itself"):
        _ = [tag async for tag in source.browse()]


async def test_garbage_and_floods_cost_no_more_than_a_count(node: EdgeNode) -> None:
    source = Source(node)
    async with Gateway(source) as gateway:  # type: ignore[arg-type]
        await gateway.has("mold", 40.5)
        for at in range(2000):
            await node.send_bytes(MessageKind.DDATA, "press", bytes([at % 251]) * (at % 40))
        write(node, mold=43.0)
        await node.say("press", "Temperatures/Mold")
        await gateway.has("mold", 43.0)
        assert source.link.left_out[LeftOut.UNREADABLE] > 1000
        assert node.births < 8


async def test_what_comes_while_the_disk_refuses_has_a_bound(node: EdgeNode) -> None:
    settings = BrokerSettings(port=node.port)
    async with connect(settings, passing_id("inbox")) as session:
        inbox = BoundedInbox(session, 20_000)
        async with inbox.open():
            await session.subscribe([node.topic(MessageKind.NDATA)])
            for _ in range(300):
                await node.say(None, "Hall/Humidity")
            await until(lambda: inbox.dropped_count + len(inbox) == 300)
            assert 10 < len(inbox) < 40
            *_, newest = await inbox.next_batch(1.0)
            assert decode(newest.payload).seq == (node.seq - 1) % 256, "the oldest are given up"
            assert await inbox.next_batch(0.0) == []


async def run(*arguments: object) -> Result:
    texts = ["gateway", *map(str, arguments)]
    return await asyncio.to_thread(CliRunner().invoke, main, texts)


def mapping(folder: Path, node: EdgeNode, name: str = "line3", tags: str = "") -> Path:
    path = folder / "gateway.yaml"
    path.write_text(
        f"site: plant1\nbroker: {{port: {node.port}}}\nsources:\n  line:\n    kind: sparkplug\n"
        f"    group: {node.group}\n    edge_node: {name}\n    rebirth: true\n{tags}",
        encoding="utf-8",
    )
    return path


async def test_browse_and_propose_know_the_metrics(node: EdgeNode, tmp_path: Path) -> None:
    path = mapping(tmp_path, node)
    found = await run("browse", "-c", path)
    assert found.exit_code == 0, found.output
    rows = [" ".join(line.split()) for line in found.output.splitlines()]
    assert "press//Temperatures/Mold Temperatures/Mold DOUBLE °C 40.5" in rows
    assert "//Hall/Humidity Hall/Humidity DOUBLE 41.0" in rows
    assert "line: 4 tags" in rows, "neither bdSeq nor commands"

    draft = tmp_path / "draft.yaml"
    found = await run("propose", "-c", path, "-o", draft)
    assert found.exit_code == 0, found.output
    text = draft.read_text(encoding="utf-8")
    assert "mold: {device: press, metric: 'Temperatures/Mold'}" in text
    assert "humidity: {metric: 'Hall/Humidity'}" in text
    assert "T_mold_C: line.mold  # sure" in text
    found = await run("check", "-c", draft)
    assert found.exit_code == 0, found.output


@pytest.mark.peers
async def test_browse_says_which_edge_nodes_it_hears(node: EdgeNode, tmp_path: Path) -> None:
    asking = asyncio.create_task(run("browse", "-c", mapping(tmp_path, node, "lin3")))
    while not asking.done():
        await node.say(None, "Hall/Humidity")
        await asyncio.sleep(0.1)
    found = await asking
    assert found.exit_code == 1
    assert f"no birth of edge node {node.group}/lin3 within 5 s" in found.output
    assert f"{node.group}/line3" in found.output


STATION = """\
    tags:
      mold: {device: press, metric: Temperatures/Mold}
      pouring: {device: press, metric: Dosing/Pouring}
      weight: {device: press, metric: Dosing/Polyol mass}
      missing: {device: press, metric: Nowhere}
stations:
  press1:
    press: press1
    mold: PANEL_A
    sensors: {T_mold_C: line.mold, T_core_C: line.missing}
    shots:
      poured: {tag: line.pouring, when: falls}
      system_id: SYSTEM_R1
      recipe: {m_polyol_kg: line.weight, m_iso_kg: 0.45}
"""


async def test_check_live_says_what_each_metric_becomes(node: EdgeNode, tmp_path: Path) -> None:
    found = await run("check", "-c", mapping(tmp_path, node, tags=STATION), "--live")
    rows = [" ".join(line.split()) for line in found.output.splitlines()]
    assert "line.mold number 40.5 T_mold_C 40.5" in rows
    problems = [row for row in rows if row.startswith("problem: ")]
    assert len(problems) == 1
    assert "the birth of device press has no metric Nowhere" in problems[0]


async def test_the_twin_of_a_station_is_refused_by_its_name(node: EdgeNode, tmp_path: Path) -> None:
    path = mapping(tmp_path, node, "press1", STATION)
    path.write_text(path.read_text(encoding="utf-8").replace(node.group, "plant1"))
    found = await run("check", "-c", path)
    assert found.exit_code == 2
    assert "plant1/press1 is the edge node of the twin of this press" in found.output


@pytest.mark.peers
async def test_watch_shows_a_pour(node: EdgeNode, tmp_path: Path) -> None:
    path = mapping(tmp_path, node, tags=STATION)
    watching = asyncio.create_task(run("watch", "-c", path, "--seconds", 4))
    while not watching.done():
        await asyncio.sleep(0.3)
        write(node, pouring=not node.values["press"]["Dosing/Pouring"])
        await node.say("press", "Dosing/Pouring")
    found = await watching
    assert "press1: told poured shot press1-" in found.output


@pytest.mark.peers
async def test_what_the_agent_publishes_is_no_source(port: int, tmp_path: Path) -> None:
    agent = AgentProcess(tmp_path, port, more={"site": "own", "sparkplug": {"enabled": True}})
    path = tmp_path / "gateway.yaml"
    path.write_text(
        f"site: plant1\nbroker: {{port: {port}}}\nsources:\n  twin:\n    kind: sparkplug\n"
        f"    group: own\n    edge_node: p1\n    rebirth: true\n"
    )
    await asyncio.to_thread(agent.start)
    try:
        found = await run("browse", "-c", path)
    finally:
        agent.kill()
    assert "own/p1 is an edge node of the twin itself" in found.output
