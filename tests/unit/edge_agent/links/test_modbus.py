"""Polls keep to their grid, and a tag that the device refuses is asked for ever less often."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast

import pytest

from edge_agent.config.gateway_sources import ModbusTag
from edge_agent.links.modbus import _Poll
from edge_agent.links.modbus_device import DeviceException, ModbusDevice

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Refusing:
    """Stands for a device that lacks some addresses; the real one is in test_modbus_link.py."""

    def __init__(self, *absent: int, code: int = 2) -> None:
        self.absent, self.code = set(absent), code
        self.asked: list[tuple[int, int]] = []

    async def read(self, _table: str, first: int, count: int) -> Sequence[int]:
        self.asked.append((first, count))
        if self.absent & set(range(first, first + count)):
            raise DeviceException(self.code)
        return range(first, first + count)


def poll(device: Refusing, *addresses: int, gap: int = 0, period_s: float = 0.5) -> _Poll:
    tags = {f"t{at}": ModbusTag(address=at) for at in addresses}
    return _Poll(cast(ModbusDevice, device), tags, gap, period_s, 100.0, lambda: NOW)


def split(samples: Sequence[Any]) -> tuple[dict[str, Any], dict[str, str]]:
    values = {one.tag: one.value for one in samples if not one.fault}
    return values, {one.tag: one.fault for one in samples if one.fault}


def test_the_next_poll_is_on_the_grid() -> None:
    one = poll(Refusing(), 1)
    assert (one.next_after(100.01), one.due_s) == (0, 100.5)
    assert (one.next_after(100.51), one.due_s) == (0, 101.0)
    assert (one.next_after(101.499), one.due_s) == (0, 101.5)
    assert (one.next_after(103.2), one.due_s) == (3, 103.5)
    assert (one.next_after(103.5), one.due_s) == (0, 104.0)
    for _ in range(100_000):
        one.next_after(one.due_s + 0.1)
    assert one.due_s == pytest.approx(50_104.0, abs=1e-6), "no drift in 14 hours"


@pytest.mark.parametrize("code", [2, 3, 4])
async def test_the_refused_address_is_found_by_halving(code: int) -> None:
    device = Refusing(37, code=code)
    one = poll(device, *range(100))
    values, faults = split(await one.read(100.0))
    assert len(values) == 99
    assert set(faults) == {"t37"}
    assert f"Modbus exception {code}" in faults["t37"]
    assert len(device.asked) <= 15, "2 log2(100)"
    device.asked.clear()
    values, faults = split(await one.read(100.1))
    assert (len(values), faults) == (99, {})
    assert len(device.asked) <= 7
    assert all(not first <= 37 < first + count for first, count in device.asked)


async def test_a_gap_that_cannot_be_read_costs_no_tag() -> None:
    device = Refusing(12)
    one = poll(device, 10, 11, 13, 14, gap=5)
    values, faults = split(await one.read(100.0))
    assert (sorted(values), faults) == (["t10", "t11", "t13", "t14"], {})
    device.asked.clear()
    await one.read(100.1)
    assert device.asked == [(10, 2), (13, 2)]


async def test_what_is_refused_is_asked_for_again_ever_later() -> None:
    device = Refusing(11)
    one = poll(device, 10, 11)
    asked = []
    for step in range(2400):
        device.asked.clear()
        await one.read(100.0 + 0.1 * step)
        if any(first <= 11 < first + count for first, count in device.asked):
            asked.append(0.1 * step)
    pauses = [round(b - a, 1) for a, b in pairwise(asked)]
    assert pauses[:6] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
    assert set(pauses[6:]) == {30.0}
    device.absent = set()
    values, faults = split(await one.read(1000.0))
    assert (sorted(values), faults) == (["t10", "t11"], {})
    device.asked.clear()
    await one.read(1000.1)
    assert device.asked == [(10, 2)], "together again"


@pytest.mark.parametrize("code", [1, 6, 10, 11])
async def test_what_is_about_the_device_is_not_halved(code: int) -> None:
    device = Refusing(11, code=code)
    one = poll(device, 10, 11)
    for _ in range(2):
        values, faults = split(await one.read(100.0))
        assert values == {}
        assert set(faults) == {"t10", "t11"}
    assert device.asked == [(10, 2), (10, 2)]
    device.absent = set()
    values, _ = split(await one.read(100.5))
    assert values == {"t10": 10, "t11": 11}
