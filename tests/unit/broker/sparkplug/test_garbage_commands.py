"""Commands of any bytes: a write that fits, a fault in words, or an error; never anything else."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.sparkplug.data_types import OF_METRICS, DataType
from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.metric_book import MetricBook
from broker.sparkplug.metric_specs import ACKNOWLEDGE, REBIRTH
from broker.sparkplug.mold_metrics import Reading, acknowledgement
from broker.sparkplug.node_session import Command, NodeSession
from broker.sparkplug.payload import Metric, Payload, encode
from broker.sparkplug.topics import parse_topic

TOPICS = [parse_topic(f"spBv1.0/g/{one}") for one in ("NCMD/n", "DCMD/n/m", "DCMD/n/no-such-mold")]
TYPES = {REBIRTH: bool, ACKNOWLEDGE: str}
names = st.sampled_from([REBIRTH, ACKNOWLEDGE, "Live/T_core_C", "bdSeq", "", None]) | st.text()
values = (
    st.none() | st.booleans() | st.text(max_size=9) | st.integers(-9, 9) | st.binary(max_size=9)
)


def born() -> NodeSession:
    book = MetricBook()
    book.take("m", [Reading("Live/T_core_C", 20.0)], 1000, 1000)
    node = NodeSession("g", "n", book, 0)
    node.births(2000)
    return node


NODE = born()


def judge(topic: int, data: bytes) -> None:
    with suppress(SparkplugError):
        command = NODE.command(TOPICS[topic], data)
        assert isinstance(command, Command)
        assert all(isinstance(one, str) and one for one in command.faults)
        for write in command.writes:
            assert type(write.value) is TYPES[write.kept.spec.name]
            assert write.device in {None, "m"}


@given(st.integers(0, 2), st.binary(max_size=80))
def test_any_bytes(topic: int, data: bytes) -> None:
    judge(topic, data)


@given(
    st.integers(0, 2),
    names,
    st.none() | st.integers(0, 2**64 - 1),
    st.sampled_from(sorted(OF_METRICS)),
    values,
    st.booleans(),
)
def test_any_metric(
    topic: int, name: str | None, alias: int | None, type_: DataType, value: object, types: bool
) -> None:
    with suppress(SparkplugError):
        metric = Metric(name, alias, type_, value)  # type: ignore[arg-type]
        judge(topic, encode(Payload(1, (metric,)), types=types))


@given(st.data())
@settings(max_examples=60)
def test_a_spoiled_command(data: st.DataObject) -> None:
    metrics = (
        Metric(REBIRTH, None, DataType.BOOLEAN, True, 1),
        Metric(ACKNOWLEDGE, None, DataType.STRING, "id", 1),
    )
    spoiled = bytearray(encode(Payload(1, metrics)))
    for _ in range(data.draw(st.integers(1, 4))):
        spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    judge(data.draw(st.integers(0, 2)), bytes(spoiled))


@given(st.text() | st.text().map(lambda one: '{"alert_id": "' + one + '"}'))
def test_any_text_as_an_acknowledgement(text: str) -> None:
    assert set(acknowledgement(text)) <= {"alert_id", "by", "note"}
