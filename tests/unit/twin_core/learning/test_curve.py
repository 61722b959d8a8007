"""The shape of a curve: known answers on lines and bumps, and NaN where nothing can be known."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest

from twin_core.learning.columns import COLUMNS
from twin_core.learning.curve import Shape
from twin_core.learning.features import curve_columns, demold_columns, mold_columns
from twin_core.learning.thinning import CELLS, cell_of, thinned

OPENED_S = 400.0


def bump(t: float) -> float:
    """20 at the pour, 120 at 200 s, then down by 0.1 a second."""
    return 20.0 + 0.5 * t if t <= 200.0 else 120.0 - 0.1 * (t - 200.0)


CURVE = [(float(t), bump(t)) for t in range(0, 600, 5)]


def test_cells_follow_each_other_without_a_gap() -> None:
    ends = sorted({t for until, width in CELLS for t in (until, width)})
    cells = [cell_of(t * 1_000_000) for t in range(0, 90_000, 10)]
    assert cells[0] == 0
    assert all(b - a in {0, 1} for a, b in pairwise(cells)), ends
    assert cells[-1] == sum(
        (until - begin) // width
        for (until, width), begin in zip(CELLS, (0, *(u for u, _ in CELLS)), strict=False)
    )


def test_thinning_does_not_depend_on_the_order_or_on_repeats() -> None:
    dense = [(t / 10, bump(t / 10)) for t in range(6000)]
    shuffled = dense * 2
    random.Random(1).shuffle(shuffled)
    assert thinned(shuffled) == thinned(dense)
    assert thinned(dense) == [(float(t), bump(t)) for t in range(0, 600, 10)]
    assert thinned([(5.0, 1.0), (5.0, 2.0)]) == [(5.0, 2.0)]


def test_the_shape_of_a_bump() -> None:
    shape = Shape(CURVE, OPENED_S, opened=True)
    assert shape.t_half_s() == pytest.approx(100.0)
    at, slope = shape.steepest()
    assert slope == pytest.approx(0.5)
    assert 0.0 < at < 200.0
    assert shape.at(65.0) == pytest.approx(bump(65.0))
    assert shape.at_opening() == pytest.approx(bump(400.0))
    assert shape.last_slope() == pytest.approx(-0.1)
    assert shape.kept_ratio() == pytest.approx(0.8)
    t = np.arange(0.0, 401.0, 10.0)
    assert shape.area() == pytest.approx(np.trapezoid([bump(x) - 20.0 for x in t], t))


def test_readings_after_the_end_do_not_count() -> None:
    whole = Shape(CURVE, 150.0, opened=True)
    cut = Shape([pair for pair in CURVE if pair[0] <= 150.0], 150.0, opened=True)
    assert whole.at_opening() == cut.at_opening() == bump(150.0)
    assert whole.t_half_s() == cut.t_half_s()


@pytest.mark.parametrize(
    ("readings", "ended_s", "opened"),
    [
        ([], OPENED_S, True),
        (CURVE[:4], OPENED_S, True),
        ([(t, 20.0) for t, _ in CURVE], OPENED_S, True),
        ([(t, v) for t, v in CURVE if t > 60.0], OPENED_S, True),
        (CURVE, math.nan, False),
    ],
    ids=["none", "few", "flat", "begins late", "not ended"],
)
def test_what_cannot_be_known_is_missing(
    readings: list[tuple[float, float]], ended_s: float, opened: bool
) -> None:
    shape = Shape(readings, ended_s, opened)
    found = [shape.t_half_s(), *shape.steepest(), shape.kept_ratio(), shape.area()]
    assert all(math.isnan(value) for value in found)


def test_nobody_said_that_it_was_opened() -> None:
    shape = Shape(CURVE, OPENED_S, opened=False)
    assert shape.t_half_s() == pytest.approx(100.0)
    assert math.isnan(shape.at_opening())
    assert math.isnan(shape.last_slope())
    assert math.isnan(shape.area())


def test_a_sensor_that_fell_silent_says_nothing_of_the_opening() -> None:
    silent = Shape([pair for pair in CURVE if pair[0] < 300.0], OPENED_S, opened=True)
    assert math.isnan(silent.at_opening())
    assert math.isnan(silent.at(350.0))


def test_columns_of_the_curves_have_their_names() -> None:
    curves = {"T_core_C": CURVE, "T_mold_C": [(t, 40.0) for t, _ in CURVE]}
    found = curve_columns(curves, OPENED_S, OPENED_S)
    assert set(found) <= set(COLUMNS)
    assert found["meas_core_over_mold_open_K"] == pytest.approx(bump(400.0) - 40.0)
    assert math.isnan(found["meas_p_120_bar"])


def test_a_shot_against_its_mold() -> None:
    row = dict.fromkeys(COLUMNS, 10.0) | {
        "sim_t_demold_min_s": 500.0,
        "prev_t_demold_expected": math.log(1.1),
        "prev_T_core_max_expected": 2.0,
        "prev_p_max_expected": 0.5,
        "sim_p_max_bar": 2.0,
    }
    row |= demold_columns(row, (200.0, 14.0), (100.0, 3.0), 550.0)
    found = mold_columns(row)
    assert found["delta_t_demold_mold_ratio"] == pytest.approx(0.0), "just when it was expected"
    assert found["delta_T_core_max_mold_K"] == pytest.approx(14.0 - 10.0 - 2.0)
    assert found["delta_p_max_mold_ratio"] == pytest.approx(3.0 / 2.5 - 1.0)
    row["delta_t_demold_min_ratio"] = row["sim_p_max_bar"] = math.nan
    assert math.isnan(mold_columns(row)["delta_t_demold_mold_ratio"])
    assert math.isnan(mold_columns(row)["delta_p_max_mold_ratio"])
