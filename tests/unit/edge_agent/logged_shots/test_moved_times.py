"""Times of recorded messages are moved in the form that they have; nothing else changes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from edge_agent.logged_shots.moved_times import moved

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("ts", "expected"),
    [
        ("2026-11-27T10:00:00Z", "2026-11-28T10:00:00Z"),
        ("2026-11-27T11:00:00+01:00", "2026-11-28T10:00:00Z"),
        (1795773600, 1795860000.0),
        (1795773600123, 1795860000123.0),
        ("27.11.2026 10:00:00", "27.11.2026 10:00:00"),
        (None, None),
    ],
)
def test_a_time_is_moved(ts: object, expected: object) -> None:
    document = {"ts": ts, "seq": 1, "note": "ä", "corrects": {"ts": ts}}
    found = json.loads(moved(json.dumps(document).encode(), DAY))
    assert found == document | {"ts": expected, "corrects": {"ts": expected}}


@pytest.mark.parametrize("payload", [b"", b"\x1f\x8b", b"null", b"[1]", b'{"seq":1}', b"[" * 9999])
def test_anything_else_stays_as_it_is(payload: bytes) -> None:
    assert moved(payload, DAY) == payload


def test_half_a_character_stays_an_escape() -> None:
    found = moved(b'{"ts": "2026-11-27T10:00:00Z", "note": "\\ud800"}', DAY)
    assert found == b'{"ts": "2026-11-28T10:00:00Z", "note": "\\ud800"}'
