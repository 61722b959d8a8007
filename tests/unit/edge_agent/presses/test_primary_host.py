"""The primary host after a lost link: a STATE that a killed broker kept is not believed at once."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from broker.sparkplug.host_state import HostState, encode_state
from edge_agent.config.sparkplug_settings import SparkplugSettings
from edge_agent.links.publish_packet import Incoming
from edge_agent.presses.primary_host import HostOffline, PrimaryHost

LOST_MS = 5000


def opened(host: PrimaryHost, return_s: float = 60.0) -> PrimaryHost:
    settings = {"enabled": True, "primary_host": "scada", "host_return_s": return_s}
    host.open(SparkplugSettings.model_validate(settings))
    return host


def state(at_ms: int, *, online: bool = True, kept: bool = False) -> Incoming:
    payload = encode_state(HostState(online, at_ms))
    return Incoming("spBv1.0/STATE/scada", payload, None, 0, 1, retained=kept)


def after_a_loss(return_s: float = 60.0, seen_ms: int = 1000) -> PrimaryHost:
    host = opened(PrimaryHost())
    host.hear(state(seen_ms, kept=True))
    host.lost(LOST_MS)
    return opened(host, return_s)


async def test_the_first_connect_of_a_process_believes_what_the_broker_kept() -> None:
    host = PrimaryHost()
    host.lost(LOST_MS)  # there was no link: the broker could not be reached
    opened(host).hear(state(1000, kept=True))
    assert host.online.is_set()


async def test_after_a_lost_link_an_old_state_is_believed_after_a_wait() -> None:
    host = after_a_loss(return_s=0.05)
    host.hear(state(1000, kept=True))
    assert not host.online.is_set()
    async with asyncio.timeout(10):
        await host.online.wait()


@pytest.mark.parametrize(
    "told",
    [
        [state(LOST_MS + 1, kept=True)],  # it came back before us
        [state(1000, kept=True), state(1001)],  # it comes back, its clock is behind
        [state(1000)],  # it speaks now
    ],
)
async def test_a_state_that_is_new_ends_the_wait(told: list[Incoming]) -> None:
    host = after_a_loss()
    for message in told[:-1]:
        host.hear(message)
        assert not host.online.is_set()
    host.hear(told[-1])
    assert host.online.is_set()


async def test_a_clock_of_the_host_that_is_ahead_makes_no_old_state_new() -> None:
    host = after_a_loss(seen_ms=LOST_MS + 9000)
    host.hear(state(LOST_MS + 9000, kept=True))
    assert not host.online.is_set()
    host.close()


async def test_the_doubt_goes_on_at_the_next_broker_until_it_is_believed() -> None:
    host = after_a_loss()
    host.hear(state(1000, kept=True))
    opened(host).hear(state(1000, kept=True))
    assert not host.online.is_set()
    assert host.wait_s == 60.0
    host.hear(state(2000))
    assert host.wait_s == 0.0
    opened(host).hear(state(2000, kept=True))  # no link was lost since
    assert host.online.is_set()


async def test_an_offline_state_ends_the_wait_without_a_birth() -> None:
    host = after_a_loss(return_s=0.01)
    host.hear(state(1000, kept=True))
    host.hear(state(1000, online=False))
    await asyncio.sleep(0.03)
    assert not host.online.is_set()


async def test_a_state_that_is_too_old_is_told_once_with_both_times() -> None:
    host = opened(PrimaryHost())
    host.hear(state(2000))
    with capture_logs() as logs:
        for at_ms in (1999, 1000):
            host.hear(state(at_ms, online=False))
    (said,) = logs
    assert said["event"] == "sparkplug_state_too_old"
    assert said["timestamp"] == "1970-01-01T00:00:01.999000+00:00"
    assert said["newest"] == "1970-01-01T00:00:02+00:00"


async def test_zero_asks_for_no_wait() -> None:
    host = after_a_loss(return_s=0.0)
    host.hear(state(1000, kept=True))
    assert host.online.is_set()


async def test_a_newer_state_of_a_host_that_is_online_is_a_new_session() -> None:
    host = opened(PrimaryHost())
    assert not host.hear(state(1000, kept=True))
    assert not host.hear(state(1000))
    assert host.hear(state(1001))
    assert not host.hear(state(999, online=False))  # a late will of an earlier session
    with pytest.raises(HostOffline):
        host.hear(state(1001, online=False))
