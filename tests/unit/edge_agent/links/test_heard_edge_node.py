"""Edge node of Sparkplug as it is heard: nothing without a birth, and nothing silently wrong."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.sparkplug.data_types import DataType
from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.metric_specs import PRODUCT, PRODUCT_NAME
from broker.sparkplug.payload import Metric, Payload, Property, encode
from broker.sparkplug.topics import MessageKind, SparkplugTopic
from edge_agent.config.gateway_sources import SparkplugSource
from edge_agent.errors import SettingsError
from edge_agent.links.heard_edge_node import HELD_BYTES, HeardEdgeNode
from edge_agent.links.left_out import LeftOut
from edge_agent.links.tag_source import Sample

NBIRTH, NDATA, NDEATH = MessageKind.NBIRTH, MessageKind.NDATA, MessageKind.NDEATH
DBIRTH, DDATA, DDEATH = MessageKind.DBIRTH, MessageKind.DDATA, MessageKind.DDEATH
T0 = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
TAGS = {
    "hall": {"metric": "Hall/Humidity"},
    "mold": {"metric": "Mold", "device": "press"},
    "pouring": {"metric": "Pouring", "device": "press"},
    "weight": {"metric": "Weight", "device": "scale"},
}
TYPES = {bool: DataType.BOOLEAN, int: DataType.INT32, float: DataType.DOUBLE, str: DataType.STRING}
NODE = {"Hall/Humidity": 41.0}
PRESS = {"Mold": 40.5, "Pouring": False}


def ms(second: float) -> int:
    return round((T0 + timedelta(seconds=second)).timestamp() * 1000)


def metric(name: str | None, value: Any, second: float = 0.0, **more: Any) -> Metric:
    alias, kind = more.pop("alias", None), more.pop("type", TYPES.get(type(value)))
    return Metric(name, alias, kind, value, ms(second), **more)


class Node:
    """An edge node that sends to a HeardEdgeNode, by hand."""

    def __init__(self, **settings: Any) -> None:
        given_ = {"kind": "sparkplug", "group": "plant", "edge_node": "line", "tags": TAGS}
        self.settings = SparkplugSource.model_validate(given_ | settings)
        self.counts: Counter[str] = Counter()
        self.heard = HeardEdgeNode(self.settings, self.counts, 0.0)
        self.second, self.seq, self.bd_seq = 0.0, 0, 0

    def send(self, kind: MessageKind, device: str | None, *metrics: Metric, **more: Any):
        """A message with the next ``seq``."""
        seq = more.pop("seq", self.seq % 256)
        if seq is not None:
            self.seq = seq + 1
        data = encode(Payload(ms(self.second), metrics, seq), types=more.pop("types", True))
        return self.take(kind, device, data)

    def take(self, kind: MessageKind, device: str | None, data: bytes) -> list[Sample]:
        topic = SparkplugTopic(kind, "plant", "line", device)
        return self.heard.take(topic, data, T0 + timedelta(seconds=self.second), self.second)

    def born(self, *more: Metric, aliases: dict[str, int] | None = None, **values: Any):
        """NBIRTH, and DBIRTH of the press; all with aliases from 1 on."""
        self.seq = 0
        aliases = aliases or {"Hall/Humidity": 1, "Mold": 2, "Pouring": 3}
        bd_seq = metric("bdSeq", self.bd_seq, type=DataType.INT64)
        of_node = [metric(name, value, alias=aliases[name]) for name, value in NODE.items()]
        found = self.send(NBIRTH, None, bd_seq, *of_node, *more)
        press = {**PRESS, **values}
        of_press = [metric(name, value, alias=aliases[name]) for name, value in press.items()]
        return found + self.send(DBIRTH, "press", *of_press)

    def death(self, bd_seq: int) -> list[Sample]:
        return self.send(NDEATH, None, metric("bdSeq", bd_seq, type=DataType.INT64), seq=None)

    def look(self, second: float) -> dict[str, str]:
        """Faults that are told at a time, by tag."""
        self.second = second
        found = self.heard.look(T0 + timedelta(seconds=second), second)
        return {one.tag: one.fault for one in found}


def told(samples: list[Sample]) -> list[tuple[str, Any]]:
    return [(one.tag, one.value if not one.fault else one.fault) for one in samples]


@pytest.fixture
def node() -> Node:
    found = Node()
    found.born()
    return found


def test_a_birth_says_how_things_stand_and_data_what_changes() -> None:
    node = Node()
    assert node.heard.wants_birth
    assert told(node.born()) == [("hall", 41.0), ("mold", 40.5), ("pouring", False)]
    assert not node.heard.wants_birth
    (sample,) = node.send(DDATA, "press", metric(None, 41.25, 2.0, alias=2), types=False)
    assert sample == Sample("mold", T0 + timedelta(seconds=2), 41.25)
    (sample,) = node.send(NDATA, None, metric("Hall/Humidity", 42.0, 3.0))
    assert (sample.tag, sample.value) == ("hall", 42.0)
    assert not node.counts


def test_signed_integers_of_data_are_as_their_birth_says() -> None:
    node = Node(tags={"n": {"metric": "N"}})
    node.send(NBIRTH, None, metric("N", 1, alias=9))
    (sample,) = node.send(NDATA, None, metric(None, -5, alias=9, type=DataType.INT32), types=False)
    assert sample.value == -5


def test_data_without_a_birth_is_counted_and_a_birth_is_wanted() -> None:
    node = Node()
    assert node.send(NDATA, None, metric("Hall/Humidity", 42.0)) == []
    assert node.send(DBIRTH, "press", metric("Mold", 1.0, alias=2)) == []
    assert node.counts == {LeftOut.NO_BIRTH: 2}
    assert node.look(2.9) == {}
    faults = node.look(3.0)
    assert faults.keys() == TAGS.keys()
    assert faults["mold"] == (
        "no birth of plant/line has come since the gateway listens; "
        "with rebirth: true it is asked for"
    )
    assert node.look(4.0) == {}, "told once"


def test_a_device_whose_birth_does_not_follow_has_no_value(node: Node) -> None:
    faults = node.look(3.0)
    words = "no birth of device scale has come since plant/line was born"
    assert {tag: why.partition(";")[0] for tag, why in faults.items()} == {"weight": words}
    assert node.send(DDATA, "scale", metric("Weight", 1.0)) == []
    assert node.counts == {LeftOut.NO_BIRTH: 1}
    assert node.heard.wants_birth


def test_a_mapped_metric_that_is_not_in_the_birth_has_a_fault() -> None:
    node = Node()
    node.send(NBIRTH, None, metric("bdSeq", 0, type=DataType.INT64))
    assert told(node.send(DBIRTH, "press", metric("Mold", 40.5))) == [
        ("mold", 40.5),
        ("pouring", "the birth of device press has no metric Pouring"),
    ]


def test_what_comes_after_missing_messages_is_held_until_a_birth_says_the_same(node: Node) -> None:
    node.seq += 1
    assert node.send(DDATA, "press", metric(None, True, 1.0, alias=3)) == []
    assert node.send(DDATA, "press", metric(None, False, 1.5, alias=3)) == []
    assert node.counts == {LeftOut.MISSING: 1}
    assert node.heard.wants_birth
    found = node.born(Mold=44.0)
    assert told(found) == [
        ("hall", 41.0), ("pouring", True), ("pouring", False), ("mold", 44.0), ("pouring", False),
    ]  # fmt: skip
    assert not any(one.historical for one in found)
    assert node.counts == {LeftOut.MISSING: 1}


def test_what_is_held_is_left_out_when_aliases_mean_something_else(node: Node) -> None:
    node.seq += 5
    assert node.send(DDATA, "press", metric(None, 99.0, 1.0, alias=2)) == []
    found = node.born(aliases={"Hall/Humidity": 1, "Mold": 3, "Pouring": 2})
    assert told(found) == [("hall", 41.0), ("mold", 40.5), ("pouring", False)]
    assert node.counts == {LeftOut.MISSING: 1, LeftOut.HELD_IN_VAIN: 1}


def test_without_a_birth_after_missing_messages_the_tags_have_no_value(node: Node) -> None:
    node.look(3.0)
    node.seq += 1
    node.send(NDATA, None, metric(None, 50.0, 3.5, alias=1))
    assert node.look(5.9) == {}
    node.second = 3.0
    faults = node.look(6.1)
    assert faults["mold"].startswith("messages of plant/line are missing, so its next birth is")
    assert faults.keys() == {"hall", "mold", "pouring"}
    node.second = 8.0
    (late, *_) = node.born()
    assert (late.tag, late.value, late.historical) == ("hall", 50.0, True)


def test_what_is_held_has_a_bound(node: Node) -> None:
    node.seq += 1
    text = "x" * 900_000
    for _ in range(HELD_BYTES // 900_000 + 3):
        node.send(NDATA, None, metric("Hall/Humidity", text))
    assert node.counts[LeftOut.HELD_IN_VAIN] == 3


def test_a_message_behind_its_turn_is_counted(node: Node) -> None:
    node.send(DDATA, "press", metric(None, 41.0, 1.0, alias=2))
    (late,) = node.send(DDATA, "press", metric(None, 40.9, 0.9, alias=2), seq=1)
    assert late.value == 40.9, "its own time says where it belongs"
    node.seq = 3
    node.send(DDATA, "press", metric(None, 42.0, 2.0, alias=2))
    assert node.counts == {LeftOut.OUT_OF_ORDER: 1}
    assert not node.heard.wants_birth
    assert node.send(DDEATH, "press", seq=0) == [], "a death that is perhaps older than a birth"
    assert node.heard.wants_birth


def test_a_death_takes_the_values_and_only_that_of_the_known_birth(node: Node) -> None:
    node.bd_seq = 1
    node.born()
    assert node.death(0) == []
    assert node.counts == {LeftOut.OLD_DEATH: 1}
    faults = node.death(1)
    assert {one.tag for one in faults} == TAGS.keys()
    assert {one.fault for one in faults} == {"plant/line is dead (NDEATH)"}
    assert all(one.of_arrival for one in faults)
    assert node.send(NDATA, None, metric(None, 1.0, alias=1)) == []
    assert node.counts[LeftOut.NO_BIRTH] == 1
    assert ("mold", 40.5) in told(node.born())


def test_a_device_that_dies_costs_its_tags_alone(node: Node) -> None:
    assert told(node.send(DDEATH, "press")) == [
        ("mold", "device press of plant/line is dead (DDEATH)"),
        ("pouring", "device press of plant/line is dead (DDEATH)"),
    ]
    assert told(node.send(NDATA, None, metric(None, 43.0, 1.0, alias=1))) == [("hall", 43.0)]
    assert told(node.send(DBIRTH, "press", metric("Mold", 39.0), metric("Pouring", True)))[:1] == [
        ("mold", 39.0)
    ]


def test_unknown_aliases_and_names_are_counted(node: Node) -> None:
    found = node.send(
        DDATA, "press", metric(None, 1.0, alias=77), metric("Nobody", 1.0), metric(None, 42.0),
        metric(None, 43.0, alias=2),
    )  # fmt: skip
    assert told(found) == [("mold", 43.0)]
    assert node.counts == {LeftOut.UNKNOWN_METRIC: 3}
    assert node.heard.wants_birth


def test_an_alias_that_two_metrics_have_is_none() -> None:
    node = Node()
    node.born(aliases={"Hall/Humidity": 1, "Mold": 2, "Pouring": 2})
    assert node.send(DDATA, "press", metric(None, 43.0, alias=2)) == []
    assert node.counts == {LeftOut.UNKNOWN_METRIC: 1}


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


def test_an_edge_node_of_the_twin_is_refused() -> None:
    node = Node()
    with pytest.raises(SettingsError, match="plant/line is an edge node of the twin itself"):
        node.born(metric(PRODUCT, PRODUCT_NAME))


def test_a_message_without_seq_is_read_and_counted(node: Node) -> None:
    found = node.send(NDATA, None, metric(None, 42.0, 1.0, alias=1), seq=None)
    assert told(found) == [("hall", 42.0)]
    assert node.counts == {LeftOut.NO_SEQ: 1}


def test_seq_begins_anew_after_255(node: Node) -> None:
    for n in range(600):
        assert node.send(NDATA, None, metric(None, float(n), 1.0 + n, alias=1))
    assert not node.counts


def test_a_change_of_type_or_unit_at_a_birth_is_told(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = {"engUnit": Property(DataType.STRING, "degF")}
    node.send(DBIRTH, "press", metric("Mold", 104, properties=unit), metric("Pouring", False))
    out = capsys.readouterr()
    assert "Mold: was DOUBLE, is INT32 degF" in out.out + out.err


@given(st.sampled_from(list(MessageKind)[:-1]), st.binary(max_size=60))
def test_garbage_is_nothing_but_an_error_of_sparkplug(kind: MessageKind, data: bytes) -> None:
    node = Node()
    node.born()
    device = "press" if kind.value.startswith("D") else None
    try:
        found = node.take(kind, device, data)
    except SparkplugError:
        return
    assert all(one.tag in TAGS for one in found)


steps = st.lists(st.sampled_from(["data", "lose", "rebirth", "birth anew", "die", "repeat"]))


@given(steps)
def test_no_value_is_ever_of_another_metric(what: list[str]) -> None:
    """Aliases change at some births; a value says of which metric it is."""
    node, flipped, last = Node(), False, b""
    node.born()
    for at, step in enumerate(what):
        node.second = float(at)
        aliases = {"Hall/Humidity": 1, "Mold": 3, "Pouring": 2} if flipped else None
        names = {"Mold": 3, "Pouring": 2} if flipped else {"Mold": 2, "Pouring": 3}
        found: list[Sample] = []
        if step == "rebirth":
            found = node.born(aliases=aliases)
        elif step == "birth anew":  # which nobody hears
            flipped, node.seq = not flipped, node.seq + 3
        elif step == "lose":
            node.seq += 1
        elif step == "die":
            found = node.send(DDEATH, "press")
        elif step == "repeat" and last:
            found = node.take(DDATA, "press", last)
        else:
            mold = metric(None, 40.0 + at, at, alias=names["Mold"])
            pouring = metric(None, at % 2 == 0, at, alias=names["Pouring"])
            message = Payload(ms(at), (mold, pouring), node.seq % 256)
            last = encode(message, types=False)
            node.seq += 1
            found = node.take(DDATA, "press", last)
        for one in found:
            if one.value is not None:
                assert isinstance(one.value, bool) is (one.tag == "pouring")
