"""Runs of samples: nothing lost, in order, and never a value and a fault of one tag in one."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.links.sample_runs import runs_of
from edge_agent.links.tag_source import Sample

NOW = datetime(2026, 5, 4, tzinfo=UTC)
samples = st.builds(
    lambda tag, fault: Sample(tag, NOW, None if fault else 1.0, fault),
    st.sampled_from("abc"),
    st.sampled_from(["", "dead"]),
)


@given(st.lists(samples))
def test_runs(given_: list[Sample]) -> None:
    runs = list(runs_of(given_))
    assert [one for run in runs for one in run] == given_
    for run in runs:
        assert run
        for tag in "abc":
            assert len({bool(one.fault) for one in run if one.tag == tag}) < 2
    if len({bool(one.fault) for one in given_}) < 2:
        assert len(runs) <= 1
