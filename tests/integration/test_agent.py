"""The agent in this process, against a real Mosquitto and against the embedded broker."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.codec import decode, encode
from broker.local.embedded import EmbeddedBroker
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Prediction, QualityRecord, Recipe, ShotEvent
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.links.mqtt import Session, connect
from edge_agent.logged_shots.replay import record, replay_recording
from tests.support.agents import running, settings_for
from tests.support.waiting import LIMIT_S, until

MOLD = "PANEL_500x500x50"


def agent_of_two(folder: Path, port: int, protocol: str = "auto") -> Settings:
    link = BrokerSettings.model_validate({"port": port, "protocol": protocol})
    return settings_for(folder, link, presses=["p1", "p2"])


async def stored(settings: Settings, sql: str, expected: list[tuple[object, ...]]) -> None:
    """Wait until the history answers so."""
    found: list[tuple[object, ...]] = []
    for _ in range(200):
        with closing(sqlite3.connect(settings.history.path)) as db:
            found = db.execute(sql).fetchall()
        if found == expected:
            return
        await asyncio.sleep(0.05)
    assert found == expected


async def first_prediction(session: Session, press: str) -> Prediction:
    await session.subscribe([f"pur/v1/s/{press}/twin/mold/{MOLD}/prediction"])
    async with asyncio.timeout(LIMIT_S):
        while True:  # the embedded broker sends retained messages to wrong filters, too
            (message,) = await session.next_batch(1)
            if message.topic.endswith("/prediction"):
                return decode(Prediction, message.payload)


def pour(shot_id: str, mold_id: str = MOLD) -> ShotEvent:
    return ShotEvent(
        ts=datetime.now(UTC) - timedelta(seconds=1),
        shot_id=shot_id,
        mold_id=mold_id,
        event="poured",
        system_id="SYSTEM_R1",
        recipe=Recipe(m_polyol_kg=0.5, m_iso_kg=0.53, T_polyol_C=23.0, T_iso_C=23.0),
    )


async def check_shots(settings: Settings) -> None:
    """A shot on each of two presses, and a quality record, from pour to history."""
    async with running(settings, settings.broker), connect(settings.broker, "press") as session:
        for press in settings.presses:
            await session.publish(f"pur/v1/s/{press}/shot", encode(pour(f"shot-{press}")))
            while True:  # the embedded broker may hand over an earlier retained message
                prediction = await first_prediction(session, press)
                if prediction.shot_id == f"shot-{press}":
                    break
            assert (prediction.press, prediction.status) == (press, "predicted")
            assert prediction.t_demold_min_s is not None
            assert "T_mold_C: default (40)" in prediction.substituted
        quality = QualityRecord(ts=datetime.now(UTC), shot_id="shot-p1", H_24h_shore=55.0)
        await session.publish("pur/v1/s/p1/quality", encode(quality, "msgpack"))
        await stored(settings, "SELECT H_24h_shore FROM quality", [(55.0,)])
        shots = [("shot-p1",), ("shot-p2",)]
        await stored(settings, "SELECT shot_id FROM shot ORDER BY shot_id", shots)


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_shots_through_mosquitto(tmp_path: Path, protocol: str) -> None:
    async with MosquittoProcess() as broker:
        await check_shots(agent_of_two(tmp_path, broker.port, protocol))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_shots_through_the_embedded_broker(tmp_path: Path) -> None:
    async with EmbeddedBroker() as broker:
        await check_shots(agent_of_two(tmp_path, broker.port, "3.1.1"))
    gc.collect()  # what that broker leaves open is complained of here, not in the next test


@pytest.mark.needs("mosquitto")
async def test_unknown_mold_is_held_with_the_reason(tmp_path: Path) -> None:
    async with MosquittoProcess() as broker:
        settings = agent_of_two(tmp_path, broker.port)
        async with running(settings, settings.broker), connect(settings.broker, "press") as session:
            await session.publish("pur/v1/s/p1/shot", encode(pour("x", "NO_SUCH_MOLD")))
            await session.subscribe(["pur/v1/s/p1/twin/mold/NO_SUCH_MOLD/prediction"])
            (message, *_) = await session.next_batch(1)
            prediction = decode(Prediction, message.payload)
    assert prediction.status == "hold"
    assert "NO_SUCH_MOLD" in prediction.diagnostics[0].words


@pytest.mark.needs("mosquitto")
async def test_a_fresh_broker_gets_everything_back(tmp_path: Path) -> None:
    """A broker that lost all: subscriptions, birth and retained predictions are restored."""
    async with MosquittoProcess() as broker:
        settings = agent_of_two(tmp_path, broker.port)
        async with running(settings, settings.broker):
            async with connect(settings.broker, "press") as session:
                await session.publish("pur/v1/s/p1/shot", encode(pour("one")))
                assert (await first_prediction(session, "p1")).shot_id == "one"
            await broker.kill()  # no persistence: nothing is left
            await broker.start()
            async with connect(settings.broker, "press") as session:
                assert (await first_prediction(session, "p1")).shot_id == "one"


@pytest.mark.needs("mosquitto")
async def test_what_is_recorded_can_be_replayed(tmp_path: Path) -> None:
    capture = tmp_path / "capture.jsonl"
    async with MosquittoProcess() as broker:
        settings = BrokerSettings(port=broker.port)
        sent = [b'{"a": 1}', b"\x81\xa1a\xff"]
        stop = asyncio.Event()
        recorder = asyncio.create_task(record(capture, settings, ["x/#"], stop, None))
        async with connect(settings, "press") as session:

            async def recorded(payload: bytes) -> bool:
                if not (capture.exists() and capture.stat().st_size):  # it has not subscribed yet
                    await session.publish("x/y", payload)
                return capture.exists() and capture.stat().st_size > 0

            await until(lambda: recorded(b"{}"), "the recorder to subscribe")
            for payload in sent:
                await session.publish("x/y", payload)
            await until(lambda: capture.read_text().count("base64") == 1, "the last message")
        stop.set()
        assert await asyncio.wait_for(recorder, 30) >= 3
        async with connect(settings, "watch") as session:
            await session.subscribe(["x/#"])
            await replay_recording(capture, settings, 100.0, lambda _sent, _total: None)
            heard: list[bytes] = []
            async with asyncio.timeout(LIMIT_S):
                while sent[-1] not in heard:
                    heard += [message.payload for message in await session.next_batch(2)]
    assert [payload for payload in heard if payload != b"{}"] == sent
