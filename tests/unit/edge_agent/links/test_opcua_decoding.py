"""Values by position are those that asyncua encodes; what is broken is an error of the link."""

from __future__ import annotations

import math
import uuid
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.links.opcua_decoding import (
    NotDecoded,
    NoValue,
    header_time,
    history_response,
    notification_message,
    publish_response,
    read_response,
)
from edge_agent.links.opcua_values import ticks_of, time_of

NOW = datetime(2026, 11, 29, 12, 0, 0, 123456, tzinfo=UTC)
V = ua.VariantType
INTEGERS = {
    V.SByte: (-128, 127),
    V.Byte: (0, 255),
    V.Int16: (-(2**15), 2**15 - 1),
    V.UInt16: (0, 2**16 - 1),
    V.Int32: (-(2**31), 2**31 - 1),
    V.UInt32: (0, 2**32 - 1),
    V.Int64: (-(2**63), 2**63 - 1),
    V.UInt64: (0, 2**64 - 1),
}
SCALARS = st.one_of(
    st.builds(lambda value: ua.Variant(value, V.Boolean), st.booleans()),
    st.builds(lambda value: ua.Variant(value, V.Double), st.floats()),
    st.builds(lambda value: ua.Variant(value, V.Float), st.floats(width=32)),
    st.builds(lambda value: ua.Variant(value, V.String), st.text(alphabet="aß\0€𝄞", max_size=9)),
    *(
        st.builds(lambda value, kind=kind: ua.Variant(value, kind), st.integers(*limits))
        for kind, limits in INTEGERS.items()
    ),
)
OTHERS = [
    ua.Variant([1.0, 2.0], V.Double),
    ua.Variant(["a", "b"], V.String),
    ua.Variant([[1, 2], [3, 4]], V.Int32, Dimensions=[2, 2]),
    ua.Variant(NOW, V.DateTime),
    ua.Variant(uuid.uuid4(), V.Guid),
    ua.Variant(b"\1\2", V.ByteString),
    ua.Variant(ua.NodeId("text", 3), V.NodeId),
    ua.Variant(ua.ExpandedNodeId(7, 3, NamespaceUri="urn:x"), V.ExpandedNodeId),
    ua.Variant(ua.StatusCode(0x80010000), V.StatusCode),
    ua.Variant(ua.QualifiedName("name", 2), V.QualifiedName),
    ua.Variant(ua.ExtensionObject(ua.NodeId(4711, 2), b"\1\2\3"), V.ExtensionObject),
    ua.Variant([ua.ExtensionObject(ua.NodeId(4711, 2), b"\1")], V.ExtensionObject),
    ua.Variant([ua.Variant(1), ua.Variant("x")], V.Variant),
    ua.Variant([ua.LocalizedText("x", "en"), ua.LocalizedText(None)], V.LocalizedText),
    ua.Variant("x" * 5000, V.String),
    ua.Variant("ß" * 1500, V.String),
    ua.Variant(None, V.String),
    ua.Variant(),
]


def published(values: list[ua.DataValue], **changed: object) -> bytes:
    """A publish response with these values."""
    response = ua.PublishResponse()
    response.ResponseHeader.Timestamp = NOW
    response.Parameters.SubscriptionId = 7
    response.Parameters.AvailableSequenceNumbers = [2, 3]
    response.Parameters.MoreNotifications = bool(changed.get("more", False))
    response.Parameters.Results = [ua.StatusCode(), ua.StatusCode()]
    message = response.Parameters.NotificationMessage
    message.SequenceNumber, message.PublishTime = 3, NOW
    items = [ua.MonitoredItemNotification(at, value) for at, value in enumerate(values, 1)]
    message.NotificationData = [ua.DataChangeNotification(items, [])]
    return struct_to_binary(response)


@given(st.lists(st.tuples(SCALARS, st.sampled_from([0, 0x40900000, 0x80340000])), max_size=5))
def test_scalars_are_those_of_asyncua(values: list[tuple[ua.Variant, int]]) -> None:
    data = [ua.DataValue(one, ua.StatusCode(code), NOW, NOW) for one, code in values]
    found = publish_response(published(data))
    assert (found.subscription, found.sequence, found.more) == (7, 3, False)
    assert len(found.items) == len(values)
    for at, ((handle, value), (variant, code)) in enumerate(
        zip(found.items, values, strict=True), 1
    ):
        assert handle == at
        same = value.value == variant.Value or (
            math.isnan(variant.Value) and math.isnan(float(value.value))
        )
        assert same
        assert type(value.value) is type(variant.Value)
        assert value.status == code
        assert time_of(value.source_time) == time_of(value.server_time) == NOW


@pytest.mark.parametrize("variant", OTHERS, ids=lambda one: one.VariantType.name)
def test_what_is_no_value_is_said_in_words(variant: ua.Variant) -> None:
    after = ua.DataValue(ua.Variant(1.5), None, None, NOW)
    found = publish_response(published([ua.DataValue(variant, None, NOW), after]))
    (_, first), (_, second) = found.items
    assert isinstance(first.value, NoValue)
    assert second.value == 1.5
    assert second.source_time == 0
    assert time_of(second.server_time) == NOW


def test_a_localized_text_is_a_text() -> None:
    found = publish_response(published([ua.DataValue(ua.Variant(ua.LocalizedText("auf", "de")))]))
    assert found.items[0][1].value == "auf"


def test_an_array_says_how_long_it_is() -> None:
    found = publish_response(published([ua.DataValue(ua.Variant([0.5] * 3))]))
    assert found.items[0][1].value == "an array of 3 Double: name a variable of one value"


def test_a_keep_alive_and_a_status_change() -> None:
    response = ua.PublishResponse()
    response.Parameters.NotificationMessage.SequenceNumber = 9
    found = publish_response(struct_to_binary(response))
    assert found.is_keep_alive
    assert found.sequence == 9
    response.Parameters.NotificationMessage.NotificationData = [
        ua.StatusChangeNotification(ua.StatusCode(0x800A0000))
    ]
    found = publish_response(struct_to_binary(response))
    assert not found.is_keep_alive
    assert found.status == 0x800A0000


def test_a_message_that_is_sent_again() -> None:
    response = ua.RepublishResponse()
    response.NotificationMessage.SequenceNumber = 5
    item = ua.MonitoredItemNotification(1, ua.DataValue(ua.Variant(2.5), None, NOW))
    response.NotificationMessage.NotificationData = [ua.DataChangeNotification([item], [])]
    found = notification_message(7, struct_to_binary(response))
    assert (found.subscription, found.sequence) == (7, 5)
    assert found.items[0][1].value == 2.5


def test_diagnostics_in_the_header_are_passed_over() -> None:
    response = ua.ReadResponse()
    response.ResponseHeader.Timestamp = NOW
    response.ResponseHeader.StringTable = ["a", "b"]
    response.Results = [ua.DataValue(ua.Variant(True))]
    data = struct_to_binary(response)
    assert data[20] == 0  # asyncua cannot encode diagnostics within each other
    inner = b"\x28" + b"\1\0\0\0" + b"\0\0\x34\x80"  # locale, inner status
    outer = b"\x51" + b"\1\0\0\0" + b"\4\0\0\0more" + inner  # symbol, text, inner
    data = data[:20] + outer + data[21:]
    assert [one.value for one in read_response(data)] == [True]
    assert header_time(data) == ticks_of(NOW)


def test_a_history_with_more_to_come() -> None:
    values = [ua.DataValue(ua.Variant(number), None, NOW) for number in range(3)]
    more = ua.HistoryReadResult(ua.StatusCode(0xA60000), b"next", ua.HistoryData(values))
    bad = ua.HistoryReadResult(ua.StatusCode(0x80340000), None, ua.HistoryData([]))
    response = ua.HistoryReadResponse(Results=[more, bad])
    first, second = history_response(struct_to_binary(response))
    assert (first.status, first.continuation) == (0xA60000, b"next")
    assert [one.value for one in first.values] == [0, 1, 2]
    assert (second.status, second.continuation, second.values) == (0x80340000, b"", [])


@given(st.data())
def test_broken_bytes_are_an_error_of_the_link(data: st.DataObject) -> None:
    whole = published([ua.DataValue(one, None, NOW, NOW) for one in OTHERS])
    broken = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if broken:
            at = data.draw(st.integers(0, len(broken) - 1))
            broken[at] = data.draw(st.integers(0, 255))
    for read in (publish_response, read_response, history_response):
        with suppress(NotDecoded):
            read(bytes(broken))
