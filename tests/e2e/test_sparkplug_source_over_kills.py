"""Pours of a Sparkplug edge node, each once, while gateway, edge node and broker are killed.

Its data is QoS 0, so nothing is poured while nobody can hear it; that a pour is under way then is
no trouble.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from broker.local.mosquitto import MosquittoProcess
from broker.timestamps import parse_timestamp
from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import LinkError
from edge_agent.links.mqtt import connect
from tests.support.gateway_process import GatewayProcess
from tests.support.sparkplug_edge_node import EdgeNode
from tests.support.waiting import until

pytestmark = [pytest.mark.peers, pytest.mark.needs("mosquitto"), pytest.mark.timeout(300)]
ROUNDS = 8
BACKLOG_S = 0.2
SHOT = "pur/v1/plant1/press1/shot"
TAGS = {
    "pouring": {"device": "press", "metric": "Pouring"},
    "weight": {"device": "press", "metric": "Weight"},
}
SHOTS = {
    "started": {"tag": "line.pouring", "when": "rises"},
    "poured": {"tag": "line.pouring", "when": "falls", "after": "started"},
    "debounce_s": 0.1,
    "settle_s": 0.2,
    "system_id": "SYSTEM_R1",
    "recipe": {"m_polyol_kg": "line.weight", "m_iso_kg": 0.45},
}


def settings_for(port: int) -> dict[str, Any]:
    node = {"group": "hall", "edge_node": "node1", "rebirth": True, "backlog_s": BACKLOG_S}
    station = {"press": "press1", "mold": "PANEL_A", "shots": SHOTS}
    return {
        "site": "plant1",
        "broker": {"port": port, "reconnect_max_s": 0.5},
        "reconnect_max_s": 0.5,
        "sources": {"line": {"kind": "sparkplug", "tags": TAGS} | node},
        "stations": {"press1": station},
    }


class Listener:
    """Hears the events, over all lives of the broker; a message that comes again counts once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.events: dict[tuple[str, int], dict[str, Any]] = {}
        self.is_there = False

    async def run(self) -> None:
        while True:
            try:
                async with connect(BrokerSettings(port=self._port), "listener", keep=True) as link:
                    await link.subscribe([SHOT])
                    self.is_there = True
                    while True:
                        batch = await link.next_batch(100)
                        for one in batch:
                            event = json.loads(one.payload)
                            self.events[event["device_id"], event["seq"]] = event
                        link.acknowledge(batch)
            except LinkError:
                await asyncio.sleep(0.1)

    def poured(self) -> list[datetime]:
        """Times of the pours that were told."""
        found = [one for one in self.events.values() if one["event"] == "poured"]
        return sorted(parse_timestamp(one["ts"]) for one in found)


async def test_each_pour_once(tmp_path: Path) -> None:
    seed = random.randrange(1000)
    print(f"seed {seed}")
    choice = random.Random(seed)
    poured_ms: list[int] = []
    async with MosquittoProcess(directory=tmp_path / "mosquitto", persistence=True) as broker:
        node = EdgeNode(broker.port, {"press": {"Pouring": False, "Weight": 0.4}})
        gateway = GatewayProcess(tmp_path, settings_for(broker.port))
        listener = Listener(broker.port)
        hearing = asyncio.create_task(listener.run())

        async def say(pouring: bool) -> None:
            node.values["press"]["Pouring"] = pouring
            await node.say("press", "Pouring")

        async def heard(births: int) -> None:
            """Wait until the gateway has heard one more birth."""
            await until(lambda: node.births > births, "a birth")
            await asyncio.sleep(BACKLOG_S + 0.6)  # and that it is on its disk

        async def kill_gateway() -> None:
            gateway.kill()
            await asyncio.sleep(0.3)  # what it has asked for is answered
            births = node.births
            gateway.start()
            await heard(births)

        async def kill_node() -> None:
            births = node.births
            await node.vanish()
            await node.connect()
            await heard(births)

        async def kill_broker() -> None:
            births, connected = node.births, gateway.logged("source_connected")
            await broker.kill()
            await broker.start()
            await node.vanish()
            await until(lambda: gateway.logged("source_connected") > connected, "the source")
            await node.connect()
            await heard(births)

        async def told(count: int) -> None:
            await until(lambda: len(listener.poured()) >= count, f"pour {count}", 30.0)

        kills: list[Callable[[], Awaitable[None]]] = [kill_gateway, kill_node, kill_broker]
        try:
            await until(lambda: listener.is_there)
            await node.connect()
            gateway.start()
            await heard(1)
            for number in range(ROUNDS):
                node.values["press"]["Weight"] = 0.4 + number / 100
                await node.say("press", "Weight")
                await say(pouring=True)
                if choice.random() < 0.5:
                    await choice.choice(kills)()
                await asyncio.sleep(0.3)
                poured_ms.append(node.now_ms())
                await say(pouring=False)
                await told(len(poured_ms))
                await kills[number % len(kills)]()
            await asyncio.sleep(1.0)
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
            gateway.kill()
            await node.vanish()
    told_ms = [round(one.timestamp() * 1000) for one in listener.poured()]
    assert len(told_ms) == ROUNDS, "each once"
    assert all(abs(one - said) < 50 for one, said in zip(told_ms, poured_ms, strict=True))
