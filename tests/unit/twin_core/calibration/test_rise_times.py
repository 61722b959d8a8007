"""Times that curves tell, by their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from twin_core import Process
from twin_core.arrays import Array
from twin_core.calibration.rise_test import Cup, RiseTest
from twin_core.calibration.rise_times import curve_times

PROCESS = Process(m_polyol_kg=0.1, m_iso_kg=0.1, T_polyol_C=20.0, T_iso_C=24.0)
T = np.arange(0.0, 100.0, 0.5)
RISING = 20.0 + 180.0 * np.clip((T - 10.0) / 50.0, 0.0, 1.0)
"""Height [mm]: rest until 10 s, 3.6 mm/s, full at 60 s."""


def times(noise: float = 0.0, **series: Array) -> dict[tuple[str, str], float | None]:
    scatter = np.random.default_rng(1).normal(size=len(T))
    both = {name: (T, y + noise * scatter) for name, y in series.items()}
    test = RiseTest("A", "a.csv", PROCESS, Cup(diameter_mm=100.0), 0.2, both)
    return {(what.name, what.series): t for what, t in curve_times(test)}


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_cream_and_rise_of_a_height(noise: float) -> None:
    found = times(noise, height_mm=RISING)
    assert found["t_cream_s", "height_mm"] == pytest.approx(10.0 + 1.0 / 3.6, abs=0.6)
    assert found["t_rise_s", "height_mm"] == pytest.approx(10.0 + 176.0 / 3.6, abs=0.6)


def test_gel_by_the_onset_of_the_pressure_and_by_the_dielectric_signal() -> None:
    pressure = 500.0 * np.clip((T - 40.0) / 20.0, 0.0, 1.0)
    signal = 200.0 - 100.0 * np.clip((T - 30.0) / 40.0, 0.0, 1.0)
    found = times(0.01, p_rise_Pa=pressure, dielectric=signal)
    assert found["t_gel_s", "p_rise_Pa"] == pytest.approx(42.0, abs=0.2)
    assert found["t_gel_s", "dielectric"] == pytest.approx(50.0, abs=0.2)


def test_a_foam_that_falls_back_has_risen_before() -> None:
    fallen = np.where(T > 70.0, 150.0, RISING)
    assert times(height_mm=fallen)["t_rise_s", "height_mm"] == pytest.approx(58.9, abs=0.6)


def test_noise_alone_tells_no_time() -> None:
    assert times(5.0, p_rise_Pa=0.0 * T)["t_gel_s", "p_rise_Pa"] is None
    assert times(height_mm=RISING[:1].repeat(len(T)))["t_rise_s", "height_mm"] is None
