"""The identity of a shot: the same for the same first event, another one for any other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from broker.messages import Recipe, ShotEvent
from broker.topics import PressAddress
from edge_agent.pipeline.assemble import Assembler, Shot
from edge_agent.shots.shot_key import key_of_older, shot_key

PRESS = PressAddress("site", "press")
TS = datetime(2026, 5, 4, 8, 0, 5, tzinfo=UTC)
KEY = shot_key(PRESS, "M1", "17", "started", TS)


def test_it_is_as_documented() -> None:
    """Computed by ``printf %s site/press/M1/17/started/2026-05-04T08:00:05.000000Z | sha256sum``"""
    assert KEY == "a7cd6217030e24f91f40"


def test_a_time_is_the_same_in_any_zone() -> None:
    local = TS.astimezone(timezone(timedelta(hours=2)))
    assert shot_key(PRESS, "M1", "17", "started", local) == KEY


@pytest.mark.parametrize(
    "other",
    [
        (PressAddress("site", "other"), "M1", "17", "started", TS),
        (PressAddress("other", "press"), "M1", "17", "started", TS),
        (PRESS, "M2", "17", "started", TS),
        (PRESS, "M1", "18", "started", TS),
        (PRESS, "M1", "17", "poured", TS),
        (PRESS, "M1", "17", "started", TS + timedelta(microseconds=1)),
    ],
)
def test_any_other_event_makes_another_key(
    other: tuple[PressAddress, str, str, str, datetime],
) -> None:
    assert shot_key(*other) != KEY


def _event(kind: str, ts: datetime) -> ShotEvent:
    pour = {"system_id": "S", "recipe": Recipe(m_polyol_kg=1.0, m_iso_kg=1.0)}
    return ShotEvent.model_validate(
        {"ts": ts, "shot_id": "17", "mold_id": "M1", "event": kind}
        | (pour if kind == "poured" else {})
    )


def test_the_first_event_makes_the_key_and_no_later_one_changes_it() -> None:
    assembler = Assembler([], signal_age_max_s=600, timeout_s=3600)
    (shot,) = assembler.event(PRESS, _event("started", TS))
    assert shot.shot_key == KEY
    assembler.event(PRESS, _event("poured", TS + timedelta(seconds=5)))
    (shot,) = assembler.event(PRESS, _event("started", TS - timedelta(seconds=5)))
    assert shot.shot_key == KEY
    assert Shot.model_validate(shot.model_dump(mode="json")).shot_key == KEY


def test_a_shot_of_an_older_spool_gets_the_key_of_its_pour() -> None:
    older = {"site": "site", "press": "press", "shot_id": "17", "mold_id": "M1"}
    poured = older | {"started_at": "2026-05-04T08:00:00Z", "poured_at": "2026-05-04T08:00:05Z"}
    key = shot_key(PRESS, "M1", "17", "poured", TS)
    assert Shot.model_validate(poured).shot_key == key
    assert key_of_older(PRESS, "M1", "17", poured_at=TS, closed_at=TS, outcome="aborted") == key
    ended = older | {"closed_at": "2026-05-04T08:00:05Z", "outcome": "aborted"}
    assert Shot.model_validate(ended).shot_key == shot_key(PRESS, "M1", "17", "aborted", TS)
