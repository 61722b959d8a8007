"""Tags are read with few requests, each within the limits of Modbus."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.config.gateway_sources import ModbusTag
from edge_agent.links.modbus_requests import LIMITS, Request, requests_for

TAGS = st.dictionaries(
    st.integers(0, 400).map(lambda number: f"t{number}"),
    st.builds(
        lambda table, address, kind: ModbusTag(
            table=table, address=address, type="int16" if table == "coil" else kind
        ),
        st.sampled_from(["holding", "input", "coil"]),
        st.integers(0, 600),
        st.sampled_from(["int16", "float32", "float64"]),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=40)
@given(TAGS, st.integers(0, 120))
def test_each_tag_is_read_once_within_the_limits(tags: dict[str, ModbusTag], gap: int) -> None:
    requests = requests_for(tags, gap)
    names = [place.name for request in requests for place in request.places]
    assert sorted(names) == sorted(tags)
    for request in requests:
        assert 1 <= request.count <= LIMITS[request.table]
        end = request.first
        for place in request.places:
            assert tags[place.name].table == request.table
            assert place.first - end <= gap, "nothing that was not asked for is read beyond the gap"
            end = max(end, place.end)
        assert end == request.first + request.count
        if len(request.places) > 1:
            first, second = request.halves()
            assert first.places + second.places == request.places


def spans(requests: list[Request]) -> list[tuple[int, int]]:
    return [(request.first, request.count) for request in requests]


def holding(*addresses: int, **more: Any) -> dict[str, ModbusTag]:
    return {f"t{at}": ModbusTag(address=at, **more) for at in addresses}


def test_what_lies_together_is_read_together() -> None:
    assert spans(requests_for(holding(10, 11, 12), 0)) == [(10, 3)]
    assert spans(requests_for(holding(10, 13), 0)) == [(10, 1), (13, 1)]
    assert spans(requests_for(holding(10, 13), 2)) == [(10, 4)]
    assert spans(requests_for(holding(*range(300)), 0)) == [(0, 125), (125, 125), (250, 50)]
    assert spans(requests_for(holding(0, 124, type="float32"), 120)) == [(0, 2), (124, 2)]


def test_tags_may_share_a_register() -> None:
    bits = {f"b{bit}": ModbusTag(address=7, type="bool", bit=bit) for bit in range(16)}
    assert spans(requests_for(bits | holding(7, 8), 0)) == [(7, 2)]
