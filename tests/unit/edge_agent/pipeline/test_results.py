"""results: what a press may fill the spool with by sending garbage."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import cast

import pytest

from broker.codec import decode
from broker.dead_letter_reasons import UNREADABLE
from broker.messages import DeadLetter
from broker.topics import PressAddress, TopicSpace
from edge_agent.pipeline import results
from edge_agent.pipeline.publish import Publisher
from edge_agent.pipeline.results import CUT_CHARACTERS, Results
from edge_agent.spool.thread import SpoolThread

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
ONE, OTHER = PressAddress("s", "p1"), PressAddress("s", "p2")
GARBAGE = bytes(range(256)) * 4


class Clock:
    speed = 1.0

    def now(self) -> datetime:
        return NOW


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Results:
    monkeypatch.setattr(results, "LETTERS_KEPT_BYTES", 5_000)
    monkeypatch.setattr(results, "LETTERS_KEPT_BYTES_PER_S", 10)
    publisher = Publisher(cast(SpoolThread, None), Clock())
    return Results(TopicSpace(), "json", publisher)


def refuse(made: Results, payload: bytes, press: PressAddress = ONE, after_s: float = 0.0) -> bytes:
    """Refuse a payload; what is kept of it, in the topic and in the table alike."""
    letter = DeadLetter.of(
        payload,
        reason=UNREADABLE,
        detail="?",
        press=press,
        topic="t",
        ts=NOW + timedelta(seconds=after_s),
    )
    made.dead_letter(letter)
    issued = decode(DeadLetter, made.batch.issued[-1].entry.payload)
    assert issued.payload_base64 in made.batch.forward[-1].document
    assert issued.payload_bytes_count == len(payload)
    assert issued.payload_sha256 == sha256(payload).hexdigest()
    return base64.b64decode(issued.payload_base64)


def test_garbage_without_end_is_kept_by_its_beginning(made: Results) -> None:
    kept = [refuse(made, GARBAGE) for _ in range(20)]
    whole = [payload for payload in kept if payload == GARBAGE]
    assert kept[: len(whole)] == whole
    assert 1 <= len(whole) <= 4
    assert set(kept[len(whole) :]) == {GARBAGE[: CUT_CHARACTERS * 3 // 4]}


def test_every_press_has_its_own_room(made: Results) -> None:
    while refuse(made, GARBAGE) == GARBAGE:
        pass
    assert refuse(made, GARBAGE, OTHER) == GARBAGE


def test_room_comes_back_with_time(made: Results) -> None:
    while refuse(made, GARBAGE) == GARBAGE:
        pass
    assert refuse(made, GARBAGE, after_s=-3600.0) != GARBAGE, "a clock that is set back"
    assert refuse(made, GARBAGE, after_s=600.0) == GARBAGE


def test_small_payloads_are_always_whole(made: Results) -> None:
    while refuse(made, GARBAGE) == GARBAGE:
        pass
    assert [refuse(made, b"\xff" * 200) for _ in range(50)] == [b"\xff" * 200] * 50


def test_one_payload_larger_than_all_room_is_cut(made: Results) -> None:
    assert refuse(made, b"x" * 100_000) == b"x" * 300
    assert refuse(made, GARBAGE) == GARBAGE, "it took no room"
