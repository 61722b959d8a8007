"""What `doctor` says of Sparkplug: brokers, commands, and the primary host."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from broker.local.loopback import free_port
from broker.local.mosquitto import MosquittoProcess
from broker.sparkplug.host_state import HostState, encode_state
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.doctor.sparkplug import check_sparkplug
from edge_agent.links.mqtt import connect
from tests.support.agents import settings_for

pytestmark = pytest.mark.needs("mosquitto")
TOPIC = "spBv1.0/STATE/scada"


async def found(settings: Settings) -> list[tuple[str, str]]:
    """Level and words of each finding."""
    findings = await asyncio.to_thread(lambda: list(check_sparkplug(settings)))
    return [(one.status, one.words) for one in findings]


async def test_it_reaches_every_broker_and_says_where_the_host_is(tmp_path: Path) -> None:
    async with MosquittoProcess(directory=tmp_path / "mosquitto") as broker:
        gone = free_port()
        more = {
            "enabled": True,
            "primary_host": "scada",
            "brokers": [f"127.0.0.1:{broker.port}", f"127.0.0.1:{gone}"],
        }
        settings = settings_for(tmp_path, broker.port, sparkplug=more)
        reached, host, away = await found(settings)
        assert reached == ("ok", f"127.0.0.1:{broker.port}: commands to p1 of group s")
        assert host[0] == "warning"
        assert host[1].endswith("has never been here")
        assert away[0] == "problem"
        async with connect(BrokerSettings(port=broker.port), "scada") as session:
            states = [
                (encode_state(HostState(True, 1)), "ok", "is online"),
                (encode_state(HostState(False, 1)), "warning", "is offline"),
                (b"ONLINE", "problem", "is no JSON"),
            ]
            for payload, level, words in states:
                await session.publish(TOPIC, payload, retain=True)
                said = (await found(settings))[1]
                assert said[0] == level
                assert words in said[1]


async def test_it_says_nothing_where_sparkplug_is_off(tmp_path: Path) -> None:
    assert await found(settings_for(tmp_path, free_port())) == []
