"""The buffer of an edge node: at once, kept until the broker has worked on it, then as historical.

The connection is played: a real one is in tests/integration/sparkplug.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs

from broker.sparkplug.mold_metrics import Reading
from broker.sparkplug.node_session import NodeSession
from broker.sparkplug.payload import Payload, decode
from broker.topics import PressAddress
from edge_agent.config.settings import Settings
from edge_agent.errors import LinkError, PublishRefused
from edge_agent.links.sparkplug import NodeConnection
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline import node_sender
from edge_agent.pipeline.edge_node import EdgeNode
from edge_agent.pipeline.edge_nodes import EdgeNodes
from edge_agent.pipeline.node_sender import NodeSender
from edge_agent.spool.changes import Changes
from edge_agent.spool.spool import Spool
from edge_agent.spool.thread import SpoolThread
from tests.support.waiting import until

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
PRESS = PressAddress("s", "p1")


class Clock:
    speed = 1.0
    time = NOW

    def now(self) -> datetime:
        return self.time


class PlayedConnection:
    """A broker that answers when it is told to."""

    def __init__(self, *, answers: bool = True) -> None:
        self.answered: Callable[[int], None] = lambda _number: None
        self.answers = answers
        self.sent: list[tuple[str, Payload]] = []
        self.owes_ping_s = 0.0
        self.birth_bytes_max = 1_000_000
        self.problem: LinkError | None = None

    def send_once(self, topic: str, payload: bytes) -> int:
        if self.problem is not None:
            raise self.problem
        self.sent.append((topic, decode(payload)))
        number = len(self.sent)
        if self.answers:
            asyncio.get_running_loop().call_soon(self.answered, number)
        return number

    def answer(self) -> None:
        self.answered(len(self.sent))

    @property
    def data(self) -> list[tuple[float | None, bool]]:
        """Values of the core and whether they are historical, in order."""
        return [
            (cast("float | None", one.value), one.historical)
            for topic, payload in self.sent
            if "/DDATA/" in topic
            for one in payload.metrics
        ]


class Desk:
    """Nodes with their spool, and the transactions that the writer would make."""

    def __init__(self, path: Path, buffer_mb: float = 1.0) -> None:
        self.path, self.clock = path, Clock()
        self.spool = Spool(path)
        self.thread = SpoolThread(self.spool)
        settings = Settings.model_validate(
            {
                "site": "s",
                "agent_id": "a",
                "presses": ["p1"],
                "spool": {"path": path},
                "sparkplug": {"enabled": True, "buffer_mb": buffer_mb},
            }
        )
        self.nodes = EdgeNodes(settings, self.thread, self.clock)

    @property
    def node(self) -> EdgeNode:
        return self.nodes.of(PRESS)

    def say(self, value: float, name: str = "Live/T_core_C", key: str = "") -> None:
        self.clock.time += timedelta(milliseconds=100)
        self.node.take("m", [Reading(name, value)], self.clock.time, key)

    def commit(self) -> Changes:
        stored, settled, state = self.nodes.take_changes()
        changes = Changes(publish=stored, settled=settled, state=state)
        self.spool.commit(changes, self.clock.now())
        self.nodes.committed(changes)
        return changes

    def stored(self) -> int:
        return self.spool.waiting(self.node.queue)[0]

    @asynccontextmanager
    async def session(
        self, connection: PlayedConnection, per_s: float = 10_000.0
    ) -> AsyncIterator[NodeSender]:
        session = NodeSession("s", "p1", self.node.book, 0)
        link = cast("NodeConnection", connection)
        sender = NodeSender(self.node, session, link, self.thread, per_s, Watch("publish"))
        self.node.sends = sender
        running = asyncio.create_task(sender.run())
        await until(lambda: session.born is not None)
        try:
            yield sender
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError, LinkError):
                await running
            self.node.sends = None
            sender.give_up()

    def close(self) -> None:
        self.nodes.close()
        self.thread.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "spool.db")
    desk.say(0.0)  # the mold is known
    desk.commit()
    desk.spool.exchange(desk.node.queue, {}, NOW)
    desk.node.waiting_count = desk.node.waiting_bytes = 0
    yield desk
    desk.close()


async def test_what_is_answered_before_the_commit_is_never_stored(desk: Desk) -> None:
    connection = PlayedConnection()
    async with desk.session(connection):
        desk.say(1.0)
        await until(lambda: desk.node.sent_count == 1)
        assert desk.commit().publish == []
    assert connection.data == [(1.0, False)]


async def test_what_is_answered_after_the_commit_is_forgotten_in_the_next(desk: Desk) -> None:
    connection = PlayedConnection(answers=False)
    async with desk.session(connection):
        desk.say(1.0)
        assert len(desk.commit().publish) == 1
        assert desk.node.waiting_count == 1
        connection.answer()
        assert desk.commit().settled != []
        assert (desk.stored(), desk.node.waiting_count, desk.node.waiting_bytes) == (0, 0, 0)
        assert desk.node.known == set()
    assert connection.data == [(1.0, False)]


async def test_what_could_not_be_sent_is_historical_with_its_own_time(desk: Desk) -> None:
    said_at = []
    for value in (1.0, 2.0, 3.0):
        desk.say(value)
        said_at.append(round(desk.clock.time.timestamp() * 1000))
    desk.commit()
    connection = PlayedConnection()
    async with desk.session(connection):
        await until(lambda: desk.node.sent_count == 3)
        desk.say(4.0)
        await until(lambda: desk.node.sent_count == 4)
        desk.commit()
        assert desk.stored() == 0
    assert connection.data == [(1.0, True), (2.0, True), (3.0, True), (4.0, False)]
    times = [one.timestamp_ms for t, p in connection.sent if "/DDATA/" in t for one in p.metrics]
    assert times[:3] == said_at
    assert [payload.seq for _, payload in connection.sent] == list(range(len(connection.sent)))


@pytest.mark.parametrize("committed", [False, True])
async def test_what_is_under_way_at_a_cut_is_sent_again(desk: Desk, committed: bool) -> None:
    connection = PlayedConnection(answers=False)
    async with desk.session(connection):
        desk.say(1.0)
        if committed:
            desk.commit()
    desk.commit()
    second = PlayedConnection()
    async with desk.session(second):
        await until(lambda: desk.node.sent_count == 1)
    assert second.data == [(1.0, True)]
    desk.commit()
    assert desk.stored() == 0


async def test_the_next_process_does_not_send_what_the_broker_has(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "spool.db")
    connection = PlayedConnection(answers=False)
    desk.say(0.0, key="d/0")
    desk.commit()
    async with desk.session(connection):
        await until(lambda: len(connection.data) == 1)
        desk.say(1.0, key="d/1")
        desk.commit()  # stored, and under way
        desk.say(2.0, key="d/2")  # under way, and in no transaction
        connection.answer()
    desk.thread.close()  # killed: what was answered is not on disk
    after = Desk(tmp_path / "spool.db")
    after.clock.time = desk.clock.time - timedelta(milliseconds=100)
    second = PlayedConnection()
    async with after.session(second):
        after.say(2.0, key="d/2")  # comes again: it was not acknowledged
        after.say(3.0, key="d/3")
        await until(lambda: after.node.sent_count == 1 and after.node.waiting_count == 0)
        after.commit()
        assert after.stored() == 0
    assert second.data == [(3.0, False)]
    after.close()
    desk.nodes.close()


async def test_a_window_that_is_full_leaves_the_rest_to_the_spool(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_sender, "WINDOW_BYTES", 50)
    connection = PlayedConnection(answers=False)
    async with desk.session(connection):
        for value in range(1, 10):
            desk.say(float(value))
        assert 0 < len(connection.data) < 9
        desk.commit()
        connection.answers = True
        connection.answer()
        await until(lambda: len({value for value, _ in connection.data}) == 9)
    assert len(connection.data) == 9


async def test_a_new_channel_waits_for_the_birth_that_names_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_sender, "REBIRTH_S", 0.3)
    connection = PlayedConnection()
    async with desk.session(connection):
        desk.say(7.0, "Live/T_mold_C")
        assert connection.data == []  # the last birth is too new for another one
        desk.commit()
        await until(lambda: connection.data == [(7.0, True)])
        await asyncio.sleep(0.3)
        desk.say(8.0, "Live/T_iso_C")
        assert connection.data[-1] == (8.0, False)
    kinds = [topic.split("/")[2] for topic, _ in connection.sent]
    assert kinds == ["NBIRTH", "DBIRTH"] * 2 + ["DDATA"] + ["NBIRTH", "DBIRTH", "DDATA"]


async def test_live_data_does_not_wait_for_the_buffer(desk: Desk) -> None:
    for value in range(200):
        desk.say(float(value + 1))
    desk.commit()
    connection = PlayedConnection()
    async with desk.session(connection, per_s=100.0):
        await until(lambda: len(connection.data) >= 10)
        desk.say(999.0)
        assert connection.data[-1] == (999.0, False)
        assert len(connection.data) <= 31  # the rest of two seconds is still to come


async def test_the_oldest_is_given_up_and_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "spool.db", buffer_mb=0.01)
    for value in range(200):
        desk.say(float(value + 1))
    desk.commit()
    await desk.nodes.keep_in_size()
    node = desk.node
    assert node.dropped_count > 0
    assert node.waiting_bytes <= 10_000
    assert (desk.stored(), node.waiting_count + node.dropped_count) == (node.waiting_count, 200)
    connection = PlayedConnection()
    async with desk.session(connection):
        await until(lambda: node.sent_count == node.waiting_count + node.sent_count)
    assert connection.data[-1] == (200.0, True)
    assert connection.data[0] == (float(node.dropped_count + 1), True)
    desk.close()


async def test_what_the_broker_never_takes_is_settled_and_counted(desk: Desk) -> None:
    connection = PlayedConnection()
    async with desk.session(connection):
        connection.problem = PublishRefused("too large")
        desk.say(1.0)
        assert desk.commit().publish == []
        assert desk.node.dropped_count == 1


def seqs(connection: PlayedConnection) -> list[int | None]:
    return [payload.seq for _, payload in connection.sent]


async def test_what_the_broker_never_takes_uses_no_number(desk: Desk) -> None:
    connection = PlayedConnection()
    async with desk.session(connection):
        desk.say(1.0)
        connection.problem = PublishRefused("too large")
        desk.say(2.0)
        connection.problem = None
        desk.say(3.0)
    assert seqs(connection) == [0, 1, 2, 3]


async def test_a_birth_that_is_too_large_leaves_the_newest_metrics_out(desk: Desk) -> None:
    for number in range(300):
        desk.node.take("m", [Reading(f"Live metrics/c{number:03}", 1.0)], desk.clock.time)
    desk.commit()  # they wait, and speak of metrics that will not be born
    connection = PlayedConnection()
    connection.birth_bytes_max = 30_000
    with capture_logs() as logs:
        async with desk.session(connection):
            await until(lambda: desk.node.waiting_count == 0)
            left_out = desk.node.book.left_out_count
            desk.say(2.0, "Live metrics/c299")
            desk.say(3.0)
    births = [p for t, p in connection.sent if "/DBIRTH/" in t]
    names = {one.name for one in births[0].metrics}
    assert "Live/T_core_C" in names
    assert "Live metrics/c000" in names
    assert "Live metrics/c299" not in names
    born = {one.alias for _, p in connection.sent if "BIRTH" in _ for one in p.metrics}
    assert all(one.alias in born for t, p in connection.sent if "DATA/" in t for one in p.metrics)
    assert len(births) == 1  # nor is it born again and again
    assert connection.data[-1] == (3.0, False)
    assert desk.node.book.left_out_count == left_out + 1 > 100
    assert seqs(connection) == [one % 256 for one in range(len(connection.sent))]
    (said,) = [one for one in logs if one["event"] == "sparkplug_birth_too_large"]
    assert said["molds"] == ["m"]
    assert said["left_out"] + len(names) == len(desk.node.book.devices["m"].metrics)


async def test_a_mold_whose_birth_has_no_room_does_not_live(desk: Desk) -> None:
    desk.say(1.0)
    desk.commit()
    connection = PlayedConnection()
    connection.birth_bytes_max = 100
    async with desk.session(connection) as sender:
        await until(lambda: desk.node.waiting_count == 0)
        desk.say(2.0)
        assert not sender.session.lives("m")
    assert [t.split("/")[2] for t, _ in connection.sent] == ["NBIRTH"]
    assert seqs(connection) == [0]
    assert desk.node.book.left_out_count > 1


async def test_a_lost_link_ends_the_sender(desk: Desk) -> None:
    connection = PlayedConnection()
    async with desk.session(connection) as sender:
        connection.problem = LinkError("cut")
        desk.say(1.0)
        assert not sender.send(desk.node._unstored[0])
        assert len(desk.commit().publish) == 1


async def test_readings_that_come_no_more_are_said_to_be_stale(desk: Desk) -> None:
    connection = PlayedConnection()
    async with desk.session(connection):
        desk.say(1.0)
        desk.clock.time += timedelta(seconds=100)
        desk.nodes.tick()
        (stale,) = [p for topic, p in connection.sent if "/DDATA/" in topic][-1].metrics
        assert (stale.value, stale.quality) == (1.0, 500)


async def test_a_mold_that_is_silent_dies_and_is_born_again(desk: Desk) -> None:
    connection = PlayedConnection()
    async with desk.session(connection):
        desk.say(1.0)
        desk.clock.time += timedelta(hours=30)
        desk.nodes.tick()
        assert any("/DDEATH/" in topic for topic, _ in connection.sent)
        desk.say(2.0)
        desk.commit()
        await until(lambda: connection.data[-1] == (2.0, True))
    kinds = [topic.split("/")[2] for topic, _ in connection.sent]
    assert kinds.index("DDEATH") < len(kinds) - 1 - kinds[::-1].index("DBIRTH")


async def test_readings_of_a_clock_that_is_ahead_keep_times_of_their_own(desk: Desk) -> None:
    connection = PlayedConnection()
    now_ms = round(desk.clock.time.timestamp() * 1000)
    async with desk.session(connection):
        for value in range(1, 6):
            ahead = desk.clock.time + timedelta(seconds=2)
            desk.node.take("m", [Reading("Live/T_core_C", float(value))], ahead)
    times = [one.timestamp_ms for t, p in connection.sent if "/DDATA/" in t for one in p.metrics]
    assert times == [now_ms + step for step in range(5)]
    assert [value for value, _ in connection.data] == [1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize(("gap_s", "again"), [(0.0, []), (60.0, [(2.0, True), (3.0, True)])])
async def test_what_a_dead_host_may_have_missed_is_said_again_if_that_is_asked_for(
    desk: Desk, gap_s: float, again: list[tuple[float, bool]]
) -> None:
    desk.node.gap_s = gap_s
    async with desk.session(PlayedConnection()):
        desk.say(2.0)
        desk.say(3.0)
        await until(lambda: desk.node.sent_count == 2)
    desk.node.say_again()
    desk.commit()
    connection = PlayedConnection()
    async with desk.session(connection):
        desk.say(4.0)
        await until(lambda: (4.0, False) in connection.data and desk.node.waiting_count == 0)
    assert [one for one in connection.data if one[1]] == again


async def test_a_mold_that_is_not_used_any_more_is_not_born_after_a_restart(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path / "spool.db")
    desk.node.take("old", [Reading("State/phase", "ended")], desk.clock.time)
    desk.clock.time += timedelta(hours=20)
    desk.node.take("m", [Reading("State/phase", "ended")], desk.clock.time)
    desk.commit()
    desk.close()
    after = Desk(tmp_path / "spool.db")
    after.clock.time = desk.clock.time + timedelta(hours=10)
    after.nodes.close()
    after.nodes = EdgeNodes(after.nodes._settings, after.thread, after.clock)
    assert after.node.silent == {"old"}
    after.close()
