"""From any bytes on any topic to committed rows: each is a row or a dead letter, none a halt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.codec import CONTENT_TYPES, decode, encode
from broker.messages import INBOUND, DeadLetter
from broker.timestamps import parse_timestamp
from edge_agent.clock import AcceleratedClock, SystemClock
from edge_agent.config.catalogue import Catalogue, load_catalogue
from edge_agent.config.settings import HistorySettings, Settings, SpoolSettings
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.links.publish_packet import Incoming
from edge_agent.pipeline import decode as stage
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.spool.spool import Spool
from edge_agent.spool.thread import SpoolThread
from tests.support.payloads import order, press_event, quality, shot, telemetry
from tests.support.pipelines import feed, incoming
from tests.support.strategies import MESSAGES, texts, wild_values

SETTINGS = Settings(
    site="s",
    agent_id="a",
    presses=["p1"],
    spool=SpoolSettings(path=Path("unused.db")),
    history=HistorySettings(path=Path("unused-history.db")),
)
TOPICS = [f"pur/v1/s/p1/{channel}" for channel in INBOUND]
PAYLOADS = {"telemetry": telemetry, "shot": shot, "quality": quality}


@lru_cache
def catalogue() -> Catalogue:
    return load_catalogue(SETTINGS)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """A valid document with one wild value in it, as JSON or MessagePack."""
    document = draw(st.sampled_from([telemetry, shot, quality, press_event, order]))()
    name = draw(st.sampled_from([*document, "extra"]))
    inner = document.get(name)
    if isinstance(inner, dict) and draw(st.booleans()):
        inner[draw(st.sampled_from([*inner, "x"]))] = draw(wild_values)
    else:
        document[name] = draw(wild_values)
    if draw(st.booleans()):
        return json.dumps(document).encode()
    try:
        return bytes(msgpack.packb(document, unicode_errors="surrogatepass"))
    except (OverflowError, ValueError):
        return b"\x81"


@st.composite
def valid(draw: st.DrawFn) -> bytes:
    model = draw(st.sampled_from(list(INBOUND.values())))
    return encode(draw(MESSAGES[model]), draw(st.sampled_from(["json", "msgpack"])))


payloads = st.binary(max_size=80) | documents() | valid()
messages = st.builds(
    Incoming,
    st.sampled_from(TOPICS) | texts | texts.map(lambda text: f"pur/v1/s/p1/{text}"),
    payloads,
    st.none() | st.sampled_from(list(CONTENT_TYPES.values())) | texts,
    st.just(1),
    st.just(1),
)


@contextmanager
def opened() -> Iterator[tuple[SpoolThread, SqliteHistory]]:
    with TemporaryDirectory() as folder:
        spool = SpoolThread(Spool(Path(":memory:")))
        history = SqliteHistory(Path(folder) / "history.db")
        try:
            yield spool, history
        finally:
            spool.close()
            asyncio.run(history.close())


@settings(max_examples=50, deadline=None)
@given(st.lists(messages, min_size=1, max_size=6))
def test_any_bytes_become_rows(batch: list[Incoming]) -> None:
    async def through() -> None:
        work = Pipeline(SETTINGS, catalogue(), spool, SystemClock())
        work._simulations.compiled = True  # simulate here, not in a thread
        await feed(work, batch)
        await work.tick()
        await work.flush()
        rows = await spool.to_forward(1000)
        kinds = {"telemetry", "quality", "dead_letter"}
        answered = [row for row in rows if row.entry.kind in kinds]
        events = sum(
            message.topic.endswith(("/shot", "/event", "/order")) or not message.payload
            for message in batch
        )
        (repeats,) = work._metrics.repeats.collect()
        again = sum(one.value for one in repeats.samples if one.name.endswith("_total"))
        assert len(batch) - events - again <= len(answered) <= len(batch)
        receipt = await history.deliver(rows)
        assert receipt.rejected == {}
        for row in rows:
            assert "\\u0000" not in row.entry.document  # PostgreSQL cannot keep it
            row.entry.document.encode()
        for sent in await spool.to_publish("s/p1", 1000):
            json.loads(sent.entry.payload)

    with opened() as (spool, history):
        asyncio.run(through())


def test_a_fault_over_one_message_is_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the decoding raises: it does not come back for ever, and the next one is read."""
    real = stage.decode_payload

    def faulty(what: Any, payload: bytes, content_type: str | None) -> Any:
        if payload == b"{}":
            raise ZeroDivisionError("a fault of ours")
        return real(what, payload, content_type)

    monkeypatch.setattr(stage, "decode_payload", faulty)
    batch = [incoming(TOPICS[0], load) for load in (b"{}", json.dumps(telemetry()).encode())]

    async def through() -> None:
        clock = AcceleratedClock(1.0, parse_timestamp(telemetry()["ts"]))
        await feed(Pipeline(SETTINGS, catalogue(), spool, clock), batch)
        kinds = [row.entry.kind for row in await spool.to_forward(10)]
        assert sorted(kinds) == ["dead_letter", "telemetry"]
        (sent,) = await spool.to_publish("s/p1", 10)
        letter = decode(DeadLetter, sent.entry.payload)
        assert letter.reason == "internal-error"
        assert "a fault of ours" in letter.detail

    with opened() as (spool, _):
        asyncio.run(through())
