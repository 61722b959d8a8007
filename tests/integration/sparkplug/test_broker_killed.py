"""A broker is killed, and has the node again before its primary host: nothing is lost for the host.

The broker has the STATE of before on its disk, and says that the host is online.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from broker.local.mosquitto import MosquittoProcess
from broker.sparkplug.host_state import decode_state
from broker.sparkplug.topics import state_topic
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from edge_agent.presses import node_sessions
from tests.support.agents import running, settings_for
from tests.support.mqtt_tap import PUBLISH, SUBSCRIBE, MqttTap
from tests.support.sparkplug_host import StrictHost
from tests.support.sparkplug_plant import MOLDS, READING, TalkingPress
from tests.support.sparkplug_samples import Key
from tests.support.waiting import until

pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.xdist_group("sparkplug")]
SITE, PRESS, HOST_ID, MOLD = "s", "p1", "scada", MOLDS[0]
STATE, KEY = state_topic(HOST_ID), Key(PRESS, MOLD, READING)


def births(tap: MqttTap) -> int:
    return sum("/NBIRTH/" in one.topic for one in tap.of(PUBLISH))


def state_subscriptions(tap: MqttTap) -> int:
    return sum(STATE in one.filters for one in tap.of(SUBSCRIBE))


async def test_the_node_waits_for_its_host_that_comes_back_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_sessions, "RECONNECT_FIRST_S", 0.05)
    async with (
        MosquittoProcess(
            directory=tmp_path / "mosquitto", persistence=True, autosave_changes=1
        ) as broker,
        MqttTap(broker.port) as tap,
        StrictHost(broker.port, SITE, HOST_ID, exact_bd_seq=False) as host,
    ):
        sparkplug = {"enabled": True, "primary_host": HOST_ID, "host_return_s": 60}
        sparkplug["brokers"] = [f"127.0.0.1:{tap.port}"]
        link = BrokerSettings(port=broker.port)
        async with running(settings_for(tmp_path, link, sparkplug=sparkplug), link):
            node = host.node(PRESS)
            await until(lambda: node.births > 0, "a birth")
            async with connect(link, "presses") as session:
                press = TalkingPress(session)
                await press.read(MOLD, count=5)
                await until(lambda: not host.samples.missing(KEY, press.sent[MOLD]), "readings")
            born, host.may_come = births(tap), lambda: False
            await broker.kill()
            await broker.start()
            await until(lambda: state_subscriptions(tap) > 1, "the node to be back")
            async with connect(link, "presses") as session:
                await session.subscribe([STATE])
                await until(lambda: heard(session) == [True], "the STATE of before")
                press.use(session)
                await press.read(MOLD, count=5)
                await asyncio.sleep(0.3)
                assert births(tap) == born
                host.may_come = lambda: True
                await until(lambda: not host.samples.missing(KEY, press.sent[MOLD]), "the rest")
                assert births(tap) > born


def heard(session: Session) -> list[bool]:
    """What is retained of the host: is it online?"""
    return [decode_state(one.payload).online for one in session.here(16) if one.topic == STATE]
