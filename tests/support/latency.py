"""From a pour to what is heard of it: predictions of the agent, echoes of Node-RED."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from broker.codec import encode
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from tests.support.plant import Plant, end_of, pour_of

HEARD_TIMEOUT_S = 60.0
PAUSE_S = 0.1


@dataclass(frozen=True)
class Waited:
    """Times that one pour waited for its answers, in ms."""

    prediction_ms: float
    simulated_ms: float
    """Part of it: the time of the simulation itself, by the agent's metrics."""
    echo_ms: float | None = None

    @property
    def beyond_ms(self) -> float:
        """All but the simulation."""
        return self.prediction_ms - self.simulated_ms


class Meter:
    """A client that pours and listens; see ``metering``."""

    def __init__(self, session: Session, running: Plant, press: str) -> None:
        self._session, self._plant = session, running
        self._topic = f"pur/v1/test/{press}/shot"
        self._heard: dict[tuple[str, str, str], asyncio.Future[float]] = {}

    async def one(self, shot_id: str, *, echo: bool = False) -> Waited:
        """Pour, wait for the answers, demold.

        Args:
            echo: wait for Node-RED's, too.
        """
        before = await self._simulated_s()
        poured = self._expect("prediction", shot_id, "poured")
        echoed = self._expect("echo", shot_id, "poured")
        ended = self._expect("prediction", shot_id, "final")
        payload = encode(pour_of(shot_id))
        began = time.perf_counter()
        await self._session.publish(self._topic, payload)
        async with asyncio.timeout(HEARD_TIMEOUT_S):
            prediction_at = await poured
            echo_at = await echoed if echo else None
        simulated_s = await self._simulated_s() - before
        await self._session.publish(self._topic, encode(end_of(shot_id)))
        async with asyncio.timeout(HEARD_TIMEOUT_S):
            await ended
        await asyncio.sleep(PAUSE_S)
        return Waited(
            1e3 * (prediction_at - began),
            1e3 * simulated_s,
            1e3 * (echo_at - began) if echo_at is not None else None,
        )

    async def listen(self) -> None:
        """Note when each answer came, for ever."""
        while True:
            batch = await self._session.next_batch(64)
            now = time.perf_counter()
            self._session.acknowledge(batch)
            for message in batch:
                document = json.loads(message.payload)
                kind = "echo" if message.topic == "echo" else "prediction"
                step = document["event" if kind == "echo" else "basis"]
                waiting = self._heard.pop((kind, document["shot_id"], step), None)
                if waiting is not None:
                    waiting.set_result(now)

    def _expect(self, kind: str, shot_id: str, step: str) -> asyncio.Future[float]:
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._heard[kind, shot_id, step] = future
        return future

    async def _simulated_s(self) -> float:
        return (await self._plant.scraped())["pur_stage_seconds_sum/simulate"]


@asynccontextmanager
async def metering(running: Plant, press: str = "p1") -> AsyncIterator[Meter]:
    """A meter of one press that listens while the block runs."""
    async with connect(BrokerSettings(port=running.broker.port), f"meter-{press}") as session:
        await session.subscribe([f"pur/v1/test/{press}/twin/mold/+/prediction", "echo"])
        meter = Meter(session, running, press)
        listening = asyncio.create_task(meter.listen())
        try:
            yield meter
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
