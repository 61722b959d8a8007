"""The one table of what a reading can be: sentinels of instruments fall out, readings do not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin_core.plausible_ranges import (
    CHANNELS,
    RANGES,
    SERIES,
    all_plausible,
    plausible,
    possible_readings,
    range_of,
)

SENTINELS = [
    *(3276.7, -3276.8, 32767, -32768, 65535, 9.9e37, -9.9e37, 1e38, 3.4e38),
    *(-9999, 9999, -999, 850, 1372, -200, -273.15, math.nan, math.inf, -math.inf),
]


@pytest.mark.parametrize("sentinel", SENTINELS)
@pytest.mark.parametrize("channel", ["T_core_C", "T_mold_C.2", "p_cavity_bar", "RH_ambient_pct"])
def test_what_instruments_report_for_nothing_is_impossible(channel: str, sentinel: float) -> None:
    words = plausible(channel, sentinel)
    assert words is not None
    assert "outside" in words or "no number" in words


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        *(("T_core_C", 180.0), ("T_core_C", 20.0), ("T_mold_C", -10.0), ("T_mold_C.12", 80.0)),
        *(("p_cavity_bar", 0.95), ("p_cavity_bar", 12.0), ("p_mix_bar", 220.0), ("p_iso_bar", 0.0)),
        *(("RH_ambient_pct", 100.0), ("m_polyol_kg", 0.0), ("n_mixer_rpm", 5000.0)),
        *(("T_oil_C", 900.0), ("level_mm", -9999.0), ("pump_duty", 32767.0)),
    ],
)
def test_what_a_press_can_do_is_possible(channel: str, value: float) -> None:
    assert plausible(channel, value) is None


def test_the_words_name_value_and_range() -> None:
    words = plausible("T_core_C", 3276.7)
    assert words == (
        "3276.7 is outside -50 to 320 "
        "(foams decompose from 250 °C on; 70 K of room for a scorched core)"
    )


@given(
    st.dictionaries(
        st.sampled_from([*CHANNELS, "T_mold_C.1", "T_oil_C", "x"]), st.floats(), max_size=5
    )
)
def test_a_frame_is_plausible_when_each_reading_is(readings: dict[str, float]) -> None:
    each = all(plausible(name, value) is None for name, value in readings.items())
    assert all_plausible(readings) == each


def test_series_and_columns_have_the_same_ranges() -> None:
    for name, column in [
        *(("T_core_C", "meas_T_core_max_C"), ("p_cavity_bar", "meas_p_max_bar")),
        *(("T_mold_C", "proc_T_mold_init_C"), ("T_ambient_C", "proc_T_ambient_C")),
    ]:
        assert range_of(name) == RANGES[column]
    assert all(CHANNELS[name] is found for name, found in SERIES.items())


def test_readings_of_an_array() -> None:
    values = np.array([20.0, 3276.7, np.nan, 120.0])
    assert possible_readings("T_core_C", values).tolist() == [True, False, False, True]
