"""What was known at a pour: results count once, in their own time, whenever they arrive."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin_core.learning.features import merged_lab_columns
from twin_core.learning.ledger import KEPT
from twin_core.learning.past_results import WAITING_MAX, PastResults, ShotKey
from twin_core.plausible_ranges import RANGES, possible

PHYSICS = {
    "sim_rho_moulded": 100.0,
    "sim_t_demold_min_s": 200.0,
    "sim_p_max_bar": 2.0,
    "sim_T_core_max_C": 120.0,
}


def key(number: int, mold: str = "M", press: str = "p") -> ShotKey:
    return ShotKey("s", press, mold, f"S{number}")


def lab(rho: float, defect: float = 0.0) -> dict[str, float]:
    return {"qc_rho_moulded": rho, "qc_any_defect": defect}


def opened(p: float) -> dict[str, float]:
    return {"meas_p_max_bar": p, **PHYSICS}


def test_a_residual_is_known_when_it_became_known() -> None:
    c = PastResults()
    assert math.isnan(c.poured(key(1), 0.0, PHYSICS)["prev_rho_moulded_last"])
    c.closed(key(1), 300.0, opened(2.5), opened=True)
    c.lab(key(1), 1000.0, lab(110.0, 1.0))
    second = c.poured(key(2), 600.0, PHYSICS)
    assert second["prev_p_max_last"] == pytest.approx(0.5)
    assert second["prev_pause_s"] == 300.0
    assert second["prev_rho_moulded_count"] == 0, "the laboratory had not reported"
    third = c.poured(key(3), 1200.0, PHYSICS)
    assert third["prev_rho_moulded_last"] == pytest.approx(math.log(1.1))
    assert third["prev_defect_share"] == 1.0
    at_the_moment = c.known(key(4), 1000.0, {})
    assert at_the_moment["prev_rho_moulded_count"] == 0


def test_another_mold_and_another_press() -> None:
    c = PastResults()
    c.poured(key(1), 0.0, PHYSICS)
    c.lab(key(1), 10.0, lab(110.0))
    beside = c.known(key(2, mold="N"), 100.0, {})
    assert beside["prev_rho_moulded_count"] == 0
    assert beside["press_rho_moulded_mean8"] == pytest.approx(math.log(1.1))
    assert c.known(key(2, press="q"), 100.0, {})["press_rho_moulded_count"] == 0


def test_a_record_that_comes_again_counts_once_and_a_correction_replaces() -> None:
    c = PastResults()
    for _ in range(2):
        c.poured(key(1), 0.0, PHYSICS)
        c.closed(key(1), 300.0, opened(2.5), opened=True)
        c.lab(key(1), 400.0, lab(110.0, 1.0))
    c.lab(key(1), 500.0, lab(120.0, 0.0))
    before, after = c.known(key(2), 450.0, {}), c.known(key(2), 600.0, {})
    assert before["prev_rho_moulded_last"] == pytest.approx(math.log(1.1))
    assert after["prev_rho_moulded_last"] == pytest.approx(math.log(1.2))
    assert after["prev_rho_moulded_count"] == after["prev_p_max_count"] == 1
    assert after["prev_defect_share"] == 1.0, "a second look finds nothing, the void is still there"


def test_a_record_without_mold_or_before_the_pour_is_not_lost() -> None:
    c = PastResults()
    c.lab(key(1, mold=""), 50.0, lab(110.0, 1.0))
    c.poured(key(1), 40.0, PHYSICS)
    c.poured(key(2), 60.0, PHYSICS)
    c.lab(key(2, mold=""), 70.0, lab(90.0))
    known = c.known(key(3), 100.0, {})
    assert known["prev_rho_moulded_count"] == 2
    assert known["prev_rho_moulded_last"] == pytest.approx(math.log(0.9))
    assert known["prev_defect_share"] == 0.5


def test_a_shot_without_physics_teaches_its_defects_only() -> None:
    c = PastResults()
    c.closed(key(1), 300.0, {}, opened=True)
    c.lab(key(1), 400.0, lab(110.0, 1.0))
    known = c.known(key(2), 500.0, {})
    assert known["prev_rho_moulded_count"] == 0
    assert known["prev_defect_share"] == 1.0
    assert known["prev_pause_s"] == 200.0


def test_an_aborted_shot_teaches_no_physics() -> None:
    c = PastResults()
    c.poured(key(1), 0.0, PHYSICS)
    c.aborted(key(1))
    c.aborted(key(9, press="nobody"))
    c.lab(key(1), 400.0, lab(110.0))
    assert c.known(key(2), 500.0, {})["prev_rho_moulded_count"] == 0


def test_it_is_bounded() -> None:
    c = PastResults()
    for number in range(WAITING_MAX + 100):
        c.poured(key(number), 10.0 * number, PHYSICS)
        c.closed(key(number), 10.0 * number + 5, opened(2.0), opened=True)
    press = c.presses["s/p"]
    assert len(press.waiting["M"]) == WAITING_MAX
    assert {len(results) for results in press.all.results.values()} == {KEPT}


EVENTS = [
    *(("poured", number, 100.0 * number) for number in range(8)),
    *(("closed", number, 100.0 * number + 60) for number in range(8)),
    *(("lab", number, 100.0 * number + 250) for number in range(8)),
]


def play(c: PastResults, events: list[tuple[str, int, float]]) -> PastResults:
    for what, number, at_s in events:
        match what:
            case "poured":
                c.poured(key(number), at_s, PHYSICS)
            case "closed":
                c.closed(key(number), at_s, {"meas_p_max_bar": 2.0 + 0.1 * number}, opened=True)
            case _:
                c.lab(key(number), at_s, lab(100.0 + number, float(number % 2)))
    return c


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_and_repetition_change_nothing(seed: int) -> None:
    mixed = EVENTS + EVENTS[::3]
    random.Random(seed).shuffle(mixed)
    straight = play(PastResults(), sorted(EVENTS, key=lambda event: event[2]))
    other = play(PastResults(), mixed)
    for at_s in (50.0, 333.0, 5000.0):
        expected = straight.known(key(99), at_s, {})
        assert other.known(key(99), at_s, {}) == pytest.approx(expected, nan_ok=True)


def test_later_numbers_correct_earlier_ones() -> None:
    nan = math.nan
    found = merged_lab_columns(
        [
            {"qc_rho_moulded": 70.0, "qc_any_defect": 1.0, "qc_defect_risk": 0.9},
            {"qc_rho_moulded": 71.0, "qc_any_defect": 0.0, "qc_defect_risk": 0.2},
            {"qc_rho_moulded": nan, "qc_any_defect": nan, "qc_defect_risk": nan},
        ]
    )
    assert found == {"qc_rho_moulded": 71.0, "qc_any_defect": 1.0, "qc_defect_risk": 0.2}


def test_impossible_values_are_missing_and_said() -> None:
    row, wrong = possible({"qc_rho_moulded": 7e4, "qc_H_24h": 60.0, "sim_rho_moulded": 7e4})
    assert math.isnan(row["qc_rho_moulded"])
    assert (row["qc_H_24h"], row["sim_rho_moulded"]) == (60.0, 7e4)
    assert wrong == {"qc_rho_moulded": 7e4}
    assert all(found.low < found.high and found.reason for found in RANGES.values())


def test_how_old_the_newest_result_is() -> None:
    """In shots of the mold and in hours, since the pour of the newest shot with a result."""
    c, hour = PastResults(), 3600.0
    for number in range(6):
        c.poured(key(number), number * hour, PHYSICS)
        c.closed(key(number), number * hour + 300.0, opened(2.5), opened=True)
    c.aborted(key(4))
    c.lab(key(1), 1.5 * hour, lab(110.0))
    c.lab(key(0), 3.5 * hour, lab(105.0))  # came later, of an older shot
    now = c.known(key(6), 6 * hour, {})
    assert (now["prev_rho_moulded_age_shots"], now["prev_rho_moulded_age_h"]) == (4.0, 5.0)
    assert (now["prev_p_max_age_shots"], now["prev_p_max_age_h"]) == (1.0, 1.0)
    assert math.isnan(now["prev_t_demold_age_h"])
    before = c.known(key(6), 1.5 * hour, {})
    assert math.isnan(before["prev_rho_moulded_age_shots"])
    assert before["prev_p_max_age_shots"] == 1.0


def test_an_end_that_became_known_late() -> None:
    """Its results count from then on; the mold was opened when it was opened."""
    c = PastResults()
    c.poured(key(1), 0.0, PHYSICS)
    c.closed(key(1), 5000.0, opened(2.5), opened=True, closed_at_s=300.0)
    early, late = c.known(key(2), 4000.0, {}), c.known(key(2), 6000.0, {})
    assert early["prev_p_max_count"] == 0
    assert math.isnan(early["prev_pause_s"])
    assert (late["prev_p_max_count"], late["prev_pause_s"]) == (1, 5700.0)
