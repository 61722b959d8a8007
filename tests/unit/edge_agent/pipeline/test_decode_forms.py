"""decode: payloads, times and ids in forms that are read, or refused in words with the way out."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import zlib
from datetime import UTC, datetime
from typing import Any

import msgpack
import pytest

from broker.codec import CONTENT_TYPES
from broker.messages import (
    INBOUND,
    DeadLetter,
)
from edge_agent.links.publish_packet import Incoming
from tests.support.cases import case, recorded
from tests.support.decoding import REGULAR_EXPRESSION, accepted, frame, read, refused, sent
from tests.support.payloads import shot, telemetry


class TestPayloadForms:
    """Case 09: the reason names the form and the way out."""

    def test_the_case(self) -> None:
        found = [read(one) for one in recorded(case("09") / "messages.jsonl")]
        words = [one.detail if isinstance(one, DeadLetter) else "" for one in found]
        expected = [
            "compressed (gzip): send plain",
            "",  # empty: no dead letter
            "an array",
            "UTF-16 text: send UTF-8",
            "",  # with a byte order mark: read
            "null",
            "the text 'offline'",
            "the bare number 23.5",
            "looks like microseconds",
            "looks like nanoseconds",
            "without quotes",
            "",  # seven digits of a second, with an offset
            "offset without a colon: send +01:00",
            "no offset",
            "day.month.year: send year-month-day",
            "comma before the fraction: send a point",
            "the clock of the sender is not set",
            "ahead of the agent",
            "the clock of the sender is not set",
            "second 60 (a leap second)",
            "hour 24",
        ]
        assert len(words) == len(expected)
        for one, part in zip(words, expected, strict=True):
            assert part in one
            assert bool(part) == bool(one)
            assert not REGULAR_EXPRESSION.search(one)

    @pytest.mark.parametrize("channel", INBOUND)
    def test_no_bytes_clear_a_retained_message(self, channel: str) -> None:
        found = accepted(sent(b"", channel))
        assert (found.message, found.remarks) == (None, ())

    PLAIN = json.dumps(telemetry()).encode()

    @pytest.mark.parametrize(
        ("payload", "reason", "words"),
        [
            (gzip.compress(PLAIN, mtime=0), "compressed", "gzip"),
            (zlib.compress(PLAIN, 1), "compressed", "zlib"),
            (zlib.compress(PLAIN, 6), "compressed", "zlib"),
            (zlib.compress(PLAIN, 9), "compressed", "zlib"),
            (bz2.compress(PLAIN), "compressed", "bzip2"),
            (lzma.compress(PLAIN), "compressed", "xz"),
            (b"\x28\xb5\x2f\xfd" + PLAIN, "compressed", "Zstandard"),
            (b"\x04\x22\x4d\x18" + PLAIN, "compressed", "LZ4"),
            (b"PK\x03\x04" + PLAIN, "compressed", "ZIP"),
            (gzip.compress(msgpack.packb(telemetry()), mtime=0), "compressed", "send plain"),
            (PLAIN.decode().encode("utf-16"), "not-utf8", "UTF-16 text: send UTF-8"),
            (PLAIN.decode().encode("utf-16-le"), "not-utf8", "UTF-16 text: send UTF-8"),
            (PLAIN.decode().encode("utf-16-be"), "not-utf8", "UTF-16 text: send UTF-8"),
            (PLAIN.decode().encode("utf-32"), "not-utf8", "UTF-32 text: send UTF-8"),
            (PLAIN.decode().encode("utf-32-le"), "not-utf8", "UTF-32 text: send UTF-8"),
            (b"[" + PLAIN + b"]", "not-an-object", "an array: send its objects"),
            (json.dumps(PLAIN.decode()).encode(), "not-an-object", "encoded twice"),
            (b"true", "not-an-object", "true: send an object"),
            (b"42", "not-an-object", "the bare number 42"),
            (base64.b64encode(PLAIN), "not-json", "base64 of JSON"),
            (str(telemetry()).encode(), "not-json", "single quotes"),
            (b"<frame><T_core_C>50</T_core_C></frame>", "not-json", "XML"),
            (PLAIN + b"\n" + PLAIN, "not-json", "send one a message"),
            (PLAIN[:-9], "not-json", "ends too early"),
            (b"\x00\x00\x00", "not-json", "nothing but NUL bytes"),
            (b"\xa2\x62ts\x01\x61a\x02", "not-utf8", "CBOR"),
            (msgpack.packb([telemetry()]), "not-utf8", "a MessagePack array"),
            (b"T_core_C=50;p_cavity_bar=1.2", "not-json", "character 0"),
            ('{"x": "ü"}'.encode("cp1252"), "not-utf8", "byte 7 is not UTF-8"),
        ],
    )
    def test_a_form_that_is_not_read_is_named(
        self, payload: bytes, reason: str, words: str
    ) -> None:
        letter = refused(sent(payload))
        assert letter.reason == reason
        assert words in letter.detail

    def test_a_form_is_named_whatever_the_content_type_says(self) -> None:
        for content_type in CONTENT_TYPES.values():
            letter = refused(sent(gzip.compress(self.PLAIN), content_type=content_type))
            assert letter.reason == "compressed"

    @pytest.mark.parametrize(
        "payload",
        [
            PLAIN + b"\x00",
            PLAIN + b"\x00" * 400,
            PLAIN + b"\r\n\x00\x00",
            b"\xef\xbb\xbf" + PLAIN,
            b" \n" + PLAIN + b" \n",
        ],
    )
    def test_a_tail_of_nul_bytes_and_a_byte_order_mark_are_read(self, payload: bytes) -> None:
        assert frame(sent(payload)).device_id == "plc-1"

    def test_what_follows_nul_bytes_is_not_dropped(self) -> None:
        assert refused(sent(self.PLAIN + b"\x00\x00x")).reason == "not-json"


class TestTimes:
    """What people and PLCs write for a time."""

    @pytest.mark.parametrize(
        ("ts", "words"),
        [
            (1795773600123456, "looks like microseconds"),
            (1795773600123456789, "looks like nanoseconds"),
            (134_251_416_000_000_000, "file time of Windows"),
            (639_120_000_000_000_000, "ticks of .NET"),
            (46353.4166, "days of a spreadsheet"),
            (20261127, "looks like a date (yyyymmdd)"),
            (20261127100000, "looks like date and time"),
            (0, "the clock of the sender is not set"),
            (12.5, "the clock of the sender is not set"),
            ("1795773600", "without quotes"),
            ("1795773600,5", "without quotes"),
            ("2026-11-27T10:00:00+0100", "send +01:00"),
            ("2026-11-27T10:00:00.5-0530", "without a colon"),
            ("2026-11-27T10:00:00+01", "without minutes"),
            ("2026-11-27T10:00:00", "append Z"),
            ("2026-11-27 10:00:00.123", "append Z"),
            ("2026-11-27T10:00:00 CET", "time zone by its name"),
            ("2026-11-27T10:00:00 Europe/Berlin", "time zone by its name"),
            ("2026-11-27T10:00:00+01:00[Europe/Berlin]", "time zone in brackets"),
            ("2026-11-27T10:00:00,5Z", "send a point"),
            ("2026-11-27T10:00:60Z", "leap second"),
            ("2026-11-27T24:00:00Z", "hour 24"),
            ("2026-11-27T10:00Z", "no seconds"),
            ("2026-11-27", "without a time of day"),
            ("10:00:00", "without a date"),
            ("27.11.2026 10:00:00", "day.month.year"),
            ("27.11.26", "day.month.year"),
            ("11/27/2026 10:00:00", "an order that nobody can tell"),
            ("2026/11/27 10:00:00", "without hyphens"),
            ("20261127T100000Z", "no hyphens and colons"),
            ("DT#2026-11-27-10:00:00", "the notation of a PLC"),
            ("Fri, 27 Nov 2026 10:00:00 GMT", "a date in words"),
            ("2026-11-31T10:00:00Z", "does not exist"),
            ("2026-11-27T25:00:00Z", "does not exist"),
            (" 2026-11-27T10:00:00Z", "blanks around"),
            ("2026-11-27T10:00:00.Z", "a point without digits"),
            ("", "an empty text"),
            ("now", "expected RFC 3339"),
            (None, "null is no time"),
            (True, "true is no time"),
            ([2026, 11, 27], "an array is no time"),
            ({"$date": 1}, "an object is no time"),
            ("1970-01-01T00:00:12Z", "the clock of the sender is not set"),
            ("2099-01-01T00:00:00Z", "ahead of the agent"),
        ],
    )
    def test_the_form_is_named_with_the_way_out(self, ts: Any, words: str) -> None:
        detail = refused(sent(telemetry(ts=ts))).detail
        assert detail.startswith("ts: ")
        assert words in detail

    @pytest.mark.parametrize(
        "ts",
        [
            1795773600,
            1795773600.0,
            1795773600000,
            "2026-11-27T10:00:00Z",
            "2026-11-27T10:00:00.000000000Z",
            "2026-11-27t11:00:00+01:00",
            "2026-11-27 10:00:00-00:00",
        ],
    )
    def test_what_is_read(self, ts: Any) -> None:
        assert frame(sent(telemetry(ts=ts))).ts == datetime(2026, 11, 27, 10, tzinfo=UTC)


class TestIds:
    """Case 17: the field, the character that is wrong, and the rule in words."""

    def test_the_case(self) -> None:
        letters = [refused(read(one)) for one in recorded(case("17") / "messages.jsonl")]
        expected = [
            "shot_id: '/' in '2026/117', character 5",
            "shot_id: the blank in 'Werkzeug 5', character 9",
            "shot_id: 'ä' in 'Schuss-ä1', character 8",
            'shot_id: the number 117: an id is text, send it in quotes: "117"',
            "shot_id: 80 characters",
            "shot_id: an empty text",
            "sensors.T_core: sensor name 'T_core' must end in its unit",
            "sensors.T_core_degC: sensor name 'T_core_degC' must end in its unit",
        ]
        assert [
            letter.detail[: len(words)] for letter, words in zip(letters, expected, strict=True)
        ]
        for letter, words in zip(letters, expected, strict=True):
            assert letter.detail.startswith(words)
        assert all(
            "1 to 64 characters" in letter.detail for letter in (*letters[:3], *letters[4:6])
        )
        assert all("is T_core_C meant?" in letter.detail for letter in letters[6:])

    @pytest.mark.parametrize("field", ["shot_id", "mold_id", "system_id", "device_id"])
    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ("a b", "the blank in 'a b', character 2"),
            ("2026/117", "'/'"),
            ("Ofen#3", "'#'"),
            ("a+b", "'+'"),
            ("Größe", "'ö'"),
            ("a\tb", "U+0009"),
            ("a\n", "U+000A"),
            ("№7", "'№'"),
            ("S:1", "':'"),
            ("S,1", "','"),
            ("-7", "'-' begins '-7'"),
            ("_x", "'_' begins '_x'"),
            ("x" * 65, "65 characters"),
            (117, 'send it in quotes: "117"'),
            (11.5, 'send it in quotes: "11.5"'),
            (True, "true is no text"),
            (["S1"], "an array is no text"),
            ({"id": 1}, "an object is no text"),
            ("", "an empty text"),
        ],
    )
    def test_the_rule_in_words(self, field: str, wrong: Any, words: str) -> None:
        detail = refused(sent(shot(**{field: wrong}), "shot")).detail
        assert detail.startswith(f"{field}: ")
        assert words in detail
        assert "1 to 64 characters" in detail or "in quotes" in detail

    def test_the_ids_of_a_topic_too(self) -> None:
        found = read(Incoming("pur/v1/s/press 1/telemetry", b"{}", None, 1, 1))
        assert "press: the blank in 'press 1'" in refused(found).detail

    @pytest.mark.parametrize(
        ("sent_as", "missing"),
        [
            ("timestamp", "ts"),
            ("Ts", "ts"),
            ("deviceId", "device_id"),
            ("device", "device_id"),
            ("sequence", "seq"),
        ],
    )
    def test_a_field_that_is_there_by_another_name(self, sent_as: str, missing: str) -> None:
        document = telemetry()
        document[sent_as] = document.pop(missing)
        detail = refused(sent(document)).detail
        assert detail.startswith(f"{missing}: this field is needed; '{sent_as}' is there")
