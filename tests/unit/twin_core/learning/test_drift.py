"""A check of drift: what it finds, what it leaves alone, and how often chance alone alarms."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.drifting import Table, series, windows
from twin_core.errors import InputError
from twin_core.learning.drift import check
from twin_core.learning.drift_result import About, Column, Kind, Level, Options
from twin_core.learning.drift_words import ADVICE, advice, column_words, rate_words, verdict


def column(before: Table, now: Table, name: str) -> Column:
    found = check(before, now)
    return next(one for one in found.columns if one.name == name)


def one(seed: int, rows: int, mean: float = 0.0, sd: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, sd, rows)


# ---- false alarms and power; each rate is stated in docs/drift.md


def test_twenty_windows_without_drift_do_not_alarm() -> None:
    levels = [check(*windows(seed, 5_000, 200)).level for seed in range(20)]
    assert levels == [Level.OK] * 20


def test_twenty_windows_of_slow_values_do_not_alarm() -> None:
    levels = [check(*windows(seed, 2_000, 200, phi=0.9)).level for seed in range(20)]
    assert levels == [Level.OK] * 20


@pytest.mark.parametrize(
    ("before", "now", "phi"),
    [
        pytest.param(300, 60, 0.0, marks=pytest.mark.peers),
        pytest.param(300, 200, 0.0, marks=pytest.mark.peers),
        pytest.param(300, 100, 0.6, marks=pytest.mark.peers),
        pytest.param(500, 200, 0.9, marks=pytest.mark.peers),
        pytest.param(1_000, 200, 0.98, marks=pytest.mark.peers),
    ],
)
def test_false_alarms_stay_at_the_stated_rate(before: int, now: int, phi: float) -> None:
    found = [check(*windows(seed, before, now, 12, phi)).level for seed in range(300)]
    alarms = sum(level > Level.OK for level in found)
    # 1 % stated; of 300 windows at most 7 would alarm (binomial, 99 %)
    assert alarms <= 7
    assert sum(level is Level.ALERT for level in found) <= 2  # 0.1 % stated


@pytest.mark.peers
def test_a_shift_by_one_sigma_is_found_within_200_shots() -> None:
    found = 0
    for seed in range(100):
        before, now = windows(seed, 1_000, 200)
        now["proc_x7"] = now["proc_x7"] + 1.0
        result = check(before, now)
        found += [moved.name for moved in result.moved] == ["proc_x7"]
    assert found >= 95


def test_a_season_is_ordinary() -> None:
    rows = np.arange(12_000)
    season = np.sin(2.0 * np.pi * rows / 4_000)[:, None]
    values = season + 0.5 * series(np.random.default_rng(3), len(rows), 5)
    for start in range(8_000, 12_000, 400):
        before = {f"proc_x{i}": values[:8_000, i] for i in range(5)}
        now = {f"proc_x{i}": values[start : start + 200, i] for i in range(5)}
        assert check(before, now).level is Level.OK


def test_recipes_that_change_in_blocks_are_ordinary() -> None:
    rng = np.random.default_rng(4)
    values = np.repeat(rng.choice([230.0, 240.0, 260.0], 60), 100)
    for start in range(4_000, 6_000, 200):
        before, now = {"proc_m": values[:4_000]}, {"proc_m": values[start : start + 200]}
        assert check(before, now).level is Level.OK


# ---- what it finds


def test_a_shift_says_what_how_much_and_since() -> None:
    before, now = windows(1, 1_000, 200)
    now["proc_x3"] = now["proc_x3"] + np.where(np.arange(200) >= 60, 2.0, 0.0)
    result = check(before, now)
    worst = result.columns[0]
    assert (result.level, worst.name, worst.level) == (Level.ALERT, "proc_x3", Level.ALERT)
    assert result.kinds == (Kind.INPUTS,)
    assert worst.shift == pytest.approx(1.4, abs=0.25)
    assert worst.since == pytest.approx(60, abs=5)
    assert "standard deviations" in column_words(worst)
    assert verdict(result).startswith("ALERT: inputs moved; 1 of 30 columns")
    assert advice(result) == [f"Inputs moved: {ADVICE[Kind.INPUTS]}."]


def test_a_wider_distribution_is_found() -> None:
    found = column({"proc_x": one(1, 2_000)}, {"proc_x": one(2, 300, sd=2.0)}, "proc_x")
    assert found.level is Level.ALERT
    assert "shape of the distribution" in column_words(found)


def test_between_the_thresholds_is_a_warning() -> None:
    before, now = {"proc_x": one(1, 20_000)}, {"proc_x": one(2, 5_000, 0.38)}
    assert check(before, now).level is Level.WARNING
    assert check(before, now, Options(0.1, 0.11)).level is Level.ALERT
    assert check(before, now, Options(0.5, 0.6)).level is Level.OK


def test_significant_but_small_is_no_alarm() -> None:
    result = check({"proc_x": one(1, 50_000)}, {"proc_x": one(2, 50_000, 0.1)})
    assert result.columns[0].p_adjusted < 1e-9
    assert result.level is Level.OK
    assert column_words(result.columns[0]) == "no change that matters"


# ---- missing values


def test_more_missing_values_are_a_sensor() -> None:
    now = one(2, 200)
    now[np.random.default_rng(3).random(200) < 0.2] = np.nan
    result = check({"meas_p_bar": one(1, 1_000)}, {"meas_p_bar": now})
    assert result.level is Level.ALERT
    assert result.kinds == (Kind.DATA,)
    assert "missing in 0.0% of shots" in column_words(result.columns[0])


def test_a_dead_sensor_is_found() -> None:
    result = check({"meas_p_bar": one(1, 1_000)}, {"meas_p_bar": np.full(200, np.nan)})
    assert (result.level, result.kinds) == (Level.ALERT, (Kind.DATA,))
    assert result.columns[0].tests[0].about is About.MISSING


def test_the_usual_share_of_missing_values_is_ordinary() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values = rng.standard_normal(1_200)
        values[rng.random(1_200) < 0.3] = np.nan
        assert check({"x": values[:1_000]}, {"x": values[1_000:]}).level is Level.OK


def test_quality_results_of_the_newest_shots_come_later() -> None:
    now = one(2, 200)
    now[140:] = np.nan
    assert check({"qc_rho_moulded": one(1, 1_000)}, {"qc_rho_moulded": now}).level is Level.OK
    result = check(
        {"qc_rho_moulded": one(1, 1_000), "proc_x": one(3, 1_000)},
        {"qc_rho_moulded": np.full(200, np.nan), "proc_x": one(4, 200)},
    )
    assert result.level is Level.OK
    assert result.not_examined == (("qc_rho_moulded", "no values in the current table yet"),)


def test_columns_without_values_or_with_few_are_named() -> None:
    empty, few = np.full(200, np.nan), np.full(200, np.nan)
    few[:5] = 1.0
    result = check({"a": empty, "b": few}, {"a": empty, "b": few})
    assert dict(result.not_examined) == {
        "a": "no values in either table",
        "b": "fewer than 20 values in one of the tables",
    }
    assert (result.level, result.columns) == (Level.OK, ())
    assert check({"a": empty, "b": few}, {"a": empty, "b": few}).tests == 0


def test_infinite_values_count_as_missing() -> None:
    now = one(2, 200)
    now[::4] = np.inf
    assert check({"x": one(1, 500)}, {"x": now}).kinds == (Kind.DATA,)


# ---- constants


def test_a_constant_that_stays_is_ok_even_if_rounded_elsewhere() -> None:
    result = check({"proc_p": np.full(500, 0.1 + 0.2)}, {"proc_p": np.full(100, 0.3)})
    assert result.level is Level.OK
    assert result.columns[0].shift == 0.0


def test_a_constant_that_changes_is_found() -> None:
    found = column({"proc_p": np.full(500, 240.0)}, {"proc_p": np.full(100, 250.0)}, "proc_p")
    assert found.level is Level.ALERT
    assert "it was constant" in column_words(found)


# ---- physics, model, defects


def test_a_residual_of_the_physics_moves() -> None:
    result = check({"delta_T_core_max_C": one(1, 800)}, {"delta_T_core_max_C": one(2, 200, 1.0)})
    assert (result.level, result.kinds) == (Level.ALERT, (Kind.PHYSICS,))
    assert {t.about for t in result.moved[0].tests if t.level} >= {About.BIAS, About.DISTRIBUTION}
    assert "mean error" in column_words(result.moved[0])


def test_the_error_of_a_model_grows() -> None:
    rho = one(1, 1_200, 60.0, 3.0)
    said = rho + np.concatenate((one(2, 1_000, sd=0.5), one(3, 200, sd=1.0)))
    names = "qc_rho_moulded", "ml_rho_moulded"
    tables = [
        dict(zip(names, (rho[w], said[w]), strict=True)) for w in (np.s_[:1_000], np.s_[1_000:])
    ]
    result = check(*tables)
    assert result.kinds == (Kind.MODEL,)
    assert result.moved[0].name == "qc_rho_moulded - ml_rho_moulded"
    assert "scatter of the error" in column_words(result.moved[0])


def test_an_error_that_shrinks_is_no_growth_of_the_error() -> None:
    found = column({"delta_x": one(1, 800, 2.0)}, {"delta_x": one(2, 200, 0.1, 0.5)}, "delta_x")
    by = {test.about: test for test in found.tests}
    assert by[About.BIAS].level is Level.OK
    assert by[About.SCATTER].level is Level.OK
    assert by[About.DISTRIBUTION].level is Level.ALERT  # it moved all the same


def test_more_defects_alarm_and_fewer_do_not() -> None:
    rng = np.random.default_rng(5)
    few, many = (rng.random(2_000) < 0.03).astype(float), (rng.random(400) < 0.12).astype(float)
    worse = check({"qc_any_defect": few}, {"qc_any_defect": many})
    assert (worse.level, worse.kinds) == (Level.ALERT, (Kind.RESULTS,))
    assert "rate" in column_words(worse.columns[0])
    assert worse.columns[0].since is None
    assert check({"qc_any_defect": many}, {"qc_any_defect": few}).level is Level.OK


def test_names_of_the_first_generation_are_examined() -> None:
    names = "defect_risk sim_p_max_bar sim_T_core_max_C proc_T_mold_init_C proc_RH_ambient".split()
    before = {name: one(i, 500) for i, name in enumerate(names)}
    now = {name: one(50 + i, 200) for i, name in enumerate(names)}
    before["any_defect"] = (one(70, 500) > 1.6).astype(float)
    now["any_defect"] = (one(71, 200) > 0.5).astype(float)
    result = check(before, now)
    assert len(result.columns) == 6
    assert [c.name for c in result.moved] == ["any_defect"]


# ---- input that allows no verdict


def test_too_few_rows_are_no_verdict() -> None:
    with pytest.raises(InputError, match="current: 12 rows are too few for a verdict"):
        check({"x": one(1, 500)}, {"x": one(2, 12)})
    with pytest.raises(InputError, match="baseline: 29 rows"):
        check({"x": one(1, 29)}, {"x": one(2, 200)})


def test_nothing_in_common_is_no_verdict() -> None:
    with pytest.raises(InputError, match="no column of numbers in common"):
        check({"x": one(1, 500)}, {"y": one(2, 500)})


@pytest.mark.parametrize("pair", [(0.3, 0.2), (0.0, 0.2), (-1.0, 1.0), (float("nan"), 0.2)])
def test_thresholds_that_cannot_be(pair: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="thresholds"):
        Options(*pair)


def test_the_rate_is_stated() -> None:
    words = rate_words(check({"x": one(1, 500)}, {"x": one(2, 200)}))
    assert "at most 1.0% alarm and at most 0.1% say ALERT" in words


def test_the_same_tables_give_the_same_verdict() -> None:
    assert check(*windows(1, 300, 100)) == check(*windows(1, 300, 100))
