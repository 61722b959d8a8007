"""What waits in a session of an earlier client id is taken over, once, and the session ended."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from broker.local.loopback import free_port
from broker.local.mosquitto import MosquittoProcess
from broker.topics import PressAddress, TopicSpace
from edge_agent.cli import main
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.links.mqtt import connect
from edge_agent.presses.takeover import SESSION_SCOPE
from edge_agent.spool.spool import Spool
from tests.support.agents import running, settings_for
from tests.support.messages import arrives, frames, pours, records, send
from tests.support.processes import GROUP_SECRET, AgentProcess, read_file, wait_for
from tests.support.waiting import until

pytestmark = pytest.mark.needs("mosquitto")
P1 = PressAddress("s", "p1")
BEFORE = {None: "pur-twin-a-s-p1", "line-a": "pur-share/line-a/s/p1"}
"""Client ids of before they were secret, alone and in a group."""


def topics_of(group: str | None) -> list[str]:
    return TopicSpace().subscriptions(P1) if group is None else TopicSpace().shared(group, P1)


def agent_settings(
    folder: Path, plain: BrokerSettings, group: str | None, secret: str | None = None
) -> Settings:
    given = {"session_secret": secret or GROUP_SECRET} if group or secret else {}
    return settings_for(folder, BrokerSettings.model_validate(plain.model_dump() | given), group)


async def old_agent_ended(plain: BrokerSettings, group: str | None) -> None:
    """The session that an agent of before has left behind."""
    async with connect(plain, BEFORE[group], keep=True) as session:
        await session.subscribe(topics_of(group))


async def still_gets(plain: BrokerSettings, client_id: str) -> int:
    """How many messages wait in a session of this id, after two more were sent."""
    async with connect(plain, "press") as press:
        await send(press, "shot", [b"later", b"later"])
    async with connect(plain, client_id, keep=True) as session:
        await session.unsubscribe(["nothing"])
        return len(session.here(100))


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("group", [None, "line-a"])
async def test_an_upgrade_with_messages_waiting(
    tmp_path: Path, protocol: str, group: str | None
) -> None:
    """More than the broker sends at once: each once in the history, and the old session is gone."""
    async with MosquittoProcess() as broker:
        plain = BrokerSettings.model_validate({"port": broker.port, "protocol": protocol})
        await old_agent_ended(plain, group)
        settings = agent_settings(tmp_path, plain, group)
        async with connect(plain, "press") as press:
            await send(press, "telemetry", frames(0, 300))
            await send(press, "shot", pours(1, 20))
            await send(press, "quality", records(1, 5))
            with capture_logs() as logs:
                async with running(settings, plain):
                    await send(press, "telemetry", frames(300, 50))
                    await arrives(settings, telemetry=350, shot=20, quality=5)
                    await until(lambda: bool(taken_over(logs)))
        (count,) = taken_over(logs)
        assert 325 <= count <= 375, "some of the 50 may have come to both"
        assert await still_gets(plain, BEFORE[group]) == 0
        with capture_logs() as logs:
            async with running(settings, plain):  # and never again
                await arrives(settings, telemetry=350, shot=20, quality=5, dead_letter=2)
        assert taken_over(logs) == []


def taken_over(logs: list[Any]) -> list[int]:
    return [line["count"] for line in logs if line["event"] == "session_taken_over"]


@pytest.mark.parametrize("group", [None, "line-a"])
async def test_another_secret(tmp_path: Path, group: str | None) -> None:
    """The session of the secret before is known from the spool, also of a press never opened."""
    async with MosquittoProcess() as broker:
        plain = BrokerSettings(port=broker.port)
        first, second = (agent_settings(tmp_path, plain, group, mark * 32) for mark in "12")
        async with running(first, plain):
            pass
        async with connect(plain, "press") as press:
            await send(press, "telemetry", frames(0, 30))
        async with running(second, plain):
            await arrives(second, telemetry=30)


async def test_a_press_that_joins_a_group(tmp_path: Path) -> None:
    """Its session as the press of one agent is taken over, too."""
    async with MosquittoProcess() as broker:
        plain = BrokerSettings(port=broker.port)
        async with running(agent_settings(tmp_path, plain, None, "1" * 32), plain):
            pass
        async with connect(plain, "press") as press:
            await send(press, "telemetry", frames(0, 30))
        settings = agent_settings(tmp_path, plain, "line-a")
        async with running(settings, plain):
            await arrives(settings, telemetry=30)


@pytest.mark.timeout(300)
async def test_killed_while_it_takes_over(tmp_path: Path) -> None:
    """Whatever was done, it is done again, and nothing is lost or doubled."""
    async with MosquittoProcess(directory=tmp_path / "mosquitto", persistence=True) as broker:
        plain = BrokerSettings(port=broker.port)
        await old_agent_ended(plain, None)
        async with connect(plain, "press") as press:
            await send(press, "telemetry", frames(0, 2000))
        more = {"site": "s", "agent_id": "a"}
        agent = AgentProcess(tmp_path, broker.port, more=more)
        settings = settings_for(tmp_path, plain)
        await asyncio.to_thread(agent.start)

        def begun() -> bool:
            entered = "SELECT count(*) FROM forward"
            return any(number for (number,) in read_file(agent.spool, entered))

        await asyncio.to_thread(wait_for, begun, "the first messages")
        agent.kill()
        await asyncio.to_thread(agent.start)
        try:
            await arrives(settings, telemetry=2000)
        finally:
            agent.terminate()
        assert agent.logged("session_taken_over") == 1


async def test_an_old_session_that_cannot_be_had_now(tmp_path: Path) -> None:
    """Live messages do not wait for it; it is tried until the broker lets it be taken."""
    config, data, port = tmp_path / "mosquitto.conf", tmp_path / "data", free_port()
    data.mkdir()
    rules = (
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n"
        f"persistence true\npersistence_location {data}/\nlog_type all\n"
    )
    config.write_text(rules)
    async with MosquittoProcess(port, directory=tmp_path / "run", config=config) as broker:
        plain = BrokerSettings(port=port)
        await old_agent_ended(plain, None)
        async with connect(plain, "pur-twin-a-p-press") as press:
            await send(press, "telemetry", frames(0, 20))
        await broker.terminate()
        config.write_text(rules + "clientid_prefixes pur-twin-a-p\n")  # the old id is refused
        await broker.start()
        settings = settings_for(tmp_path, plain)
        with capture_logs() as logs:
            async with running(settings):
                async with connect(plain, "pur-twin-a-p-press") as press:
                    await until(lambda: "link_connected" in {line["event"] for line in logs})
                    await until(
                        lambda: "session_not_taken_over" in {line["event"] for line in logs}
                    )
                    await send(press, "telemetry", frames(20, 20))
                    await arrives(settings, telemetry=20)
                await broker.terminate()
                config.write_text(rules)
                await broker.start()
                await arrives(settings, telemetry=40)


async def test_the_spool_knows_todays_session_only_and_shows_it_to_nobody(tmp_path: Path) -> None:
    async with MosquittoProcess() as broker:
        plain = BrokerSettings(port=broker.port)
        settings = agent_settings(tmp_path, plain, None, "1" * 32)
        with capture_logs() as logs:
            async with running(settings, plain):
                await until(lambda: taken_over(logs) == [0])
    with closing(Spool(settings.spool.path)) as spool:
        ((press, entry),) = spool.state(SESSION_SCOPE).items()
    assert press == "s/p1"
    (session,) = entry["sessions"]
    assert session["client_id"].startswith("pur-twin-a-p1-")
    shown = CliRunner().invoke(main, ["spool", "export", str(settings.spool.path), "state"])
    assert shown.exit_code == 0
    assert "pur-twin" not in shown.output
