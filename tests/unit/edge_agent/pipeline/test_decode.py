"""decode: what plants really send becomes a message with remarks, or a refusal that helps."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import re
import zlib
from datetime import UTC, datetime
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.codec import CONTENT_TYPES
from broker.data_quality import (
    CONTRADICTS,
    IMPOSSIBLE,
    LEFT_OUT_REASONS,
    NAME_NOT_KNOWN,
    NO_VALUE,
    NOT_A_NUMBER,
    RECIPE_GAP,
)
from broker.messages import (
    INBOUND,
    DeadLetter,
    Order,
    PressEvent,
    QualityRecord,
    ShotEvent,
    TelemetryFrame,
)
from broker.messages.inbound import QUALITY_NAMES
from broker.topics import PressAddress, TopicSpace
from edge_agent.links.publish_packet import Incoming
from edge_agent.pipeline.decode import Decoded, decode
from tests.support.cases import case, recorded
from tests.support.payloads import order, press_event, quality, shot, telemetry
from tests.support.strategies import texts, wild_values

TOPICS, PRESS = TopicSpace(), PressAddress("s", "p1")
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
REGULAR_EXPRESSION = re.compile(r"\^\[|\]\{|\[A-Z|\\x00|\)\?")


def read(message: Incoming) -> Decoded | DeadLetter:
    return decode(message, TOPICS, PRESS, NOW, 300.0)


def sent(
    document: Any, channel: str = "telemetry", content_type: str | None = None
) -> Decoded | DeadLetter:
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read(Incoming(f"pur/v1/s/p1/{channel}", payload, content_type, 1, 1))


def accepted(found: Decoded | DeadLetter) -> Decoded:
    assert isinstance(found, Decoded), found
    return found


def refused(found: Decoded | DeadLetter) -> DeadLetter:
    assert isinstance(found, DeadLetter), found
    assert not REGULAR_EXPRESSION.search(found.detail), found.detail
    return found


def frame(found: Decoded | DeadLetter) -> TelemetryFrame:
    message = accepted(found).message
    assert isinstance(message, TelemetryFrame)
    return message


def said(found: Decoded | DeadLetter) -> dict[str, str]:
    """Code of each remark by its field."""
    return {remark.field: remark.code for remark in accepted(found).remarks}


class TestOneWildResult:
    """It costs itself, and not the laboratory's record."""

    @pytest.mark.parametrize(
        ("field", "wild", "reason", "words"),
        [
            ("rho_moulded_kg_per_m3", '"62,1"', NOT_A_NUMBER, "send 62.1"),
            ("rho_moulded", '"n.m."', NOT_A_NUMBER, "'n.m.'"),
            ("rho_moulded_kg_per_m3", '"<5"', NOT_A_NUMBER, "send a number"),
            ("rho_moulded_kg_per_m3", "NaN", NOT_A_NUMBER, "nan is no number"),
            ("rho_moulded_kg_per_m3", "0", IMPOSSIBLE, "more than 0"),
            ("rho_moulded_kg_per_m3", "-9999", IMPOSSIBLE, "more than 0"),
            ("rho_moulded_kg_per_m3", "62100", IMPOSSIBLE, "outside 5 to 2500"),
            ("rho_free_rise", "0.0621", IMPOSSIBLE, "outside 5 to 2500"),
            ("H_demold_shore", "120", IMPOSSIBLE, "0 to 100"),
            ("H_demold", "true", NOT_A_NUMBER, "true is no number"),
            ("t_demold_safe_s", "[240]", NOT_A_NUMBER, "an array"),
            ("t_demold_safe_s", "1e6", IMPOSSIBLE, "outside"),
            ("defect_risk_operator", "80", IMPOSSIBLE, "0 to 1"),
            ("defect_risk_operator", '"high"', NOT_A_NUMBER, "'high'"),
            ("note", "5", NOT_A_NUMBER, "5 is no text"),
            ("operator", '""', NOT_A_NUMBER, "0 characters"),
            ("defects", '"void"', NOT_A_NUMBER, "send a list"),
            ("defects", "null", NOT_A_NUMBER, "send []"),
            ("defects", "false", NOT_A_NUMBER, "send a list"),
            ("defects", "[null]", NOT_A_NUMBER, "null is no name"),
        ],
    )
    def test_the_others_count(self, field: str, wild: str, reason: str, words: str) -> None:
        rest = {name: value for name, value in quality().items() if not name.startswith("rho")}
        payload = json.dumps({**rest, field: "?"}).replace('"?"', wild).encode()
        found = sent(payload, "quality")
        record = accepted(found).message
        assert isinstance(record, QualityRecord)
        name = QUALITY_NAMES.get(field, field)
        assert record.H_24h_shore == 41.0
        assert list(record.left_out) == [name]
        assert record.left_out[name].reason == reason == said(found)[name]
        assert words in (record.left_out[name].words or "")
        assert record.defects_found == (None if name == "defects" else ("void",))

    def test_a_defect_without_a_name_costs_no_other(self) -> None:
        record = accepted(sent(quality(defects=["void", None, ""]), "quality")).message
        assert isinstance(record, QualityRecord)
        assert record.defects_found == ("void",)
        assert record.left_out["defects"].reason == NOT_A_NUMBER

    @pytest.mark.parametrize(
        "results",
        [
            {"rho_moulded_kg_per_m3": "n.m."},
            {"rho_moulded_kg_per_m3": 62100.0},
            {"H_24h_shore": 120.0, "rho_moulded_kg_per_m3": "x", "defects": "none"},
            {"defects": "none"},
        ],
    )
    def test_a_record_without_any_good_result_is_refused(self, results: dict[str, Any]) -> None:
        plain = {"ts": "2026-02-01T12:00:00Z", "shot_id": "S-1", **results}
        letter = refused(sent(plain, "quality"))
        assert letter.reason == "invalid-field"
        assert next(iter(results)) in letter.detail

    def test_what_names_the_shot_is_no_result(self) -> None:
        for wrong in ({"ts": "yesterday"}, {"shot_id": 17}, {"corrects": {"ts": "monday"}}):
            refused(sent(quality(**wrong), "quality"))


class TestOneWildChannel:
    """Case 08: it costs its channel, and not the frame."""

    def test_the_case(self) -> None:
        _pour, *frames, _end = map(read, recorded(case("08") / "messages.jsonl"))
        assert [frame(one).sensors.get("T_core_C") for one in frames] == [60.0, 70.0, 80.0, 85.0]
        reasons = [frame(one).left_out["T_mold_C"].reason for one in frames]
        assert reasons == [NO_VALUE, NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER]
        assert all(said(one) for one in frames)

    @pytest.mark.parametrize(
        ("wild", "reason", "words"),
        [
            ("null", NO_VALUE, "null"),
            ('"40,1"', NOT_A_NUMBER, "send 40.1"),
            ('"-3,25"', NOT_A_NUMBER, "send -3.25"),
            ('" 40.1 "', NOT_A_NUMBER, "send 40.1"),
            ('"40"', NOT_A_NUMBER, "send 40"),
            ('"NaN"', NOT_A_NUMBER, "'NaN'"),
            ('"Bad"', NOT_A_NUMBER, "'Bad'"),
            ('"#N/A"', NOT_A_NUMBER, "'#N/A'"),
            ('""', NOT_A_NUMBER, "''"),
            ('"1.234,5"', NOT_A_NUMBER, "send a number"),
            ('"40 °C"', NOT_A_NUMBER, "send a number"),
            ("true", NOT_A_NUMBER, "true is no number"),
            ("false", NOT_A_NUMBER, "false is no number"),
            ("NaN", NOT_A_NUMBER, "nan is no number"),
            ("Infinity", NOT_A_NUMBER, "inf is no number"),
            ("-Infinity", NOT_A_NUMBER, "-inf is no number"),
            ("1e999", NOT_A_NUMBER, "inf is no number"),
            (str(2**63), NOT_A_NUMBER, "is no number"),
            ("[40.1]", NOT_A_NUMBER, "an array"),
            ('{"value": 40.1, "quality": "Good"}', NOT_A_NUMBER, "an object"),
            (r'"\ud800"', NOT_A_NUMBER, "send a number"),
            (r'"\u0000"', NOT_A_NUMBER, "send a number"),
            ("3276.7", IMPOSSIBLE, "3276.7 is outside -50 to 250"),
            ("-3276.8", IMPOSSIBLE, "outside"),
            ("32767", IMPOSSIBLE, "outside"),
            ("65535", IMPOSSIBLE, "outside"),
            ("9.9E37", IMPOSSIBLE, "9.9e+37 is outside"),
            ("-9999", IMPOSSIBLE, "outside"),
            ("850", IMPOSSIBLE, "outside"),
            ("-200", IMPOSSIBLE, "outside"),
            ("-273.15", IMPOSSIBLE, "outside"),
        ],
    )
    def test_it_is_left_out_by_name_and_reason(self, wild: str, reason: str, words: str) -> None:
        payload = json.dumps(telemetry(sensors={"T_core_C": 60.0, "T_mold_C.2": "?"}))
        found = sent(payload.replace('"?"', wild).encode())
        left = frame(found).left_out
        assert frame(found).sensors == {"T_core_C": 60.0}
        assert (list(left), left["T_mold_C.2"].reason) == (["T_mold_C.2"], reason)
        assert words in (left["T_mold_C.2"].words or "")
        (remark,) = accepted(found).remarks
        assert remark.field == "T_mold_C.2"
        assert remark.code == reason
        assert words in remark.words

    @pytest.mark.parametrize("wild", [float("nan"), float("inf"), None, b"\x01", 2**63, {1: 2}])
    def test_so_it_is_in_messagepack(self, wild: Any) -> None:
        document = telemetry(sensors={"T_core_C": 60.0, "T_mold_C": wild})
        found = sent(msgpack.packb(document), content_type="application/msgpack")
        if wild == {1: 2}:  # MessagePack's own keys are refused before any field is known
            assert refused(found).reason == "unsupported-value"
            return
        assert frame(found).sensors == {"T_core_C": 60.0}
        assert list(frame(found).left_out) == ["T_mold_C"]

    @pytest.mark.parametrize("name", ["T core", "T_core_°C", "T-core", "T core C"])
    def test_a_name_that_is_none_is_refused_with_the_one_that_is_meant(self, name: str) -> None:
        detail = refused(sent(telemetry(sensors={name: 50.0}))).detail
        assert detail.startswith(f"sensors.{name}: ")
        assert "is T_core_C meant?" in detail

    def test_sections_and_ids_that_say_nothing_are_absent(self) -> None:
        found = frame(sent(telemetry(metrics=None, status=None, shot_id="", mold_id="")))
        assert (found.metrics, found.status, found.shot_id, found.mold_id) == ({}, {}, None, None)
        assert found.sensors

    @pytest.mark.parametrize("section", ["Sensors", "readings", "values", "sensor"])
    def test_a_section_by_another_name_is_told(self, section: str) -> None:
        document = {"ts": 1795773600, "device_id": "plc", "seq": 1, section: {"T_core_C": 50.0}}
        assert f"'{section}' is there: is sensors meant?" in refused(sent(document)).detail

    def test_metrics_and_states_too(self) -> None:
        found = sent(
            telemetry(metrics={"a": None, "b": 1.0}, status={"mode": None, "door": True, "x": [1]})
        )
        assert frame(found).metrics == {"b": 1.0}
        assert frame(found).status == {"door": True}
        assert set(frame(found).left_out) == {"a", "mode", "x"}

    def test_a_frame_without_any_reading_says_so(self) -> None:
        found = sent(telemetry(sensors={"T_core_C": None}, metrics={}, status={}))
        assert frame(found).sensors == {}
        assert list(frame(found).left_out) == ["T_core_C"]

    def test_what_a_gateway_left_out_is_kept(self) -> None:
        told = {"T_iso_C": {"reason": "no-value", "words": "quality Bad"}}
        found = sent(telemetry(sensors={"T_core_C": 1.0, "T_mold_C": None}, left_out=told))
        assert set(frame(found).left_out) == {"T_iso_C", "T_mold_C"}

    @pytest.mark.parametrize("told", ["x", [1], {"T_iso_C": "Bad"}, {"a b": {"reason": "x"}}])
    def test_a_wrong_left_out_is_refused_by_name(self, told: Any) -> None:
        found = sent(telemetry(sensors={"T_core_C": None, "T_C": 1.0}, left_out=told))
        assert refused(found).detail.startswith(("left_out", "sensors.T_core_C"))

    def test_a_number_of_a_channel_that_is_not_known_is_kept(self) -> None:
        found = sent(telemetry(sensors={"T_oil_C": 900.0, "level_mm": -9999, "T_x_C": 9.9e37}))
        assert frame(found).sensors == {"T_oil_C": 900.0, "level_mm": -9999.0}
        assert said(found) == {"T_x_C": IMPOSSIBLE}


class TestRecipe:
    """A gap is said, not filled with a usual value in silence."""

    @pytest.mark.parametrize(
        "name", ["T_polyol_C", "T_iso_C", "T_mold_C", "T_ambient_C", "RH_ambient_pct", "mixing_eff"]
    )
    def test_a_null_is_a_gap(self, name: str) -> None:
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, name: None}
        assert said(sent(shot(recipe=recipe), "shot")) == {f"recipe.{name}": RECIPE_GAP}

    def test_a_field_that_is_absent_is_none(self) -> None:
        assert said(sent(shot(), "shot")) == {}

    def test_what_is_written_again_has_the_same_gaps(self) -> None:
        event = accepted(
            sent(shot(recipe={"m_polyol_kg": 1, "m_iso_kg": 1, "T_iso_C": None}), "shot")
        )
        again = sent(event.message.model_dump_json().encode(), "shot")  # type: ignore[union-attr]
        assert said(again) == {"recipe.T_iso_C": RECIPE_GAP}

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("m_polyol_kg", None, "null"),
            ("m_iso_kg", "0,45", "send 0.45"),
            ("m_additives_kg", None, "null"),
            ("T_mold_C", "40,1", "send 40.1"),
            ("T_mold_C", 850, "at most 250"),
            ("T_mold_C", True, "true"),
            ("nco_oh_index", 105, "at most 10"),
        ],
    )
    def test_a_value_that_cannot_be_is_refused_by_name(
        self, name: str, value: Any, words: str
    ) -> None:
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, name: value}
        detail = refused(sent(shot(recipe=recipe), "shot")).detail
        assert detail.startswith(f"recipe.{name}: ")
        assert words in detail

    def test_what_no_hall_has_is_a_gap_that_is_told(self) -> None:
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, "T_ambient_C": 150.0, "T_iso_C": 23.0}
        found = sent(shot(recipe=recipe), "shot")
        event = accepted(found).message
        assert isinstance(event, ShotEvent)
        assert event.recipe is not None
        assert (event.recipe.T_ambient_C, event.recipe.T_iso_C) == (None, 23.0)
        assert said(found) == {"recipe.T_ambient_C": IMPOSSIBLE}
        assert "150 is outside -50 to 80" in accepted(found).remarks[0].words

    def test_a_mass_that_cannot_be_is_refused(self) -> None:
        recipe = {"m_polyol_kg": 3276.7, "m_iso_kg": 1.1}
        detail = refused(sent(shot(recipe=recipe), "shot")).detail
        assert detail.startswith("recipe.m_polyol_kg: 3276.7 is outside 0 to 1000")


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


class TestNearMisses:
    """Case 18: a name that is nearly known is told with the one that is meant."""

    def test_the_case(self) -> None:
        found = [said(read(one)) for one in recorded(case("18") / "messages.jsonl")]
        assert found == [
            {"sensors.T_mould_C": NAME_NOT_KNOWN, "sensors.T_Polyol_C": NAME_NOT_KNOWN},
            {"recipe.T_mould_C": NAME_NOT_KNOWN},
            {"sensors.T_Core_C": NAME_NOT_KNOWN},
            {},
        ]

    @pytest.mark.parametrize(
        ("name", "known"),
        [
            ("T_mould_C", "T_mold_C"),
            ("T_Mould_C.2", "T_mold_C.2"),
            ("T_MOLD_C", "T_mold_C"),
            ("Tmold_C", "T_mold_C"),
            ("TMold_C", "T_mold_C"),
            ("T_Core_C", "T_core_C"),
            ("t_core_C", "T_core_C"),
            ("temp_core_C", "T_core_C"),
            ("T_Mold_K", "T_mold_C"),
            ("T_mold_init_C", "T_mold_C"),
            ("T_polyol_in_C", "T_polyol_C"),
            ("T_isocyanate_C", "T_iso_C"),
            ("T_polyl_C", "T_polyol_C"),
            ("T_mlod_C", "T_mold_C"),
            ("rh_ambient_pct", "RH_ambient_pct"),
            ("RH_Ambient_fraction", "RH_ambient_pct"),
            ("P_cavity_bar", "p_cavity_bar"),
            ("p_Cavity_Pa", "p_cavity_bar"),
            ("pressure_cavity_bar", "p_cavity_bar"),
            ("M_polyol_kg", "m_polyol_kg"),
            ("Power_W", "power_W"),
        ],
    )
    def test_it_is_told_and_not_read(self, name: str, known: str) -> None:
        found = sent(telemetry(sensors={name: 30.0, "T_ambient_C": 20.0}))
        (remark,) = accepted(found).remarks
        assert (remark.code, remark.field) == (NAME_NOT_KNOWN, f"sensors.{name}")
        assert f"{known} is meant?" in remark.words
        assert known not in frame(found).sensors
        assert frame(found).sensors[name] == 30.0

    @pytest.mark.parametrize(
        "name",
        [
            *("T_oil_C", "T_mold2_C", "T_cure_C", "T_hall_C", "T_C", "p_hydraulic_bar", "p_bar"),
            *("p_iso2_bar", "m_total_kg", "level_mm", "T_core_C.3", "T_mold_C.12", "power_mean_W"),
        ],
    )
    def test_other_names_are_left_in_peace(self, name: str) -> None:
        assert said(sent(telemetry(sensors={name: 30.0}))) == {}

    @pytest.mark.parametrize(
        ("name", "known"),
        [
            ("T_mould_C", "T_mold_C"),
            ("T_Mold_C", "T_mold_C"),
            ("T_mould_init_C", "T_mold_C"),
            ("t_polyol_C", "T_polyol_C"),
            ("T_mold_F", "T_mold_C"),
            ("RH_Ambient", "RH_ambient_pct"),
            ("mixing_efficiency", None),
            ("Mixing_eff", "mixing_eff"),
            ("NCO_OH_index", "nco_oh_index"),
            ("m_additive_kg", "m_additives_kg"),
            ("program", None),
        ],
    )
    def test_in_a_recipe_too(self, name: str, known: str | None) -> None:
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, name: 0.5}
        found = accepted(sent(shot(recipe=recipe), "shot"))
        if known is None:
            assert found.remarks == ()
            return
        (remark,) = found.remarks
        assert remark.field == f"recipe.{name}"
        assert f"{known} is meant?" in remark.words

    def test_in_fields_of_messages_too(self) -> None:
        assert said(sent(telemetry(mould_id="M"))) == {"mould_id": NAME_NOT_KNOWN}
        assert said(sent(shot(orderId="1"), "shot")) == {"orderId": NAME_NOT_KNOWN}
        assert said(sent(quality(rho_molded_kg_per_m3=60.0), "quality")) == {
            "rho_molded_kg_per_m3": NAME_NOT_KNOWN
        }
        assert said(sent(quality(operator_name="x", line=4), "quality")) == {}

    def test_a_record_without_any_known_result_is_told(self) -> None:
        record = {"ts": 1795773600, "shot_id": "S1", "hardness": 45, "density": 63.0}
        (remark,) = accepted(sent(record, "quality")).remarks
        assert "density, hardness: not known and not used; results are rho_moulded" in remark.words
        assert said(sent({**record, "defects": []}, "quality")) == {}


class TestUnits:
    """Units that the contract lists are read as the known channel."""

    @pytest.mark.parametrize(
        ("name", "value", "known", "reading"),
        [
            ("T_mold_K", 313.15, "T_mold_C", 40.0),
            ("T_mold_K.2", 300, "T_mold_C.2", 26.85),
            ("T_core_K", 393.15, "T_core_C", 120.0),
            ("T_ambient_K", 295.15, "T_ambient_C", 22.0),
            ("p_cavity_Pa", 120_000, "p_cavity_bar", 1.2),
            ("p_mix_Pa", 15e6, "p_mix_bar", 150.0),
            ("RH_ambient_fraction", 0.45, "RH_ambient_pct", 45.0),
            ("RH_ambient_ratio", 0.45, "RH_ambient_pct", 45.0),
            ("vent_open_pct", 25, "vent_open_fraction", 0.25),
        ],
    )
    def test_they_are_converted(self, name: str, value: float, known: str, reading: float) -> None:
        found = sent(telemetry(sensors={name: value}))
        assert frame(found).sensors == {known: reading}
        assert said(found) == {}

    def test_both_units_that_agree_are_one_reading(self) -> None:
        found = sent(telemetry(sensors={"T_mold_C": 40.0, "T_mold_K": 313.2}))
        assert frame(found).sensors == {"T_mold_C": 40.0}
        assert said(found) == {}

    def test_both_units_that_contradict_are_told(self) -> None:
        found = sent(telemetry(sensors={"T_mold_K": 330.0, "T_mold_C": 40.0}))
        assert frame(found).sensors == {"T_mold_C": 40.0}
        assert said(found) == {"T_mold_K": CONTRADICTS}
        assert "330 is 56.85 in T_mold_C, which says 40" in accepted(found).remarks[0].words

    def test_celsius_under_a_name_in_kelvin_is_impossible(self) -> None:
        found = sent(telemetry(sensors={"T_mold_K": 40.0, "T_core_C": 50.0}))
        assert frame(found).sensors == {"T_core_C": 50.0}
        assert said(found) == {"T_mold_C": IMPOSSIBLE}

    def test_a_channel_that_is_not_known_keeps_its_unit(self) -> None:
        assert frame(sent(telemetry(sensors={"T_oil_K": 330.0}))).sensors == {"T_oil_K": 330.0}

    def test_a_recipe_too(self) -> None:
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, "T_mold_K": 313.15}
        found = accepted(sent(shot(recipe=recipe), "shot"))
        assert isinstance(found.message, ShotEvent)
        assert found.message.recipe is not None
        assert found.message.recipe.T_mold_C == 40.0
        assert found.remarks == ()

    def test_a_recipe_that_contradicts_itself_is_told(self) -> None:
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, "T_mold_K": 330.0, "T_mold_C": 40.0}
        found = sent(shot(recipe=recipe), "shot")
        assert said(found) == {"recipe.T_mold_K": CONTRADICTS}


def test_events_and_orders_are_read() -> None:
    assert isinstance(accepted(sent(press_event(), "event")).message, PressEvent)
    assert "lot" in refused(sent(press_event(lot=None), "event")).detail
    assert "in quotes" in refused(sent(press_event(lot=4711), "event")).detail
    assert isinstance(accepted(sent(order(), "order")).message, Order)
    assert "quantity_count: 0" in refused(sent(order(quantity_count=0), "order")).detail
    gap = order(recipe={"m_polyol_kg": 1.0, "m_iso_kg": 1.1, "T_mold_C": None})
    assert said(sent(gap, "order")) == {"recipe.T_mold_C": RECIPE_GAP}


CHANNELS = st.sampled_from([channel.value for channel in INBOUND])
NAMES = st.sampled_from(["T_mold_C", "T_mold_K", "T_mould_C", "p_cavity_Pa", "x_C.1", "a b", ""])


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_whatever_comes_is_a_message_or_a_refusal_in_words(data: st.DataObject) -> None:
    example = data.draw(st.sampled_from([telemetry, shot, quality, press_event, order]))
    document: dict[str, Any] = example()
    for _ in range(data.draw(st.integers(0, 3))):
        inner = data.draw(st.sampled_from(["sensors", "recipe", "metrics", "left_out", ""]))
        name = data.draw(NAMES | st.sampled_from([*document]) | texts)
        value = data.draw(wild_values)
        if isinstance(document.get(inner), dict):
            document[inner][name] = value
        else:
            document[name] = value
    payload = data.draw(st.binary(max_size=60) | st.just(json.dumps(document).encode()))
    found = sent(payload, data.draw(CHANNELS))
    if isinstance(found, DeadLetter):
        assert found.detail.strip()
        assert found.detail.isprintable()
        assert found.reason != "internal-error", found.detail
    elif isinstance(found.message, TelemetryFrame) and "left_out" not in document:
        reasons = {left.reason for left in found.message.left_out.values()}
        assert reasons <= set(LEFT_OUT_REASONS)
    for remark in found.remarks if isinstance(found, Decoded) else ():
        assert remark.words
        assert remark.field
