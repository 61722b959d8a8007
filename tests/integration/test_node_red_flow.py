"""docs/integrate/node-red/flow.json in a real Node-RED: predicted, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from broker.codec import decode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Received
from tests.support.node_red import NodeRed
from tests.support.processes import ROOT, AgentProcess, mosquitto_sub
from tests.support.waiting import until

FLOW = ROOT / "docs" / "integrate" / "node-red" / "flow.json"
PRESS = "pur/v1/plant1/press1"
pytestmark = [
    pytest.mark.peers,
    pytest.mark.needs("mosquitto", "mosquitto_sub", "node-red"),
    pytest.mark.timeout(300),
]


def flow_for(port: int) -> list[dict[str, Any]]:
    """The flow as it is imported, with the broker's port as a person would set it."""
    nodes: list[dict[str, Any]] = json.loads(FLOW.read_text(encoding="utf-8"))
    (broker,) = [node for node in nodes if node["type"] == "mqtt-broker"]
    broker["port"] = str(port)
    return nodes


def waiting_in(node_red: NodeRed) -> list[dict[str, Any]]:
    """Messages that the flow keeps."""
    found: list[dict[str, Any]] = node_red.in_context("twin-tab", "waiting")
    return found


def is_poured(message: dict[str, Any]) -> bool:
    return message["payload"].get("event") == "poured"


async def test_a_prediction_comes_through_and_nothing_is_lost(tmp_path: Path) -> None:
    agent = AgentProcess(tmp_path, 0, ("press1",), more={"site": "plant1"})
    forgetful = tmp_path / "mosquitto"
    async with MosquittoProcess(directory=forgetful) as broker:
        settings = json.loads(agent.config.read_text())
        settings["broker"]["port"] = broker.port
        agent.config.write_text(json.dumps(settings))
        try:
            await asyncio.to_thread(agent.start)
            async with NodeRed(tmp_path, broker.port, flow_for(broker.port)) as node_red:
                await asyncio.to_thread(node_red.inject, "twin-inject")
                topic = f"{PRESS}/twin/mold/PANEL_A/prediction"
                (line,) = await asyncio.to_thread(mosquitto_sub, broker.port, topic, 1, 120)
                prediction = json.loads(line)
                assert prediction["basis"] == "poured"
                assert prediction["simulated"] is True
                assert 60 < prediction["t_demold_min_s"] < 1000
                seen = f"PANEL_A, {prediction['shot_id']}, poured: open from "
                await until(lambda: seen in node_red.log.read_text(), "the words in Node-RED")

                # what is committed is forgotten
                def seq(received: str) -> int:
                    (of,) = decode(Received, received.encode()).devices.values()
                    return of.seq or 0

                received = f"{PRESS}/twin/received"
                (text,) = await asyncio.to_thread(mosquitto_sub, broker.port, received, 1)
                kept = await asyncio.to_thread(waiting_in, node_red)
                assert not [one for one in kept if one["payload"]["seq"] <= seq(text)]

                # an agent and a broker that forget everything: the shot is sent again
                await asyncio.to_thread(agent.kill)
                await asyncio.to_thread(node_red.inject, "twin-inject")

                async def pour_waits() -> bool:
                    return any(map(is_poured, await asyncio.to_thread(waiting_in, node_red)))

                async def no_pour_waits() -> bool:
                    return not await pour_waits()

                await until(pour_waits, "the pour to be kept", 30)
                (again,) = filter(is_poured, await asyncio.to_thread(waiting_in, node_red))
                await broker.kill()
                await broker.start()
                await asyncio.to_thread(agent.start)
                shot = again["payload"]["shot_id"]
                query = "SELECT count(*) FROM shot WHERE shot_id = ?"
                await until(lambda: agent.rows(query, shot) == [(1,)], "the second shot", 60)
                await until(no_pour_waits, "the pour to be forgotten", 60)
        finally:
            agent.kill()
