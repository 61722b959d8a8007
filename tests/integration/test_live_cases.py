"""Live inputs that went wrong in plants: each message alone, and all in one batch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker import alert_codes as codes
from broker import data_quality as words
from tests.support.case_press import AT_ONCE, CASES, CasePress

DAY2 = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)


def on(press: str) -> pytest.MarkDecorator:
    """Play on this press, one message at a time, and all of a recording in one batch."""
    ids = ["one by one", "one batch"]
    return pytest.mark.parametrize("press", [(press, 1), (press, AT_ONCE)], indirect=True, ids=ids)


@pytest.fixture
def press(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CasePress]:
    """The press of a case."""
    found = CasePress(tmp_path, *request.param)
    yield found
    found.close()


def case(number: str, name: str = "messages.jsonl") -> Path:
    (folder,) = CASES.glob(f"{number}-*")
    return folder / name


@on("p01")
def test_a_shot_id_that_comes_again_is_another_shot(press: CasePress) -> None:
    press.play(case("01"))
    first, second = press.kpis()
    assert (first.shot_id, second.shot_id) == ("0017", "0017")
    assert second.poured_at - first.poured_at == timedelta(minutes=20)
    assert first.T_core_max_C < second.T_core_max_C
    rows = press.rows("SELECT shot_key, outcome, frames_count FROM shot ORDER BY poured_at")
    assert [row[0] for row in rows] == [first.shot_key, second.shot_key]
    assert [row[1:] for row in rows] == [("demolded", 5), ("demolded", second.frames_count)]
    poured = press.rows("SELECT count(*) FROM prediction WHERE basis = 'poured'")
    assert poured == [(2,)], "both are predicted"


@on("p03")
def test_frames_of_one_second_are_all_kept(press: CasePress) -> None:
    press.play(case("03"))
    lines = case("03").read_text().splitlines()
    frames = sum("telemetry" in line for line in lines)
    assert press.rows("SELECT count(*) FROM telemetry") == [(frames,)]
    (kpis,) = press.kpis()
    assert kpis.frames_count == frames


@on("p05")
def test_impossible_readings_are_missing_readings(press: CasePress) -> None:
    press.play(case("05"))
    (kpis,) = press.kpis()
    assert (kpis.T_core_max_C, kpis.p_cavity_max_bar) == (108.0, 1.6)
    assert kpis.readings_left_out == {
        "T_core_C": {words.IMPOSSIBLE: 2},
        "p_cavity_bar": {words.IMPOSSIBLE: 1},
    }
    measured = [found.measured for found in press.predictions()]
    assert all(abs(value) < 200 for found in measured for value in found.values())
    assert press.codes().count(codes.IMPOSSIBLE_READINGS) == 2, "each channel once an hour"


@on("p06")
def test_the_pour_decides_on_the_mold(press: CasePress) -> None:
    press.play(case("06"))
    assert {found.mold_id for found in press.predictions()} == {"CUP"}
    assert press.rows("SELECT mold_id, outcome FROM shot") == [("CUP", "demolded")]
    assert press.codes().count(codes.MOLD_CHANGED) == 1
    assert words.MOLD_CHANGED in press.predictions()[-1].data_quality.flags


@on("p07")
@pytest.mark.parametrize("days", [0, 2])
def test_a_retained_event_that_was_handled_changes_nothing(press: CasePress, days: int) -> None:
    press.play(case("07", "day1.jsonl"))
    press.play(case("07", "later.jsonl"))
    before = press.rows("SELECT * FROM shot"), press.rows("SELECT * FROM prediction")
    said = len(press.predictions()), len(press.kpis()), len(press.letters())
    press.clock.time = datetime(2026, 11, 27, 6, 0, tzinfo=UTC) + timedelta(days=days)
    press.restart()
    press.play(case("07", "after-restart.jsonl"), now=press.clock.time)
    for recording in ("day1.jsonl", "later.jsonl"):
        press.play(case("07", recording), retained=True, now=press.clock.time)
    assert (press.rows("SELECT * FROM shot"), press.rows("SELECT * FROM prediction")) == before
    assert (len(press.predictions()), len(press.kpis()), len(press.letters())) == said


@on("p18")
def test_a_clock_of_2012_is_told_and_no_time_of_2012_is_passed_on(press: CasePress) -> None:
    press.play(case("16"), now=DAY2)
    assert press.codes().count(codes.PRESS_CLOCK) == 1
    for found in press.predictions():
        assert words.CLOCK_BEHIND in found.data_quality.flags
        assert found.demold_opt_at is None or found.demold_opt_at > DAY2
    (kpis,) = press.kpis()
    assert (kpis.outcome, kpis.t_demold_actual_s) == ("demolded", 240.0)


@on("p21")
def test_an_end_that_comes_after_the_next_start_is_the_end(press: CasePress) -> None:
    press.play(case("19", "a.jsonl"))
    press.play(case("19", "b.jsonl"))
    first, second = press.kpis()
    assert (first.outcome, first.t_demold_actual_s) == ("demolded", 240.0)
    assert first.corrected == [words.LATE_END]
    assert (second.shot_id, second.t_demold_actual_s) == ("S2", 240.0)
    assert press.rows("SELECT outcome, t_demold_actual_s FROM shot ORDER BY poured_at") == [
        ("demolded", 240.0),
        ("demolded", 240.0),
    ]


@on("p25")
def test_readings_after_the_end_correct_the_result(press: CasePress) -> None:
    press.play(case("65", "a.jsonl"))
    press.play(case("65", "b.jsonl"))
    (kpis,) = press.kpis()
    assert (kpis.T_core_max_C, kpis.frames_count, kpis.corrected) == (
        110.0,
        7,
        [words.LATE_READINGS],
    )
    assert press.rows("SELECT T_core_max_C, frames_count FROM shot") == [(110.0, 7)]


@on("p12")
def test_two_laboratory_messages_of_one_time_are_both_kept(press: CasePress) -> None:
    press.play(case("12"))
    rows = press.rows("SELECT rho_moulded_kg_per_m3, H_demold_shore FROM quality")
    assert sorted(rows, key=str) == [(62.1, None), (None, 38.0)]
