"""A press is one edge node, however many agents could have it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.links.mqtt import connect
from edge_agent.presses.ownership import owner
from tests.support.agents import running, settings_for
from tests.support.mqtt_tap import MqttTap
from tests.support.sparkplug_host import StrictHost
from tests.support.sparkplug_plant import MOLDS, READING, TalkingPress
from tests.support.sparkplug_samples import Key
from tests.support.waiting import until

MOLD = MOLDS[0]
B_GETS = next(p for p in (f"p{i}" for i in range(1, 20)) if owner(p, ["a", "b"]) == "b")


def member(folder: Path, agent_id: str, port: int) -> Settings:
    """An agent of the group, which shares one press."""
    link = BrokerSettings.model_validate({"port": port, "session_secret": SecretStr("s" * 32)})
    return settings_for(
        folder,
        link,
        agent_id=agent_id,
        presses=[B_GETS],
        share={"group": "line"},
        spool={"path": folder / f"{agent_id}.db"},
        history={"path": folder / f"{agent_id}-history.db"},
        sparkplug={"enabled": True},
    )


@pytest.mark.sparkplug(
    "tck-id-intro-edge-node-id-uniqueness",
    "tck-id-payloads-nbirth-edge-node-descriptor",
    "tck-id-topic-structure-namespace-unique-edge-node-descriptor",
)
def test_a_press_stands_once_in_the_settings(tmp_path: Path) -> None:
    """The group is the site, the node is the press: both together are unique by the settings."""
    with pytest.raises(ValidationError, match="presses"):
        settings_for(tmp_path, 1883, presses=["p1", "p1"], sparkplug={"enabled": True})


@pytest.mark.peers
@pytest.mark.needs("mosquitto")
@pytest.mark.sparkplug(
    "tck-id-intro-edge-node-id-uniqueness",
    "tck-id-payloads-nbirth-edge-node-descriptor",
    "tck-id-topic-structure-namespace-unique-edge-node-descriptor",
)
async def test_of_a_group_one_agent_is_the_node(tmp_path: Path) -> None:
    async with (
        MosquittoProcess() as broker,
        MqttTap(broker.port) as tap,
        StrictHost(broker.port, "s", exact_bd_seq=False) as host,
        connect(BrokerSettings(port=broker.port), "presses") as session,
    ):
        press, node = TalkingPress(session, B_GETS), host.node(B_GETS)
        key = Key(B_GETS, MOLD, READING)
        one, other = member(tmp_path, "a", tap.port), member(tmp_path, "b", tap.port)
        async with running(one, BrokerSettings(port=broker.port)):
            await until(lambda: node.online, "the first agent's node")
            await press.read(MOLD)
            await until(lambda: not host.samples.missing(key, press.sent[MOLD]), "its reading")
            async with running(other):
                births = node.births
                await until(lambda: node.births > births, "the other agent's node")
                await press.read(MOLD)
                await until(lambda: not host.samples.missing(key, press.sent[MOLD]), "a reading")
            await until(lambda: node.online, "the first agent's node again")
            await press.read(MOLD)
            await until(lambda: not host.samples.missing(key, press.sent[MOLD]), "a last reading")
        assert host.findings.errors == []
        spans = sorted(tap.spans_of("/NDEATH/"))
        assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
        assert len(spans) == 3
