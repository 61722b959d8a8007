"""Samples of Sparkplug metrics: types, quality, times, and what is historical."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from broker.sparkplug.data_types import DataType
from broker.sparkplug.payload import Metric, Property
from edge_agent.links.left_out import LeftOut
from edge_agent.links.tag_source import Sample
from tests.support.heard_node import (
    DBIRTH,
    DDATA,
    NBIRTH,
    NDATA,
    T0,
    Node,
    metric,
    told,
)


@pytest.fixture
def node() -> Node:
    found = Node()
    found.born()
    return found


def test_signed_integers_of_data_are_as_their_birth_says() -> None:
    node = Node(tags={"n": {"metric": "N"}})
    node.send(NBIRTH, None, metric("N", 1, alias=9))
    (sample,) = node.send(NDATA, None, metric(None, -5, alias=9, type=DataType.INT32), types=False)
    assert sample.value == -5


def test_a_mapped_metric_that_is_not_in_the_birth_has_a_fault() -> None:
    node = Node()
    node.send(NBIRTH, None, metric("bdSeq", 0, type=DataType.INT64))
    assert told(node.send(DBIRTH, "press", metric("Mold", 40.5))) == [
        ("mold", 40.5),
        ("pouring", "the birth of device press has no metric Pouring"),
    ]


@pytest.mark.parametrize("types", [True, False])
def test_a_type_that_changes_without_a_birth_is_a_fault(node: Node, types: bool) -> None:
    (sample,) = node.send(DDATA, "press", metric("Mold", "warm"), types=types)
    assert sample.value is None
    assert sample.fault.startswith("changed its type without a birth: ")
    assert node.counts == {LeftOut.CHANGED_TYPE: 1}
    assert node.heard.wants_birth
    assert told(node.born(Mold="warm"))[1] == ("mold", "warm"), "a birth may change it"


@pytest.mark.parametrize(
    ("quality", "words"),
    [(0, "quality 0 (bad)"), (500, "quality 500 (stale)"), (216, "quality 216")],
)
def test_only_good_values_count(node: Node, quality: int, words: str) -> None:
    properties = {"Quality": Property(DataType.INT32, quality)}
    bad = metric(None, 41.0, 1.0, alias=2, properties=properties)
    assert told(node.send(DDATA, "press", bad)) == [("mold", words)]
    good = metric(None, 41.5, 2.0, alias=2, properties={"Quality": Property(DataType.INT32, 192)})
    assert told(node.send(DDATA, "press", good)) == [("mold", 41.5)]


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        (None, DataType.DOUBLE, "is null: the edge node has no value of it"),
        (float("nan"), DataType.DOUBLE, "nan is no number"),
        (float("inf"), DataType.DOUBLE, "inf is no number"),
        (2**64 - 1, DataType.UINT64, "18446744073709551615 is beyond 64 bits with a sign"),
        ("a\nb", DataType.STRING, "'a\\nb': a text with line breaks, or longer than 1000"),
        (b"\0", DataType.BYTES,
         "is of the type BYTES: only numbers, truth values and texts are read"),
        (b"", DataType.TEMPLATE,
         "is of the type TEMPLATE: only numbers, truth values and texts are read"),
    ],
)  # fmt: skip
def test_a_value_that_is_none_has_its_reason(value: Any, kind: DataType, words: str) -> None:
    node = Node(tags={"t": {"metric": "T"}})
    assert told(node.send(NBIRTH, None, metric("T", value, type=kind))) == [("t", words)]


def test_historical_values_have_their_own_time_and_do_not_mark_state(node: Node) -> None:
    node.send(DDATA, "press", metric("Mold", None, 9.0, type=DataType.DOUBLE))
    found = node.send(DDATA, "press", metric(None, 38.0, -60.0, alias=2, historical=True))
    first, second = found
    assert first == Sample("mold", T0 - timedelta(seconds=60), 38.0, historical=True)
    assert second.fault == "is null: the edge node has no value of it", "it has none still"
    node.send(DDATA, "press", metric(None, 41.0, 10.0, alias=2))
    old = metric(None, 38.5, -59.0, alias=2, historical=True)
    assert told(node.send(DDATA, "press", old)) == [("mold", 38.5)]


def test_a_historical_value_without_a_time_is_counted(node: Node) -> None:
    node.send(DDATA, "press", Metric(None, 2, DataType.DOUBLE, 1.0, None, historical=True))
    assert node.counts == {LeftOut.NO_TIME: 1}


def test_times_are_those_of_arrival_where_there_is_none_or_none_counts() -> None:
    node = Node(clock="arrival", tags={"t": {"metric": "T"}})
    (sample,) = node.send(NBIRTH, None, metric("T", 1.0, -3600.0))
    assert (sample.ts, sample.of_arrival) == (T0, True)
    assert node.send(NDATA, None, metric("T", 1.0, -60.0, historical=True)) == []
    assert node.counts == {LeftOut.NO_TIME: 1}


def test_a_metric_without_a_time_has_that_of_its_message() -> None:
    node = Node(tags={"t": {"metric": "T"}})
    node.second = 5.0
    (sample,) = node.send(NBIRTH, None, Metric("T", None, DataType.DOUBLE, 1.0))
    assert (sample.ts, sample.of_arrival) == (T0 + timedelta(seconds=5), False)
    far = Metric("T", None, DataType.DOUBLE, 1.0, 2**64 - 1)
    assert told(node.send(NDATA, None, far)) == [
        ("t", "its time 18446744073709551615 ms since 1970 is no time of a clock")
    ]


def test_values_of_one_millisecond_are_all_there(node: Node) -> None:
    values = [41.0, 42.0, 42.0, 43.0]
    found = node.send(DDATA, "press", *(metric(None, v, 1.0, alias=2) for v in values))
    micros = [(one.ts - T0) // timedelta(microseconds=1) - 1_000_000 for one in found]
    assert micros == [0, 1, 1, 2]


def test_a_change_of_type_or_unit_at_a_birth_is_told(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = {"engUnit": Property(DataType.STRING, "degF")}
    node.send(DBIRTH, "press", metric("Mold", 104, properties=unit), metric("Pouring", False))
    out = capsys.readouterr()
    assert "Mold: was DOUBLE, is INT32 degF" in out.out + out.err
