"""What is committed of each device, as a gateway reads it at a real Mosquitto."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from broker.codec import decode, encode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Received, SeqRange
from edge_agent.links.mqtt import Session, connect
from tests.chaos.inside import TOPIC, frames
from tests.support.agents import running, settings_for
from tests.support.waiting import LIMIT_S, until


async def send(session: Session, *seqs: int, start: datetime) -> None:
    for seq in seqs:
        (frame,) = frames(seq, 1, start)
        await session.publish(f"{TOPIC}/telemetry", encode(frame))


async def reads(session: Session, seq: int, missing: list[SeqRange]) -> list[Received]:
    """Wait until it says so; all that was said meanwhile."""
    found: list[Received] = []
    async with asyncio.timeout(LIMIT_S):
        while True:
            for message in await session.next_batch(10):
                session.acknowledge([message])
                found.append(decode(Received, message.payload))
            of = found[-1].devices.get("d")
            if of is not None and (of.seq, of.missing) == (seq, missing):
                return found


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_gateway_reads_what_is_committed(tmp_path: Path, protocol: str) -> None:
    start = datetime.now(UTC) - timedelta(minutes=10)
    gap = [SeqRange(first_seq=3, last_seq=4)]
    async with MosquittoProcess() as broker:
        settings = settings_for(tmp_path, broker.port)
        link = settings.broker.model_copy(update={"protocol": protocol})
        settings = settings.model_copy(update={"broker": link})
        async with running(settings, link), connect(link, "gateway") as gateway:
            await gateway.subscribe([f"{TOPIC}/twin/received"])
            await send(gateway, 0, 1, 2, 5, 6, start=start)
            found = await reads(gateway, 6, gap)
            assert {said.agent_id for said in found} == {"a"}
        async with connect(link, "later") as gateway:
            await gateway.subscribe([f"{TOPIC}/twin/received"])
            await reads(gateway, 6, gap)  # it is retained
        await broker.kill()  # no persistence: nothing is left
        await broker.start()
        async with running(settings, link), connect(link, "gateway") as gateway:
            await gateway.subscribe([f"{TOPIC}/twin/received"])
            await reads(gateway, 6, gap)  # from the spool
            await send(gateway, 3, 4, start=start)
            await reads(gateway, 6, [])


@pytest.mark.needs("mosquitto")
async def test_a_stream_is_told_of_at_most_once_a_second(tmp_path: Path) -> None:
    start, sent = datetime.now(UTC) - timedelta(minutes=10), 0
    async with MosquittoProcess() as broker:
        settings = settings_for(tmp_path, broker.port)
        link = settings.broker
        async with running(settings, link), connect(link, "gateway") as gateway:
            await gateway.subscribe([f"{TOPIC}/twin/received"])
            heard: list[Received] = []

            async def two() -> bool:
                nonlocal sent
                await send(gateway, *range(sent, sent + 50), start=start)
                sent += 50
                for message in gateway.here(10):
                    gateway.acknowledge([message])
                    heard.append(decode(Received, message.payload))
                return len(heard) >= 3

            await until(two, "three messages")
    times = [said.ts for said in heard]
    assert all(b - a >= timedelta(seconds=0.9) for a, b in pairwise(times))
