"""What explains a shift: the mix of molds, the weather of the hall, the time of the year."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.drifting import Table, series
from twin_core.learning.drift import check
from twin_core.learning.drift_explained import RH_HALL, T_HALL, Context, Explanation
from twin_core.learning.drift_result import Level

BEFORE, NOW = 1_000, 200


def year(seed: int, rows: int, days: float) -> tuple[Table, np.ndarray]:
    """Shots over so many days: a hall with season and weather, and what follows it."""
    rng = np.random.default_rng(seed)
    day = np.linspace(0.0, days, rows)
    season = np.cos(2.0 * np.pi * (day - 200.0) / 365.25)
    weather = np.repeat(series(rng, rows // 7 + 1, 2, 0.7), 7, axis=0)[:rows]
    T = 22.0 + 5.0 * season + 1.5 * weather[:, 0]
    RH = 0.47 + 0.12 * season + 0.07 * weather[:, 1]
    noise = rng.standard_normal((rows, 4))
    table = {
        T_HALL: T,
        RH_HALL: RH,
        "proc_T_polyol_in_C": 23.0 + 0.3 * (T - 22.0) + 0.6 * noise[:, 0],
        "proc_T_mold_init_C": 45.0 + 0.15 * (T - 22.0) + noise[:, 1],
        "sim_t_cream_s": 12.0 - 0.05 * (T - 22.0) + 0.03 * noise[:, 2],
        "delta_p_max_bar": 0.05 * noise[:, 3],
    }
    return table, day


def split(table: Table, before: int, start: int) -> tuple[Table, Table]:
    rows = slice(start, start + NOW)
    return {n: v[:before] for n, v in table.items()}, {n: v[rows] for n, v in table.items()}


def test_another_mix_of_molds_is_no_drift() -> None:
    rng = np.random.default_rng(1)
    mold = np.concatenate((rng.choice(4, BEFORE), rng.choice(4, NOW, p=[0.7, 0.1, 0.1, 0.1])))
    values = 3.0 * mold + rng.standard_normal(BEFORE + NOW)
    tables = {"meas_p_bar": values[:BEFORE]}, {"meas_p_bar": values[BEFORE:]}
    names = np.array(["A", "B", "C", "D"])[mold]
    assert check(*tables).level is Level.ALERT  # nobody said that there are molds
    context = Context(molds=(names[:BEFORE], names[BEFORE:]))
    assert check(*tables, context=context).level is Level.OK
    moved = tables[0], {"meas_p_bar": values[BEFORE:] + 2.0}
    assert check(*moved, context=context).level is Level.ALERT


def test_shots_of_a_new_mold_are_not_compared() -> None:
    rng = np.random.default_rng(2)
    names = np.array(["A"] * BEFORE + ["A", "NEW"] * (NOW // 2))
    values = rng.standard_normal(BEFORE + NOW) + np.where(names == "NEW", 8.0, 0.0)
    context = Context(molds=(names[:BEFORE], names[BEFORE:]))
    assert check({"x": values[:BEFORE]}, {"x": values[BEFORE:]}, context=context).level is Level.OK


@pytest.mark.parametrize("seed", range(2))
def test_a_season_that_the_baseline_does_not_have_is_no_drift(seed: int) -> None:
    table, day = year(seed, 2_500, 365.0)
    for start in range(700, 2_301, 400):
        before, now = split(table, 700, start)
        context = Context(days=(day[:700], day[start : start + NOW]))
        assert check(before, now, context=context).level is Level.OK


def test_a_sensor_that_leaves_the_hall_is_found_in_another_season() -> None:
    table, day = year(9, 2_500, 365.0)
    before, now = split(table, 1_000, 1_000)
    now["proc_T_mold_init_C"] = now["proc_T_mold_init_C"] + 4.0
    result = check(before, now, context=Context(days=(day[:1_000], day[1_000:1_200])))
    assert [column.name for column in result.moved] == ["proc_T_mold_init_C"]


def test_the_same_season_of_last_year_is_the_measure() -> None:
    table, day = year(3, 5_000, 730.0)
    before, now = split(table, 2_600, 3_700)  # a summer, and the baseline has one
    context = Context(days=(day[:2_600], day[3_700:3_900]))
    assert check(before, now, context=context).level is Level.OK
    explained = Explanation(before, now, context).of(T_HALL, before[T_HALL], now[T_HALL])
    assert abs(float(explained.series.now.mean())) < 1.0
    assert float(now[T_HALL].mean() - before[T_HALL].mean()) > 2.5
    now[T_HALL] = now[T_HALL] + 6.0  # the sensor, not the weather
    assert T_HALL in {column.name for column in check(before, now, context=context).moved}


def test_what_weather_explains_is_said() -> None:
    table, day = year(4, 2_500, 365.0)
    before, now = split(table, 700, 1_300)
    found = check(before, now, context=Context(days=(day[:700], day[1_300:1_500])))
    polyol = next(c for c in found.columns if c.name == "proc_T_polyol_in_C")
    assert polyol.explained == pytest.approx(polyol.mean_now - polyol.mean_before, rel=0.25)


def test_weather_may_stand_beside_the_columns() -> None:
    table, day = year(5, 2_500, 365.0)
    before, now = split(table, 700, 1_300)
    hall = tuple({name: part.pop(name) for name in (T_HALL, RH_HALL)} for part in (before, now))
    context = Context(days=(day[:700], day[1_300:1_500]), weather=(hall[0], hall[1]))
    assert check(before, now, context=context).level is Level.OK


def test_gaps_in_the_hall_are_no_weather() -> None:
    table, _ = year(6, 1_200, 180.0)
    for name in (T_HALL, RH_HALL):
        table[name][::3] = np.nan
    before, now = split(table, 1_000, 1_000)
    assert check(before, now).level is Level.OK
