"""Payloads of Sparkplug: round trips, bytes worked out by hand, and bytes that are none."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.sparkplug.data_types import (
    ARRAYS,
    FLOATS,
    INTEGERS,
    OF_METRICS,
    OF_PROPERTIES,
    SIGNED_BITS,
    TEXTS,
    DataType,
)
from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.payload import (
    BAD,
    BYTES_MAX,
    GOOD,
    METRICS_MAX,
    STALE,
    Metric,
    Payload,
    Property,
    decode,
    encode,
    typed,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
uint64 = st.integers(0, 2**64 - 1)


def values_of(type_: DataType) -> st.SearchStrategy[Any]:
    """Every value that a type may have."""
    if type_ in INTEGERS:
        low = -(1 << (INTEGERS[type_] - 1)) if type_ in SIGNED_BITS else 0
        return st.integers(low, low + (1 << INTEGERS[type_]) - 1)
    if type_ in FLOATS:
        return st.floats(width=32 if type_ is DataType.FLOAT else 64, allow_nan=False)
    if type_ in TEXTS:
        return texts
    return st.booleans() if type_ is DataType.BOOLEAN else st.binary(max_size=20)


def property_of(type_: DataType) -> st.SearchStrategy[Property]:
    return st.builds(Property, st.just(type_), st.none() | values_of(type_))


def metric_of(type_: DataType) -> st.SearchStrategy[Metric]:
    return st.builds(
        Metric,
        name=st.none() | texts,
        alias=st.none() | uint64,
        type=st.just(type_),
        value=st.none() | values_of(type_),
        timestamp_ms=st.none() | uint64,
        historical=st.booleans(),
        transient=st.booleans(),
        properties=st.dictionaries(
            texts, st.sampled_from(sorted(OF_PROPERTIES)).flatmap(property_of), max_size=3
        ),
    )


metrics = st.sampled_from(sorted(OF_METRICS)).flatmap(metric_of)
payloads = st.builds(
    Payload,
    timestamp_ms=st.none() | uint64,
    metrics=st.lists(metrics, max_size=4).map(tuple),
    seq=st.none() | st.integers(0, 255),
    uuid=texts,
    body=st.binary(max_size=20),
)


@given(payloads)
@settings(max_examples=25)
def test_a_payload_comes_back(payload: Payload) -> None:
    assert decode(encode(payload)) == payload


@given(st.data())
@settings(max_examples=3)
def test_every_type_comes_back_with_and_without_its_number(data: st.DataObject) -> None:
    sent = tuple(data.draw(metric_of(type_)) for type_ in sorted(OF_METRICS))
    payload = Payload(1, sent, 7)
    assert decode(encode(payload)) == payload
    bare = decode(encode(payload, types=False)).metrics
    for before, after in zip(sent, bare, strict=True):
        assert after.type is None
        assert typed(after, DataType(before.type or 0)) == before


@pytest.mark.sparkplug(
    "tck-id-payloads-metric-datatype-value-type",
    "tck-id-payloads-metric-propertyvalue-type-type",
    "tck-id-payloads-propertyset-quality-value-type",
)
def test_bytes_of_a_birth_worked_out_by_hand() -> None:
    quality = {"Quality": Property(DataType.INT32, 500)}
    metric = Metric("a", 1, DataType.INT16, -2, 300, properties=quality)
    by_hand = (
        "08 b9 60"  # 1 timestamp, varint: 12345 = 0x60 << 7 | 0x39
        "12 20"  # 2 metrics, 32 bytes
        "  0a 01 61"  # 1 name "a"
        "  10 01"  # 2 alias
        "  18 ac 02"  # 3 timestamp 300
        "  20 02"  # 4 type: Int16 is 2
        "  4a 10"  # 9 properties, 16 bytes
        "    0a 07 51 75 61 6c 69 74 79"  # 1 keys: "Quality"
        "    12 05"  # 2 values, 5 bytes
        "      08 03"  # 1 type: Int32 is 3
        "      18 f4 03"  # 3 int_value 500
        "  50 fe ff 03"  # 10 int_value: 0xfffe, two's complement of 16 bit
        "18 05"  # 3 seq
    )
    assert encode(Payload(12345, (metric,), 5)) == bytes.fromhex(by_hand)
    assert decode(bytes.fromhex(by_hand)) == Payload(12345, (metric,), 5)


@pytest.mark.parametrize(
    ("type_", "value", "by_hand"),
    [
        (DataType.INT8, -23, "50 e9 01"),  # 0xe9
        (DataType.INT32, -1, "50 ff ff ff ff 0f"),
        (DataType.INT64, -1, "58 ff ff ff ff ff ff ff ff ff 01"),
        (DataType.UINT8, 250, "50 fa 01"),
        (DataType.UINT32, 2**32 - 1, "50 ff ff ff ff 0f"),
        (DataType.UINT64, 300, "58 ac 02"),
        (DataType.DATETIME, 300, "58 ac 02"),
        (DataType.FLOAT, 1.5, "65 00 00 c0 3f"),
        (DataType.DOUBLE, -2.0, "69 00 00 00 00 00 00 00 c0"),
        (DataType.BOOLEAN, False, "70 00"),
        (DataType.STRING, "ü", "7a 02 c3 bc"),
        (DataType.TEXT, "", "7a 00"),
        (DataType.UUID, "u", "7a 01 75"),
        (DataType.BYTES, b"\x00\xff", "82 01 02 00 ff"),
        (DataType.INT16_ARRAY, b"\xd0\x8a\x30\x75", "82 01 04 d0 8a 30 75"),
        (DataType.DATASET, b"\x08\x00", "8a 01 02 08 00"),
        (DataType.TEMPLATE, b"\x28\x01", "92 01 02 28 01"),
        (DataType.STRING, None, "38 01"),  # 7 is_null, and no value
    ],
)
@pytest.mark.sparkplug("tck-id-operational-behavior-data-publish-nbirth-values")
def test_bytes_of_a_value_worked_out_by_hand(type_: DataType, value: object, by_hand: str) -> None:
    metric = Metric(type=type_, value=value)  # type: ignore[arg-type]
    expected = bytes.fromhex(by_hand)
    assert encode(Payload(None, (metric,)), types=False) == bytes([0x12, len(expected)]) + expected
    with_type = bytes([0x20, type_]) + expected
    data = bytes([0x12, len(with_type)]) + with_type
    assert encode(Payload(None, (metric,))) == data
    assert decode(data).metrics == (metric,)


@pytest.mark.parametrize(
    ("type_", "by_hand", "value"),
    [
        (DataType.INT8, "50 ff ff ff ff 0f", -1),  # its sign fills 32 bit
        (DataType.INT16, "58 ff ff ff ff ff ff ff ff ff 01", -1),  # and 64
        (DataType.INT32, "58 ff ff ff ff 0f", -1),
        (DataType.UINT32, "58 ac 02", 300),  # in the field of 64 bit
        (DataType.FLOAT, "69 00 00 00 00 00 00 f8 3f", 1.5),
        (DataType.DOUBLE, "65 00 00 c0 3f", 1.5),
    ],
)
def test_forms_that_other_edge_nodes_send_are_read(
    type_: DataType, by_hand: str, value: object
) -> None:
    content = bytes([0x20, type_]) + bytes.fromhex(by_hand)
    (metric,) = decode(bytes([0x12, len(content)]) + content).metrics
    assert (metric.value, metric.fault) == (value, "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("20 01 50 80 02", "256 is beyond INT8"),
        ("20 05 50 80 02", "256 is beyond UINT8"),
        ("20 01 7a 01 61", "no INT8"),
        ("20 0b 50 01", "no BOOLEAN"),
        ("20 0c 50 01", "no STRING"),
        ("20 00 50 01", "type 0"),
        ("20 23 50 01", "type 35"),
        ("20 14 50 01", "type 20"),
        ("9a 01 00", "extension"),
        ("0a 01 ff 50 01", "not UTF-8"),
        ("20 0c 7a 01 ff", "not UTF-8"),
        ("50 01 4a 03 0a 01 61", "1 names of properties and 0 values"),
        ("50 01 4a 0a 0a 01 61 12 00 0a 01 61 12 00", "named twice"),
        ("50 01 4a 05 0a 01 ff 12 00", "not UTF-8"),
    ],
)
def test_what_is_wrong_with_one_metric_costs_that_metric(content: str, words: str) -> None:
    one = bytes.fromhex(content)
    wrong, right = decode(bytes([0x12, len(one)]) + one + bytes.fromhex("12 02 50 01")).metrics
    assert words in wrong.fault
    assert wrong.value is None
    assert right == Metric(value=1)


@pytest.mark.parametrize(
    "wrong", ["0a 01", "12 05 50", "0f", "ff" * 12, "22 01 ff", "08" + "ff" * 11]
)
def test_what_is_no_payload(wrong: str) -> None:
    with pytest.raises(SparkplugError):
        decode(bytes.fromhex(wrong))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_payload_or_refused(data: bytes) -> None:
    with suppress(SparkplugError):
        decode(data)


@given(payloads, st.data())
@settings(max_examples=40)
def test_spoiled_bytes_are_a_payload_or_refused(payload: Payload, data: st.DataObject) -> None:
    spoiled = bytearray(encode(payload))
    for _ in range(data.draw(st.integers(1, 4))):
        if spoiled:
            spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = decode(bytes(spoiled[: data.draw(st.integers(0, len(spoiled)))]))
    except SparkplugError:
        return
    for metric in read.metrics:
        for type_ in (DataType.INT8, DataType.DOUBLE, DataType.STRING, DataType.BOOLEAN):
            typed(metric, type_)


def test_more_than_is_read_of_a_payload() -> None:
    with pytest.raises(SparkplugError, match=f"at most {BYTES_MAX}"):
        decode(b"\x00" * (BYTES_MAX + 1))
    with pytest.raises(SparkplugError, match=f"at most {METRICS_MAX}"):
        decode(b"\x12\x00" * (METRICS_MAX + 1))


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (Metric("a", value=1), "'a': has a value and no type"),
        (Metric(None, 3, DataType.INT8, 128), "3: 128 is beyond INT8: -128 to 127"),
        (Metric("a", 1, DataType.UINT8, -1), "-1 is beyond UINT8"),
        (Metric("a", 1, DataType.INT32, True), "True is no INT32"),
        (Metric("a", 1, DataType.INT32, 1.0), "1.0 is no INT32"),
        (Metric("a", 1, DataType.DOUBLE, True), "True is no DOUBLE"),
        (Metric("a", 1, DataType.DOUBLE, 10**400), "beyond DOUBLE"),
        (Metric("a", 1, DataType.FLOAT, 1e39), "beyond FLOAT"),
        (Metric("a", 1, DataType.BOOLEAN, 1), "1 is no BOOLEAN"),
        (Metric("a", 1, DataType.STRING, b"x"), "no STRING"),
        (Metric("a", 1, DataType.STRING, "\ud800"), "no Unicode"),
        (Metric("a", 1, DataType.BYTES, "x"), "no BYTES"),
        (Metric("a", 1, DataType.PROPERTY_SET, b""), "no type of a metric"),
        (Metric("a", -1), "alias -1"),
        (Metric("a", timestamp_ms=1 << 64), "timestamp"),
        (Metric("a", properties={"p": Property(DataType.UUID, "x")}), "no type of a property"),
        (Metric("a", properties={"p": Property(None, 1)}), "no type of a property"),
        (Metric("a", properties={"p": Property(DataType.INT8, 300)}), "property 'p': 300"),
        (Metric("\ud800"), "cannot be written"),
    ],
)
def test_values_that_cannot_be_encoded(metric: Metric, words: str) -> None:
    with pytest.raises(SparkplugError) as caught:
        encode(Payload(1, (metric,)))
    assert words in caught.value.detail


@pytest.mark.parametrize("seq", [-1, 256])
def test_a_seq_beyond_a_byte_is_not_encoded(seq: int) -> None:
    with pytest.raises(SparkplugError, match=str(seq)):
        encode(Payload(1, (), seq))


def test_nan_and_infinity_are_values() -> None:
    sent = [Metric("a", 1, kind, one) for kind in FLOATS for one in (math.nan, math.inf, -math.inf)]
    for before, after in zip(sent, decode(encode(Payload(1, tuple(sent)))).metrics, strict=True):
        assert repr(after) == repr(before)


def test_a_type_that_is_not_that_of_the_birth() -> None:
    metric = Metric(None, 1, DataType.INT8, 1)
    assert typed(metric, DataType.INT8) is metric
    assert "INT8, but STRING in its birth" in typed(metric, DataType.STRING).fault
    assert "no STRING" in typed(replace(metric, type=None), DataType.STRING).fault
    assert typed(Metric(fault="f"), DataType.INT8) == Metric(fault="f")
    assert typed(Metric(), DataType.INT8) == Metric(type=DataType.INT8)


@pytest.mark.parametrize(
    ("said", "quality"),
    [
        (None, GOOD),
        (Property(DataType.INT32, 192), GOOD),
        (Property(DataType.INT32, 500), STALE),
        (Property(DataType.INT32, 0), BAD),
        (Property(DataType.INT32, 1), BAD),
        (Property(DataType.STRING, "good"), BAD),
        (Property(DataType.INT32, None), BAD),
        (Property(None, None, "beyond"), BAD),
    ],
)
def test_quality(said: Property | None, quality: int) -> None:
    assert Metric(properties={} if said is None else {"Quality": said}).quality == quality


@pytest.mark.sparkplug(
    "tck-id-payloads-propertyset-keys-array-size",
    "tck-id-payloads-propertyset-values-array-size",
    "tck-id-payloads-metric-propertyvalue-type-req",
    "tck-id-payloads-metric-propertyvalue-type-value",
)
def test_properties_are_written_as_pairs_with_their_types() -> None:
    pairs = {f"p{one}": Property(one, None) for one in sorted(OF_PROPERTIES)}
    data = encode(Payload(1, (Metric("a", 1, DataType.INT8, 1, properties=pairs),)), types=False)
    assert decode(data).metrics[0].properties == pairs


def test_arrays_are_bytes() -> None:
    assert {one.name for one in ARRAYS} == {one.name for one in DataType if "ARRAY" in one.name}
