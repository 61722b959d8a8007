"""Edge node of Sparkplug as it is heard: nothing without a birth, and nothing silently wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.metric_specs import PRODUCT, PRODUCT_NAME
from broker.sparkplug.payload import Payload, encode
from broker.sparkplug.topics import MessageKind
from edge_agent.errors import SettingsError
from edge_agent.links.heard_edge_node import HELD_BYTES
from edge_agent.links.left_out import LeftOut
from edge_agent.links.tag_source import Sample
from tests.support.heard_node import (
    DBIRTH,
    DDATA,
    DDEATH,
    NDATA,
    T0,
    TAGS,
    Node,
    metric,
    ms,
    told,
)


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
    assert node.heard.wants_birth, "its DBIRTH may have been lost"
    node.born()
    assert node.look(6.0).keys() == {"weight"}
    assert not node.heard.wants_birth, "it is asked for once: it may be away"
    assert node.send(DDATA, "scale", metric("Weight", 1.0)) == []
    assert node.counts == {LeftOut.NO_BIRTH: 1}
    assert node.heard.wants_birth


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


def test_what_was_stored_while_it_was_away_comes_before_its_birth() -> None:
    node = Node(backlog_s=2.0)
    assert node.born() == []
    node.second = 1.5
    old = metric(None, 39.0, -100.0, alias=2, historical=True)
    assert told(node.send(DDATA, "press", old)) == [("mold", 39.0)]
    assert node.send(DDATA, "press", metric(None, 41.0, 1.6, alias=2)) == []
    assert told(node.heard.look(T0, 2.1)) == [("hall", 41.0)], "of the node there is no backlog"
    assert node.heard.look(T0, 3.4) != [], "scale has no birth"
    assert told(node.heard.look(T0, 3.5)) == [("mold", 40.5), ("pouring", False), ("mold", 41.0)]
    node.second = 4.0
    assert told(node.send(DDATA, "press", metric(None, 42.0, 4.0, alias=2))) == [("mold", 42.0)]


def test_a_backlog_without_end_is_waited_for_a_minute() -> None:
    node = Node(backlog_s=2.0)
    node.born()
    for second in range(60):
        node.second = float(second)
        node.send(DDATA, "press", metric(None, 39.0, second - 100.0, alias=2, historical=True))
        assert ("mold", 40.5) not in told(node.heard.look(T0, node.second))
    assert ("mold", 40.5) in told(node.heard.look(T0, 60.0))


def test_who_dies_while_it_is_waited_for_said_how_things_stood() -> None:
    node = Node(backlog_s=2.0)
    node.born()
    found = told(node.send(DDEATH, "press"))
    assert found[:2] == [("mold", 40.5), ("pouring", False)]
    assert len(found) == 4
    assert ("hall", 41.0) in told(node.death(0))


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
