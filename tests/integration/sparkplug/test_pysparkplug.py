"""A host on somebody else's library reads all that the agent says as an edge node."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import connect
from tests.support.agents import running, settings_for
from tests.support.link_proxy import LinkProxy
from tests.support.sparkplug_peer import PeerHost
from tests.support.sparkplug_plant import MOLDS, READING, TalkingPress
from tests.support.waiting import until

pytestmark = [
    pytest.mark.peers,
    pytest.mark.needs("mosquitto", "venv:pysparkplug"),
    pytest.mark.xdist_group("sparkplug"),
]
SITE, PRESS, MOLD = "s", "p1", MOLDS[0]


async def test_births_data_backlog_rebirth_death_and_another_host(tmp_path: Path) -> None:
    async with (
        MosquittoProcess() as broker,
        LinkProxy(broker.port) as proxy,
        PeerHost(broker.port, SITE) as host,
        connect(BrokerSettings(port=broker.port), "presses") as session,
    ):
        settings = settings_for(
            tmp_path,
            broker.port,
            sparkplug={
                "enabled": True,
                "primary_host": host.host_id,
                "host_return_s": 0.2,
                "brokers": [f"127.0.0.1:{proxy.port}"],
            },
        )
        press = TalkingPress(session)

        async def all_heard(what: str) -> None:
            await until(lambda: set(press.sent[MOLD]) <= host.values(MOLD, READING), what)

        async with running(settings, settings.broker):
            await until(lambda: host.count("NBIRTH") > 0, "births")
            await press.read(MOLD, count=5)
            await press.pour("one", MOLD)
            await all_heard("data")
            await until(lambda: "predicted" in host.values(MOLD, "Prediction/status"), "prediction")
            # an outage of the link: what was read meanwhile comes as historical, with its time
            proxy.break_link("cut")
            await until(lambda: host.count("NDEATH") > 0, "the death")
            await press.read(MOLD, count=20)
            proxy.heal()
            await all_heard("the backlog")
            past = host.samples(MOLD, READING, historical=True)
            live = host.samples(MOLD, READING, historical=False)
            assert len(past) >= 20
            assert set(past.values()) | set(live.values()) == {1}
            assert len(set(past) & set(live)) <= 1  # it was under way when the link was cut
            # a rebirth
            births = host.count("NBIRTH")
            await host.rebirth(PRESS)
            await until(lambda: host.count("NBIRTH") > births, "a rebirth")
            # the host goes: the node says its death, and waits
            await host.go()

            await press.read(MOLD, count=10)
            births = host.count("NBIRTH")
            await host.come()
            await until(lambda: host.count("NBIRTH") > births, "births for the host that is back")
            await all_heard("what had waited for the host")
            deaths = host.count("NDEATH")
        await until(lambda: host.count("NDEATH") > deaths, "the last death")
        assert host.problems == []
