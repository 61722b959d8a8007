"""Packets that cannot be read, or only by those who read the standard, in front of the agent."""

from __future__ import annotations

import asyncio
import base64
import gc
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from structlog.testing import capture_logs

from broker.codec import encode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import QualityRecord, TelemetryFrame
from edge_agent.agent import Agent
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.errors import LinkError, PacketError
from edge_agent.links import mqtt
from edge_agent.links.mqtt import connect
from tests.support.agents import running, settings_for
from tests.support.played_broker import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PUBACK,
    PUBLISH,
    SUBACK,
    PlayedBroker,
    packet,
    publish,
    text,
)
from tests.support.waiting import until

BOM = "\ufeff"
TELEMETRY, QUALITY = "pur/v1/s/p1/telemetry", "pur/v1/s/p1/quality"
BOM_PROPERTY = b"\x26" + text(BOM) + text(f"v{BOM}")


@asynccontextmanager
async def quiet_run(settings: Settings) -> AsyncIterator[Agent]:
    """The agent; nothing may reach the exception handler of the loop while it runs or ends."""
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: unheard.append(told))
    async with running(settings) as (agent, _):
        yield agent
    gc.collect()
    await asyncio.sleep(0)
    assert unheard == []


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    if not settings.history.path.exists():
        return []
    try:
        with closing(sqlite3.connect(settings.history.path)) as db:
            return db.execute(sql).fetchall()
    except sqlite3.OperationalError:  # the tables are just being made
        return []


def frame(seq: int) -> bytes:
    readings = {"T_core_C": 40.0}
    return encode(TelemetryFrame(ts=datetime.now(UTC), device_id="d", seq=seq, sensors=readings))


HOSTILE = {
    "bad topic": publish(b"\xff\xfe", 101, b"", b"x"),
    "empty topic": publish("", 102, b"", b"x"),
    "topic alias instead of a topic": publish("", 103, b"\x23\0\1", b"x"),
    "unknown property": publish(TELEMETRY, 104, b"\x63x", b"x"),
    "content type twice": publish(TELEMETRY, 105, b"\x03\0\1a\x03\0\1b", b"x"),
    "property beyond the end": publish(TELEMETRY, 106, b"\x03\0\x7fa", b"x"),
    "bad content type": publish(TELEMETRY, 107, b"\x03\0\1\xff", b"x"),
    "no properties": packet(PUBLISH | 2, text(TELEMETRY) + b"\0\x6c"),
}
"""Packets with QoS 1 and the ids 101 to 108."""


async def test_hostile_packets_are_dead_letters_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Each between two good frames; one session, everything acknowledged, the bytes kept."""
    async with PlayedBroker() as broker:
        settings = settings_for(tmp_path, broker.port)
        async with quiet_run(settings) as agent:
            await asyncio.wait_for(broker.subscribed.wait(), 60)
            for seq, hostile in enumerate(HOSTILE.values(), start=1):
                broker.send(hostile + publish(TELEMETRY, seq, BOM_PROPERTY, frame(seq)))
            broker.send(packet(PUBLISH, text("") + b"\0" + b"without QoS"))
            sent = {*range(1, len(HOSTILE) + 1), *range(101, 101 + len(HOSTILE))}
            await until(lambda: set(broker.acknowledged) == sent, "every acknowledgement")
            count = "SELECT count(*) FROM "
            await until(lambda: rows(settings, f"{count} telemetry") == [(len(HOSTILE),)], "frames")
            letters = [(len(HOSTILE) + 1,)]
            await until(lambda: rows(settings, f"{count} dead_letter") == letters, "dead letters")
            refused = agent._metrics._dead_letters.labels("unreadable-packet")
            assert refused._value.get() == len(HOSTILE) + 1
        assert len(broker.acknowledged) == len(sent)
        assert broker.sessions_count == 1
    kept = rows(settings, "SELECT site, press, reason, topic, payload_base64 FROM dead_letter")
    assert {row[:4] for row in kept} == {("s", "p1", "unreadable-packet", "pur/v1/s/p1/#")}
    kept_bytes = {base64.b64decode(row[4]) for row in kept}
    assert kept_bytes >= set(HOSTILE.values())
    assert sum(b"unreadable-packet" in body for body in broker.published) == len(kept)


NO_ID = {
    "topic longer than the packet": packet(PUBLISH | 2, b"\xff\xff" + b"topic"),
    "packet id 0": publish(TELEMETRY, 0, b"", b"x"),
    "empty": packet(PUBLISH | 2, b""),
    "QoS 2": packet(PUBLISH | 4, text(TELEMETRY) + b"\0\1\0x"),
    "QoS 3": packet(PUBLISH | 6, text(TELEMETRY) + b"\0\1\0x"),
    "bad SUBACK": packet(SUBACK, b"\0\1\x7f"),
    "bad PUBACK": packet(PUBACK, b"\0"),
    "U+FEFF in a DISCONNECT": packet(DISCONNECT, b"\0" + bytes([len(BOM_PROPERTY)]) + BOM_PROPERTY),
    "bad DISCONNECT": packet(DISCONNECT, b"\x77\0"),
    "AUTH": packet(0xF0, b"\x18\0"),
    "type 0": packet(0x00, b""),
    "a CONNECT": packet(CONNECT, b"\0\4MQTT"),
    "endless length": b"\x30\xff\xff\xff\xff\xff",
}
"""What breaks the protocol."""


@pytest.mark.parametrize("name", NO_ID)
async def test_a_broken_protocol_ends_the_session_and_a_new_one_works(
    tmp_path: Path, name: str
) -> None:
    async with PlayedBroker() as broker:
        settings = BrokerSettings(port=broker.port)
        for _ in range(2):
            async with connect(settings, "x") as session:
                await session.subscribe([TELEMETRY])
                broker.send(publish(TELEMETRY, 1, b"", b"good"))
                (message,) = await session.next_batch(5)
                assert message.payload == b"good"
                broker.send(NO_ID[name])
                with pytest.raises(LinkError, match="connection lost"):
                    await asyncio.wait_for(session.next_batch(5), 30)
                with pytest.raises(LinkError):
                    await session.publish(TELEMETRY, b"x")


async def test_what_was_wrong_is_logged_and_the_pauses_grow(tmp_path: Path) -> None:
    """A packet without an id comes again at every connect: no fast loop, no word of rivals."""
    async with PlayedBroker() as broker:
        settings = settings_for(tmp_path, broker.port)
        broker.answers[PUBLISH] = lambda body: NO_ID["empty"]  # instead of a PUBACK of the birth
        with capture_logs() as logs:
            async with quiet_run(settings):
                await until(lambda: broker.connections_count >= 4, "the fourth connection")
        lost = [line for line in logs if line["event"] == "link_lost"]
    assert "no packet id, so it cannot be acknowledged" in lost[0]["error"]
    assert all(line["delay_s"] >= 0.25 for line in lost)
    assert "hint" not in lost[0]


BAD_CONNACKS = {
    "U+FEFF in a reason": b"\0\0" + bytes([3 + len(text(BOM)) - 2]) + b"\x1f" + text(BOM),
    "unknown reason": b"\0\x7b\0",
    "short": b"\0",
    "properties beyond the end": b"\0\0\x20\x21",
}


@pytest.mark.parametrize("name", BAD_CONNACKS)
async def test_a_connack_that_cannot_be_read_is_no_connection(name: str) -> None:
    async with PlayedBroker() as broker:
        broker.answers[CONNECT] = lambda _body: packet(CONNACK, BAD_CONNACKS[name])
        with pytest.raises(LinkError, match="CONNACK that cannot be read"):
            async with connect(BrokerSettings(port=broker.port, protocol="5"), "x"):
                pass
        await until(lambda: not broker._open, "the connection to be closed")


async def test_a_connection_lost_with_the_first_answer_is_not_taken_for_a_session() -> None:
    async with PlayedBroker() as broker:
        broker.answers[CONNECT] = lambda _body: packet(CONNACK, b"\0\0\0") + NO_ID["empty"]
        with pytest.raises(LinkError, match="PUBLISH that cannot be read"):
            async with connect(BrokerSettings(port=broker.port, protocol="5"), "x"):
                pass


async def test_a_suback_with_another_number_of_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    async with PlayedBroker() as broker:
        broker.answers[0x80] = lambda body: packet(SUBACK, body[:2] + b"\0\1")
        async with connect(BrokerSettings(port=broker.port), "x") as session:
            with pytest.raises(PacketError, match="1 answers for 2 topics"):
                await session.subscribe(["a", "b"])
        broker.answers[0x80] = lambda body: packet(SUBACK, body[:2] + b"\x7f")
        monkeypatch.setattr(mqtt, "TIMEOUT_S", 1000.0)
        async with connect(BrokerSettings(port=broker.port), "x") as session:
            with pytest.raises(PacketError, match="SUBACK that cannot be read"):
                await session.subscribe(["a"])


@pytest.mark.needs("mosquitto")
async def test_two_legal_messages_do_not_stop_a_press(tmp_path: Path) -> None:
    """U+FEFF in a user property and in a content type, through Mosquitto; 400 frames after them."""
    user, kind = Properties(PacketTypes.PUBLISH), Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    user.UserProperty = [(f"a{BOM}", BOM)]
    kind.ContentType = f"application/json{BOM}"
    async with MosquittoProcess() as broker:
        settings = settings_for(tmp_path, broker.port)
        async with (
            quiet_run(settings) as agent,
            aiomqtt.Client("127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client,
        ):
            await until(lambda: agent._vitals.sessions.get("p1", False), "the session")
            record = encode(QualityRecord(ts=datetime.now(UTC), shot_id="one", H_24h_shore=55.0))
            await client.publish(QUALITY, record, qos=1, properties=user)
            await client.publish(TELEMETRY, frame(1000), qos=1, properties=kind)
            await asyncio.gather(*(client.publish(TELEMETRY, frame(n), qos=1) for n in range(400)))
            found = "SELECT (SELECT count(*) FROM telemetry), (SELECT count(*) FROM quality)"
            await until(lambda: rows(settings, found) == [(401, 1)], "all of them in the history")
            assert agent._vitals.stuck() == []
            await until(lambda: agent._vitals.readiness()["ready"], "the agent to be ready")
            assert agent._vitals.readiness()["sessions"] == {"p1": "up"}
    assert rows(settings, "SELECT reason FROM dead_letter") == []
