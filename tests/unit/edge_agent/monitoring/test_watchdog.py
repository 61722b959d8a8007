"""Stuck is what works on one thing for too long; waiting and trying again are not."""

from __future__ import annotations

import pytest

from edge_agent.monitoring import watchdog as module
from edge_agent.monitoring.watchdog import Watch, Watches


class Time:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(module, "monotonic", lambda: self.now)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def test_work_that_does_not_end_is_stuck(time: Time) -> None:
    watches = Watches()
    watch = watches.add(Watch("pipeline"))
    assert watches.stuck(30.0) == []
    with watch.work():
        time.now += 31.0
        assert watches.stuck(30.0) == ["pipeline: at one thing for 31 s"]
        watch.progress()
        assert watches.stuck(30.0) == []
    time.now += 1000.0
    assert watches.stuck(30.0) == []  # it waits for work


async def test_a_refused_try_is_progress_and_trouble(time: Time) -> None:
    watches = Watches()
    watch = watches.add(Watch("commit"))

    async def write(answer: Exception | int) -> int:
        if isinstance(answer, Exception):
            raise answer
        return answer

    attempt = watch.tries(write)
    for _ in range(10):
        with pytest.raises(OSError, match="full"):
            await attempt(OSError("full"))
        time.now += 20.0
        assert watches.stuck(30.0) == []
    assert watches.troubles() == {"commit": "full"}
    assert await attempt(7) == 7
    assert watches.troubles() == {}


def test_batches_are_timed_and_empty_ones_are_not() -> None:
    seen: list[float] = []
    watch = Watch("forward", seen.append)
    with watch.work():
        watch.nothing()
    assert seen == []
    with watch.work():
        pass
    assert len(seen) == 1


def test_a_loop_that_ended_in_order_is_forgotten(time: Time) -> None:
    watches = Watches()
    watches.add(Watch("receive p1")).progress()
    time.now += 100.0
    watches.remove("receive p1")
    watches.remove("receive p1")
    assert watches.stuck(30.0) == []
