"""Quality records find their shot by its id: the newest before them, never a guess."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.messages import QualityRecord
from broker.topics import PressAddress
from edge_agent.shots import named_shots
from edge_agent.shots.named_shots import NAMED_SCOPE, NamedShots
from edge_agent.shots.shot import Shot

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
PRESS = PressAddress("s", "p1")


def shot(shot_id: str, after_h: float, mold_id: str = "M", press: str = "p1") -> Shot:
    at = START + timedelta(hours=after_h)
    return Shot(site="s", press=press, shot_id=shot_id, mold_id=mold_id, poured_at=at)


def record(shot_id: str, after_h: float, **more: Any) -> QualityRecord:
    return QualityRecord(ts=START + timedelta(hours=after_h), shot_id=shot_id, **more)


def known(*shots: Shot) -> tuple[NamedShots, dict[str, Any]]:
    """The shots, and what the spool keeps of them."""
    found, state = NamedShots({}), dict[tuple[str, str], dict[str, Any] | None]()
    for one in shots:
        found.poured(one, state)
    assert {scope for scope, _ in state} <= {NAMED_SCOPE}
    return found, {key: value for (_, key), value in state.items() if value is not None}


def test_the_newest_shot_of_its_id_before_it() -> None:
    """A PLC that counts from 0 again, and a record of the morning that comes in the evening."""
    first, second = shot("7", 0.0), shot("7", 5.0)
    found, kept = known(first, shot("8", 1.0), second)
    for names in (found, NamedShots(kept)):
        assert names.key_of(PRESS, record("7", 4.9)) == first.shot_key
        assert names.key_of(PRESS, record("7", 5.0)) == second.shot_key
        assert names.key_of(PRESS, record("7", -0.1)) is None
        assert names.key_of(PRESS, record("9", 9.0)) is None
        assert names.key_of(PressAddress("s", "p2"), record("7", 9.0)) is None


def test_two_molds_that_share_a_number_are_not_guessed() -> None:
    one, other = shot("7", 0.0, "M1"), shot("7", 1.0, "M2")
    found, _ = known(one, other)
    assert found.key_of(PRESS, record("7", 2.0)) is None
    assert [pour.mold_id for pour in found.pours_of(PRESS, record("7", 2.0))] == ["M1", "M2"]
    assert found.key_of(PRESS, record("7", 2.0, mold_id="M1")) == one.shot_key
    assert found.key_of(PRESS, record("7", 2.0, mold_id="M3")) is None
    assert found.key_of(PRESS, record("7", 0.5)) == one.shot_key, "the other was poured later"
    assert found.key_of(PRESS, record("7", 2.0, shot_key=other.shot_key)) == other.shot_key


def test_a_pour_that_is_corrected_is_one_pour() -> None:
    one = shot("7", 0.0)
    found, _ = known(one)
    state: dict[tuple[str, str], dict[str, Any] | None] = {}
    found.poured(one, state)
    assert state == {}, "nothing new"
    one.poured_at = START + timedelta(hours=1)
    found.poured(one, state)
    (kept,) = state.values()
    assert kept is not None
    assert len(kept["pours"]) == 1
    assert found.key_of(PRESS, record("7", 0.5)) is None


def test_the_oldest_ids_of_a_press_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_shots, "NAMES_MAX", 3)
    monkeypatch.setattr(named_shots, "POURS_MAX", 2)
    found, state = NamedShots({}), dict[tuple[str, str], dict[str, Any] | None]()
    found.poured(shot("x", 0.0, press="p2"), state)
    for number in range(5):
        found.poured(shot(str(number), number), state)
    for number in range(5, 9):
        found.poured(shot("again", number), state)
    kept = {key: value for (_, key), value in state.items() if value is not None}
    assert set(kept) == {"s/p2/x", "s/p1/3", "s/p1/4", "s/p1/again"}
    assert len(kept["s/p1/again"]["pours"]) == 2
    assert found.key_of(PRESS, record("1", 9.0)) is None


def test_what_is_damaged_is_left_out() -> None:
    one = shot("7", 0.0)
    _, kept = known(one)
    names = NamedShots(kept | {"s/p1/8": {"pours": "?"}, "s/p1/9": {"pours": []}})
    assert names.key_of(PRESS, record("7", 1.0)) == one.shot_key
