"""The assembler: any order, repeats, late and missing messages, several molds and presses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from broker.messages import Recipe, ShotEvent, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.pipeline.assemble import REACH, Assembler
from edge_agent.shots.shot import Shot

T0 = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
PRESS, OTHER = PressAddress("s", "p1"), PressAddress("s", "p2")
RECIPE = Recipe(m_polyol_kg=1.0, m_iso_kg=1.05)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def event(kind: str, seconds: float, shot: str = "a", mold: str = "M1") -> ShotEvent:
    pour = {"system_id": "SYSTEM_R1", "recipe": RECIPE} if kind == "poured" else {}
    return ShotEvent.model_validate(
        {"ts": at(seconds), "shot_id": shot, "mold_id": mold, "event": kind, **pour}
    )


def frame(seconds: float, mold: str | None = "M1", **sensors: float) -> TelemetryFrame:
    return TelemetryFrame(
        ts=at(seconds), device_id="d", seq=0, mold_id=mold, sensors=sensors or {"T_core_C": 30.0}
    )


@pytest.fixture
def assembler() -> Assembler:
    return Assembler([], signal_age_max_s=600, timeout_s=3600)


def shot_of(assembler: Assembler, shot: str = "a", press: PressAddress = PRESS) -> Shot:
    assembler.settle()
    (found,) = assembler.shots.of_id(press, shot)
    return found


@pytest.mark.parametrize("order", list(permutations(["started", "poured", "demolded"])))
def test_any_order_of_events_gives_the_same_shot(
    assembler: Assembler, order: tuple[str, ...]
) -> None:
    times = {"started": 0.0, "poured": 5.0, "demolded": 300.0}
    for kind in (*order, *order):  # and each of them twice
        assembler.event(PRESS, event(kind, times[kind]))
    shot = shot_of(assembler)
    assert (shot.started_at, shot.poured_at, shot.closed_at) == (at(0), at(5), at(300))
    assert shot.outcome == "demolded"
    assert shot.recipe == RECIPE


def test_last_reading_before_the_pour_is_the_input(assembler: Assembler) -> None:
    assembler.frame(PRESS, frame(-20, T_mold_C=38.0))
    assembler.frame(PRESS, frame(-2, T_mold_C=40.0))
    assembler.event(PRESS, event("poured", 0))
    assembler.frame(PRESS, frame(10, T_mold_C=45.0))
    assert shot_of(assembler).inputs["T_mold_C"].value == 40.0
    assembler.frame(PRESS, frame(-1, T_mold_C=41.0))  # late, but nearer to the pour
    assert shot_of(assembler).inputs["T_mold_C"].value == 41.0


def test_old_reading_does_not_count(assembler: Assembler) -> None:
    assembler.frame(PRESS, frame(-700, T_mold_C=38.0))
    assembler.event(PRESS, event("poured", 0))
    assert "T_mold_C" not in shot_of(assembler).inputs


def test_machine_readings_serve_all_molds_of_the_press_only(assembler: Assembler) -> None:
    assembler.frame(PRESS, frame(-2, mold=None, T_polyol_C=24.0))
    assembler.event(PRESS, event("poured", 0))
    assembler.event(PRESS, event("poured", 0, "b", "M2"))
    assembler.event(OTHER, event("poured", 0, "c", "M1"))
    assert shot_of(assembler, "a").inputs["T_polyol_C"].value == 24.0
    assert shot_of(assembler, "b").inputs["T_polyol_C"].value == 24.0
    assert shot_of(assembler, "c", OTHER).inputs == {}


def test_frames_go_to_the_shot_of_their_mold_and_time(assembler: Assembler) -> None:
    assembler.event(PRESS, event("poured", 0, "a"))
    assembler.event(PRESS, event("demolded", 100, "a"))
    assembler.event(PRESS, event("poured", 120, "b"))
    assembler.frame(PRESS, frame(50, T_core_C=90.0))  # late
    assembler.frame(PRESS, frame(110, T_core_C=20.0))  # between the shots
    assembler.frame(PRESS, frame(130, T_core_C=60.0))
    assembler.frame(PRESS, frame(130, mold="M2", T_core_C=70.0))
    assert (shot_of(assembler, "a").frames_count, shot_of(assembler, "a").T_core_max_C) == (1, 90.0)
    assert (shot_of(assembler, "b").frames_count, shot_of(assembler, "b").T_core_max_C) == (1, 60.0)


def test_next_shot_ends_one_that_was_forgotten(assembler: Assembler) -> None:
    assembler.event(PRESS, event("poured", 0, "a"))
    changed = assembler.event(PRESS, event("started", 400, "b"))
    assert [shot.shot_id for shot in changed] == ["a", "b"]
    assert shot_of(assembler, "a").outcome == "superseded"
    assembler.event(PRESS, event("poured", -500, "z"))  # a backlog of an older shot
    assert shot_of(assembler, "b").outcome is None


def test_the_press_s_time_closes_and_forgets(assembler: Assembler) -> None:
    assembler.event(PRESS, event("poured", 0))
    assembler.frame(PRESS, frame(3599, mold="M2", T_core_C=20.0))
    assert assembler.tick(at(3599)) == ([], [])
    assembler.frame(PRESS, frame(3601, mold="M2", T_core_C=20.0))
    late, old = assembler.tick(at(3601))
    assert [(shot.outcome, shot.closed_at) for shot in late] == [("timed_out", at(3600))]
    assert old == []
    assembler.frame(PRESS, frame(3601 + REACH.total_seconds(), mold="M2", T_core_C=20.0))
    _, old = assembler.tick(at(3602) + REACH)
    assert [shot.shot_id for shot in old] == ["a"]
    assert len(assembler.shots) == 0


def test_a_backlog_is_not_late(assembler: Assembler) -> None:
    """Yesterday's shot comes while the agent's clock shows today."""
    assembler.event(PRESS, event("poured", 2400))
    for hours in (24, 24.01, 24.02):
        assembler.frame(PRESS, frame(100 * hours, mold="M2"))
        assert assembler.tick(at(3600 * hours)) == ([], [])
    assembler.event(PRESS, event("demolded", 2500))
    assert shot_of(assembler).outcome == "demolded"
    assert assembler.tick(at(3600 * 24.1)) == ([], [])  # late frames may still come


def test_a_press_that_says_nothing_any_more_is_judged_by_the_clock(assembler: Assembler) -> None:
    assembler.event(PRESS, event("poured", 0))
    assert assembler.tick(at(10_000)) == ([], [])
    assert assembler.tick(at(13_599)) == ([], [])
    late, _ = assembler.tick(at(13_601))
    assert [shot.outcome for shot in late] == ["timed_out"]


def test_a_shot_survives_as_json(assembler: Assembler) -> None:
    assembler.frame(PRESS, frame(-2, T_mold_C=40.0))
    assembler.event(PRESS, event("poured", 0))
    shot = shot_of(assembler)
    assert Shot.model_validate(shot.model_dump(mode="json")) == shot


@pytest.mark.parametrize("late", [False, True])
def test_readings_of_an_id_of_two_molds_do_not_depend_on_when_its_end_is_told(
    assembler: Assembler, late: bool
) -> None:
    """When they came both cured, or one had ended: it is all the same in the end."""
    assembler.event(PRESS, event("poured", 0, "2", "A"))
    assembler.event(PRESS, event("poured", 0, "2", "B"))
    named = frame(73, None).model_copy(update={"shot_id": "2"})
    if late:
        assert assembler.frame(PRESS, named).homeless == "several"
    assembler.event(PRESS, event("poured", 72, "1", "B"))
    if not late:
        assert assembler.frame(PRESS, named).homeless is None
    assembler.settle()
    assert sum(shot.frames_count for shot in assembler.shots.of_id(PRESS, "2")) == 1
