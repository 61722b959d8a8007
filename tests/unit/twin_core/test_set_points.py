"""Values that a press can be set to."""

from __future__ import annotations

import math

import pytest

from twin_core.optimization.variables import FOLLOWS, SETTINGS, WHOLE
from twin_core.set_points import (
    SET_POINTS,
    impossible_set_point,
    near_set_point,
    neighbours,
    settable,
)


def test_what_is_optimised_is_in_the_table_within_the_same_limits() -> None:
    assert SET_POINTS.keys() == SETTINGS.keys() | FOLLOWS.keys()
    for name, setting in SETTINGS.items():
        about = SET_POINTS[name]
        assert (about.least, about.most, about.unit) == (setting.least, setting.most, setting.unit)
    assert {name for name, about in SET_POINTS.items() if about.is_whole} == set(WHOLE)


@pytest.mark.parametrize(
    ("name", "value", "rounded"),
    [
        ("T_mold_C", 54.942117851779415, 54.9),
        ("T_mold_C", 54.96, 55.0),
        ("m_polyol_kg", 0.19151, 0.192),
        ("vents_count", 3.851, 4.0),
        ("t_open_s", 185.97187402118226, 186.0),
        ("t_open_s", 185.91, 186.0),
        ("t_open_s", 185.9, 185.9),
        ("t_open_s", 185.9 + 1e-12, 185.9),
        ("vent_area_m2", 2.34567e-5, 2.3e-5),
    ],
)
def test_values_are_rounded_to_the_step_of_a_press(name: str, value: float, rounded: float) -> None:
    assert settable(name, value) == rounded
    assert settable(name, rounded) == rounded


def test_the_rounded_value_stays_within_its_bounds() -> None:
    assert settable("T_mold_C", 54.96, high=54.97) == 54.9
    assert settable("T_mold_C", 54.92, low=54.91) == 55.0
    assert settable("T_mold_C", 54.94, 54.93, 54.95) == 54.94, "no step lies between"
    assert settable("t_open_s", 185.94, high=185.95) == 185.94, "never earlier"


def test_a_step_of_the_task_counts_where_the_press_has_a_finer_one() -> None:
    assert settable("T_mold_C", 40.25, step=0.25) == 40.25
    assert settable("T_mold_C", 40.53, step=0.5) == 40.5, "it began between the steps"


def test_neighbours() -> None:
    assert neighbours("m_iso_kg", 0.3414) == (0.341, 0.342)
    assert neighbours("m_iso_kg", 0.341) == (0.341,)


def test_what_no_press_can_be_set_to_is_said() -> None:
    assert impossible_set_point("T_mold_C", 47.0) is None
    assert "outside 0 to 120 C" in str(impossible_set_point("T_mold_C", 500.0))
    assert "no whole number" in str(impossible_set_point("vents_count", 2.2))
    assert impossible_set_point("T_mold_C", math.nan) is not None
    assert (near_set_point("T_moldC"), near_set_point("xyz")) == ("T_mold_C", None)
