"""STATE of a host: its JSON, and what is none."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.host_state import HostState, decode_state, encode_state


@given(st.booleans(), st.integers(0, 2**63 - 1))
@settings(max_examples=50)
def test_a_state_comes_back(online: bool, timestamp_ms: int) -> None:
    state = HostState(online, timestamp_ms)
    assert decode_state(encode_state(state)) == state


def test_its_json_is_that_of_the_specification() -> None:
    said = json.loads(encode_state(HostState(True, 1668114759262)))
    assert said == {"online": True, "timestamp": 1668114759262}


def test_what_else_a_host_says_is_no_matter() -> None:
    assert decode_state(b'{"timestamp": 5, "online": false, "x": [1]}') == HostState(False, 5)


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"ONLINE",  # of Sparkplug 2
        b"true",
        b"[]",
        b"\xff",
        b'{"online": true}',
        b'{"timestamp": 5}',
        b'{"online": "true", "timestamp": 5}',
        b'{"online": 1, "timestamp": 5}',
        b'{"online": true, "timestamp": "5"}',
        b'{"online": true, "timestamp": 5.5}',
        b'{"online": true, "timestamp": true}',
        b'{"online": true, "timestamp": -1}',
        b'{"online": true, "timestamp": 1e999}',
        b'{"online": true, "timestamp": 9223372036854775808}',
        b"[" * 3000,
        b"1" * 3000,
        b"1" * 5000,
    ],
)
def test_what_is_no_state(wrong: bytes) -> None:
    with pytest.raises(SparkplugError, match="STATE"):
        decode_state(wrong)


@given(st.binary(max_size=60))
@settings(max_examples=50)
def test_any_bytes_are_a_state_or_refused(data: bytes) -> None:
    with suppress(SparkplugError):
        decode_state(data)
