"""The feed: who follows gets what changed, and nothing is queued for anybody."""

from __future__ import annotations

import asyncio

from edge_agent.web.live.feed import Feed


async def test_a_follower_gets_what_came_after() -> None:
    feed = Feed()
    feed.touch("a")
    feed.touch("b")
    seen = feed.number
    feed.touch("c")
    feed.touch("a")
    assert feed.since(seen) == ["a", "c"]
    assert feed.since(feed.number) == []


async def test_waiting_ends_with_a_change_a_timeout_or_the_end() -> None:
    feed = Feed()
    assert not await feed.wait(0, 0.0)
    waiting = [asyncio.create_task(feed.wait(0, 60.0)) for _ in range(3)]
    await asyncio.sleep(0)
    feed.touch("a")
    assert await asyncio.gather(*waiting) == [True, True, True]
    last = asyncio.create_task(feed.wait(feed.number, 60.0))
    await asyncio.sleep(0)
    feed.close()
    assert await last
    assert feed._waiting == set()


def test_it_does_not_grow() -> None:
    feed = Feed()
    for number in range(10_000):
        feed.touch(number % 24)
    assert len(feed.since(0)) == 24
