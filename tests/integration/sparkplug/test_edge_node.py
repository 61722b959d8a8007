"""The agent as edge node: one story on one broker, and what a strict host and a tap say of it.

The story runs once: it is born, sends data, is asked for rebirths, hears garbage, loses its broker,
ends and comes again, first with MQTT 5 and then with 3.1.1. Each test below is of one part of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from broker.codec import decode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import DeadLetter
from broker.sparkplug.data_types import DataType
from broker.sparkplug.payload import Metric
from broker.sparkplug.topics import MessageKind, SparkplugTopic
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.links.mqtt import connect
from edge_agent.pipeline import node_sender, pipeline
from edge_agent.presses import node_sessions
from tests.support.agents import running, settings_for
from tests.support.mqtt_tap import CONNECT, PUBLISH, MqttTap
from tests.support.sparkplug_findings import Findings
from tests.support.sparkplug_host import StrictHost, now_ms
from tests.support.sparkplug_plant import MOLDS, READING, TalkingPress
from tests.support.sparkplug_rules import Node
from tests.support.sparkplug_samples import Key, Samples
from tests.support.sparkplug_wire_rules import bd_seqs, judge_packets
from tests.support.waiting import LIMIT_S, until

pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.xdist_group("sparkplug")]
SITE, PRESS, OTHER = "s", "p1", "p2"
MOLD, SECOND = MOLDS
FIRST_READINGS, LIVE_READINGS = 5, 300
"""More than 256 messages: the sequence number comes round."""
TICK_S = REBIRTH_S = 0.2
RECONNECT_S = 0.05
LETTERS_S = 0.2
GARBAGE = 300
UNDER_WAY = 50
SILENT_H = 0.3 / 3600
"""In the second life a mold is given up so soon."""


@dataclass
class Story:
    """What was seen of it."""

    findings: Findings
    samples: Samples
    nodes: dict[str, Node]
    kinds: list[tuple[MessageKind, str, str]]
    numbers: list[int]
    """bdSeq of each connect of the press."""
    sent: dict[str, list[float]]
    marks: dict[str, int] = field(default_factory=dict)
    """How many messages the host had heard at points of the story."""
    packets: list[Any] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    """Dead letters of the garbage."""

    def between(self, first: str, last: str) -> list[tuple[MessageKind, str, str]]:
        """Messages of the press between two points of the story."""
        part = self.kinds[self.marks[first] : self.marks[last]]
        return [one for one in part if one[1] == PRESS]


def settings_of(folder: Path, tap: MqttTap, protocol: str, silent_h: float = 24.0) -> Settings:
    link = BrokerSettings.model_validate({"port": tap.port, "protocol": protocol})
    return settings_for(
        folder,
        link,
        presses=[PRESS, OTHER],
        sparkplug={"enabled": True, "stale_after_s": 3600, "mold_silent_h": silent_h},
    )


async def tell(folder: Path) -> Story:
    async with (
        MosquittoProcess(directory=folder / "mosquitto", persistence=True) as broker,
        MqttTap(broker.port) as tap,
        StrictHost(broker.port, SITE) as host,
    ):
        story = Story(host.findings, host.samples, host.nodes, host.kinds, [], {})
        await first_life(folder, broker, tap, host, story)
        await second_life(folder, broker, tap, host, story)
        for press in (PRESS, OTHER):
            judge_packets(tap, host.findings, SITE, press)
        story.numbers, story.packets = bd_seqs(tap, SITE, PRESS), tap.packets
        return story


async def first_life(
    folder: Path, broker: MosquittoProcess, tap: MqttTap, host: StrictHost, story: Story
) -> None:
    settings, node = settings_of(folder, tap, "5"), host.node(PRESS)
    direct = BrokerSettings(port=broker.port)

    def heard(mold: str, value: float) -> bool:
        return not host.samples.missing(Key(PRESS, mold, READING), [value])

    def mark(name: str) -> None:
        story.marks[name] = len(host.kinds)

    async with running(settings, settings.broker):
        async with connect(direct, "presses") as session:
            press, other = TalkingPress(session), TalkingPress(session, OTHER)
            await until(lambda: node.births > 0 and host.node(OTHER).births > 0, "births")
            mark("born")
            for mold in MOLDS:
                await press.read(mold, count=FIRST_READINGS)
            await other.read(MOLD)  # the same mold id on another press
            await until(lambda: set(MOLDS) <= set(node.devices), "both molds to be born")
            await press.pour("one", MOLD)
            await until(lambda: says(node, MOLD, "Prediction/status") == "predicted", "prediction")
            for _ in range(2):  # at first the metric is new, then it is data of the node
                await other.read(None)
                key, value = Key(OTHER, "", READING), other.sent[""][-1]
                await until(
                    lambda k=key, v=value: not host.samples.missing(k, [v]), "a reading of a press"
                )
            mark("live")
            for _ in range(LIVE_READINGS // 50):
                await press.read(MOLD, count=50)
                await until(lambda: heard(MOLD, press.sent[MOLD][-1]), "the readings")
            same = press.sent[MOLD][-1]
            mark("same")
            await press.read(MOLD, same, count=10)
            await press.read(SECOND)
            await until(lambda: heard(SECOND, press.sent[SECOND][-1]), "the other mold")
            mark("same again")
            births = node.births
            await asyncio.sleep(REBIRTH_S)  # births are not repeated faster
            mark("rebirth")
            talking = asyncio.create_task(press.read(MOLD, count=100))
            await host.rebirth(PRESS)
            await until(lambda: node.births > births, "a rebirth")
            await talking
            await until(lambda: heard(MOLD, press.sent[MOLD][-1]), "the readings")
            mark("reborn")
            async with connect(direct, "letters") as letters:
                await letters.subscribe([f"pur/v1/{SITE}/{PRESS}/twin/dead-letter"])
                await garbage(host)
                await press.read(MOLD)
                await until(lambda: heard(MOLD, press.sent[MOLD][-1]), "a reading after garbage")
                await asyncio.sleep(LETTERS_S)
                found = letters.here(1000)
            story.letters = [decode(DeadLetter, one.payload) for one in found]
            births = node.births
            await asyncio.sleep(REBIRTH_S)
            await host.rebirth(PRESS)
            await until(lambda: node.births > births, "a rebirth after the garbage")
            mark("garbage")
        await broker.kill()
        await broker.start()
        await until(lambda: host.online, "the host to be back")
        async with asyncio.timeout(LIMIT_S):
            while not (node.online and MOLD in node.devices):  # it may be back before the host
                await host.rebirth(PRESS)
                await asyncio.sleep(REBIRTH_S)
        async with connect(direct, "presses") as session:
            press.use(session)
            before = len(press.sent[MOLD])
            while not any(heard(MOLD, one) for one in press.sent[MOLD][before:]):
                await press.read(MOLD)  # until the agent listens again it reaches nobody
                await asyncio.sleep(0.05)
            del press.sent[MOLD][before:]
        deaths = node.deaths
    await until(lambda: node.deaths > deaths, "the death")
    story.sent = press.sent


async def second_life(
    folder: Path, broker: MosquittoProcess, tap: MqttTap, host: StrictHost, story: Story
) -> None:
    settings, node = settings_of(folder, tap, "3.1.1", SILENT_H), host.node(PRESS)
    births, deaths = node.births, node.deaths
    direct = BrokerSettings(port=broker.port)
    async with running(settings, settings.broker), connect(direct, "presses") as session:
        await until(lambda: node.births > births, "the second life")
        press = TalkingPress(session)
        await press.read(MOLD)  # it may have been silent for too long to be born at once
        await until(lambda: MOLD in node.devices, "the mold of the first life")
        story.marks["second life"] = len(host.kinds)
        await press.read(SECOND)
        dead, begun = (MessageKind.DDEATH, PRESS, SECOND), story.marks["second life"]
        await until(lambda: dead in host.kinds[begun:], "the mold to be given up")
        story.marks["silent"] = len(host.kinds)
        await press.read(SECOND)
        born = (MessageKind.DBIRTH, PRESS, SECOND)
        await until(lambda: born in host.kinds[story.marks["silent"] :], "it to be born again")
    await until(lambda: node.deaths > deaths, "the second death")


async def garbage(host: StrictHost) -> None:
    """Send what nobody should send: an edge node lives on."""
    node = SparkplugTopic(MessageKind.NCMD, SITE, PRESS)
    device = SparkplugTopic(MessageKind.DCMD, SITE, PRESS, MOLD)
    unknown = SparkplugTopic(MessageKind.DCMD, SITE, PRESS, "no-such-mold")
    wrong = [
        Metric("Node Control/Rebirth", None, DataType.STRING, "true", now_ms()),
        Metric("Node Control/Rebirth", None, DataType.BOOLEAN, None, now_ms()),
        Metric("Node Control/Rebirth", None, DataType.BOOLEAN, False, now_ms()),
        Metric("no such metric", None, DataType.DOUBLE, 1.0, now_ms()),
        Metric(None, 99_999, DataType.DOUBLE, 1.0, now_ms()),
        Metric(READING, None, DataType.DOUBLE, 1.0, now_ms()),
    ]
    for topic in (node, device, unknown):
        for data in (b"", b"\xff" * 40, b"{}", b"\x12\x02\x0a\xff"):
            await host.send(str(topic), data)
        for metric in wrong:
            await host.command(topic, [metric])
    for _ in range(GARBAGE):
        await host.send(str(node), b"\x00\x01\x02")


def says(node: Node, mold: str, name: str) -> object:
    """Present value of a metric of a mold."""
    device = node.devices.get(mold)
    return device.values[name].value if device is not None and name in device.values else None


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    """The story, told once, and quicker than in a plant."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(pipeline, "TICK_S", TICK_S)
        patch.setattr(node_sender, "REBIRTH_S", REBIRTH_S)
        patch.setattr(node_sessions, "RECONNECT_FIRST_S", RECONNECT_S)
        yield asyncio.run(tell(Path(folder)))


def required(request: pytest.FixtureRequest) -> list[str]:
    """Ids that the test is marked with."""
    return [one for marker in request.node.iter_markers("sparkplug") for one in marker.args]


@pytest.mark.sparkplug(
    "tck-id-message-flow-edge-node-birth-publish-connect",
    "tck-id-message-flow-edge-node-birth-publish-will-message",
    "tck-id-message-flow-edge-node-birth-publish-will-message-payload",
    "tck-id-message-flow-edge-node-birth-publish-will-message-payload-bdSeq",
    "tck-id-message-flow-edge-node-birth-publish-will-message-qos",
    "tck-id-message-flow-edge-node-birth-publish-will-message-topic",
    "tck-id-message-flow-edge-node-birth-publish-will-message-will-retained",
    "tck-id-message-flow-edge-node-ncmd-subscribe",
    "tck-id-message-flow-device-dcmd-subscribe",
    "tck-id-payloads-ndeath-will-message",
    "tck-id-payloads-ndeath-will-message-qos",
    "tck-id-payloads-ndeath-will-message-retain",
    "tck-id-payloads-ndeath-bdseq",
    "tck-id-payloads-ndeath-seq",
    "tck-id-topics-ndeath-payload",
    "tck-id-topics-ndeath-seq",
    "tck-id-topics-ndeath-topic",
    "tck-id-principles-birth-certificates-order",
    "tck-id-principles-persistence-clean-session-311",
    "tck-id-principles-persistence-clean-session-50",
)
def test_it_connects_with_its_death_as_will(story: Story, request: pytest.FixtureRequest) -> None:
    story.findings.require(required(request))
    wills = [one for one in story.packets if one.kind == CONNECT and "/NDEATH/" in one.topic]
    assert {one.version for one in wills} == {4, 5}


@pytest.mark.sparkplug(
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload-bdSeq",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload-seq",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-qos",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-retained",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-topic",
    "tck-id-operational-behavior-data-commands-rebirth-datatype",
    "tck-id-operational-behavior-data-commands-rebirth-name",
    "tck-id-operational-behavior-data-commands-rebirth-name-aliases",
    "tck-id-operational-behavior-data-commands-rebirth-value",
    "tck-id-operational-behavior-data-publish-nbirth",
    "tck-id-operational-behavior-data-publish-nbirth-order",
    "tck-id-operational-behavior-data-publish-nbirth-values",
    "tck-id-payloads-alias-birth-requirement",
    "tck-id-payloads-alias-uniqueness",
    "tck-id-payloads-metric-datatype-req",
    "tck-id-payloads-metric-datatype-value",
    "tck-id-payloads-metric-timestamp-in-UTC",
    "tck-id-payloads-name-birth-data-requirement",
    "tck-id-payloads-name-requirement",
    "tck-id-payloads-nbirth-bdseq",
    "tck-id-payloads-nbirth-bdseq-repeat",
    "tck-id-payloads-nbirth-qos",
    "tck-id-payloads-nbirth-rebirth-req",
    "tck-id-payloads-nbirth-retain",
    "tck-id-payloads-nbirth-seq",
    "tck-id-payloads-nbirth-timestamp",
    "tck-id-payloads-sequence-num-req-nbirth",
    "tck-id-payloads-sequence-num-zero-nbirth",
    "tck-id-payloads-timestamp-in-UTC",
    "tck-id-topics-nbirth-bdseq-included",
    "tck-id-topics-nbirth-bdseq-matching",
    "tck-id-topics-nbirth-metric-reqs",
    "tck-id-topics-nbirth-metrics",
    "tck-id-topics-nbirth-mqtt",
    "tck-id-topics-nbirth-rebirth-metric",
    "tck-id-topics-nbirth-seq-num",
    "tck-id-topics-nbirth-timestamp",
    "tck-id-topics-nbirth-topic",
    "tck-id-case-sensitivity-metric-names",
)
def test_the_node_is_born(story: Story, request: pytest.FixtureRequest) -> None:
    story.findings.require(required(request))


@pytest.mark.sparkplug(
    "tck-id-message-flow-device-birth-publish-dbirth-match-edge-node-topic",
    "tck-id-message-flow-device-birth-publish-dbirth-payload",
    "tck-id-message-flow-device-birth-publish-dbirth-payload-seq",
    "tck-id-message-flow-device-birth-publish-dbirth-qos",
    "tck-id-message-flow-device-birth-publish-dbirth-retained",
    "tck-id-message-flow-device-birth-publish-dbirth-topic",
    "tck-id-message-flow-device-birth-publish-nbirth-wait",
    "tck-id-operational-behavior-data-publish-dbirth",
    "tck-id-operational-behavior-data-publish-dbirth-order",
    "tck-id-operational-behavior-data-publish-dbirth-values",
    "tck-id-payloads-dbirth-order",
    "tck-id-payloads-dbirth-qos",
    "tck-id-payloads-dbirth-retain",
    "tck-id-payloads-dbirth-seq",
    "tck-id-payloads-dbirth-seq-inc",
    "tck-id-payloads-dbirth-timestamp",
    "tck-id-topics-dbirth-metric-reqs",
    "tck-id-topics-dbirth-metrics",
    "tck-id-topics-dbirth-mqtt",
    "tck-id-topics-dbirth-seq",
    "tck-id-topics-dbirth-timestamp",
    "tck-id-topics-dbirth-topic",
    "tck-id-case-sensitivity-sparkplug-ids",
    "tck-id-payloads-propertyset-quality-value-type",
    "tck-id-payloads-propertyset-quality-value-value",
    "tck-id-payloads-metric-propertyvalue-type-req",
    "tck-id-payloads-metric-propertyvalue-type-value",
    "tck-id-topic-structure-namespace-unique-device-id",
    "tck-id-topic-structure-namespace-duplicate-device-id-across-edge-node",
)
def test_each_mold_is_born_as_a_device(story: Story, request: pytest.FixtureRequest) -> None:
    own = {"topic-structure-namespace-unique-device-id": len(set(MOLDS)) == 2}
    own["topic-structure-namespace-duplicate-device-id-across-edge-node"] = True
    for name, good in own.items():
        story.findings.check(good, name, "the story")
    story.findings.require(required(request))
    for node in (PRESS, OTHER):
        assert (MessageKind.DBIRTH, node, MOLD) in story.kinds
    assert (MessageKind.DBIRTH, OTHER, SECOND) not in story.kinds


@pytest.mark.sparkplug(
    "tck-id-payloads-alias-data-cmd-requirement",
    "tck-id-payloads-ddata-order",
    "tck-id-payloads-ddata-qos",
    "tck-id-payloads-ddata-retain",
    "tck-id-payloads-ddata-seq",
    "tck-id-payloads-ddata-seq-inc",
    "tck-id-payloads-ddata-timestamp",
    "tck-id-payloads-metric-datatype-not-req",
    "tck-id-payloads-sequence-num-always-included",
    "tck-id-payloads-sequence-num-incrementing",
    "tck-id-topics-ddata-mqtt",
    "tck-id-topics-ddata-payload",
    "tck-id-topics-ddata-seq-num",
    "tck-id-topics-ddata-timestamp",
    "tck-id-topics-ddata-topic",
)
def test_data_of_molds(story: Story, request: pytest.FixtureRequest) -> None:
    story.findings.require(required(request))
    for mold in MOLDS:
        assert story.samples.missing(Key(PRESS, mold, READING), story.sent[mold]) == []
    assert story.samples.contradictions == []
    assert story.samples.doubles() == []
    live = [one for one in story.between("live", "same") if one[0] is MessageKind.DDATA]
    assert len(live) > 256  # the sequence number came round


@pytest.mark.sparkplug(
    "tck-id-payloads-ndata-order",
    "tck-id-payloads-ndata-qos",
    "tck-id-payloads-ndata-retain",
    "tck-id-payloads-ndata-seq",
    "tck-id-payloads-ndata-seq-inc",
    "tck-id-payloads-ndata-timestamp",
    "tck-id-topics-ndata-mqtt",
    "tck-id-topics-ndata-payload",
    "tck-id-topics-ndata-seq-num",
    "tck-id-topics-ndata-timestamp",
    "tck-id-topics-ndata-topic",
)
def test_data_of_the_node(story: Story, request: pytest.FixtureRequest) -> None:
    story.findings.require(required(request))


@pytest.mark.sparkplug(
    "tck-id-principles-rbe-recommended",
    "tck-id-operational-behavior-data-publish-dbirth-change",
    "tck-id-operational-behavior-data-publish-nbirth-change",
)
def test_what_does_not_change_is_not_sent(story: Story) -> None:
    assert story.findings.errors == []
    said = [one for one in story.between("same", "same again") if one[2] == MOLD]
    assert said == []


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-data-commands-rebirth-action-1",
    "tck-id-operational-behavior-data-commands-rebirth-action-2",
    "tck-id-operational-behavior-data-commands-rebirth-action-3",
)
def test_a_rebirth_is_whole_and_nothing_comes_between(
    story: Story, request: pytest.FixtureRequest
) -> None:
    kinds = [(kind, device) for kind, _node, device in story.between("rebirth", "reborn")]
    at = kinds.index((MessageKind.NBIRTH, ""))
    assert at < UNDER_WAY  # of the hundred readings that were being sent
    births = set(kinds[at + 1 : at + 1 + len(MOLDS)])
    assert births == {(MessageKind.DBIRTH, mold) for mold in MOLDS}
    assert kinds.count((MessageKind.NBIRTH, "")) == 1
    for name in ("rebirth-action-1", "rebirth-action-2"):
        story.findings.check(True, f"operational-behavior-data-commands-{name}", "the story")
    story.findings.require(required(request))


def test_garbage_is_no_end_and_no_data(story: Story) -> None:
    kinds = {kind for kind, _node, _device in story.between("reborn", "garbage")}
    assert MessageKind.NDEATH not in kinds
    assert story.findings.errors == []
    assert {one.reason for one in story.letters} == {"bad-command"}
    assert 10 < len(story.letters) < GARBAGE / 2  # of a flood only the first


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-device-ddeath",
    "tck-id-payloads-ddeath-seq",
    "tck-id-payloads-ddeath-seq-inc",
    "tck-id-payloads-ddeath-seq-number",
    "tck-id-payloads-ddeath-timestamp",
    "tck-id-topics-ddeath-mqtt",
    "tck-id-topics-ddeath-seq-num",
    "tck-id-topics-ddeath-topic",
)
def test_a_mold_that_falls_silent_dies(story: Story, request: pytest.FixtureRequest) -> None:
    story.findings.require(required(request))
    kinds = story.between("second life", "silent")
    assert (MessageKind.DDEATH, PRESS, SECOND) in kinds


@pytest.mark.sparkplug("tck-id-topics-nbirth-bdseq-increment")
def test_the_number_of_births_and_deaths_goes_on(
    story: Story, request: pytest.FixtureRequest
) -> None:
    """Over a killed broker and a new process; how many connects a kill costs is chance."""
    story.findings.require(required(request))
    assert story.numbers[0] == 0
    assert story.numbers == [one % 256 for one in range(len(story.numbers))]
    assert len(story.numbers) >= 3


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-edge-node-intentional-disconnect-ndeath",
    "tck-id-operational-behavior-edge-node-intentional-disconnect-packet",
    "tck-id-payloads-ndeath-will-message-publisher",
    "tck-id-payloads-ndeath-will-message-publisher-disconnect-mqtt311",
    "tck-id-payloads-ndeath-will-message-publisher-disconnect-mqtt50",
)
def test_an_end_says_so(story: Story, request: pytest.FixtureRequest) -> None:
    story.findings.require(required(request))
    assert any(one.kind == PUBLISH and "/NDEATH/" in one.topic for one in story.packets)
