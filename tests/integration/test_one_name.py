"""Two agents of one site and agent_id: the later one ends with a clear error, the other goes on."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from broker.local.mosquitto import MosquittoProcess
from broker.setup.inventory import AgentPlan
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.errors import NameTaken
from edge_agent.links.mqtt import Session, connect
from edge_agent.presses import presence
from edge_agent.presses.session_ids import session_ids
from tests.support.agents import running, settings_for
from tests.support.link_proxy import LinkProxy
from tests.support.messages import arrives, frames, pours, send
from tests.support.processes import AgentProcess
from tests.support.ruled_broker import ruled_broker
from tests.support.waiting import LIMIT_S, until

pytestmark = pytest.mark.needs("mosquitto")
ALERTS = "pur/v1/s/p1/twin/alert"
OF_TWO = {"two-agents-of-one-name", "agent-gave-way"}
CASES = {"own secrets": (None, (None, None)), "a copy": (None, ("c" * 32,) * 2)}
CASES["in a group"] = ("line-a", ("g" * 32,) * 2)


def two(folder: Path, broker: BrokerSettings, case: str, port: int | None = None) -> list[Settings]:
    """Two machines, one history; ``port`` is where the first one reaches the broker, if given."""
    group, secrets = CASES[case]
    found = []
    for name, secret, at in zip(("one", "two"), secrets, (port, None), strict=True):
        (folder / name).mkdir()
        given: dict[str, Any] = {"session_secret": secret, "port": at or broker.port}
        link = BrokerSettings.model_validate(broker.model_dump() | given)
        history = {"path": folder / "history.db"}
        found.append(settings_for(folder / name, link, group, history=history))
    return found


async def alerts(session: Session, plain: BrokerSettings) -> set[str]:
    """Codes of the alerts: those of two agents, and whatever else comes before a last message."""
    codes = set[str]()

    async def until_there(wanted: set[str]) -> None:
        while not wanted <= codes:
            codes.update(json.loads(m.payload)["code"] for m in await session.next_batch(10))

    async with asyncio.timeout(LIMIT_S), connect(plain, "last") as last:
        await until_there(OF_TWO)
        await last.publish(ALERTS, b'{"code": "last"}')
        await until_there({"last"})
    return codes - {"last"}


@pytest.mark.parametrize("case", CASES)
async def test_the_later_one_takes_nothing_and_ends(tmp_path: Path, case: str) -> None:
    async with MosquittoProcess() as broker:
        plain = BrokerSettings(port=broker.port)
        one, late = two(tmp_path, plain, case)
        async with connect(plain, "watch") as watch, connect(plain, "press") as press:
            await watch.subscribe([ALERTS])
            async with running(one, plain):
                await send(press, "telemetry", frames(0, 50))
                with capture_logs() as logs, pytest.raises(NameTaken) as taken:
                    async with running(late) as (_, task):
                        await asyncio.wait_for(task, 60)
                await send(press, "shot", pours(1, 5))
                await send(press, "telemetry", frames(50, 50))
                await arrives(one, telemetry=100, shot=5)
                assert "agent_id: another agent 'a' is online since 20" in str(taken.value)
                assert ("group line-a" if case == "in a group" else "press p1") in str(taken.value)
                assert "link_connected" not in {line["event"] for line in logs}
                assert await alerts(watch, plain) == OF_TWO
                assert b'"online"' in await retained(plain, "pur/v1/s/p1/twin/status")


async def retained(plain: BrokerSettings, topic: str) -> bytes:
    async with connect(plain, "look") as session, asyncio.timeout(LIMIT_S):
        await session.subscribe([topic])
        (message, *_) = await session.next_batch(1)
        return message.payload


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=[pytest.mark.peers] * (c != "own secrets")) for c in CASES]
)
@pytest.mark.timeout(300)
async def test_both_are_at_work_before_they_hear_of_each_other(tmp_path: Path, case: str) -> None:
    """The first one was cut off when the second came: it is back, and the second ends."""
    async with MosquittoProcess() as broker:
        plain = BrokerSettings(port=broker.port)
        async with LinkProxy(broker.port) as proxy:
            one, late = two(tmp_path, plain, case, proxy.port)
            async with connect(plain, "press") as press, running(one, plain):
                await send(press, "telemetry", frames(0, 50))
                await arrives(one, telemetry=50)
                proxy.break_link("cut")
                sent = 100
                with suppress(NameTaken):
                    async with running(late, plain) as (_, task):
                        await send(press, "telemetry", frames(50, 50))
                        await arrives(late, telemetry=100)
                        proxy.heal()
                        while not task.done():
                            await send(press, "telemetry", frames(sent, 10))
                            sent += 10
                            await asyncio.sleep(0.02)  # the rate
                assert isinstance(task.exception(), NameTaken)
                await send(press, "telemetry", frames(sent, 50))
                await arrives(one, telemetry=sent + 50)
            if case == "own secrets":  # the session of the one that ended is no more
                client_id = session_ids(late).press(late.addresses()[0])
                await send_to_nobody(plain)
                async with connect(plain, client_id, keep=True) as session:
                    await session.unsubscribe(["nothing"])
                    assert session.here(10) == []


async def send_to_nobody(plain: BrokerSettings) -> None:
    async with connect(plain, "press") as press:
        await send(press, "telemetry", frames(100_000, 2))


async def test_after_a_kill_it_does_not_give_way_to_itself(tmp_path: Path) -> None:
    """Its last will, delayed, and a retained status of its life before count for nothing."""
    async with MosquittoProcess() as broker:
        plain = BrokerSettings(port=broker.port)
        settings = settings_for(tmp_path, plain)
        topic = "pur/v1/s/p1/twin/status"
        async with connect(plain, "scada") as watch:
            await watch.subscribe([topic])
            async with running(settings, plain):
                pass
            online = None
            async with asyncio.timeout(LIMIT_S):
                while online is None:
                    for message in await watch.next_batch(100):
                        if b'"online"' in message.payload:
                            online = message.payload
            async with connect(plain, "broker") as old:
                await old.publish(topic, online, retain=True)  # a will never came
                async with running(settings, plain) as (_, task):
                    for _ in range(3):  # and an old word comes live
                        await old.publish(topic, online, retain=True)
                        will = online.replace(b'"online"', b'"offline"')
                        await old.publish(topic, will, retain=True)
                    async with asyncio.timeout(LIMIT_S):  # what is retained of it is repaired
                        while b"offline" in (await retained(plain, topic)):
                            await watch.next_batch(10)
                    assert not task.done()


async def test_without_the_right_to_read_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An access list of before: it works as always, and says once that it cannot see others."""
    monkeypatch.setattr(presence, "ECHO_S", 0.5)
    async with ruled_broker(tmp_path, AgentPlan(agent_id="a", site="s", presses=("p1",))) as broker:
        rules = broker.path / "access.acl"
        text = rules.read_text()
        right = "topic read pur/v1/s/p1/twin/status\n"
        assert right in text
        rules.write_text(text.replace(right, ""))
        broker.process.reload()
        await until(lambda: "Reloading config" in broker.log())
        settings = settings_for(tmp_path, broker.settings("agent-a"))
        with capture_logs() as logs:
            async with (
                running(settings, broker.settings("scada")),
                connect(broker.settings("press-s-p1"), "press") as press,
            ):
                await send(press, "telemetry", frames(0, 5))
                await arrives(settings, telemetry=5)
        assert [line["event"] for line in logs].count("own_status_not_heard") == 1


@pytest.mark.timeout(300)
async def test_the_process_ends_with_code_2_and_says_why(tmp_path: Path) -> None:
    async with MosquittoProcess() as broker:
        plain = BrokerSettings(port=broker.port)
        more = {"site": "s", "agent_id": "a"}
        async with running(settings_for(tmp_path, plain), plain):
            (tmp_path / "two").mkdir()
            second = AgentProcess(tmp_path / "two", broker.port, more=more)
            await asyncio.to_thread(second.start, wait=False)
            assert second.process is not None
            assert await asyncio.to_thread(second.process.wait, 60) == 2
        said = second.log.read_text()
        last = json.loads(said.splitlines()[-1])
        assert last["event"] == "agent_failed"
        assert last["error"].startswith("agent_id: another agent 'a' is online since")
        assert last["hint"].startswith("stop one of them")
        assert "Traceback" not in said
