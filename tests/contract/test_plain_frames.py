"""A frame that is read in one go is what the usual way makes of it, whatever its bytes are."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker import TelemetryFrame, decode
from broker.errors import PayloadError
from broker.plain_frames import plain_frame
from tests.support.load import frame as frame_of_load
from tests.support.payloads import telemetry

READINGS = {"T_core_C": 40.5, "T_mold_C": 45.0, "p_cavity_bar": 1.25}
TIMES = [
    "2026-03-14T09:00:00Z",
    "2026-03-14T10:00:00.123456+01:00",
    "2026-03-14t09:00:00z",
    "2026-03-14T24:00:00Z",
    "2026-03-14T09:00:00",
    "1970-01-01T00:00:00Z",
    1_773_478_800,
    1_773_478_800_000,
    1.5e9,
    -1,
    "1773478800",
    None,
    True,
]
NUMBERS = [0, -0.0, 1, 40.0, 1e308, 2**53 + 1, 2**63 - 1, 2**63, -(2**64), 10**40, 0.1, 1e-320]
VALUES = [*NUMBERS, None, True, "1.5", "", [], {}, float("nan"), float("inf")]
NAMES = ["T_core_C", "T_mold_K", "T_mold_C.1", "p_cavity_Pa", "T_core", "x_C", "T_mould_C", "é_C"]
NAMES += ["", "ts", "T_polyol_F", "9_C", "v"]
IDS = ["m1", "", None, "a" * 65, "a b", 5, "m\u0000", "ü"]
OTHERS = [("simulated", True), ("simulated", 1), ("v", 1), ("v", 2), ("v", 1.0), ("v", True)]
OTHERS += [("extra", 1), ("metrics", {"n": 1}), ("metrics", {}), ("metrics", None)]
OTHERS += [("status", {"mode": state}) for state in [*VALUES, "auto", "ü", "x" * 300, "a\u0000"]]
OTHERS += [("metrics", {"n": number}) for number in VALUES]
OTHERS += [("received_at", "2026-03-14T09:00:00Z"), ("metrics", {"v": 1, "n": 2})]
OTHERS += [("status", {"ts": "auto"})]
OTHERS += [("left_out", {}), ("sensors", None), ("sensors", {}), ("sensors", [1])]


def outcome(payload: bytes) -> str:
    """The frame with the types of its values, or the words of the refusal."""
    try:
        frame = decode(TelemetryFrame, payload)
    except PayloadError as error:
        return f"{error.code} {error.field} {error.detail}"
    return f"{frame!r} {sorted(frame.model_fields_set)} {frame.ts.tzinfo}"


def both_ways(payload: bytes) -> tuple[str, str]:
    """What the codec makes of a payload, and what its usual way alone makes of it."""
    with patch("broker.codec.plain_frame", lambda _payload: None):
        usual = outcome(payload)
    return outcome(payload), usual


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Frames, most of them odd: as JSON of other senders, with names twice, or broken."""
    sensors = READINGS | draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES)))
    document: dict[str, Any] = {"ts": TIMES[0], "device_id": "d1", "seq": 1, "sensors": sensors}
    for name, values in (("ts", TIMES), ("mold_id", IDS), ("shot_id", IDS), ("seq", VALUES)):
        if draw(st.booleans()):
            document[name] = draw(st.sampled_from(values))
    document |= dict(draw(st.lists(st.sampled_from(OTHERS), max_size=2)))
    spaces = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")]))
    text = json.dumps(document, separators=spaces, ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):
        twice = draw(st.sampled_from(['"seq":2,', '"ts":"2026-03-14T09:00:00Z",', '"ts":5,']))
        text = "{" + twice + text[1:]
    payload = text.encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(payload)))
        byte = bytes([draw(st.sampled_from(b'"\\:,{}[]0 -e\x00\xff\xef'))])
        payload = payload[:at] + byte + payload[at + draw(st.integers(0, 1)) :]
    return payload


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(payloads())
def test_both_ways_agree(payload: bytes) -> None:
    quick, usual = both_ways(payload)
    assert quick == usual


def repeated(name: str) -> Callable[[bytes], bytes]:
    return lambda payload: b'{"' + name.encode() + b'": 5, ' + payload[1:]


@pytest.mark.parametrize(
    "change",
    [
        *map(repeated, ("ts", "seq", "device_id", "v", "sensors")),
        lambda payload: payload.replace(b'"T_mold_C"', b'"T_core_C"'),
        lambda payload: payload.replace(b"45.0", b"36893488147419103232"),
        lambda payload: payload.replace(b"45.0", b"NaN"),
        lambda payload: payload.replace(b"T_mold_C", b"T_mold_K"),
        lambda payload: payload.replace(b"T_mold_C", b"T_mold\\u005fC"),
        lambda payload: payload.replace(b'"v": 1,', b'"v": 1.0,').replace(b"pump_duty", b"v"),
        lambda payload: (b'{"metrics": {"v": 1, "n": 2}, "v": 1.0, ' + payload[1:]).replace(
            b'"v": 1, "ts"', b'"ts"'
        ),
        lambda payload: (
            b'{"seq": 5, '
            + payload[1:]
            .replace(b'"2026-01-31T12:00:00.123456Z"', b"1773478800")
            .replace(b'"mode"', b'"ts"')
        ),
        lambda payload: payload + b"\x00\x00",
        lambda payload: b"\xef\xbb\xbf" + payload,
        lambda payload: payload + b"{}",
        lambda payload: payload[:-1],
    ],
)
def test_what_is_not_plain_takes_the_usual_way(change: Callable[[bytes], bytes]) -> None:
    payload = change(json.dumps(telemetry(sensors=READINGS)).encode())
    assert plain_frame(payload) is None
    quick, usual = both_ways(payload)
    assert quick == usual


def test_frames_of_a_press_are_plain() -> None:
    payload = frame_of_load(7, datetime(2026, 3, 14, tzinfo=UTC))
    assert plain_frame(payload) == decode(TelemetryFrame, payload)
    assert plain_frame(json.dumps(json.loads(payload), separators=(",", ":")).encode()) is not None
