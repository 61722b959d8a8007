"""What was known at a pour: results count once, in their own time, whenever they arrive."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin_core.learning.features import merged_lab_columns
from twin_core.learning.ledger import KEPT
from twin_core.learning.past_results import WAITING_MAX, PastResults, ShotKey
from twin_core.learning.press_results import Event
from twin_core.learning.training.describe import MARGIN, STRAY_SHARE
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
        c.simulated(key(number), PHYSICS, 10.0 * number)
        c.closed(key(number), 10.0 * number + 5, opened(2.0), opened=True)
    press = c.presses["s/p"]
    assert len(press.waiting["M"]) == WAITING_MAX
    kept = press.molds["M"].results
    assert {name: len(results) for name, results in kept.items()} == dict.fromkeys(kept, KEPT)
    assert "p_max" in kept


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


def shots_of(seed: int) -> list[tuple[float, str, int, float]]:
    """Pour [s], mold, number and residual of the shots of three molds, 45 each, in order."""
    rng = np.random.default_rng(seed)
    offset = dict(zip("ABC", rng.normal(0.0, 0.05, 3), strict=True))
    found = [
        (600.0 * number + 100.0 * place, mold, number, offset[mold] + rng.normal(0.0, 0.02))
        for number in range(45)
        for place, mold in enumerate("ABC")
    ]
    return sorted(found)


LEARNED_FROM = ("_trend", "_news", "_lately", "_lead")
"""Ends of the columns that learners read, beside those of the pour itself."""


def played(
    seed: int,
    density: Callable[[str, int, float], float] = lambda _mold, _number, value: value,
    core_C: Callable[[str, int], float] = lambda _mold, _number: 120.0,
    packing: float = 100.0,
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Error of what was expected on each mold, and the values of what learners read.

    Args:
        density: what the laboratory types for a density.
        core_C: reading of the core.
        packing: metered mass by cavity volume; NaN: not known.
    """
    c, errors = PastResults(), dict[str, list[float]]()
    read = dict[str, list[float]]()
    for at_s, mold, number, off in shots_of(seed):
        shot, truth = key(number, mold), 100.0 * math.exp(off)
        row = c.poured(shot, at_s, PHYSICS | {"proc_packing_kg_per_m3": packing})
        if number >= 12:
            errors.setdefault(mold, []).append(row["prev_rho_moulded_expected"] - off)
            for name, value in row.items():
                if name.endswith(LEARNED_FROM) and not math.isnan(value):
                    read.setdefault(name, []).append(value)
        ended = {"meas_T_core_max_C": core_C(mold, number)} | PHYSICS
        c.closed(shot, at_s + 60.0, ended, opened=True)
        c.lab(shot, at_s + 90.0, lab(density(mold, number, truth)))
    return {mold: float(np.sqrt(np.mean(np.square(off)))) for mold, off in errors.items()}, read


def check_a_typo(seed: int, at: int, packing: float) -> None:
    plain, before = played(seed, packing=packing)
    wrong, now = played(
        seed, lambda mold, n, value: 10.0 * value if (mold, n) == ("A", at) else value,
        packing=packing,
    )  # fmt: skip
    for mold, error in wrong.items():
        assert error <= 1.1 * plain[mold]
    for name, values in now.items():  # the range that a model learns, as ``describe`` takes it
        low, high = np.quantile(before[name], (STRAY_SHARE, 1.0 - STRAY_SHARE))
        margin = MARGIN[name.partition("_")[0] + "_"] * (high - low)
        assert low - margin - 1e-9 <= min(values), name
        assert max(values) <= high + margin + 1e-9, name


@pytest.mark.parametrize("packing", [100.0, math.nan])
def test_a_typo_costs_little_and_withholds_nothing(packing: float) -> None:
    """One density typed ten times too large: no more than a tenth of error on any mold, and no
    value that learners read leaves the range that a model learns without it. With the metered
    mass it is told from that; without, by the mold's other results."""
    check_a_typo(1, 30, packing)


@pytest.mark.peers
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), at=st.integers(15, 40))
def test_a_typo_anywhere(seed: int, at: int) -> None:
    check_a_typo(seed, at, math.nan)


def test_four_shots_in_fahrenheit_cost_nothing() -> None:
    """The sensor of a core was switched over for a while."""
    off: dict[str, list[float]] = {}
    for kind, reads in (("°C", ()), ("°F", range(20, 24))):
        c = PastResults()
        for at_s, mold, number, _ in shots_of(1):
            row = c.poured(key(number, mold), at_s, PHYSICS)
            off.setdefault(kind, []).append(row["prev_T_core_max_expected"])
            core = 121.0 + 0.5 * (number % 3)
            read = 1.8 * core + 32.0 if mold == "A" and number in reads else core
            c.closed(key(number, mold), at_s + 60.0, {"meas_T_core_max_C": read}, opened=True)
    assert np.abs(np.subtract(off["°F"], off["°C"])).max() < 0.3


def test_inputs_in_fahrenheit_teach_nothing() -> None:
    """Nothing about a shot whose temperatures at the pour are in °F."""
    c = PastResults()
    for number in range(12):
        warm = 77.0 if number == 9 else 25.0
        c.poured(key(number), 100.0 * number, PHYSICS | {"proc_T_polyol_in_C": warm})
        c.lab(key(number), 100.0 * number + 50.0, lab(150.0 if number == 9 else 100.0))
    known = c.known(key(99), 5000.0, {})
    assert known["prev_rho_moulded_count"] == 11
    assert known["prev_rho_moulded_expected"] == pytest.approx(0.0)


def event(at_s: float, known_s: float | None = None, **more: str) -> Event:
    return Event(at_s, at_s if known_s is None else known_s, "s", "p", **more)


def after_event(told: Event | None, mold: str = "M") -> float:
    """Level of a mold that something moved before its last result."""
    c = PastResults()
    if told is not None:
        c.happened(told)
        c.happened(told)
    for number in range(20):
        value = 100.0 * math.exp(0.05 if number == 19 else 0.02 * math.sin(7.0 * number))
        c.poured(key(number, mold), 100.0 * number, PHYSICS)
        c.lab(key(number, mold), 100.0 * number + 10.0, lab(value))
    return c.known(key(99, mold), 2000.0, {})["prev_rho_moulded_level"]


def test_an_event_of_the_press_makes_the_newest_result_count_more() -> None:
    plain = after_event(None)
    assert after_event(event(1850.0, kind="maintenance")) > plain + 0.01
    assert after_event(event(1850.0, mold_id="M")) > plain + 0.01
    assert after_event(event(1850.0, mold_id="other")) == plain
    assert after_event(event(1850.0, known_s=2500.0)) == plain, "nobody had told yet"
    assert after_event(event(9e9, known_s=1850.0, kind="maintenance")) > plain + 0.01, "clock ahead"
    assert after_event(event(1850.0, kind="cleaning")) == plain, "routine: the speeds follow it"
    assert after_event(event(1850.0, sensor="p_cavity_bar")) == plain, "another target's sensor"


def test_results_of_another_physics_teach_nothing() -> None:
    c = PastResults()
    for number, basis in enumerate(["old", "old", "new"]):
        c.poured(key(number), 100.0 * number, PHYSICS, basis)
        c.lab(key(number), 100.0 * number + 10.0, lab(110.0 if basis == "old" else 90.0))
    assert c.known(key(9), 500.0, {}, "old")["prev_rho_moulded_count"] == 2
    new = c.known(key(9), 500.0, {}, "new")
    assert new["prev_rho_moulded_count"] == 1
    assert new["prev_rho_moulded_last"] == pytest.approx(math.log(0.9))
