"""Sources are tried again, tell their state once, and cost only themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from edge_agent.clock import SystemClock
from edge_agent.errors import LinkError, SettingsError
from edge_agent.gateway import source_loop
from edge_agent.gateway.source_loop import SourceLoop
from edge_agent.gateway.source_state import SourceState
from edge_agent.links.tag_source import Deliver, FoundTag, Position, Sample, SampleBatch
from tests.support.drafts import START
from tests.support.waiting import until


class Played:
    """A source that does one thing after the other, as a test says."""

    name = "plc"

    def __init__(self, *acts: SampleBatch | Exception) -> None:
        self.acts, self.positions = list(acts), list[Position]()

    async def run(self, deliver: Deliver, position: Position) -> None:
        self.positions.append(position)
        while self.acts:
            act = self.acts.pop(0)
            if isinstance(act, Exception):
                raise act
            await deliver(act)
        await asyncio.Event().wait()

    def browse(self) -> AsyncIterator[FoundTag]:
        raise NotImplementedError


@asynccontextmanager
async def running(source: Played, lost: Callable[[str], None]) -> AsyncIterator[SourceLoop]:
    position: Position = {}

    async def take(_name: str, batch: SampleBatch) -> None:
        nonlocal position
        position = batch.position

    async def where(_name: str) -> Position:
        return position

    loop = SourceLoop(source, SystemClock(), 0.002, take, where, lost)
    task = asyncio.create_task(loop.run())
    yield loop
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def good(value: float, position: int) -> SampleBatch:
    return SampleBatch([Sample("t", START, value)], {"at": position})


async def test_it_goes_on_where_it_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_loop, "RECONNECT_FIRST_S", 0.001)
    losses: list[str] = []
    away = [LinkError("refused")] * 5
    source = Played(good(1, 1), good(2, 2), LinkError("cut"), *away, good(3, 3))
    with capture_logs() as logs:
        async with running(source, losses.append) as loop:
            await until(lambda: loop.state.samples_count == 3)
            assert loop.state.connected
    assert source.positions == [{}, *[{"at": 2}] * 6]
    assert losses == ["plc"], "once, when it was lost"
    events = [line["event"] for line in logs]
    assert events == ["source_connected", "source_lost", "source_lost", "source_connected"]


@pytest.mark.parametrize("error", [SettingsError("no such policy"), ZeroDivisionError("a fault")])
async def test_a_source_that_cannot_be_costs_itself(error: Exception) -> None:
    source = Played(error, error, error, good(1, 1))
    with capture_logs() as logs:
        async with running(source, lambda _name: None) as loop:
            await until(lambda: loop.state.connected)
            assert not loop.failed.is_set()
    failed = [line for line in logs if line["event"] == "source_failed"]
    assert len(failed) == 1
    assert ("exception" in failed[0]) == isinstance(error, ZeroDivisionError)


def test_faults_of_tags_are_told_once_and_when_they_end() -> None:
    state = SourceState("plc", START)
    bad = [Sample("a", START, None, "Bad"), Sample("b", START, 1.0)]
    with capture_logs() as logs:
        state.delivered(bad, START)
        state.delivered(bad, START)
        state.delivered([Sample("a", START, None, "BadWaiting")], START)
        state.delivered([Sample("a", START, 2.0)], START)
    told = [(line["event"], line.get("detail")) for line in logs]
    assert told == [
        ("source_connected", None),
        ("tags_without_value", "a: Bad"),
        ("tags_without_value", "a: BadWaiting"),
        ("tags_good_again", "a"),
    ]
    assert state.faults == {}
