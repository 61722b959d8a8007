"""Sessions that break again and again while the spool refuses: bounded memory, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.local.mosquitto import MosquittoProcess
from broker.topics import PressAddress
from edge_agent.agent import Agent
from edge_agent.config.settings import BrokerSettings
from edge_agent.pipeline.commit import WINDOWS_TAKEN
from edge_agent.pipeline.pipeline import TURN
from tests.chaos.inside import frames, press, send
from tests.support.agents import listening, running, settings_for
from tests.support.link_proxy import LinkProxy
from tests.support.processes import read_file
from tests.support.waiting import until

FRAMES, SESSIONS, WINDOW = 300, 4, 100
P1 = PressAddress("s", "p1")


@contextmanager
def full_spool(agent: Agent) -> Iterator[None]:
    """Nothing more may be put into it."""
    limit = agent._pipeline._size.limit
    before, limit._limit = limit._limit, 1.0
    agent._spool.full = True
    yield
    limit._limit = before


def held(agent: Agent) -> int:
    """Messages of the open session that are in hand."""
    link, _ = agent._sessions._links[P1]
    return link.inlet.held if link.inlet is not None else 0


@pytest.mark.needs("mosquitto")
async def test_a_press_that_connects_again_and_again_onto_a_full_spool(
    tmp_path: Path,
) -> None:
    async with MosquittoProcess() as broker, LinkProxy(broker.port) as proxy:
        settings = settings_for(
            tmp_path, BrokerSettings(port=proxy.port, receive_maximum=WINDOW, protocol="5")
        )
        sent = frames(0, FRAMES)
        async with running(settings) as (agent, _), press(broker.port) as session:
            await listening(BrokerSettings(port=broker.port))
            reconnects = agent._metrics.reconnects.labels("p1")._value
            with full_spool(agent):
                await send(session, sent)
                for count in range(SESSIONS):
                    await until(
                        lambda: reconnects.get() >= count and held(agent) == WINDOW,  # noqa: B023
                        "all that the broker hands over at once",
                    )
                    batch = agent._pipeline.results.batch
                    assert len(batch.forward) <= WINDOWS_TAKEN * WINDOW + TURN
                    assert sum(map(len, batch.messages.values())) <= WINDOWS_TAKEN * WINDOW + TURN
                    proxy.break_link("reset")
                    await until(lambda: held(agent) == 0, "the end of the session")
                await until(lambda: held(agent) == WINDOW, "another session")
            await until(lambda: _stored(settings.history.path) >= FRAMES, "every frame", 60)
            await until(lambda: held(agent) == 0, "every acknowledgement")
        rows = read_file(settings.history.path, "SELECT seq FROM telemetry ORDER BY seq")
        assert rows == [(frame.seq,) for frame in sent]


def _stored(history: Path) -> int:
    return int(read_file(history, "SELECT count(*) FROM telemetry")[0][0])
