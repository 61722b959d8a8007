"""receive: messages wait in memory, unacknowledged, until what they led to is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest

from edge_agent.errors import LinkError
from edge_agent.links.publish_packet import Incoming
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline import receive as receive_module
from edge_agent.pipeline.receive import RAW_TOGETHER, Inlet, receive
from tests.support.pipelines import PRESS, incoming

MESSAGES = [incoming("t", b"x", mid) for mid in range(1, 6)]


class Session:
    """Two batches, then the link is lost."""

    def __init__(self) -> None:
        self.batches = [MESSAGES[:3], MESSAGES[3:]]
        self.gathers: tuple[bool, bool, int] | None = None

    def gather(
        self, may_wait: Callable[[Incoming], bool], count_max: int, time_max_s: float
    ) -> None:
        raw, event = incoming("pur/v1/s/p1/telemetry", b""), incoming("pur/v1/s/p1/shot", b"")
        self.gathers = may_wait(raw), may_wait(event), count_max

    async def next_batch(self, limit: int) -> list[Incoming]:
        await asyncio.sleep(0)
        if not self.batches:
            raise LinkError("lost")
        return self.batches.pop(0)


async def test_messages_of_a_session_wait_in_order_until_it_ends() -> None:
    inlet, woken = Inlet(PRESS), list[int]()
    inlet.wake = lambda: woken.append(len(inlet.waiting))
    session = Session()
    with pytest.raises(LinkError):
        await receive(session, inlet, Watch("receive"))  # type: ignore[arg-type]
    assert session.gathers == (True, False, RAW_TOGETHER)
    assert list(inlet.waiting) == MESSAGES
    assert inlet.held == 5
    assert woken == [3, 5], "the pipeline is told of each batch"


@pytest.mark.parametrize(
    ("window", "full_at"), [(1, 1), (3, 1), (20, 5), (256, 64), (60000, 15000)]
)
def test_a_quarter_of_the_window_is_written_at_once(window: int, full_at: int) -> None:
    assert Inlet(PRESS, window=window).full_at == full_at


async def test_what_is_on_disk_is_acknowledged_and_no_longer_in_hand() -> None:
    acknowledged: list[Incoming] = []
    inlet = Inlet(PRESS, acknowledged.extend)
    inlet.put(MESSAGES)
    waiting = asyncio.create_task(inlet.emptied())
    for part in (MESSAGES[:2], MESSAGES[2:]):
        await asyncio.sleep(0)
        assert not waiting.done()
        inlet.committed(part)
    async with asyncio.timeout(30):
        await waiting
    assert acknowledged == MESSAGES


async def test_whoever_waits_may_do_something_about_it() -> None:
    inlet = Inlet(PRESS)
    inlet.put(MESSAGES)
    asked: list[int] = []

    def hurried() -> None:
        asked.append(inlet.held)
        inlet.committed(MESSAGES[:1])

    with suppress(TimeoutError):
        await asyncio.wait_for(inlet.emptied(hurried), 30)
    assert asked[:2] == [5, 4]
    assert inlet.held == 0


def test_nothing_is_acknowledged_in_a_session_that_has_ended() -> None:
    """Its packet ids mean other messages in the next one."""
    acknowledged: list[Sequence[Incoming]] = []
    inlet = Inlet(PRESS, acknowledged.append)
    inlet.put(MESSAGES)
    inlet.close()
    inlet.committed(MESSAGES)
    assert acknowledged == []
    assert not inlet.waiting


def test_only_messages_without_a_promise_are_dropped_and_they_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With QoS 0 nothing holds a sender back; with QoS 1 the broker waits for us."""
    monkeypatch.setattr(receive_module, "QOS_0_WAITING_MAX", 5)
    monkeypatch.setattr(receive_module, "QOS_0_WAITING_BYTES_MAX", 100)
    inlet, dropped = Inlet(PRESS), list[int]()
    inlet.dropped = lambda: dropped.append(1)
    loose = Incoming("t", b"x", None, 0, 0)
    inlet.put([*MESSAGES[:3], loose, loose, loose, loose])
    assert (len(inlet.waiting), len(dropped), inlet.held) == (5, 2, 5)
    inlet.put(MESSAGES[3:])
    assert (len(inlet.waiting), len(dropped)) == (7, 2)
    while inlet.waiting:
        inlet.next()
    inlet.put([Incoming("t", b"x" * 100, None, 0, 0), loose])
    assert (len(inlet.waiting), len(dropped)) == (1, 3), "large ones"
