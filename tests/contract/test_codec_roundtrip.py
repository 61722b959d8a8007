"""What a message holds survives both codecs, whatever its fields and extra fields are."""

from __future__ import annotations

import json
from typing import Literal

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker import MODELS, Channel, Message, Prediction, TelemetryFrame, decode, encode
from broker.codec import CONTENT_TYPES, detect_format
from tests.support.payloads import telemetry
from tests.support.strategies import MESSAGES

FORMATS: tuple[Literal["json", "msgpack"], ...] = ("json", "msgpack")


def test_every_message_has_a_strategy() -> None:
    assert set(MESSAGES) == set(MODELS.values())


@pytest.mark.parametrize("model", MESSAGES, ids=lambda model: model.__name__)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_decoding_what_was_encoded_gives_the_same(
    model: type[Message], data: st.DataObject
) -> None:
    message = data.draw(MESSAGES[model])
    for form in FORMATS:
        payload = encode(message, form)
        assert decode(model, payload, CONTENT_TYPES[form]) == message
        assert decode(model, payload) == message, "the first byte tells the format"


@pytest.mark.parametrize("form", FORMATS)
def test_unknown_extra_fields_are_kept(form: Literal["json", "msgpack"]) -> None:
    extras = {"line": 4, "operator": None, "nested": {"deep": [1, 2.5, "ü", {"x": True}]}, "": []}
    frame = decode(TelemetryFrame, json.dumps(telemetry(**extras)).encode())
    again = decode(TelemetryFrame, encode(frame, form))
    assert again.model_extra == extras


@pytest.mark.parametrize(
    "name", ["self", "model_dump", "model_config", "__class__", "__dict__", "_private", "model_"]
)
def test_extra_fields_may_have_any_name(name: str) -> None:
    frame = decode(TelemetryFrame, json.dumps(telemetry(**{name: 1})).encode())
    assert decode(TelemetryFrame, encode(frame)) == frame
    assert json.loads(encode(frame))[name] == 1


def test_a_channel_names_its_model() -> None:
    payload = json.dumps(telemetry()).encode()
    assert decode(Channel.TELEMETRY, payload) == decode(TelemetryFrame, payload)


def test_both_formats_carry_the_same_document() -> None:
    frame = decode(TelemetryFrame, json.dumps(telemetry()).encode())
    assert json.loads(encode(frame, "json")) == msgpack.unpackb(encode(frame, "msgpack"))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "text/plain",
        "",
        None,
        "application/octet-stream",
    ],
)
def test_json_is_read_with_any_content_type_but_that_of_messagepack(
    content_type: str | None,
) -> None:
    payload = json.dumps(telemetry()).encode()
    assert decode(TelemetryFrame, payload, content_type).device_id == "plc-1"


@pytest.mark.parametrize(
    "content_type",
    ["application/msgpack", "application/x-msgpack", "application/vnd.msgpack", None, "text/plain"],
)
def test_messagepack_is_read_by_content_type_or_first_byte(content_type: str | None) -> None:
    payload = msgpack.packb(telemetry())
    assert decode(TelemetryFrame, payload, content_type).device_id == "plc-1"


@pytest.mark.parametrize(
    "content_type",
    ["application/msgpack", " Application/X-MsgPack ; q=1", "application/vnd.msgpack"],
)
def test_a_known_content_type_decides_alone(content_type: str) -> None:
    assert detect_format(b"{}", content_type) == "msgpack"
    assert detect_format(b"\x80", "APPLICATION/JSON;charset=utf-8") == "json"
    assert (detect_format(b"{}"), detect_format(b"\x80"), detect_format(b"")) == (
        "json",
        "msgpack",
        "json",
    )


def test_a_byte_order_mark_is_tolerated() -> None:
    payload = json.dumps(telemetry()).encode("utf-8-sig")
    assert decode(TelemetryFrame, payload).device_id == "plc-1"


def test_absent_fields_travel_as_null_so_that_readers_find_every_name() -> None:
    frame = decode(TelemetryFrame, json.dumps(telemetry()).encode())
    assert json.loads(encode(frame))["shot_id"] is None
    assert set(TelemetryFrame.model_fields) <= set(json.loads(encode(frame)))


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(prediction=MESSAGES[Prediction])
def test_messages_are_immutable(prediction: Prediction) -> None:
    with pytest.raises(Exception, match="frozen"):
        prediction.status = "hold"
