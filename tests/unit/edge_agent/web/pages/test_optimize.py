"""The page of an optimisation: what it takes from the last shots of a mold."""

from __future__ import annotations

from datetime import UTC, datetime

from edge_agent.web.live.state import MoldKey
from edge_agent.web.pages.optimize import opened_today_s
from edge_agent.web.pages.shown_shot import ShownShot
from edge_agent.web.results.shots import LastShot


def shot(number: int, system_id: str, opened_s: float | None) -> LastShot:
    poured_at = datetime(2026, 5, 4, 6, number, tzinfo=UTC)
    return LastShot(f"k{number}", f"S{number}", system_id, poured_at, "demolded", opened_s, {})


def opened(*shots: LastShot) -> float | None:
    mold = MoldKey("s", "p1", "PANEL_A")
    return opened_today_s(ShownShot(mold, shots, next(iter(shots), None)))


def test_today_is_the_opening_with_the_same_material() -> None:
    same = [shot(number, "R1", 300.0 + number) for number in range(3)]
    others = [shot(number, "M1", 900.0) for number in range(3, 9)]
    assert opened(*same, *others) == 301.0
    assert opened(*others, *same) == 900.0
    assert opened(*same[:2], *others) is None
    assert opened(*same[:2], shot(9, "R1", None), shot(10, "R1", 0.0)) is None
    assert opened() is None
