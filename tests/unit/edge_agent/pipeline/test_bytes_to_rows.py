"""From any bytes on any topic to committed rows: each is a row or a dead letter, none a halt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
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
from edge_agent.clock import SystemClock
from edge_agent.config.catalogue import Catalogue, load_catalogue
from edge_agent.config.settings import HistorySettings, Settings, SpoolSettings
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.pipeline import decode as stage
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.ports import Envelope
from edge_agent.spool.spool import Spool, SpoolThread
from tests.support.payloads import quality, shot, telemetry
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
    document = draw(st.sampled_from([telemetry, shot, quality]))()
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
envelopes = st.builds(
    Envelope,
    st.just(datetime(2026, 5, 4, 8, 0, tzinfo=UTC)),
    st.sampled_from(TOPICS) | texts | texts.map(lambda text: f"pur/v1/s/p1/{text}"),
    payloads,
    st.none() | st.sampled_from(list(CONTENT_TYPES.values())) | texts,
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
@given(st.lists(envelopes, min_size=1, max_size=6))
def test_any_bytes_become_rows(batch: list[Envelope]) -> None:
    async def through() -> None:
        spool.spool.append(batch)
        work = Pipeline(SETTINGS, catalogue(), spool, SystemClock(), lambda: None)
        work._warm = True  # simulate here, not in a thread
        await work.drain()
        await work.tick()
        assert spool.spool.inbox(0, 1) == []
        rows = spool.spool.to_forward(1000)
        receipt = await history.deliver(rows)
        assert receipt.rejected == {}
        for row in rows:
            assert "\\u0000" not in row.entry.document  # PostgreSQL cannot keep it
            row.entry.document.encode()
        for sent in spool.spool.to_publish("s/p1", 1000):
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
    at = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
    batch = [Envelope(at, TOPICS[0], load) for load in (b"{}", json.dumps(telemetry()).encode())]

    async def through() -> None:
        spool.spool.append(batch)
        work = Pipeline(SETTINGS, catalogue(), spool, SystemClock(), lambda: None)
        await work.drain()
        kinds = [row.entry.kind for row in spool.spool.to_forward(10)]
        assert sorted(kinds) == ["dead_letter", "telemetry"]
        (sent,) = spool.spool.to_publish("s/p1", 10)
        letter = decode(DeadLetter, sent.entry.payload)
        assert letter.reason == "internal-error"
        assert "a fault of ours" in letter.detail

    with opened() as (spool, _):
        asyncio.run(through())
