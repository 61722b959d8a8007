"""The strict host finds what is wrong with an edge node, and nothing with a right one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from broker.sparkplug.data_types import DataType
from broker.sparkplug.payload import Metric, Payload, Property, encode
from broker.sparkplug.topics import MessageKind, SparkplugTopic
from tests.support.sparkplug_findings import Findings
from tests.support.sparkplug_rules import BD_SEQ, REBIRTH, Node
from tests.support.sparkplug_samples import Key, Samples

NOW = 1_700_000_000_000
Message = tuple[SparkplugTopic, Payload]


def metric(alias: int, name: str = "", value: float | None = 1.0, at: int = NOW) -> Metric:
    return Metric(name or f"m{alias}", alias, DataType.DOUBLE, value, at)


def nbirth(bd_seq: int = 3, *metrics: Metric, seq: int | None = 0) -> Message:
    own = (
        Metric(BD_SEQ, None, DataType.INT64, bd_seq, NOW),
        Metric(REBIRTH, None, DataType.BOOLEAN, False, NOW),
    )
    topic = SparkplugTopic(MessageKind.NBIRTH, "g", "n")
    return topic, Payload(NOW, (*own, *(metrics or (metric(1),))), seq)


def dbirth(seq: int, device: str = "d", *metrics: Metric) -> Message:
    topic = SparkplugTopic(MessageKind.DBIRTH, "g", "n", device)
    return topic, Payload(NOW, metrics or (metric(2), metric(3)), seq)


def ddata(seq: int | None, *metrics: Metric, device: str = "d") -> Message:
    bare = tuple(replace(one, name=None) for one in metrics or (metric(2),))
    return SparkplugTopic(MessageKind.DDATA, "g", "n", device), Payload(NOW, bare, seq)


def ndata(seq: int, *metrics: Metric) -> Message:
    bare = tuple(replace(one, name=None) for one in metrics or (metric(1),))
    return SparkplugTopic(MessageKind.NDATA, "g", "n"), Payload(NOW, bare, seq)


def ddeath(seq: int) -> Message:
    return SparkplugTopic(MessageKind.DDEATH, "g", "n", "d"), Payload(NOW, (), seq)


def ndeath(bd_seq: int = 3, seq: int | None = None) -> Message:
    own = (Metric(BD_SEQ, None, DataType.INT64, bd_seq),)
    return SparkplugTopic(MessageKind.NDEATH, "g", "n"), Payload(NOW, own, seq)


def heard(*messages: Message) -> tuple[Findings, Samples, Node]:
    findings, samples = Findings(), Samples()
    node = Node(findings, samples, "n")
    for topic, payload in messages:
        data = topic.kind in {MessageKind.NDATA, MessageKind.DDATA}
        node.hear(topic, encode(payload, types=not data), NOW)
    return findings, samples, node


def test_nothing_is_wrong_with_a_right_node() -> None:
    data = [ddata(one % 256, metric(2, value=one, at=NOW - 999 + one)) for one in range(2, 600)]
    findings, samples, node = heard(
        nbirth(255),
        dbirth(1),
        *data,
        ndeath(255),
        nbirth(0),
        dbirth(1),
        nbirth(0),  # a rebirth
        dbirth(1),
        ndata(2),
        ddata(3, replace(metric(2, value=None, at=NOW - 5000), historical=True)),
        dbirth(4, "later", metric(9)),
        ddeath(5),
        dbirth(6),
    )
    assert findings.errors == []
    assert samples.missing(Key("n", "d", "m2"), range(2, 600)) == []
    assert samples.missing(Key("n", "d", "m2"), [600]) == [600]
    assert samples.doubles() == []
    assert (node.births, node.deaths, samples.historical) == (3, 1, 1)
    assert node.devices["d"].values["m2"].value == 1.0  # the past changes nothing


def test_what_comes_before_the_first_birth_is_counted() -> None:
    findings, _, node = heard(ndata(7), ddata(8), nbirth())
    assert findings.errors == []
    assert node.before_birth == 2


def test_a_death_of_an_earlier_connection_is_passed_over() -> None:
    findings, _, node = heard(nbirth(4), ndeath(3), dbirth(1))
    assert findings.errors == []
    assert (node.old_deaths, node.online) == (1, True)


def test_doubles_and_contradictions() -> None:
    one = metric(2, at=NOW - 9)
    _, samples, _ = heard(nbirth(), dbirth(1), ddata(2, one), ddata(3, one))
    assert samples.doubles() == [(Key("n", "d", "m2"), NOW - 9)]
    assert samples.contradictions == []
    other = replace(one, value=2.0)
    _, samples, _ = heard(nbirth(), dbirth(1), ddata(2, one), ddata(3, other))
    assert len(samples.contradictions) == 1


quality = {"Quality": Property(DataType.INT32, 193)}
WRONG: dict[str, tuple[list[Message], str]] = {
    "seq of a birth": ([nbirth(seq=1)], "payloads-nbirth-seq"),
    "birth without seq": ([nbirth(seq=None)], "payloads-nbirth-seq"),
    "a gap": ([nbirth(), dbirth(2)], "payloads-dbirth-seq"),
    "no seq": ([nbirth(), dbirth(1), ddata(None)], "payloads-ddata-seq"),
    "seq again": ([nbirth(), dbirth(1), ddata(1)], "payloads-ddata-seq"),
    "data after a death": ([nbirth(), dbirth(1), ndeath(), ddata(2)], "principles-birth"),
    "data before its device": ([nbirth(), ddata(1)], "payloads-ddata-order"),
    "data after the device": ([nbirth(), dbirth(1), ddeath(2), ddata(3)], "payloads-ddata-order"),
    "death of no device": ([nbirth(), ddeath(1)], "operational-behavior-device-ddeath"),
    "seq of a death": ([nbirth(), ndeath(seq=1)], "payloads-ndeath-seq"),
    "bdSeq stays": ([nbirth(3), ndeath(3), nbirth(3)], "topics-nbirth-bdseq-increment"),
    "bdSeq leaps": ([nbirth(3), ndeath(3), nbirth(5)], "topics-nbirth-bdseq-increment"),
    "bdSeq of a rebirth": ([nbirth(3), nbirth(4)], "operational-behavior-data-commands-rebirth-a"),
    "bdSeq too large": ([nbirth(256)], "payloads-nbirth-bdseq"),
    "device after data": (
        [nbirth(), dbirth(1), nbirth(), ndata(1), dbirth(2)],
        "message-flow-device-birth-publish-nbirth-wait",
    ),
    "alias twice": ([nbirth(3, metric(1)), dbirth(1, "d", metric(1))], "payloads-alias-uniqueness"),
    "name twice": ([nbirth(3, metric(1, "a"), metric(2, "a"))], "topics-nbirth-metric-reqs"),
    "name in capitals": ([nbirth(3, metric(1, "a"), metric(2, "A"))], "case-sensitivity-metric"),
    "device in capitals": (
        [nbirth(), dbirth(1), dbirth(2, "D", metric(8))],
        "case-sensitivity-sparkplug-ids",
    ),
    "no alias": ([nbirth(3, replace(metric(1), alias=None))], "payloads-alias-birth-requirement"),
    "no time": ([nbirth(3, replace(metric(1), timestamp_ms=None))], "payloads-name-birth-data"),
    "of tomorrow": ([nbirth(3, metric(1, at=NOW + 86_400_000))], "payloads-metric-timestamp"),
    "order": (
        [nbirth(3, metric(1, at=NOW - 1), metric(2, at=NOW - 2))],
        "operational-behavior-data-publish-nbirth-order",
    ),
    "order of data": (
        [nbirth(), dbirth(1), ddata(2, metric(2, at=NOW - 1), metric(3, at=NOW - 2))],
        "operational-behavior-data-publish-dbirth-order",
    ),
    "unknown alias": ([nbirth(), dbirth(1), ddata(2, metric(77))], "topics-dbirth-metric-reqs"),
    "another type": (
        [nbirth(), dbirth(1), ddata(2, Metric(None, 2, DataType.STRING, "x", NOW))],
        "payloads-metric-datatype-value",
    ),
    "quality": (
        [nbirth(3, replace(metric(1), properties=quality))],
        "payloads-propertyset-quality-value-value",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(name: str) -> None:
    messages, assertion = WRONG[name]
    found = heard(*messages)[0].errors
    assert any(one.startswith(f"tck-id-{assertion}") for one in found), found


def spoiled(change: Callable[[Payload], Payload], types: bool) -> list[str]:
    findings, _, node = heard(nbirth(), dbirth(1))
    topic, payload = ddata(2)
    node.hear(topic, encode(change(payload), types=types), NOW)
    return findings.errors


def test_names_types_and_times_of_data() -> None:
    named = replace(metric(2), name="m2")
    assert spoiled(lambda one: replace(one, metrics=(named,)), False)[0].startswith(
        "tck-id-payloads-alias-data-cmd-requirement"
    )
    assert spoiled(lambda one: one, True)[0].startswith("tck-id-payloads-metric-datatype-not-req")
    assert spoiled(lambda one: replace(one, timestamp_ms=NOW // 1000), False)[0].startswith(
        "tck-id-payloads-timestamp-in-UTC"
    )


def test_bytes_that_are_no_payload() -> None:
    findings, _, node = heard()
    node.hear(nbirth()[0], b"{}", NOW)
    assert len(findings.errors) == 1


def test_what_was_not_checked_is_said() -> None:
    findings = heard(nbirth())[0]
    findings.require(["tck-id-payloads-nbirth-seq"])
    with pytest.raises(AssertionError, match="not checked"):
        findings.require(["tck-id-payloads-ddata-seq"])
