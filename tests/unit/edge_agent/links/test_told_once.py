"""Faults are told when they begin or change, and all of them are counted."""

from __future__ import annotations

from datetime import UTC, datetime

from edge_agent.links.tag_source import Sample, Value
from edge_agent.links.told_once import ToldOnce

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def told(unchanged: bool, *readings: Value | None) -> tuple[list[bool], int]:
    """Which of readings are news; None is a fault."""
    once = ToldOnce(unchanged=unchanged)
    samples = [Sample("t", NOW, one, "" if one is not None else "bad") for one in readings]
    return [once.worth_telling(sample) for sample in samples], once.faults_count["t"]


def test_changes_alone() -> None:
    assert told(False, 1, 1, 2, None, None, 2) == ([True, False, True, True, False, True], 2)


def test_every_value_and_new_faults() -> None:
    assert told(True, 1, 1, None, None, 1) == ([True, True, True, False, True], 2)


def test_true_is_not_one() -> None:
    assert told(False, True, 1, 1.0, "1") == ([True] * 4, 0)


def test_another_reason_is_another_fault() -> None:
    once = ToldOnce(unchanged=False)
    words = ["a", "a", "b"]
    assert [once.worth_telling(Sample("t", NOW, fault=word)) for word in words] == [
        True,
        False,
        True,
    ]
