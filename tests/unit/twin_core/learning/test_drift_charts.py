"""Control charts of residuals: which mold, since when, how often without cause."""

from __future__ import annotations

import numpy as np

from tests.support.drifting import series
from twin_core.learning.control_chart import average_run_length
from twin_core.learning.drift import check
from twin_core.learning.drift_charts import MoldChart, mold_charts
from twin_core.learning.drift_explained import Context
from twin_core.learning.drift_words import chart_words, limit_words

BEFORE, NOW, MOLDS = 1_000, 300, 10
NAMES = np.array([f"M{i}" for i in range(MOLDS)])[np.arange(BEFORE + NOW) % MOLDS]


def charts(values: np.ndarray, names: np.ndarray = NAMES) -> tuple[MoldChart, ...]:
    pair = names[:BEFORE], names[BEFORE:]
    return mold_charts([("delta_x", values[:BEFORE], values[BEFORE:])], pair)


def white(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(BEFORE + NOW)


def test_one_mold_of_ten_is_named_and_dated() -> None:
    values = white(1) + np.where(NAMES == "M3", 5.0, 0.0)  # its level is its own
    values[(NAMES == "M3") & (np.arange(BEFORE + NOW) >= BEFORE + 100)] += 2.0
    found = charts(values)
    assert [(one.mold, one.side) for one in found if one.side] == [("M3", "up")]
    assert found[0].since is not None
    assert abs(found[0].since - 103) <= 30  # a mold has a shot in ten
    assert len(found) == MOLDS


def test_few_alarm_where_nothing_changed() -> None:
    assert sum(any(one.side for one in charts(white(seed))) for seed in range(12)) <= 1


def test_lots_that_the_baseline_shows_widen_the_limit() -> None:
    alarms = 0
    for seed in range(6):
        levels = np.random.default_rng(seed).standard_normal(30)
        values = white(seed + 50) + 0.7 * np.repeat(levels, 100)[: BEFORE + NOW]
        found = charts(values)
        alarms += any(one.side for one in found)
        assert found[0].chart.limit >= found[0].design_limit
    assert alarms <= 1


def test_memory_is_that_of_all_molds() -> None:
    values = np.empty(BEFORE + NOW)
    for at, column in enumerate(series(np.random.default_rng(4), 130, MOLDS, 0.8).T):
        values[NAMES == f"M{at}"] = column
    assert 0.6 < charts(values)[0].chart.phi < 0.9


def test_a_new_mold_starts_its_own_chart() -> None:
    names = NAMES.astype("U3")
    names[BEFORE:][NAMES[BEFORE:] == "M0"] = "NEW"
    values = white(5) + np.where(names == "NEW", 9.0, 0.0)
    found = {one.mold: one for one in charts(values, names)}
    assert found["NEW"].side is None


def test_too_few_values_or_constants_have_no_chart() -> None:
    values = white(6)
    values[:BEFORE][30:] = np.nan
    assert charts(values) == ()
    assert charts(np.ones(BEFORE + NOW)) == ()


def test_the_check_has_them_and_says_their_run_lengths() -> None:
    values = white(7)
    values[BEFORE:][NAMES[BEFORE:] == "M2"] += 3.0
    tables = {"delta_x": values[:BEFORE]}, {"delta_x": values[BEFORE:]}
    result = check(*tables, context=Context(molds=(NAMES[:BEFORE], NAMES[BEFORE:])))
    assert [one.mold for one in result.alarms] == ["M2"]
    words = chart_words(result)
    assert words[0] == "1 of 10 control charts passed their limit: M2."
    assert "Average run length without change: at least 30,0" in words[1]
    assert average_run_length(result.charts[0].chart) >= 29_000.0
    assert "9 of 10 cases" in limit_words(result)
    assert chart_words(check({"proc_x": values[:BEFORE]}, {"proc_x": values[BEFORE:]})) == []
