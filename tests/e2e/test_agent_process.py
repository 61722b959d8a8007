"""The agent as a process, beside a real Mosquitto, watched by independent clients."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.codec import PAYLOAD_LIMIT, encode
from broker.messages import Recipe, ShotEvent, TelemetryFrame
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from tests.support.processes import ROOT, AgentProcess, mosquitto_sub, wait_for
from tests.support.waiting import LIMIT_S

pytestmark = [pytest.mark.needs("mosquitto", "mosquitto_sub"), pytest.mark.timeout(300)]
MOLD = "PANEL_500x500x50"


@pytest.fixture
def agent(tmp_path: Path, port: int) -> Iterator[AgentProcess]:
    agent = AgentProcess(tmp_path, port)
    agent.start()
    yield agent
    if agent.process is not None and agent.process.poll() is None:
        agent.kill()


def press_client(port: int) -> object:
    return connect(BrokerSettings(port=port), "test-press")


def poured(shot_id: str, ts: datetime) -> ShotEvent:
    return ShotEvent(
        ts=ts,
        shot_id=shot_id,
        mold_id=MOLD,
        event="poured",
        system_id="SYSTEM_R1",
        recipe=Recipe(m_polyol_kg=0.5, m_iso_kg=0.53, T_polyol_C=23.0, T_iso_C=23.0),
    )


def frame(seq: int, ts: datetime) -> TelemetryFrame:
    return TelemetryFrame(
        ts=ts, device_id="d1", seq=seq, mold_id=MOLD, sensors={"T_core_C": 40.0, "T_mold_C": 40.0}
    )


async def send(session: Session, message: ShotEvent | TelemetryFrame) -> None:
    channel = "shot" if isinstance(message, ShotEvent) else "telemetry"
    await session.publish(f"pur/v1/test/p1/{channel}", encode(message))


async def test_measured_bundle_is_replayed_and_predicted(agent: AgentProcess, port: int) -> None:
    """The published R-11 run goes in over MQTT; mosquitto_sub reads the prediction."""
    bundle = ROOT / "configs" / "bundles" / "baser_khakhar_1994_r11"
    command = [sys.executable, "-m", "edge_agent", "replay", str(bundle), "--speed", "300"]
    command += ["--site", "test", "--press", "p1", "--port", str(port)]
    replay = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert replay.returncode == 0, replay.stderr
    assert "peak core temperature 139.1 °C measured, 142" in replay.stdout, replay.stdout
    assert max(map(len, replay.stdout.splitlines())) <= 80, replay.stdout
    await asyncio.to_thread(wait_for, lambda: agent.count("shot") == 1, "the shot")
    topic = "pur/v1/test/p1/twin/mold/CUP/prediction"
    (line,) = await asyncio.to_thread(mosquitto_sub, port, topic, 1)
    properties = await asyncio.to_thread(mosquitto_sub, port, topic, 1, form="%E %C")
    expires_s, content_type = properties[0].split()
    assert 86_000 < int(expires_s) <= 86_400
    assert content_type == "application/json"
    prediction = json.loads(line)
    assert prediction["shot_id"] == "BK1994-R11-L0155"
    assert not prediction["simulated"]
    measured_peak_C = 412.2228 - 273.15
    # within 4 K: the published parameters, nothing fitted
    assert abs(prediction["kpis"]["T_core_max_C"] - measured_peak_C) < 4.0
    wait_for(lambda: agent.rows("SELECT outcome FROM shot") == [("demolded",)], "the end")
    assert agent.rows("SELECT count(*) FROM prediction WHERE basis = 'final'") == [(1,)]
    assert agent.terminate() == 0


async def test_sigkill_in_the_middle_of_a_shot(agent: AgentProcess, port: int) -> None:
    """After SIGKILL and restart: the prediction once in the history, no acknowledged frame lost."""
    start = datetime.now(UTC) - timedelta(seconds=300)
    frames = 200
    async with press_client(port) as session:
        await send(session, poured("s1", start))
        for seq in range(frames):
            await send(session, frame(seq, start + timedelta(seconds=1 + seq / 2)))
            if seq in {40, 120}:  # the press goes on while the agent is dead
                agent.kill()
            if seq in {80, 160}:
                await asyncio.to_thread(agent.start)
        end = start + timedelta(seconds=150)
        done = ShotEvent(ts=end, shot_id="s1", mold_id=MOLD, event="demolded")
        await send(session, done)
    await asyncio.to_thread(wait_for, lambda: agent.count("telemetry") == frames, "all frames")
    wait_for(lambda: agent.rows("SELECT outcome FROM shot") == [("demolded",)], "the end")
    by_basis = dict(agent.rows("SELECT basis, count(*) FROM prediction GROUP BY basis"))
    assert by_basis["poured"] == 1
    assert by_basis["final"] == 1
    topic = f"pur/v1/test/p1/twin/mold/{MOLD}/prediction"
    (line,) = await asyncio.to_thread(mosquitto_sub, port, topic, 1)
    assert json.loads(line)["shot_id"] == "s1"


def hostile(rng: random.Random) -> bytes:
    """A payload that no press should send."""
    good = bytearray(encode(frame(rng.randrange(10**6), datetime.now(UTC))))
    match rng.randrange(6):
        case 0:
            return rng.randbytes(rng.randrange(1, 200))
        case 1:
            return bytes(good[: rng.randrange(1, len(good))])
        case 2:
            return b'{"v": 99, "ts": "2026-01-01T00:00:00Z"}'
        case 3:
            return b'{"v":1,"ts":NaN,"device_id":"d","seq":1,"sensors":{"T_C":20.0}}'
        case 4:
            return b"[" * rng.randrange(1, 5000)
        case _:
            if rng.random() < 0.02:
                return b"x" * (PAYLOAD_LIMIT + 1)
            return b"\0"


@pytest.mark.peers
async def test_ten_thousand_hostile_messages(agent: AgentProcess, port: int) -> None:
    """Each is a dead letter with its reason, every valid one between them is processed."""
    rng = random.Random(7)
    start = datetime.now(UTC) - timedelta(hours=1)
    bad = 0
    async with press_client(port) as session:
        for block in range(100):
            payloads = [hostile(rng) for _ in range(100)]
            bad += len(payloads)
            sends = [session.publish("pur/v1/test/p1/telemetry", payload) for payload in payloads]
            sends.append(send(session, frame(block, start + timedelta(seconds=block))))
            await asyncio.gather(*sends)
    wait_for(lambda: agent.count("dead_letter") == bad, "all dead letters", 2 * LIMIT_S)
    wait_for(lambda: agent.count("telemetry") == 100, "all valid frames")
    assert agent.process is not None
    assert agent.process.poll() is None
    reasons = {reason for (reason,) in agent.rows("SELECT DISTINCT reason FROM dead_letter")}
    assert {"not-json", "unknown-version", "not-finite", "too-large"} <= reasons
    assert agent.rows("SELECT count(*) FROM dead_letter WHERE detail = ''") == [(0,)]


async def test_birth_and_orderly_end(agent: AgentProcess, port: int) -> None:
    """The status says online; after SIGTERM it says offline and why."""
    topic = "pur/v1/test/p1/twin/status"
    (line,) = await asyncio.to_thread(mosquitto_sub, port, topic, 1)
    assert json.loads(line)["state"] == "online"
    assert await asyncio.to_thread(agent.terminate) == 0
    (line,) = await asyncio.to_thread(mosquitto_sub, port, topic, 1)
    assert (json.loads(line)["state"], json.loads(line)["reason"]) == ("offline", "shut down")


async def test_last_will(agent: AgentProcess, port: int) -> None:
    """An agent that dies is offline on the wire: the broker says so."""
    agent.kill()

    def offline() -> bool:
        (line,) = mosquitto_sub(port, "pur/v1/test/p1/twin/status", 1)
        return json.loads(line)["state"] == "offline"

    await asyncio.to_thread(wait_for, offline, "the last will")
