"""Points that are rounded to what a press can be set to keep their bounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.web.jobs.rounded import rounded
from twin_core.set_points import SET_POINTS

MASSES = {"m_polyol_kg": 0.1923, "m_iso_kg": 0.3396, "m_additives_kg": 0.0}
TODAY = {"m_polyol_kg": 0.191, "m_iso_kg": 0.341}
INDEX = 1.06


def doses(bounds: dict[str, Any]) -> dict[str, float]:
    changes = {name: (TODAY[name], MASSES[name]) for name in TODAY}
    found = rounded(changes, {"bounds": bounds}, MASSES, INDEX)
    return {name: value for name, (_, value) in found.items()}


def test_masses_keep_the_shot_and_its_index() -> None:
    assert doses({}) == {"m_polyol_kg": 0.192, "m_iso_kg": 0.34}
    heavier = {"m_total_kg": {"low": 0.5325, "high": 0.56, "step": None}}
    assert sum(doses(heavier).values()) == pytest.approx(0.533)
    ratio = MASSES["m_iso_kg"] / MASSES["m_polyol_kg"]
    for low, high in ((INDEX, 1.1), (1.0, INDEX)):
        found = doses({"nco_oh_index": {"low": low, "high": high, "step": None}})
        index = INDEX * found["m_iso_kg"] / found["m_polyol_kg"] / ratio
        assert low <= index <= high


def test_what_nothing_settable_keeps_stays() -> None:
    narrow = {"m_total_kg": {"low": 0.5318, "high": 0.5319, "step": None}}
    assert doses(narrow) == {name: MASSES[name] for name in TODAY}
    longest: dict[str, Any] = {"limits": {"t_cycle_max_s": 185.98}}
    found = rounded({"t_open_s": (300.0, 185.97)}, longest, MASSES, None)
    assert found == {"t_open_s": (300.0, 185.97)}


def test_a_change_that_no_press_can_make_is_none() -> None:
    assert rounded({"T_mold_C": (40.0, 40.02), "t_open_s": (300.0, 299.97)}, {}, MASSES, None) == {}


@given(
    name=st.sampled_from(["T_mold_C", "T_iso_C", "blowing_agent_pct", "vents_count"]),
    low=st.floats(5, 50),
    width=st.floats(0, 30),
    share=st.floats(0, 1),
)
def test_bounds_hold_always(name: str, low: float, width: float, share: float) -> None:
    high = low + width
    value = min(low + share * width, high)
    result = {"bounds": {name: {"low": low, "high": high, "step": None}}}
    ((_, found),) = rounded({name: (None, value)}, result, MASSES, None).values()
    assert low <= found <= high
    assert abs(found - value) <= SET_POINTS[name].step
