"""``record`` at a real broker: exactly as many messages as were asked for."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import connect
from edge_agent.logged_shots.replay import record

pytestmark = pytest.mark.needs("mosquitto")


async def test_it_stops_after_exactly_so_many(tmp_path: Path) -> None:
    path = tmp_path / "new" / "capture.jsonl"
    async with MosquittoProcess() as broker:
        settings = BrokerSettings(port=broker.port)
        async with connect(settings, "press") as press:
            for number in range(20):
                await press.publish(f"t/{number}", b"x", retain=True)
        for wanted in (3, 1):  # the file grows
            async with asyncio.timeout(60):
                written = await record(path, settings, ["t/#"], asyncio.Event(), wanted)
            assert written == wanted
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 4
    assert len({line["topic"] for line in lines[:3]}) == 3
