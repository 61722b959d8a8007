"""Molds without corrections: told once after a while, over with the next correction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from broker.topics import PressAddress
from edge_agent.monitoring.uncorrected import UNCORRECTED_SCOPE, State, UncorrectedMolds

PRESS = PressAddress("s", "p1")
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
DAY = timedelta(hours=24)


def pours(molds: UncorrectedMolds, hours: list[float], corrected: bool = False) -> list[Any]:
    found, state = [], State()
    for hour in hours:
        at = START + timedelta(hours=hour)
        news = molds.poured(PRESS, "M", at, state, corrected=corrected, after=DAY)
        if news is not None:
            found.append((news[0], news[1].shots_count))
    return found


def test_told_once_and_over_with_a_correction() -> None:
    molds = UncorrectedMolds()
    assert pours(molds, [0.0, 1.0, 23.9]) == []
    assert pours(molds, [24.0, 25.0, 60.0]) == [("begins", 4)]
    assert pours(molds, [61.0], corrected=True) == [("over", 6)]
    assert pours(molds, [62.0], corrected=True) == []


def test_a_correction_in_between_begins_anew() -> None:
    molds = UncorrectedMolds()
    pours(molds, [0.0, 20.0])
    assert pours(molds, [21.0], corrected=True) == []
    assert pours(molds, [25.0, 48.0]) == []


def test_a_restart_and_another_agent() -> None:
    molds, state = UncorrectedMolds(), State()
    molds.poured(PRESS, "M", START, state, corrected=False, after=DAY)
    kept = {key: value for (scope, key), value in state.items() if value is not None}
    again = UncorrectedMolds(kept | {"s/p1/N": {"since": 1, "told": "perhaps"}})
    assert pours(again, [30.0]) == [("begins", 2)]
    assert again.forgets(PRESS) == {(UNCORRECTED_SCOPE, "s/p1/M"): None}
    again.forget(PRESS)
    assert pours(again, [60.0]) == []


def test_never_when_nobody_wants_it() -> None:
    molds = UncorrectedMolds()
    for hour in (0.0, 1000.0):
        at = START + timedelta(hours=hour)
        after = timedelta()
        assert molds.poured(PRESS, "M", at, {}, corrected=False, after=after) is None
