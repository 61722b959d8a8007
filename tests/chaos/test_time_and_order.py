"""Clocks that step, messages that come twice, late or in another order, restarts within a shot."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.local.mosquitto import MosquittoProcess
from broker.messages import TelemetryFrame
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from tests.chaos.inside import (
    MOLD,
    TOPIC,
    Message,
    agent_settings,
    ask,
    check_history,
    check_shot,
    event,
    frames,
    press,
    send,
    until,
)
from tests.support.agents import running
from tests.support.waiting import LIMIT_S

pytestmark = [
    pytest.mark.needs("mosquitto", "postgres"),
    pytest.mark.xdist_group("chaos"),
    pytest.mark.timeout(300),
]
SEEDS = (11, 12, 13)
LATE_BY = 12
"""A message comes at most so many places too late."""


class SteppingClock:
    """The machine's clock, set wrong: ``step`` is added to it."""

    speed = 1.0
    step = timedelta()

    def now(self) -> datetime:
        """See ``Clock.now``."""
        return datetime.now(UTC) + self.step


def readings(first_seq: int, ts: datetime) -> list[TelemetryFrame]:
    """What is measured before a pour."""
    return [
        TelemetryFrame(ts=ts, device_id="d", seq=first_seq + n, mold_id=MOLD, sensors=sensors)
        for n, sensors in enumerate(({"T_polyol_C": 24.5, "T_iso_C": 22.5}, {"T_mold_C": 44.0}))
    ]


def a_shot(start: datetime) -> list[Message]:
    """A whole shot, in the order in which it happened."""
    return [
        event("started", start - timedelta(seconds=3)),
        *readings(10_000, start - timedelta(seconds=2)),
        event("poured", start),
        *frames(1, 200, start),
        event("demolded", start + timedelta(seconds=60)),
    ]


def shuffled(messages: list[Message], seed: int) -> list[Message]:
    """A few twice, all of them up to some places late; the end stays the end."""
    rng = random.Random(seed)
    twice = [*messages[:-1], *rng.choices(messages[1:-1], k=20)]
    order = {id(m): n for n, m in enumerate(messages)}
    late = sorted(twice, key=lambda m: order[id(m)] + rng.uniform(0, LATE_BY))
    return [*late, messages[-1], *rng.choices(messages, k=10)]


RESULT = (
    "SELECT t_demold_min_s, t_demold_opt_s, t_demold_max_s, quality_status, pressure_status,"
    ' s.t_demold_actual_s, s."T_core_max_C", s.p_cavity_max_bar, s.started_at, s.poured_at,'
    " s.closed_at FROM prediction JOIN shot s USING (shot_id) WHERE basis = 'final'"
)


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_result_does_not_depend_on_order_or_repeats(
    seed: int, tmp_path: Path, broker: MosquittoProcess, database: str
) -> None:
    """The same shot in order, and shuffled with repeats on an agent of its own: one result."""
    start = datetime.now(UTC) - timedelta(minutes=5)
    messages = a_shot(start)
    await _one_life(tmp_path / "one", broker.port, database, messages)
    (in_order,) = await ask(database, RESULT)
    await ask(database, "TRUNCATE telemetry, shot, prediction")
    await _one_life(tmp_path / "two", broker.port, database, shuffled(messages, seed))
    (in_disorder,) = await ask(database, RESULT)
    assert in_disorder == in_order, f"seed {seed}"


async def _one_life(folder: Path, port: int, database: str, messages: list[Message]) -> None:
    settings = agent_settings(folder, port, database)
    async with running(settings, settings.broker), press(port) as session:
        await send(session, messages)
        await check_history(database, messages)
        await check_shot(database)


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0])
async def test_the_clock_of_the_agent_steps(
    step_s: float, tmp_path: Path, broker: MosquittoProcess, database: str
) -> None:
    """Back or forward by an hour within a shot, and right again: one final, no frame is lost.

    Back, the press seems to live in the future: its messages become dead letters with the reason,
    as many as were sent, and none is dropped without a word.
    """
    clock = SteppingClock()
    now = datetime.now(UTC)
    sent = frames(1, 300, now - timedelta(seconds=40))
    settings = agent_settings(tmp_path, broker.port, database)
    async with (
        running(settings, settings.broker, clock=clock),
        press(broker.port) as session,
    ):
        await send(session, [event("poured", sent[0].ts), *sent[:100]])
        await check_history(database, sent[:100])
        clock.step = timedelta(seconds=step_s)
        await send(session, sent[100:200])
        if step_s < 0:

            async def refused() -> bool:
                query = "SELECT count(*) FROM dead_letter WHERE reason = 'clock-skew'"
                return await ask(database, query) == [(100,)]

            await until(refused, "a dead letter for each message from the future")
        else:
            await check_history(database, sent[:200])
        clock.step = timedelta()
        await send(session, sent[100:])
        await send(session, [event("demolded", sent[-1].ts)])
        await check_history(database, sent)
        await check_shot(database)


async def test_restarts_in_the_middle_of_a_shot(
    tmp_path: Path, broker: MosquittoProcess, database: str
) -> None:
    """An agent that ends and starts three times goes on with the revisions, and ends the shot.

    A revision tells the order of predictions and nothing else: numbers may be left out.
    """
    start = datetime.now(UTC) - timedelta(minutes=5)
    sent = frames(1, 400, start)
    settings = agent_settings(tmp_path, broker.port, database)
    begin = [event("started", start - timedelta(seconds=3)), event("poured", start)]
    parts: list[list[Message]] = [
        begin,
        [*sent[:200], *readings(10_000, start - timedelta(seconds=2))],
        [*sent[200:]],
        [event("demolded", sent[-1].ts)],
    ]
    async with connect(BrokerSettings(port=broker.port), "listener") as listener:
        await listener.subscribe([f"{TOPIC}/twin/mold/{MOLD}/prediction"])
        for part in parts:
            async with running(settings, settings.broker), press(broker.port) as session:
                await send(session, part)
                await asyncio.sleep(0.3)
        heard = await until_final(listener)
    every = [message for part in parts for message in part]
    await check_history(database, every)
    await check_shot(database)
    query = "SELECT revision, basis FROM prediction ORDER BY revision"
    found = await ask(database, query)
    revisions = [revision for revision, _ in found]
    assert len(set(revisions)) == len(revisions), "a revision is given once"
    bases = [basis for _, basis in found]
    assert (bases[0], bases[-1]) == ("poured", "final")
    assert bases.count("poured") == bases.count("final") == 1
    assert heard == sorted(heard), "a listener hears them in the order of the revisions"
    assert heard[-1] == found[-1]
    live = {revision for revision, basis in heard if basis == "live"}
    assert len(live) > 1, "live predictions came between, over the restarts"


async def until_final(listener: Session) -> list[tuple[int, str]]:
    """Revisions and bases that a listener hears, up to the final prediction."""
    heard: list[tuple[int, str]] = []
    async with asyncio.timeout(LIMIT_S):
        while not heard or heard[-1][1] != "final":
            for message in await listener.next_batch(1):
                document = json.loads(message.payload)
                heard.append((document["revision"], document["basis"]))
    return heard
