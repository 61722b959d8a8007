"""The session of an edge node: births, numbers modulo 256, deaths, commands."""

from __future__ import annotations

import pytest

from broker.sparkplug.data_types import DataType
from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.metric_book import MetricBook
from broker.sparkplug.metric_specs import ACKNOWLEDGE, REBIRTH
from broker.sparkplug.mold_metrics import Reading
from broker.sparkplug.node_session import NodeSession, next_bd_seq, stored_form
from broker.sparkplug.payload import Metric, Payload, decode, encode
from broker.sparkplug.topics import parse_topic

NCMD, DCMD = parse_topic("spBv1.0/g/NCMD/n"), parse_topic("spBv1.0/g/DCMD/n/m")


def session(*molds: str, bd_seq: int = 3) -> NodeSession:
    book = MetricBook()
    for mold in molds:
        book.take(mold, [Reading("Live/T_core_C", 20.0)], 1000, 1000)
    return NodeSession("g", "n", book, bd_seq)


def command(name: str, type_: DataType, value: bool | str | int | None) -> bytes:
    return encode(Payload(1, (Metric(name, None, type_, value),)))


@pytest.mark.sparkplug(
    "tck-id-topics-nbirth-topic",
    "tck-id-topics-dbirth-topic",
    "tck-id-topics-nbirth-seq-num",
    "tck-id-payloads-dbirth-seq-inc",
    "tck-id-topics-nbirth-bdseq-matching",
)
def test_births_begin_at_zero_and_name_the_connect() -> None:
    node = session("m", "o")
    births = node.births(2000)
    assert [one.topic for one in births] == [
        "spBv1.0/g/NBIRTH/n",
        "spBv1.0/g/DBIRTH/n/m",
        "spBv1.0/g/DBIRTH/n/o",
    ]
    payloads = [decode(one.payload) for one in births]
    assert [one.seq for one in payloads] == [0, 1, 2]
    (bd_seq,) = [one for one in payloads[0].metrics if one.name == "bdSeq"]
    assert (bd_seq.type, bd_seq.value) == (DataType.INT64, 3)
    aliases = [one.alias for p in payloads for one in p.metrics if one.alias is not None]
    assert len(set(aliases)) == len(aliases)


def test_numbers_go_round_and_a_rebirth_begins_anew_with_the_same_connect() -> None:
    node = session("m")
    node.births(1)
    seqs = []
    for number in range(300):
        changed, _ = node.book.take("m", [Reading("Live/T_core_C", 100.0 + number)], 9000, 9000)
        seqs.append(decode(node.data("m", changed, 9000, 9000).payload).seq)
    assert seqs == [(2 + number) % 256 for number in range(300)]
    again = [decode(one.payload) for one in node.births(2)]
    assert [one.seq for one in again] == [0, 1]
    assert node.bd_seq == 3


@pytest.mark.sparkplug("tck-id-topics-ndeath-payload", "tck-id-topics-ndeath-seq")
def test_the_death_holds_the_number_of_the_connect_alone() -> None:
    death = session().will(7)
    payload = decode(death.payload)
    assert death.topic == "spBv1.0/g/NDEATH/n"
    assert payload.seq is None
    assert [(one.name, one.value) for one in payload.metrics] == [("bdSeq", 3)]


@pytest.mark.sparkplug("tck-id-topics-nbirth-bdseq-increment")
def test_the_number_of_the_connect_begins_at_zero_and_goes_round() -> None:
    assert [next_bd_seq(one) for one in (None, 0, 254, 255)] == [0, 1, 255, 0]


@pytest.mark.sparkplug("tck-id-payloads-alias-data-cmd-requirement")
def test_data_has_aliases_times_and_neither_names_nor_types() -> None:
    node = session("m")
    node.births(1)
    readings = [Reading("Live/T_core_C", 21.0), Reading("State/phase", "curing")]
    readings += [Reading("Prediction/revision", 7), Reading("Live/T_mold_C", None, 0)]
    changed, _ = node.book.take("m", readings, 5000, 5000)
    node.births(2)  # a new channel
    payload = decode(node.data("m", changed, 5000, 6000).payload)
    assert payload.timestamp_ms == 6000
    assert {(one.name, one.type, one.timestamp_ms) for one in payload.metrics} == {
        (None, None, 5000)
    }
    assert [one.value for one in payload.metrics] == [21.0, "curing", 7, None]
    assert [one.quality for one in payload.metrics] == [192, 192, 192, 0]


def test_what_was_stored_is_sent_as_historical_with_its_own_time() -> None:
    node = session("m")
    changed, _ = node.book.take("m", [Reading("Live/T_core_C", 21.0)], 5000, 5000)
    stored = stored_form(changed, 5000)
    node.births(6000)
    message = node.historical("m", stored, 7000)
    payload = decode(message.payload)
    assert message.topic == "spBv1.0/g/DDATA/n/m"
    assert (payload.seq, payload.timestamp_ms) == (2, 7000)
    assert [(one.historical, one.timestamp_ms, one.value) for one in payload.metrics] == [
        (True, 5000, 21.0)
    ]


@pytest.mark.parametrize("stored", [b"\xff\xff", encode(Payload(1, (Metric(None, 999),)))])
def test_what_is_damaged_or_of_no_metric_is_not_sent(stored: bytes) -> None:
    node = session("m")
    node.births(1)
    with pytest.raises(SparkplugError):
        node.historical("m", stored, 2)
    assert decode(node.device_death("m", 3).payload).seq == 2  # no number was used up


def test_new_devices_and_channels_are_known_after_the_next_birth() -> None:
    node = session("m")
    assert not node.lives(None)
    node.births(1)
    new, _ = node.book.take("m", [Reading("Live/T_mold_C", 1.0)], 1, 1)
    other, _ = node.book.take("o", [Reading("Live/T_core_C", 1.0)], 1, 1)
    assert not node.knows("m", new)
    assert not node.knows("o", other)
    assert not node.complete
    node.births(2)
    assert node.complete
    assert node.knows("m", new)
    assert node.knows("o", other)


@pytest.mark.sparkplug("tck-id-topics-ddeath-topic", "tck-id-topics-ddeath-seq-num")
def test_a_device_that_is_dead_is_not_known_and_not_born_while_silent() -> None:
    node = session("m", "o")
    node.births(1)
    death = node.device_death("m", 2)
    assert (death.topic, decode(death.payload).seq) == ("spBv1.0/g/DDEATH/n/m", 3)
    assert not node.lives("m")
    assert len(node.births(3, silent=["m"])) == 2
    assert len(node.births(4)) == 3


def test_a_rebirth_and_an_acknowledgement_are_understood() -> None:
    node = session("m")
    asked = node.command(NCMD, command(REBIRTH, DataType.BOOLEAN, True))
    assert [(one.kept.spec.name, one.value) for one in asked.writes] == [(REBIRTH, True)]
    asked = node.command(DCMD, command(ACKNOWLEDGE, DataType.STRING, "a1"))
    assert [(one.device, one.value) for one in asked.writes] == [("m", "a1")]
    alias = node.book.devices["m"].metrics[ACKNOWLEDGE].alias
    by_alias = encode(Payload(1, (Metric(None, alias, DataType.STRING, "a2"),)), types=False)
    assert [one.value for one in node.command(DCMD, by_alias).writes] == ["a2"]


@pytest.mark.parametrize(
    ("name", "type_", "value"),
    [
        (REBIRTH, DataType.STRING, "true"),
        (REBIRTH, DataType.INT32, 1),
        (REBIRTH, DataType.BOOLEAN, None),
        (ACKNOWLEDGE, DataType.BOOLEAN, True),
        ("Live/T_core_C", DataType.DOUBLE, 5),
        ("Node Control/Reboot", DataType.BOOLEAN, True),
    ],
)
def test_what_cannot_be_written_is_a_fault(
    name: str, type_: DataType, value: bool | str | int | None
) -> None:
    node = session("m")
    for topic in (NCMD, DCMD):
        found = node.command(topic, command(name, type_, value))
        assert (len(found.writes), len(found.faults)) == (0, 1)


def test_bytes_that_are_no_payload_are_an_error() -> None:
    with pytest.raises(SparkplugError):
        session().command(NCMD, b"rebirth!")


def test_an_id_that_cannot_be_in_a_topic_is_refused() -> None:
    with pytest.raises(SparkplugError):
        NodeSession("a/b", "n", MetricBook(), 0)


def test_it_listens_to_commands_of_node_and_devices() -> None:
    assert session().commands() == ["spBv1.0/g/NCMD/n", "spBv1.0/g/DCMD/n/+"]
