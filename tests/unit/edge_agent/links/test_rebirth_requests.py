"""Rebirths are asked for at once, then ever more rarely."""

from __future__ import annotations

import pytest

from broker.sparkplug.data_types import DataType
from broker.sparkplug.payload import decode
from edge_agent.links.rebirth_requests import PAUSES_S, RebirthRequests, rebirth_command


def test_a_node_that_needs_one_always_is_asked_ever_more_rarely() -> None:
    requests = RebirthRequests()
    asked = [at for at in range(7200) if requests.may_ask(float(at))]
    assert asked[:4] == [0, 1, 2, 12]
    assert len(asked) < 20
    assert asked[-1] - asked[-2] == PAUSES_S[-1]


def test_after_a_long_time_without_one_it_is_at_once_again() -> None:
    requests = RebirthRequests()
    assert [requests.may_ask(at) for at in (0.0, 1.0, 2.0, 3.0)] == [True, True, True, False]
    assert [requests.may_ask(2000.0 + at) for at in (0.0, 1.0, 2.0, 3.0)] == [
        True, True, True, False,
    ]  # fmt: skip


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-name",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-value",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-verb",
)
def test_the_command_is_that_of_the_specification() -> None:
    topic, data = rebirth_command("plant", "line", 1_777_881_600_000)
    assert topic == "spBv1.0/plant/NCMD/line"
    payload = decode(data)
    (metric,) = payload.metrics
    assert (metric.name, metric.type, metric.value) == (
        "Node Control/Rebirth", DataType.BOOLEAN, True,
    )  # fmt: skip
    assert payload.seq is None
