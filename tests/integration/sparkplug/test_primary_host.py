"""The agent as edge node with a primary host and two brokers, told once.

It waits for its host at one broker after the other, is born where the host is, goes when the host
goes, and is not deceived by states that are old, of another host, or none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from broker.local.mosquitto import MosquittoProcess
from broker.sparkplug.host_state import HostState, encode_state
from broker.sparkplug.topics import MessageKind, state_topic
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from edge_agent.presses import node_sessions
from tests.support.agents import running, settings_for
from tests.support.mqtt_tap import CONNECT, PUBLISH, MqttTap
from tests.support.sparkplug_findings import Findings
from tests.support.sparkplug_host import StrictHost
from tests.support.sparkplug_plant import MOLDS, READING, TalkingPress
from tests.support.sparkplug_samples import Key
from tests.support.sparkplug_wire_rules import judge_packets
from tests.support.waiting import until

pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.xdist_group("sparkplug")]
SITE, PRESS, HOST_ID = "s", "p1", "scada"
MOLD = MOLDS[0]
WALK_S, RECONNECT_S, RETURN_S = 0.2, 0.05, 0.3
"""In the story the state of a host is waited for so long, then comes the next broker."""


@dataclass
class Story:
    """What was seen at its points."""

    findings: Findings
    facts: dict[str, object] = field(default_factory=dict)


async def tell(folder: Path) -> Story:
    first, second = MosquittoProcess(), MosquittoProcess()
    async with first, second, MqttTap(first.port) as tap, MqttTap(second.port) as other:
        story = Story(Findings())
        hosts = [
            StrictHost(one.port, SITE, HOST_ID, findings=story.findings, exact_bd_seq=False)
            for one in (first, second)
        ]
        link = BrokerSettings.model_validate({"port": tap.port})
        settings = settings_for(
            folder,
            link,
            sparkplug={
                "enabled": True,
                "primary_host": HOST_ID,
                "host_return_s": RETURN_S,
                "brokers": [f"127.0.0.1:{tap.port}", f"127.0.0.1:{other.port}"],
            },
        )
        async with (
            running(settings, settings.broker),
            connect(BrokerSettings(port=first.port), "presses") as session,
            connect(BrokerSettings(port=second.port), "others") as beside,
        ):
            press = TalkingPress(session)
            await wait_for_the_host(story, tap, other, session, press)
            try:
                await be_born_and_go(story, hosts, tap, other, beside, press, second)
                # the host begins a new session, and nobody said that it was gone
                count, newer = births(tap), HostState(True, hosts[0].timestamp_ms + 1)
                await session.publish(state_topic(HOST_ID), encode_state(newer), retain=True)
                await until(lambda: births(tap) > count, "a rebirth for the new session")
                story.facts["born for a new session"] = True
            finally:
                for host in hosts:
                    await host.go()
        judge_packets(tap, story.findings, SITE, PRESS, HOST_ID, exact_bd_seq=False)
        judge_packets(other, story.findings, SITE, PRESS, HOST_ID, exact_bd_seq=False)
        return story


async def wait_for_the_host(
    story: Story, tap: MqttTap, other: MqttTap, session: Session, press: TalkingPress
) -> None:
    """Nobody is online: the node is at one broker and then at the other, and is not born."""
    await press.read(MOLD, count=20)
    topic = state_topic("another-host")
    await session.publish(topic, encode_state(HostState(True, 5)), retain=True)
    await session.publish(state_topic(HOST_ID), encode_state(HostState(False, 7)), retain=True)
    await session.publish(state_topic(HOST_ID), b"ONLINE")
    await until(lambda: len(wills(tap)) > 1 and len(wills(other)) > 1, "the node to walk")
    story.facts["born too early"] = births(tap) + births(other)


async def be_born_and_go(
    story: Story,
    hosts: list[StrictHost],
    tap: MqttTap,
    other: MqttTap,
    beside: Session,
    press: TalkingPress,
    second: MosquittoProcess,
) -> None:
    here, there = hosts
    await there.come()
    node = there.node(PRESS)
    await until(lambda: node.online and MOLD in node.devices, "a birth at the second broker")
    key = Key(PRESS, MOLD, READING)
    await until(lambda: not there.samples.missing(key, press.sent[MOLD]), "what had waited")
    story.facts["historical"] = there.samples.historical
    story.facts["doubles"] = there.samples.doubles()
    # an old death of the host, as a late will: nothing happens
    count = len(wills(other))
    old = encode_state(HostState(False, there.timestamp_ms - 1))
    there.answers_offline = False
    await beside.publish(state_topic(HOST_ID), old, retain=True)
    await press.read(MOLD)
    await until(lambda: not there.samples.missing(key, press.sent[MOLD]), "a reading after it")
    await asyncio.sleep(0.2)
    story.facts["deceived"] = len(wills(other)) - count
    # the host goes: the node says its death, and is born where the host is then
    deaths = len(published(other, MessageKind.NDEATH))
    await here.come()
    await there.go()
    node = here.node(PRESS)
    await until(lambda: node.online and MOLD in node.devices, "a birth at the first broker")
    story.facts["deaths said"] = len(published(other, MessageKind.NDEATH)) - deaths
    # the host dies: its will ends the session as well
    count, walked = births(tap), len(wills(other))
    await here.die()
    await until(lambda: len(wills(other)) > walked, "the node to walk")
    await there.come()
    node = there.node(PRESS)
    await until(lambda: node.online and MOLD in node.devices, "a birth at the second broker again")
    await press.read(MOLD)
    await until(lambda: not there.samples.missing(key, press.sent[MOLD][-1:]), "the last reading")
    story.facts["born again elsewhere"] = births(tap) == count
    # the host is at both brokers, and that of the node is killed
    await here.come()
    await second.kill()
    node = here.node(PRESS)
    await until(lambda: node.online and MOLD in node.devices, "a birth at the broker that is left")
    await press.read(MOLD)
    await until(lambda: not here.samples.missing(key, press.sent[MOLD][-1:]), "a reading there")
    story.facts["survived"] = True
    story.facts["at once"] = overlap(tap, other)


def wills(tap: MqttTap) -> list[str]:
    return [one.topic for one in tap.of(CONNECT) if "/NDEATH/" in one.topic]


def published(tap: MqttTap, kind: MessageKind) -> list[str]:
    return [one.topic for one in tap.of(PUBLISH) if f"/{kind}/" in one.topic]


def births(tap: MqttTap) -> int:
    return len(published(tap, MessageKind.NBIRTH))


def overlap(tap: MqttTap, other: MqttTap) -> int:
    """Connections of the node to one broker that were open while one to the other was."""
    return sum(
        begin < end_there and begin_there < end
        for begin, end in tap.spans_of("/NDEATH/")
        for begin_there, end_there in other.spans_of("/NDEATH/")
    )


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    """The story, told once."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(node_sessions, "HOST_WAIT_S", WALK_S)
        patch.setattr(node_sessions, "RECONNECT_FIRST_S", RECONNECT_S)
        yield asyncio.run(tell(Path(folder)))


@pytest.mark.sparkplug(
    "tck-id-message-flow-edge-node-birth-publish-phid-wait",
    "tck-id-message-flow-edge-node-birth-publish-phid-wait-id",
    "tck-id-message-flow-edge-node-birth-publish-phid-wait-online",
    "tck-id-operational-behavior-edge-node-birth-sequence-wait",
)
def test_it_is_not_born_before_its_host_is_online(story: Story) -> None:
    """Neither another host, nor an offline one, nor what is no STATE will do."""
    assert story.facts["born too early"] == 0
    assert story.findings.errors == []


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-state-subs",
)
def test_it_listens_to_its_host(story: Story, request: pytest.FixtureRequest) -> None:
    story.findings.require(request.node.get_closest_marker("sparkplug").args)


def test_what_had_waited_comes_as_historical_and_once(story: Story) -> None:
    assert story.facts["historical"] != 0
    assert story.facts["doubles"] == []


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-edge-node-termination-host-offline-timestamp",
    "tck-id-message-flow-edge-node-birth-publish-phid-wait-timestamp",
)
def test_an_old_state_changes_nothing(story: Story) -> None:
    assert story.facts["deceived"] == 0


@pytest.mark.sparkplug(
    "tck-id-message-flow-edge-node-birth-publish-phid-offline",
    "tck-id-operational-behavior-edge-node-termination-host-offline",
    "tck-id-operational-behavior-edge-node-termination-host-offline-reconnect",
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-walk",
)
def test_it_goes_with_its_host(story: Story) -> None:
    assert story.facts["deaths said"] == 1
    assert story.facts["born again elsewhere"]


def test_it_is_born_again_for_a_new_session_of_its_host(story: Story) -> None:
    assert story.facts["born for a new session"]


def test_the_broker_that_is_left_will_do(story: Story) -> None:
    assert story.facts["survived"]


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-single-server",
)
def test_it_is_at_one_broker_at_a_time(story: Story) -> None:
    assert story.facts["at once"] == 0
