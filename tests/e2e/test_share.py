"""Two agents share six presses at a real Mosquitto and write into one history."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker.codec import encode
from broker.messages import Recipe, ShotEvent, TelemetryFrame
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from edge_agent.presses.ownership import owner
from tests.support.processes import AgentProcess, mosquitto_sub, wait_for

pytestmark = [pytest.mark.needs("mosquitto", "mosquitto_sub"), pytest.mark.timeout(300)]
MOLD = "PANEL_500x500x50"
PRESSES = tuple(f"p{i}" for i in range(1, 7))
AGENTS = ("a", "b")
LEAVE_MAX_S = 15.0


@pytest.fixture
def agents(tmp_path: Path, port: int) -> Iterator[dict[str, AgentProcess]]:
    both = {}
    for name in AGENTS:
        (tmp_path / name).mkdir()
        both[name] = AgentProcess(
            tmp_path / name,
            port,
            PRESSES,
            more={
                "agent_id": name,
                "history": {"path": str(tmp_path / "history.db")},
                "share": {"group": "line", "leave_max_s": LEAVE_MAX_S},
                "shots": {"live_interval_s": 1.0},
            },
        )
    yield both
    for agent in both.values():
        if agent.process is not None and agent.process.poll() is None:
            agent.kill()


class Plant:
    """Six presses that make shots; what they sent is remembered."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._seq = dict.fromkeys(PRESSES, 0)
        self.shots: list[str] = []

    async def event(self, press: str, shot_id: str, step: str) -> None:
        """A step of a shot."""
        poured = step == "poured"
        event = ShotEvent(
            ts=datetime.now(UTC),
            shot_id=shot_id,
            mold_id=MOLD,
            event=step,  # type: ignore[arg-type]
            system_id="SYSTEM_R1" if poured else None,
            recipe=Recipe(m_polyol_kg=0.5, m_iso_kg=0.53, T_polyol_C=23.0, T_iso_C=23.0)
            if poured
            else None,
        )
        await self._session.publish(f"pur/v1/test/{press}/shot", encode(event))

    async def begin(self, presses: tuple[str, ...], number: int) -> None:
        """A shot begins on each of these presses, and is poured."""
        for press in presses:
            self.shots.append(f"{press}-{number}")
            await self.event(press, f"{press}-{number}", "started")
            await self.frames((press,), 1)
            await self.event(press, f"{press}-{number}", "poured")

    async def frames(self, presses: tuple[str, ...], count: int) -> None:
        """Readings of these presses, ten a second."""
        for _ in range(count):
            await asyncio.gather(*(self._frame(press) for press in presses))
            await asyncio.sleep(0.1 / len(presses))

    async def end(self, presses: tuple[str, ...], number: int) -> None:
        """The shots are demolded."""
        for press in presses:
            await self.event(press, f"{press}-{number}", "demolded")

    async def _frame(self, press: str) -> None:
        seq = self._seq[press] = self._seq[press] + 1
        at = datetime.now(UTC)
        readings = {"T_core_C": 40.0 + seq / 10, "T_mold_C": 40.0}
        frame = TelemetryFrame(ts=at, device_id="d", seq=seq, mold_id=MOLD, sensors=readings)
        await self._session.publish(f"pur/v1/test/{press}/telemetry", encode(frame))

    @property
    def sent(self) -> int:
        """How many frames."""
        return sum(self._seq.values())


def held(port: int) -> dict[str, set[str]]:
    """What the agents of the group say that they hold."""
    lines = mosquitto_sub(port, "pur/v1/test/line/twin/agent/+", len(AGENTS), 1)
    said = [json.loads(line) for line in lines]
    return {s["agent_id"]: set(s["presses"]) for s in said if s["state"] != "offline"}


def due(*agents: str) -> dict[str, set[str]]:
    """What these agents should hold."""
    return {a: {p for p in PRESSES if owner(p, agents) == a} for a in agents}


def followers(agents: dict[str, AgentProcess]) -> dict[str, set[str]]:
    """Which agents made predictions, by shot; by what they have logged."""
    found: dict[str, set[str]] = {}
    for name, agent in agents.items():
        for line in agent.log.read_text().splitlines():
            if '"shot_predicted"' in line:
                found.setdefault(json.loads(line)["shot_id"], set()).add(name)
    return found


async def shared(port: int, *agents: str) -> None:
    """Wait until these agents hold what they should, and listen to it."""

    def settled() -> bool:
        lines = mosquitto_sub(port, "pur/v1/test/+/twin/status", len(PRESSES), 1)
        births = [json.loads(line) for line in lines]
        heard: dict[str, set[str]] = {agent: set() for agent in agents}
        for birth in births:
            if birth["state"] == "online":
                heard.setdefault(birth["agent_id"], set()).add(birth["press"])
        return heard == held(port) == due(*agents)

    await asyncio.to_thread(wait_for, settled, f"shares of {agents}")


def check(agents: dict[str, AgentProcess], plant: Plant) -> None:
    """Every frame once, every shot demolded, with one first and one final prediction."""
    history = agents["a"]
    wait_for(lambda: history.count("telemetry") == plant.sent, f"{plant.sent} frames")
    finals = "SELECT shot_id FROM prediction WHERE basis = 'final' ORDER BY shot_id"
    wait_for(lambda: len(history.rows(finals)) >= len(plant.shots), "all final predictions")
    assert [shot for (shot,) in history.rows(finals)] == sorted(plant.shots)
    first = history.rows("SELECT shot_id FROM prediction WHERE basis = 'poured' ORDER BY shot_id")
    assert [shot for (shot,) in first] == sorted(plant.shots)
    assert history.rows("SELECT DISTINCT outcome FROM shot") == [("demolded",)]
    assert history.count("shot") == len(plant.shots)
    assert history.count("dead_letter") == 0
    assert history.rows("SELECT count(*) FROM telemetry WHERE shot_id IS NULL") == [(0,)]


@pytest.mark.peers
async def test_two_agents_share_six_presses(agents: dict[str, AgentProcess], port: int) -> None:
    """Split, stopped in order, back, killed, back: nothing lost, nothing doubled."""
    a, b = agents["a"], agents["b"]
    await asyncio.gather(asyncio.to_thread(a.start), asyncio.to_thread(b.start))
    await shared(port, "a", "b")
    mine, his = (tuple(sorted(presses)) for presses in due("a", "b").values())
    assert mine
    assert his
    async with connect(BrokerSettings(port=port), "plant") as session:
        plant = Plant(session)
        await plant.begin(PRESSES, 1)
        await plant.frames(PRESSES, 20)
        await plant.end(PRESSES, 1)
        await asyncio.to_thread(check, agents, plant)
        by = followers(agents)
        assert {shot for shot, who in by.items() if who == {"b"}} == {f"{p}-1" for p in his}
        assert {shot for shot, who in by.items() if who == {"a"}} == {f"{p}-1" for p in mine}

        # b is told to stop: a press goes over when its shot has ended, not before
        await plant.begin(PRESSES, 2)
        await plant.frames(PRESSES, 5)
        stopping = asyncio.create_task(asyncio.to_thread(b.terminate))
        await plant.frames(PRESSES, 10)
        assert (await asyncio.to_thread(held, port))["b"] == set(his)
        await plant.end(his[:1], 2)
        others = due("a", "b")["b"] - set(his[:1])
        await asyncio.to_thread(wait_for, lambda: held(port)["b"] == others, "one press to go")
        await plant.end(mine + his[1:], 2)
        assert await stopping == 0
        await shared(port, "a")
        await asyncio.to_thread(check, agents, plant)
        assert all(len(who) == 1 for who in followers(agents).values())

        # back: it gets its presses between shots
        await plant.begin(PRESSES, 3)
        await asyncio.to_thread(b.start)
        await plant.frames(PRESSES, 5)
        assert (await asyncio.to_thread(held, port))["a"] == set(PRESSES)
        await plant.end(PRESSES, 3)
        await shared(port, "a", "b")

        # killed in the middle of shots: a goes on with them at once
        await plant.begin(PRESSES, 4)
        await plant.frames(PRESSES, 5)
        fourth = {f"{press}-4" for press in PRESSES}
        await asyncio.to_thread(wait_for, lambda: fourth <= followers(agents).keys(), "predictions")
        b.kill()
        await plant.frames(PRESSES, 10)
        await shared(port, "a")
        await plant.end(his, 4)
        await plant.frames(mine, 5)
        await asyncio.to_thread(wait_for, lambda: ended(a, his, 4), "shots of the dead agent")

        # and back again while shots are open: they stay where they are
        await plant.begin(his, 5)
        await asyncio.to_thread(b.start)
        await plant.frames(PRESSES, 10)
        await plant.end(mine, 4)
        await plant.end(his, 5)
        await shared(port, "a", "b")
        await asyncio.to_thread(check, agents, plant)
    topic = f"pur/v1/test/+/twin/mold/{MOLD}/prediction"
    lines = await asyncio.to_thread(mosquitto_sub, port, topic, len(PRESSES))
    last = {(p["shot_id"], p["basis"]) for p in map(json.loads, lines)}
    newest = {f"{press}-4" for press in mine} | {f"{press}-5" for press in his}
    assert last == {(shot, "final") for shot in newest}, "something old was retained again"
    by = followers(agents)
    for shot in plant.shots:
        moved = shot in {f"{press}-4" for press in his}
        assert len(by[shot]) == (2 if moved else 1), shot


def ended(agent: AgentProcess, presses: tuple[str, ...], number: int) -> bool:
    """Have these shots ended, and by an agent that is there?"""
    done = {s for (s,) in agent.rows("SELECT shot_id FROM shot WHERE outcome = 'demolded'")}
    return {f"{press}-{number}" for press in presses} <= done
