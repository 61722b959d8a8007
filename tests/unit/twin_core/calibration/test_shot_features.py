"""Features that stand for the readings of a shot."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.scenarios import scenario
from twin_core.calibration import shot_features as sf
from twin_core.calibration.production_shot import ProductionShot


def shot(name: str = "S", **results: float) -> ProductionShot:
    t = np.arange(5.0, 400.0, 5.0)
    core = 20.0 + 0.2 * t + 0.01 * np.sin(t)
    series = {"T_core_C": np.column_stack((t, core)), "p_cavity_bar": np.column_stack((t, core))}
    series["p_cavity_bar"][:, 1] = 1.0 + t / 1000.0
    return ProductionShot(name, 0.0, scenario("panel_packed"), series, results)


def test_curves_are_averaged_over_the_times_of_the_readings() -> None:
    shots = [shot("A"), shot("B", rho_moulded_kg_per_m3=50.0)]
    made = sf.features(shots)
    assert made.measured.shape == (2, 26)
    curves = np.tile(1.0 + made.time_s / 1000.0, (2, 1))
    np.testing.assert_allclose(
        made.of_curves("p_cavity_bar", curves),
        made.measured[:, sf.columns("p_cavity_bar")],
        rtol=1e-12,
    )
    assert np.isnan(made.measured[:, sf.columns("T_mold_C")]).all()
    assert np.isnan(made.measured[0, -2:]).all()
    assert made.measured[1, -2] == pytest.approx(np.log(50.0))


def test_lost_frames_leave_out_what_they_would_have_told() -> None:
    whole = shot()
    core = whole.series["T_core_C"]
    gap = core[(core[:, 0] < 30.0) | (core[:, 0] > 200.0)]
    lost = ProductionShot("L", 0.0, whole.scenario, {"T_core_C": gap})
    made = sf.features([lost]).measured[0, sf.columns("T_core_C")]
    assert np.isnan(made).sum() in (4, 5, 6)


def test_what_is_impossible_is_left_out_and_counted() -> None:
    broken = shot("B", rho_moulded_kg_per_m3=9000.0)
    broken.series["T_core_C"][20, 1] = 850.0
    broken.series["p_cavity_bar"][30:36, 1] = broken.series["p_cavity_bar"][30, 1]
    made = sf.features([broken])
    assert made.omitted == {
        "T_core_C: impossible": 1,
        "p_cavity_bar: repeats itself": 5,
        "rho_moulded_kg_per_m3: impossible": 1,
    }
    core = made.measured[0, sf.columns("T_core_C")]
    assert np.nanmax(core) < 101.0


def test_a_sensor_that_shows_whole_degrees_is_not_stuck() -> None:
    coarse = shot()
    coarse.series["T_core_C"][:, 1] = np.round(coarse.series["T_core_C"][:, 1] / 10.0) * 10.0
    assert not sf.features([coarse]).omitted


def test_a_lag_delays_a_ramp_by_its_time() -> None:
    t = np.linspace(0.0, 100.0, 201)
    ramp = 2.0 * t[None, :]
    answer = sf.lagged(t, ramp, 4.0, ramp[:, 0])
    np.testing.assert_allclose(answer[0, -50:], ramp[0, -50:] - 8.0, atol=1e-6)
    assert sf.lagged(t, ramp, 0.0, ramp[:, 0]) is ramp
