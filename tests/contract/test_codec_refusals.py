"""Whatever arrives is a message or a PayloadError with the right code; nothing else."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker import (
    INBOUND,
    Channel,
    DeadLetter,
    Message,
    PayloadError,
    PressAddress,
    RefusalCode,
    TelemetryFrame,
    decode,
    encode,
)
from broker.codec import PAYLOAD_LIMIT
from broker.errors import DETAIL_LIMIT
from broker.json_values import DEPTH_LIMIT, ENTRIES_LIMIT, EXTRA_DEPTH_LIMIT
from tests.support.payloads import order, press_event, quality, shot, telemetry
from tests.support.strategies import MESSAGES, wild_values

EXAMPLES: dict[Any, Channel] = {
    telemetry: Channel.TELEMETRY,
    shot: Channel.SHOT,
    quality: Channel.QUALITY,
    press_event: Channel.EVENT,
    order: Channel.ORDER,
}
CONTENT_TYPES = [None, "application/json", "application/msgpack"]
SLOW = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def packed(**changes: Any) -> bytes:
    return bytes(msgpack.packb(telemetry(**changes)))


def raw(**changes: Any) -> bytes:
    return json.dumps(telemetry(**changes)).encode()


def raw_extra(json_text: str) -> bytes:
    return raw().removesuffix(b"}") + b', "x": ' + json_text.encode() + b"}"


REFUSED: dict[str, tuple[bytes, RefusalCode, str | None]] = {
    "too large": (raw(x="a" * PAYLOAD_LIMIT), RefusalCode.TOO_LARGE, None),
    "empty": (b"", RefusalCode.EMPTY, None),
    "gzip": (gzip.compress(raw()), RefusalCode.COMPRESSED, None),
    "latin-1": ('{"x": "ü"}'.encode("latin-1"), RefusalCode.NOT_UTF8, None),
    "utf-16": (raw().decode().encode("utf-16"), RefusalCode.NOT_UTF8, None),
    "two documents": (raw() + raw(), RefusalCode.NOT_JSON, None),
    "cut": (raw()[:-1], RefusalCode.NOT_JSON, None),
    "words": (b"hello", RefusalCode.NOT_JSON, None),
    "array": (b"[1]", RefusalCode.NOT_AN_OBJECT, None),
    "number": (b"3.5", RefusalCode.NOT_AN_OBJECT, None),
    "null": (b"null", RefusalCode.NOT_AN_OBJECT, None),
    "deep array": (b"[" * 100_000 + b"]" * 100_000, RefusalCode.TOO_DEEP, None),
    "deep object": (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, RefusalCode.TOO_DEEP, None),
    "one level too deep": (
        raw(x=nested(DEPTH_LIMIT)),
        RefusalCode.TOO_DEEP,
        "x" + ".0" * (DEPTH_LIMIT - 1),
    ),
    "extra too deep": (
        raw(x=nested(EXTRA_DEPTH_LIMIT + 1)),
        RefusalCode.TOO_DEEP,
        "x" + ".0" * EXTRA_DEPTH_LIMIT,
    ),
    "many entries": (raw(x=[0] * (ENTRIES_LIMIT + 1)), RefusalCode.TOO_MANY_ENTRIES, "x"),
    "twice": (b'{"v": 1, "v": 1}', RefusalCode.DUPLICATE_KEY, "v"),
    "NaN": (raw_extra("NaN"), RefusalCode.NOT_FINITE, "x"),
    "infinity": (raw_extra("[-Infinity]"), RefusalCode.NOT_FINITE, "x.0"),
    "overflow": (raw_extra("[1e999]"), RefusalCode.NOT_FINITE, "x.0"),
    "64 bit": (raw_extra(str(2**63)), RefusalCode.NUMBER_TOO_BIG, "x"),
    "5,000 digits": (raw_extra("9" * 5000), RefusalCode.NUMBER_TOO_BIG, None),
    "surrogate": (raw_extra(r'"\ud800"'), RefusalCode.INVALID_TEXT, "x"),
    "surrogate key": (raw_extra(r'{"\udfff": 1}'), RefusalCode.INVALID_TEXT, "x"),
    "NUL": (raw_extra(r'{"y": "\u0000"}'), RefusalCode.INVALID_TEXT, "x.y"),
    "version 2": (raw(v=2, device_id="bad id"), RefusalCode.UNKNOWN_VERSION, "v"),
    "version true": (raw(v=True), RefusalCode.UNKNOWN_VERSION, "v"),
    "version text": (raw(v="1"), RefusalCode.UNKNOWN_VERSION, "v"),
    "version null": (raw(v=None), RefusalCode.UNKNOWN_VERSION, "v"),
    "missing": (b'{"v": 1}', RefusalCode.MISSING_FIELD, "ts"),
    "id": (raw(device_id="a/b"), RefusalCode.INVALID_FIELD, "device_id"),
    "packed cut": (packed()[:-1], RefusalCode.NOT_MSGPACK, None),
    "packed rest": (packed() + b"\x01", RefusalCode.NOT_MSGPACK, None),
    "packed reserved byte": (b"\x81\xa1x\xc1", RefusalCode.NOT_MSGPACK, None),
    "packed deep": (b"\x81\xa1a" * 50_000, RefusalCode.TOO_DEEP, None),
    "packed huge map": (b"\xdf\xff\xff\xff\xff", RefusalCode.TOO_MANY_ENTRIES, None),
    "packed huge array": (b"\x81\xa1x\xdd\xff\xff\xff\xff", RefusalCode.TOO_MANY_ENTRIES, None),
    "packed huge arrays in each other": (  # each would be allocated before it is read
        b"\x81\xa1x" + b"\xdd\x00\x01\x86\xa0" * 500 + b"\x00" * 100_000,
        RefusalCode.TOO_MANY_ENTRIES,
        None,
    ),
    "packed huge maps in each other": (
        b"\xdf\x00\x00\x9c\x40\xa1a" * 500 + b"\x00" * 100_000,
        RefusalCode.TOO_MANY_ENTRIES,
        None,
    ),
    "packed twice": (b"\x82\xa1a\x01\xa1a\x02", RefusalCode.DUPLICATE_KEY, "a"),
    "packed NaN": (packed(x=float("nan")), RefusalCode.NOT_FINITE, "x"),
    "packed infinity": (packed(x={"y": float("inf")}), RefusalCode.NOT_FINITE, "x.y"),
    "packed uint64": (packed(x=2**63), RefusalCode.NUMBER_TOO_BIG, "x"),
    "packed bytes": (packed(x=b"\x01"), RefusalCode.UNSUPPORTED_VALUE, "x"),
    "packed time": (packed(x=msgpack.Timestamp(1)), RefusalCode.UNSUPPORTED_VALUE, "x"),
    "packed extension": (packed(x=msgpack.ExtType(5, b"")), RefusalCode.UNSUPPORTED_VALUE, None),
    "packed number key": (packed(x={1: 2}), RefusalCode.UNSUPPORTED_VALUE, None),
    "packed array key": (b"\x81\x91\x01\x02", RefusalCode.UNSUPPORTED_VALUE, None),
    "packed bytes key": (b"\x81\xc4\x01a\x02", RefusalCode.UNSUPPORTED_VALUE, None),
    "packed not utf-8": (b"\x81\xa1\xff\x02", RefusalCode.NOT_UTF8, None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_each_fault_has_its_code_and_names_its_field(name: str) -> None:
    payload, code, field = REFUSED[name]
    with pytest.raises(PayloadError) as caught:
        decode(TelemetryFrame, payload)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert field is None or field in caught.value.detail


def test_every_code_of_the_decoder_is_tried_above() -> None:
    tried = {code for _, code, _ in REFUSED.values()}
    assert tried == set(RefusalCode) - {RefusalCode.UNKNOWN_TOPIC}


def test_the_content_type_outranks_the_first_byte() -> None:
    with pytest.raises(PayloadError) as caught:
        decode(TelemetryFrame, packed(), "application/json")
    assert caught.value.code is RefusalCode.NOT_UTF8
    with pytest.raises(PayloadError) as caught:
        decode(TelemetryFrame, raw(), "application/msgpack")
    assert caught.value.code is RefusalCode.NOT_MSGPACK


def test_deep_messagepack_arrays_are_refused_too() -> None:
    with pytest.raises(PayloadError) as caught:
        decode(TelemetryFrame, b"\x91" * PAYLOAD_LIMIT, "application/msgpack")
    assert caught.value.code is RefusalCode.TOO_DEEP


def test_what_the_limits_allow_is_read() -> None:
    frame = decode(TelemetryFrame, raw(x=nested(EXTRA_DEPTH_LIMIT), y=[0] * ENTRIES_LIMIT))
    assert decode(TelemetryFrame, encode(frame, "msgpack")) == frame


def test_the_first_fault_is_told_and_the_others_are_named() -> None:
    with pytest.raises(PayloadError) as caught:
        decode(TelemetryFrame, raw(device_id="", seq=-1, mold_id=7))
    assert caught.value.field == "device_id"
    assert "seq" in caught.value.detail
    assert "mold_id" in caught.value.detail


def outcome(what: Channel | type[Message], payload: bytes, content_type: str | None) -> None:
    """Decode; what is accepted must survive both codecs, what is not must be a dead letter."""
    try:
        message = decode(what, payload, content_type)
    except PayloadError as error:
        refused(payload, error)
        return
    for form in ("json", "msgpack"):
        assert decode(type(message), encode(message, form)) == message


def refused(payload: bytes, error: PayloadError) -> None:
    """A refusal fits into a dead letter."""
    assert len(error.detail) <= DETAIL_LIMIT
    letter = DeadLetter.of(
        payload,
        reason=RefusalCode(error.code),
        detail=error.detail,
        press=PressAddress("s", "p"),
        topic="t",
        ts=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert decode(DeadLetter, encode(letter)) == letter


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(Channel)), st.binary(max_size=200), st.sampled_from(CONTENT_TYPES))
def test_arbitrary_bytes_never_raise_anything_else(
    channel: Channel, payload: bytes, content_type: str | None
) -> None:
    outcome(channel, payload, content_type)


@settings(max_examples=200, **SLOW)
@given(st.sampled_from(list(INBOUND)), wild_values)
def test_arbitrary_documents_never_raise_anything_else(channel: Channel, document: Any) -> None:
    outcome(channel, json.dumps(document).encode(), None)


@settings(max_examples=300, **SLOW)
@given(st.sampled_from(list(EXAMPLES)), wild_values, st.data())
def test_a_valid_document_with_one_wild_value_never_raises_anything_else(
    example: Any, value: Any, data: st.DataObject
) -> None:
    document = example()
    name = data.draw(st.sampled_from([*document, "extra"]))
    if isinstance(document.get(name), dict) and data.draw(st.booleans()):
        document[name][data.draw(st.sampled_from([*document[name], "x"]) | st.text())] = value
    else:
        document[name] = value
    channel = EXAMPLES[example]
    outcome(channel, json.dumps(document).encode(), None)
    try:
        payload = msgpack.packb(document, unicode_errors="surrogatepass")
    except (OverflowError, ValueError):
        return  # MessagePack itself cannot say it
    outcome(channel, payload, None)


@settings(max_examples=200, **SLOW)
@given(st.sampled_from(list(MESSAGES)), st.data())
def test_damaged_payloads_never_raise_anything_else(
    model: type[Message], data: st.DataObject
) -> None:
    form = data.draw(st.sampled_from(["json", "msgpack"]))
    payload = encode(data.draw(MESSAGES[model]), form)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(payload)))
        until = data.draw(st.integers(at, min(at + 8, len(payload))))
        payload = payload[:at] + data.draw(st.binary(max_size=8)) + payload[until:]
    outcome(model, payload, data.draw(st.sampled_from(CONTENT_TYPES)))


@settings(max_examples=100, deadline=None)
@given(payload=st.binary(max_size=6000), topic=st.text(max_size=2000), detail=st.text(max_size=900))
def test_a_dead_letter_can_be_made_of_anything(payload: bytes, topic: str, detail: str) -> None:
    letter = DeadLetter.of(
        payload,
        reason="unknown-mold",
        detail=detail,
        press=PressAddress("s", "p"),
        topic=topic,
        ts=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert letter.payload_bytes_count == len(payload)
    assert decode(DeadLetter, encode(letter, "msgpack")) == letter
