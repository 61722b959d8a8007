"""A prediction after the link was lost: far from the broker, with thousands of molds retained."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from broker.codec import encode
from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from edge_agent.spool.spool import EPOCH, Spool
from tests.support.link_proxy import LinkProxy
from tests.support.load import MOLD
from tests.support.measured import say
from tests.support.plant import pour_of, until_heard
from tests.support.processes import AgentProcess, read_file, wait_for
from tests.support.waiting import GATHER_BY_DEFAULT_S

pytestmark = pytest.mark.needs("mosquitto")
ROUND_TRIP_S = 0.2
TIMEOUT_S = 45.0
PRESS = "test/p1"


def fill(path: Path, molds: int) -> None:
    """As many molds as an agent may have predicted for: the prediction of one, for all."""
    spool = Spool(path)
    kept = spool.retained(PRESS, EPOCH, "", molds)
    retained = {one.topic: one.payload for one in kept}
    ((topic, payload),) = retained.items()
    for number in range(molds):
        name = f"M{number:05d}"
        retained[topic.replace(MOLD, name)] = payload.replace(MOLD.encode(), name.encode())
    spool.exchange(PRESS, retained, datetime.now(UTC))
    spool.close()


async def pour(session: Session, shot_id: str) -> None:
    await session.publish("pur/v1/test/p1/shot", encode(pour_of(shot_id)))


async def predicted_after_s(folder: Path, molds: int, timeout_s: float) -> float | None:
    """Seconds from the opening of the session to the prediction of a shot poured before it.

    None when it took longer than ``timeout_s``.
    """
    async with (
        MosquittoProcess(directory=folder / "mosquitto") as broker,
        LinkProxy(broker.port, ROUND_TRIP_S) as far,
        connect(BrokerSettings(port=broker.port), "press") as press,
    ):
        agent = AgentProcess(folder, far.port, gather_s=GATHER_BY_DEFAULT_S)
        await press.subscribe([f"pur/v1/test/p1/twin/mold/{MOLD}/prediction"])
        await asyncio.to_thread(agent.start)
        await asyncio.to_thread(wait_for, lambda: agent.logged("simulation_ready") > 0, "warm", 120)
        taken = partial(agent.logged, "session_taken_over")  # so it has subscribed
        await asyncio.to_thread(wait_for, taken, "the session", 60)
        await pour(press, "shot00001")
        await until_heard(press, "shot00001")
        count = "SELECT count(*) FROM retained"
        on_disk = lambda: read_file(agent.spool, count) == [(1,)]  # noqa: E731
        await asyncio.to_thread(wait_for, on_disk, "the prediction on disk", 60)
        agent.kill()
        await asyncio.to_thread(fill, agent.spool, molds)
        await pour(press, "shot00002")
        await asyncio.to_thread(agent.start)
        opened = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_s):
                await until_heard(press, "shot00002")
        except TimeoutError:
            return None
        finally:
            agent.kill()
        return time.perf_counter() - opened


@pytest.mark.timeout(600)
@pytest.mark.parametrize("molds", [10, 100, 10_000])
def test_reconnect(benchmark: BenchmarkFixture, tmp_path: Path, molds: int) -> None:
    timeout_s = TIMEOUT_S if benchmark.enabled else 2.0
    found = benchmark.pedantic(
        lambda: asyncio.run(predicted_after_s(tmp_path, molds, timeout_s)), rounds=1
    )
    words = f"{found:.2f} s" if found is not None else f"more than {timeout_s:.0f} s"
    print()
    say(
        f"prediction after the session opened, round trip {ROUND_TRIP_S * 1e3:.0f} ms, "
        f"{molds} molds: {words}",
        "1 s",
    )
