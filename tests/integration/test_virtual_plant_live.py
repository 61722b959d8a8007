"""Shots of a virtual plant over MQTT: the agent ends with the rows that the plant would write."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from broker.local.mosquitto import MosquittoProcess
from edge_agent.agent import Agent
from edge_agent.clock import AcceleratedClock
from edge_agent.config.settings import (
    BrokerSettings,
    CatalogueSettings,
    HistorySettings,
    Settings,
    SpoolSettings,
)
from edge_agent.links.mqtt import connect
from edge_agent.links.player import play
from edge_agent.virtual_plant import VirtualPlant, write_molds
from edge_agent.virtual_plant.rows import shot_rows
from tests.integration.test_agent import stored
from tests.support.agents import listening
from twin_core import load_systems
from twin_core.shipped_files import configs_folder

SPEED = 200.0


@pytest.mark.needs("mosquitto")
async def test_a_shot_played_is_a_shot_written(tmp_path: Path) -> None:
    system = load_systems(configs_folder() / "systems")["SYSTEM_R1"]
    plant = VirtualPlant(5, system, presses=1, molds_per_press=1, shots=1, days=1.0, site="s")
    (shot,) = plant.shots()
    write_molds(list(plant.molds.values()), tmp_path / "molds")
    async with MosquittoProcess() as broker:
        settings = Settings(
            site="s",
            agent_id="a",
            presses=[shot.press.press],
            broker=BrokerSettings(port=broker.port),
            spool=SpoolSettings(path=tmp_path / "spool.db"),
            history=HistorySettings(path=tmp_path / "history.db"),
            catalogue=CatalogueSettings(molds=tmp_path / "molds"),
        )
        clock, stop = (
            AcceleratedClock(SPEED, shot.poured_at - timedelta(minutes=10)),
            asyncio.Event(),
        )
        agent = asyncio.create_task(Agent(settings, clock, stop).run())
        try:
            await listening(settings.broker, settings.presses)
            async with connect(settings.broker, "press") as session:
                await play(shot.messages, session, settings.topics, shot.press, clock)
                assert shot.quality is None or shot.quality.ts > shot.ended_at
                ended = "SELECT outcome, simulated FROM shot"
                await stored(settings, ended, [("demolded", 1)])
                frames = [row for row in shot_rows(shot) if row.kind == "telemetry"]
                await stored(settings, "SELECT count(*) FROM telemetry", [(len(frames),)])
        finally:
            stop.set()
            await agent
    (row,) = (row for row in shot_rows(shot) if row.kind == "shot")
    expected = json.loads(row.document)
    with closing(sqlite3.connect(settings.history.path)) as db:
        db.row_factory = sqlite3.Row
        (written,) = db.execute("SELECT * FROM shot").fetchall()
        (answer,) = db.execute("SELECT DISTINCT simulated, status FROM prediction").fetchall()
    found = dict(written) | {"recipe": json.loads(written["recipe"]), "simulated": True}
    assert found.pop("revision") > 0, "the agent has answered, which a plant does not"
    expected.pop("revision", None)
    assert found.pop("received_at") >= expected.pop("received_at"), "it takes a moment"
    assert found == expected
    assert tuple(answer) == (1, "predicted")
