"""``pur-mold-twin doctor`` on real brokers, databases and disks, beside a running agent."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner

from broker.local.loopback import free_port
from broker.local.mosquitto import MosquittoProcess
from edge_agent.cli import main
from edge_agent.config.settings import BrokerSettings
from edge_agent.doctor.checkup import Check, Finding, run_checks
from edge_agent.doctor.history_and_clock import _offset
from edge_agent.history.facts import database_facts
from edge_agent.history.migrations import HEAD
from edge_agent.links.mqtt import Session, connect
from edge_agent.links.publish_packet import Incoming
from tests.support.password_broker import password_broker
from tests.support.processes import AgentProcess
from tests.support.ruled_broker import ruled_broker
from tests.support.timescale import TimescaleServer, new_database

pytestmark = [
    pytest.mark.xdist_group("db"),
    # sockets of refused clients, which paho leaves open; collected with the test that made them
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

END = "pur/v1/test/p1/twin/end"
STATUS = "pur/v1/test/p1/twin/status"
ALERTS = "pur/v1/test/p1/twin/alerts"


def configured(folder: Path, broker: BrokerSettings, **more: Any) -> Path:
    """The configuration of agent ``a`` of press p1 of site ``s``."""
    given = broker.model_dump(mode="json", exclude_unset=True)
    given.pop("password", None)
    content = {
        "site": "s",
        "agent_id": "a",
        "presses": ["p1"],
        "broker": given,
        "spool": {"path": str(folder / "spool.db"), "limit_mb": 1},
        "history": {"path": str(folder / "history.db")},
        "learning": {"models": str(folder / "models")},
    }
    path = folder / "agent.yaml"
    path.write_text(json.dumps(content | more))
    return path


async def doctor(config: Path, exit_code: int = 0) -> dict[str, list[dict[str, str]]]:
    """Findings by subject."""
    arguments = ["doctor", "-c", str(config), "--output", "json"]
    result = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert result.exit_code == exit_code, result.output
    said = json.loads(result.stdout)
    assert said["ok"] == (exit_code == 0)
    found: dict[str, list[dict[str, str]]] = {}
    for finding in said["findings"]:
        found.setdefault(finding["subject"], []).append(finding)
        assert finding["status"] != "problem" or finding["way_out"], finding
    return found


async def until_end(session: Session) -> list[tuple[str, bytes]]:
    """All that arrives before a message of our own."""
    await session.publish(END, b"{}")
    found: list[tuple[str, bytes]] = []
    while (END, b"{}") not in found:
        found += [(m.topic, m.payload) for m in await session.next_batch(99)]
    return found[:-1]


async def test_all_is_well_beside_a_running_agent(tmp_path: Path) -> None:
    health = {"enabled": True, "port": free_port()}
    async with MosquittoProcess() as broker:
        agent = AgentProcess(tmp_path, broker.port, more={"health": health})
        agent.start()
        try:
            async with connect(BrokerSettings(port=broker.port), "scada") as scada:
                await scada.subscribe(["pur/v1/test/p1/#"])
                heard: list[Incoming] = []
                while not {STATUS, ALERTS} <= {message.topic for message in heard}:
                    heard += await scada.next_batch(99)
                await until_end(scada)
                found = await doctor(agent.config)
                assert await until_end(scada) == [("pur/v1/test/p1/twin/doctor", b"")]
            async with connect(BrokerSettings(port=broker.port), "later") as later:
                await later.subscribe(["pur/v1/test/p1/#"])
                retained = [topic for topic, _ in await until_end(later)]
            assert sorted(retained) == [ALERTS, STATUS]
        finally:
            assert agent.terminate() == 0
    assert "agent t1, process" in found["spool"][0]["words"]
    assert "sound; " in found["spool"][0]["words"]
    assert "and is healthy" in found["pages"][0]["words"]
    assert "MQTT 5" in found["broker"][0]["words"]
    assert [found[f"{verb} p1"][0]["status"] for verb in ("read", "write")] == ["ok", "ok"]
    for event in ("press_lost", "name_claimed", "name_taken", "link_lost"):
        assert agent.logged(event) == 0
    after = await doctor(agent.config, exit_code=1)  # the broker has gone
    assert "start the broker there" in after["broker"][0]["way_out"]
    assert "no agent has it" in after["spool"][0]["words"]


async def test_with_the_certificate_of_the_agent(tmp_path: Path) -> None:
    async with ruled_broker(tmp_path) as broker:
        found = await doctor(configured(tmp_path, broker.settings("agent-a")))
        assert "MQTT 5, TLS" in found["broker"][0]["words"]
        assert found["write p1"][0]["status"] == "ok"
        other = await doctor(configured(tmp_path, broker.settings("scada")), exit_code=1)
        assert "not allowed: pur/v1/s/p1/twin/kpi" in other["write p1"][0]["words"]
        assert "pur/v1/s/p1/twin/status" not in other["write p1"][0]["words"]
        assert "access rules" in other["write p1"][0]["way_out"]


async def test_access_rules_that_name_single_topics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = "pur/v1/s/p1/twin"
    rules = [f"topic write {twin}/{name}" for name in ("kpi", "alert", "alerts", "dead-letter")]
    rules += [f"topic write {twin}/mold/+/{name}" for name in ("prediction", "advice")]
    rules.append("topic read pur/v1/s/p1/#")
    async with password_broker(tmp_path / "b", *rules) as broker:
        config = configured(tmp_path, broker)
        monkeypatch.setenv("TWIN_BROKER__PASSWORD", "right-password")
        found = await doctor(config)
        assert found["write p1"][0]["status"] == "warning"
        assert "single topics are allowed" in found["write p1"][0]["words"]
        monkeypatch.setenv("TWIN_BROKER__PROTOCOL", "3.1.1")
        old = await doctor(config)
        assert [old[name][0]["status"] for name in ("broker", "write p1")] == ["warning"] * 2
        monkeypatch.setenv("TWIN_BROKER__PASSWORD", "wrong")
        wrong = await doctor(config, exit_code=1)
        assert "broker.username and its password" in wrong["broker"][0]["way_out"]
        assert "write p1" not in wrong


@pytest.mark.needs("postgres")
async def test_the_database(server: TimescaleServer, tmp_path: Path) -> None:
    nobody = BrokerSettings(port=free_port())

    async def history(url: str) -> dict[str, list[dict[str, str]]]:
        return await doctor(configured(tmp_path, nobody, history={"url": url}), exit_code=1)

    url = await new_database(server.url)
    found = await history(url)
    assert "is installed, this database has it not yet" in found["history"][0]["words"]
    assert "none yet: the agent makes those" in found["tables"][0]["words"]
    assert "the clock of this machine" in found["clock offset"][0]["words"]
    secret = url.partition("@")[0].rpartition(":")[2]
    assert secret not in json.dumps(found)
    runner = CliRunner()
    done = await asyncio.to_thread(runner.invoke, main, ["history", "--history", url, "upgrade"])
    assert done.exit_code == 0, done.output
    found = await history(url)
    assert f"version {HEAD}, writable" in found["tables"][0]["words"]
    assert "with TimescaleDB" in found["history"][0]["words"]
    assert "(licence " in found["history"][0]["words"]

    admin = await asyncpg.connect(url)
    name = url.rpartition("/")[2]
    await admin.execute(f"CREATE ROLE {name}_r LOGIN PASSWORD 'poor'")
    await admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}_r")
    poor = f"postgresql://{name}_r:poor@{url.rpartition('@')[2]}"
    found = await history(poor)
    assert "may not read and write telemetry, shot" in found["tables"][0]["words"]
    await admin.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "install the version" in (await history(url))["tables"][0]["way_out"]
    await admin.close()

    plain = await history(await new_database(server.url, plain=True))
    assert "with TimescaleDB" not in plain["history"][0]["words"]
    missing = await history(server.url.rpartition("/")[0] + "/not_there")
    assert "make this database" in missing["history"][0]["way_out"]
    facts = await database_facts(url)
    assert abs(facts.clock_offset) <= facts.round_trip + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("offset_s", "status"), [(0.5, "ok"), (-1.9, "ok"), (10, "warning"), (-3600, "problem")]
)
def test_clocks_that_differ(offset_s: float, status: str) -> None:
    assert _offset("postgresql://db.plant/twin", offset_s, 0.01).status == status


async def test_disk_spool_and_port_that_cannot_be_used(tmp_path: Path) -> None:
    nobody = BrokerSettings(port=free_port())
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no spool, but long enough " * 100)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        pages = {"enabled": True, "port": taken.getsockname()[1]}
        more = {"spool": {"path": str(damaged)}, "health": pages}
        answering = threading.Thread(target=hang_up_once, args=(taken,))
        answering.start()
        found = await doctor(configured(tmp_path, nobody, **more), exit_code=1)
        answering.join()
    assert found["pages"][0]["status"] == "problem"
    assert "choose another health.port" in found["pages"][0]["way_out"]
    assert "saves what is readable" in found["spool"][0]["way_out"]
    assert damaged.read_bytes().startswith(b"no spool")
    place = Path("/proc/nowhere/spool.db")
    if os.geteuid():
        (tmp_path / "closed").mkdir(mode=0o500)
        place = tmp_path / "closed" / "spool.db"
    found = await doctor(configured(tmp_path, nobody, spool={"path": str(place)}), exit_code=1)
    assert found["disk sync"][0]["status"] == "problem"
    assert not list(tmp_path.glob(".pur-mold-twin-doctor-*"))


def hang_up_once(server: socket.socket) -> None:
    """Another program than an agent."""
    connection, _ = server.accept()
    connection.close()


async def test_a_wrong_configuration_and_what_the_table_looks_like(tmp_path: Path) -> None:
    config = configured(tmp_path, BrokerSettings(port=free_port()), log={"level": "loud"})
    found = await doctor(config, exit_code=1)
    assert found.keys() == {"configuration"}
    assert "log.level" in found["configuration"][0]["words"]
    config = configured(tmp_path, BrokerSettings(port=free_port()))
    result = await asyncio.to_thread(CliRunner().invoke, main, ["doctor", "-c", str(config)])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80 + len(str(tmp_path))  # a path has no place to break
    assert any(line.startswith("problem  broker") for line in lines)
    assert lines[-1].startswith("problems: 1, warnings: ")


def test_a_check_that_hangs_or_fails_stops_no_other() -> None:
    never = threading.Event()

    def hang() -> list[Finding]:
        never.wait()
        return []

    def fault() -> list[Finding]:
        raise ValueError("odd")

    checks = [
        Check("slow", hang, 0.05, "look there"),
        Check("odd", fault, 30.0, ""),
        Check("good", lambda: [Finding("good", "ok", "fine")], 30.0, ""),
    ]
    found = list(run_checks(checks))
    never.set()
    assert [(f.subject, f.status) for f in found] == [
        ("slow", "problem"),
        ("odd", "problem"),
        ("good", "ok"),
    ]
    assert found[0].way_out == "look there"


async def test_an_agent_of_a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_BROKER__SESSION_SECRET", "the-secret-of-the-group-in-tests")
    async with MosquittoProcess() as broker:
        config = configured(tmp_path, BrokerSettings(port=broker.port), share={"group": "line"})
        found = await doctor(config)
    assert found["group"][0]["words"] == "line: the other agents and shared subscriptions"
    assert found["read p1"][0]["words"].startswith("13 subscriptions are granted")
