"""Samples from notifications: what is historical, a deadband of our own, and times of arrival."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.links.opcua_decoding import DataValue, NoValue
from edge_agent.links.opcua_items import handles_of
from edge_agent.links.opcua_position import Place
from edge_agent.links.opcua_samples import SampleMaker, by_time, first_times
from edge_agent.links.opcua_values import ticks_of

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
AHEAD = timedelta(hours=3)
"""The machine's clock is so much ahead."""


class StandingClock:
    """A clock that stands at ``NOW``."""

    speed = 1.0

    def now(self) -> datetime:
        return NOW


def value(plain: Any, before_s: float, *, status: int = 0, server: bool = True) -> DataValue:
    """A value so long before now, by a machine that is ahead."""
    ticks = ticks_of(NOW + AHEAD - timedelta(seconds=before_s))
    return DataValue(plain, status, ticks, ticks if server else 0)


def maker(clock: str = "source", **place: Any) -> tuple[SampleMaker, Place]:
    tags = {tag: {"node": f"i={at}", "deadband": 0.5} for at, tag in enumerate("ab", 1)}
    settings = OpcUaSource.model_validate(
        {"kind": "opcua", "url": "opc.tcp://plc:4840", "clock": clock, "tags": tags}
    )
    made = Place("mapping", **place)
    return SampleMaker(settings, made, StandingClock()), made


def test_what_happens_is_not_historical_and_its_time_is_kept() -> None:
    make, place = maker()
    found = make.samples([("a", value(1.5, 1)), ("b", value(float("nan"), 2))])
    assert [(one.value, one.fault) for one in found] == [
        (1.5, ""),
        (None, "nan: not a finite number"),
    ]
    assert found[0].ts == NOW + AHEAD - timedelta(seconds=1)
    assert not any(one.historical or one.of_arrival for one in found)
    assert place.last == {tag: value(0, 3 - at).source_time for at, tag in ((2, "a"), (1, "b"))}


def test_what_was_before_the_link_is_historical_unless_it_still_stands() -> None:
    stands = value(7.0, 60)
    make, _ = maker(last={"a": stands.source_time})
    connected = ticks_of(NOW + AHEAD)
    later = value(9.0, -1)
    found = make.samples([("a", stands), ("a", value(8.0, 30)), ("b", later)], connected)
    assert [one.historical for one in found] == [False, True, False]
    assert all(one.historical for one in make.samples([("b", later)], past=True))


def test_a_deadband_that_the_server_does_not_know() -> None:
    make, _ = maker(own_deadband=["a"])
    values = [("a", value(plain, 9 - at)) for at, plain in enumerate([1.0, 1.4, 1.6, 2.2])]
    values.insert(2, ("a", value(NoValue("null"), 6.5)))
    found = make.samples([*values, ("b", value(1.0, 0)), ("b", value(1.1, 0))])
    assert [one.value for one in found] == [1.0, None, 1.6, 2.2, 1.0, 1.1]


def test_times_of_arrival_are_the_machines_as_far_apart() -> None:
    make, place = maker("arrival")
    found = make.samples([("a", value(1.0, 2)), ("a", value(2.0, 1))])
    assert [one.ts for one in found] == [NOW - timedelta(seconds=1), NOW]
    assert all(one.of_arrival for one in found)
    assert place.offset == -ticks_of(NOW + AHEAD - timedelta(seconds=1)) + ticks_of(NOW)
    [old] = make.samples([("a", value(3.0, 600))], past=True)
    assert old.ts == NOW - timedelta(seconds=599), "by what was measured last"


def test_values_without_any_time_keep_their_order() -> None:
    make, place = maker()
    found = make.samples([("a", DataValue(1.0, 0, 0, 0)), ("a", DataValue(2.0, 0, 0, 0))])
    assert [one.ts - NOW for one in found] == [timedelta(0), timedelta(microseconds=1)]
    assert all(one.of_arrival for one in found)
    assert place.last == {}


def test_items_of_an_earlier_mapping_have_no_tag() -> None:
    make, _ = maker()
    [handle, _] = handles_of(make._settings)
    one = value(1.0, 0)
    assert make.tagged([(handle, one), (4711, one)]) == [("a", one)]


def test_queues_that_were_too_short() -> None:
    make, _ = maker()
    full = value(1.0, 1, status=0x0480)
    assert make.overflowed([("a", value(1.0, 2)), ("b", full)]) == {"b": full.source_time}


def test_values_are_put_into_the_order_of_their_times() -> None:
    values = [("a", value(1, 3)), ("a", value(2, 1)), ("b", value(3, 2, server=False))]
    assert [one.value for _, one in by_time(values)] == [1, 3, 2]
    assert first_times(values) == {"a": value(0, 3).source_time, "b": value(0, 2).source_time}
