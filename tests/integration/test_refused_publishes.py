"""A publish that the broker refuses: for good a dead letter, for now tried again; nothing stops."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.codec import decode, encode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Alert, DeadLetter, ShotKpis
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.errors import PublishDeferred, PublishRefused
from edge_agent.links.mqtt import connect
from tests.chaos.inside import TOPIC, event
from tests.support.agents import running, settings_for
from tests.support.password_broker import password_broker
from tests.support.played_broker import PUBACK, PUBLISH, PlayedBroker, packet, publish
from tests.support.processes import read_file
from tests.support.waiting import LIMIT_S, until

START = datetime.now(UTC) - timedelta(minutes=10)
KPI, LETTER, ALERT = f"{TOPIC}/twin/kpi", f"{TOPIC}/twin/dead-letter", f"{TOPIC}/twin/alert"


def settings_at(folder: Path, broker: BrokerSettings) -> Settings:
    return settings_for(folder, broker)


def letters(settings: Settings) -> list[dict[str, Any]]:
    """Dead letters of the history."""
    try:
        with closing(sqlite3.connect(f"file:{settings.history.path}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute("SELECT * FROM dead_letter")]
    except sqlite3.OperationalError:
        return []


def shot(shot_id: str, after_min: float = 0.0) -> list[bytes]:
    """A whole shot in a mold that is not known: it is answered at once, with a hold."""
    start = START + timedelta(minutes=after_min)
    pour = event("poured", start, shot_id, "UNKNOWN")
    return [
        encode(pour),
        encode(event("demolded", start + timedelta(minutes=4), shot_id, "UNKNOWN")),
    ]


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize("silent", [False, True], ids=["kpis", "kpis, letters and alerts"])
async def test_what_the_access_rules_forbid_becomes_a_dead_letter(
    tmp_path: Path, silent: bool
) -> None:
    """Two shots: the second is published as far as it may be, in the same session."""
    denied = [KPI, *([LETTER, ALERT] if silent else [])]
    rules = ["topic readwrite #", *(f"topic deny {topic}" for topic in denied)]
    async with password_broker(tmp_path / "b", *rules) as broker:
        settings = settings_at(tmp_path, broker)
        async with (
            running(settings) as (agent, _),
            connect(broker, "press") as press,
            connect(broker, "scada") as scada,
        ):
            await scada.subscribe([LETTER, ALERT, f"{TOPIC}/twin/mold/+/prediction"])
            await until(lambda: agent._vitals.sessions.get("p1", False), "the session")
            for message in (*shot("one"), *shot("two", 5.0)):
                await press.publish(f"{TOPIC}/shot", message)
            count = 4 if silent else 2  # and of the alerts about key figures and dead letters
            await until(lambda: len(letters(settings)) == count, "dead letters in the history")
            await until(lambda: agent._pipeline.publisher.quiet(settings.addresses()[0]), "quiet")
            heard = set[str]()
            async with asyncio.timeout(LIMIT_S):
                while sum(topic.endswith("final") for topic in heard) < 2:
                    for m in await scada.next_batch(50):
                        body = json.loads(m.payload)
                        heard.add(f"{body.get('shot_id')}/{body.get('basis')}")
            metrics = agent._metrics.registry.get_sample_value
            assert metrics("pur_reconnects_total", {"press": "p1"}) == 0
            refused = metrics("pur_dead_letters_total", {"reason": "refused-by-broker"})
            assert refused is not None
            assert refused >= count
        rows = letters(settings)
        assert {row["reason"] for row in rows} == {"refused-by-broker"}
        assert [row["topic"] for row in rows].count(KPI) == 2
        assert all("Not authorized" in row["detail"] for row in rows)
        waiting = read_file(settings.spool.path, "SELECT key FROM publish")
        assert waiting == [], "nothing is tried for ever"


@pytest.mark.needs("mosquitto")
async def test_people_are_told_once_and_the_payload_is_kept(tmp_path: Path) -> None:
    rules = ("topic readwrite #", f"topic deny {KPI}")
    async with password_broker(tmp_path / "b", *rules) as broker:
        settings = settings_at(tmp_path, broker)
        async with (
            running(settings) as (agent, _),
            connect(broker, "press") as press,
            connect(broker, "scada") as scada,
        ):
            await scada.subscribe([LETTER, ALERT])
            await until(lambda: agent._vitals.sessions.get("p1", False), "the session")
            for message in (*shot("one"), *shot("two", 5.0)):
                await press.publish(f"{TOPIC}/shot", message)
            heard: dict[str, list[bytes]] = {LETTER: [], ALERT: []}
            async with asyncio.timeout(LIMIT_S):
                while len(heard[LETTER]) < 2:
                    for m in await scada.next_batch(50):
                        heard[m.topic].append(m.payload)
            found = [decode(DeadLetter, payload) for payload in heard[LETTER]]
            assert {letter.topic for letter in found} == {KPI}
            (alert,) = [decode(Alert, payload) for payload in heard[ALERT]]
            assert (alert.code, alert.severity) == ("publish-refused", "warning")
            assert "Not authorized" in alert.words
            assert "access rules" in alert.words


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize("setting", ["message_size_limit", "max_packet_size"])
async def test_what_is_too_large_for_the_broker_does_not_end_the_session(
    tmp_path: Path, setting: str
) -> None:
    async with MosquittoProcess(directory=tmp_path / "first") as first:
        port = first.port
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n{setting} 2000\n")
    async with (
        MosquittoProcess(port, directory=tmp_path / "run", config=config),
        connect(BrokerSettings(port=port, protocol="5"), "twin") as session,
    ):
        for _ in range(2):
            with pytest.raises(PublishRefused) as caught:
                await session.publish("t", b"x" * 2001)
            assert setting in caught.value.hint
            await session.publish("t", b"x" * 1900)


@pytest.mark.parametrize("code", [0x97, 0x89, 0x80, 0xAA])
async def test_a_broker_that_is_busy_is_waited_for(code: int) -> None:
    """0x89 and 0xAA are no codes of a PUBACK for the library: the session goes on all the same."""
    async with PlayedBroker() as broker:
        settings = BrokerSettings(port=broker.port, protocol="5")

        def refuse(body: bytes) -> bytes:
            at = 2 + int.from_bytes(body[:2], "big")
            return packet(PUBACK, body[at : at + 2] + bytes([code]))

        async with connect(settings, "twin") as session:
            broker.answers[PUBLISH] = refuse
            for _ in range(3):
                with pytest.raises(PublishDeferred):
                    await session.publish("t", b"x")
            del broker.answers[PUBLISH]
            await session.publish("t", b"x")


async def test_key_figures_that_a_quota_held_up_are_published_in_the_end(tmp_path: Path) -> None:
    """The first three times it says that the quota is used up; the session stays open."""
    async with PlayedBroker() as broker:
        settings = settings_for(tmp_path, BrokerSettings(port=broker.port, protocol="5"))
        tried: list[bytes] = []
        taken: list[ShotKpis] = []

        def answer(body: bytes) -> bytes:
            at = 2 + int.from_bytes(body[:2], "big")
            mid = body[at : at + 2]
            if not body[2:at].endswith(b"/twin/kpi"):
                return broker._answer(PUBLISH | 2, body, None)  # type: ignore[arg-type]
            tried.append(body)
            if len(tried) <= 3:
                return packet(PUBACK, mid + b"\x97")
            payload = body[body.index(b"{") :]
            taken.append(decode(ShotKpis, payload))
            return packet(PUBACK, mid)

        broker.answers[PUBLISH] = answer
        async with running(settings) as (agent, _):
            await until(lambda: agent._vitals.sessions.get("p1", False), "the session")
            for mid, message in enumerate(shot("one"), 1):
                broker.send(publish(f"{TOPIC}/shot", mid, b"", message))
            await until(lambda: len(taken) == 1, "the key figures")
            assert broker.sessions_count == 1
            assert letters(settings) == []
        assert read_file(settings.spool.path, "SELECT key FROM publish") == []
    assert [kpis.shot_id for kpis in taken] == ["one"]
