"""Shots in work: found by key, id and mold, and never too many of a press."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from broker.messages import ShotEvent
from broker.topics import PressAddress
from edge_agent.pipeline import shots_in_work
from edge_agent.pipeline.assemble import Assembler
from edge_agent.pipeline.shots_in_work import ShotsInWork
from edge_agent.shots.shot import Shot

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
ONE, OTHER = PressAddress("s", "p1"), PressAddress("s", "p2")


def shot(number: int, press: PressAddress = ONE, mold: str = "M", shot_id: str = "") -> Shot:
    return Shot(
        site=press.site,
        press=press.press,
        shot_id=shot_id or f"S{number}",
        mold_id=mold,
        started_at=START + timedelta(seconds=number),
    )


def test_shots_are_found_by_key_id_and_mold() -> None:
    first, again, elsewhere = shot(1, shot_id="S"), shot(2, shot_id="S"), shot(1, OTHER)
    shots = ShotsInWork([first, again, elsewhere])
    assert len(shots) == 3
    assert first.shot_key in shots
    assert shots.of_id(ONE, "S") == [first, again]
    assert shots.of_mold(ONE, "M") == [first, again]
    assert (shots.of_press(ONE), shots.of_press(OTHER)) == ([first, again], [elsewhere])
    shots.remove(first)
    assert shots.of_id(ONE, "S") == [again]
    shots.remove(again)
    assert shots.of_id(ONE, "S") == []
    assert (shots.of_mold(ONE, "M"), shots.open_of(ONE)) == ([], [])
    assert list(shots) == [elsewhere]


def test_ended_shots_are_not_open() -> None:
    one, other = shot(1), shot(2)
    shots = ShotsInWork([one, other])
    one.closed_at = START
    shots.moved(one)
    assert shots.open_of(ONE) == [other]
    assert shots.of_mold(ONE, "M") == [one, other]


def test_a_shot_that_was_poured_into_another_mold_is_found_there() -> None:
    one = shot(1)
    shots = ShotsInWork([one])
    one.mold_id = "OTHER"
    shots.moved(one)
    assert (shots.of_mold(ONE, "M"), shots.of_mold(ONE, "OTHER")) == ([], [one])
    assert (shots.open_of(ONE), shots.molds(ONE)) == ([one], 1)
    shots.remove(one)
    assert (shots.of_press(ONE), shots.open_of(ONE), shots.molds(ONE)) == ([], [], 0)


def started(number: int, mold: str) -> ShotEvent:
    return ShotEvent(
        ts=START + timedelta(seconds=number), shot_id=f"S{number}", mold_id=mold, event="started"
    )


def test_a_press_that_opens_shots_without_end_loses_the_oldest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shots_in_work, "OPEN_MAX", 10)
    assembler = Assembler([], signal_age_max_s=600, timeout_s=3600)
    assembler.event(OTHER, started(0, "M"))
    ended = []
    for number in range(25):
        changed = assembler.event(ONE, started(number, f"M{number}"))
        ended += [found.shot_id for found in changed if found.closed_at is not None]
    assert ended == [f"S{number}" for number in range(15)]
    assert [found.shot_id for found in assembler.crowded] == ended, "to be told"
    assert len(assembler.shots.open_of(ONE)) == 10
    assert len(assembler.shots.open_of(OTHER)) == 1, "another press is not touched"
    (first,) = assembler.shots.of_id(ONE, "S0")
    assert (first.outcome, first.closed_at) == ("superseded", START + timedelta(seconds=10))


def test_an_old_shot_that_comes_late_ends_none_before_it_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shots_in_work, "OPEN_MAX", 1)
    assembler = Assembler([], signal_age_max_s=600, timeout_s=3600)
    assembler.event(ONE, started(100, "M1"))
    (ended, _) = assembler.event(ONE, started(5, "M2"))
    assert ended.closed_at == ended.started_at


def test_ended_shots_of_a_mold_are_forgotten_beyond_those_in_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shots_in_work, "ENDED_MAX", 5)
    assembler = Assembler([], signal_age_max_s=600, timeout_s=3600)
    for number in range(20):  # each ends the one before it
        assembler.event(ONE, started(number, "M"))
    assert len(assembler.shots) <= 6
    gone = [found.shot_id for found in assembler.left_over]
    assert gone == [f"S{number}" for number in range(len(gone))]
    assert len(gone) + len(assembler.shots) == 20
