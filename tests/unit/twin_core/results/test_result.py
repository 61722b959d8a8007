"""What a simulation returns: names, shapes, meaning, plain JSON."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from tests.support.panels import panel_of
from tests.support.scenarios import SCENARIO_FILES, changed, panel, run, scenario
from twin_core import BudgetExceeded, simulate
from twin_core.results.assessment import DIAGNOSTICS
from twin_core.results.result import CSV_COLUMNS, SERIES, SimulationResult

NAMES = [file.stem for file in SCENARIO_FILES]

FIRST_GENERATION_SERIES = [
    *("time_s", "alpha", "T_core_K", "T_mold_K", "rho_kg_per_m3", "fill_ratio", "n_CO2_mol"),
    *("p_air_Pa", "p_CO2_Pa", "p_pentane_Pa", "p_total_Pa", "vent_eff", "hardness_shore"),
]
FIRST_GENERATION_SCALARS = [
    *("t_demold_min_s", "t_demold_opt_s", "t_demold_max_s", "rho_moulded", "p_max_Pa"),
    *("pressure_status", "vent_closure_time_s", "H_demold_shore", "H_24h_shore"),
    *("quality_status", "defect_risk", "diagnostics", "water_from_polyol_kg"),
    *("water_from_rh_kg", "water_effective_kg", "water_eff_fraction", "water_risk_score"),
]
FIRST_GENERATION_CSV = (
    "time_s,alpha,T_core_K,T_mold_K,rho_kg_per_m3,p_total_Pa,p_air_Pa,p_CO2_Pa,p_pentane_Pa,"
    "vent_eff,hardness_shore"
)


def test_names_of_the_first_generation() -> None:
    names = {*dir(SimulationResult), *(f.name for f in dataclasses.fields(SimulationResult))}
    assert [*FIRST_GENERATION_SERIES, "viscosity_Pa_s"] == SERIES
    assert names >= {*FIRST_GENERATION_SERIES, *FIRST_GENERATION_SCALARS, "audit"}
    assert ",".join(CSV_COLUMNS) == FIRST_GENERATION_CSV


@pytest.mark.parametrize("name", NAMES)
def test_json_is_complete_and_standard(name: str) -> None:
    result = run(name)
    text = json.dumps(result.as_dict(), allow_nan=False)
    plain = json.loads(text)
    assert plain["T_core_K"] == pytest.approx(result.T_core_K)
    assert plain["audit"]["heat_released_J"] == result.audit.heat_released_J
    assert plain["scenario_id"] == name
    assert plain["assumed_parameters"] == result.scenario.system.assumed()
    short = result.as_dict(series=False)
    deep = {"layers"} if result.layers is not None else set()
    assert set(plain) - set(short) == set(SERIES) | deep


@pytest.mark.parametrize("name", NAMES)
def test_arrays(name: str) -> None:
    result = run(name)
    for series in SERIES:
        values = getattr(result, series)
        assert values.shape == result.time_s.shape, series
        assert np.isfinite(values).all(), series
    assert result.time_s[0] == 0.0
    assert result.time_s[-1] == result.scenario.simulation.t_end_s
    assert (np.diff(result.time_s) > 0).all()
    total = result.p_air_Pa + result.p_CO2_Pa + result.p_pentane_Pa
    assert total == pytest.approx(result.p_total_Pa, rel=1e-12)  # rounding of a sum of three
    for series in ("alpha", "fill_ratio", "vent_eff"):
        values = getattr(result, series)
        assert values.min() >= 0.0, series
        assert values.max() <= 1.0, series


@pytest.mark.parametrize("name", NAMES)
def test_scalars_agree_with_the_arrays(name: str) -> None:
    result = run(name)
    k = result.kpis
    # the scalars come from their own, finer grid: within the curvature of half a second
    assert result.p_max_Pa == pytest.approx(result.p_total_Pa.max(), rel=1e-5)
    # and from a longer run: an adiabatic cup goes on creeping after the output ends
    whole = simulate(changed(result.scenario, simulation={"t_end_s": 1800.0}))
    assert k.T_core_max_C + 273.15 == pytest.approx(whole.T_core_K.max(), rel=1e-5)
    assert result.rho_moulded == pytest.approx(whole.rho_kg_per_m3.min(), rel=1e-5)
    assert result.rho_moulded == k.rho_moulded_kg_per_m3
    assert result.vent_closure_time_s == k.vent_closure_time_s
    times = [result.t_demold_min_s, result.t_demold_opt_s, result.t_demold_max_s]
    assert all(t is None for t in times) or all(t is not None for t in times)
    assert times == sorted(t for t in times if t is not None) or times[0] is None
    if result.t_demold_opt_s is not None and result.t_demold_opt_s <= result.time_s[-1]:
        at_opt = np.interp(result.t_demold_opt_s, result.time_s, result.hardness_shore)
        assert result.H_demold_shore == pytest.approx(at_opt, abs=0.2)  # interpolated, 0.5 s
    assert {d.code for d in result.diagnostics} <= DIAGNOSTICS.keys()
    assert result.water_effective_kg == pytest.approx(
        result.water_eff_fraction * (result.water_from_polyol_kg + result.water_from_rh_kg)
    )


@pytest.mark.parametrize("thickness_mm", [5.0, 20.0])
def test_the_best_time_is_in_reach_of_a_late_gel(thickness_mm: float) -> None:
    """INTEGRAL_SKIN gels at nine tenths: ten per cent more would be nearly all there is, and the
    best time to open a part of a few minutes came out at half an hour."""
    found = simulate(panel_of("INTEGRAL_SKIN", thickness_mm, 1.5, 45.0))
    assert found.t_demold_min_s is not None
    assert found.t_demold_opt_s is not None
    assert found.t_demold_min_s < found.t_demold_opt_s < 3.0 * found.t_demold_min_s
    assert min(found.demold_margins.values()) == pytest.approx(0.1, abs=0.01)


def test_at_one_moment() -> None:
    result = run("panel_packed")
    now = result.at(60.25)
    assert now["T_core_K"] == pytest.approx((result.T_core_K[120] + result.T_core_K[121]) / 2)


@pytest.mark.parametrize("name", NAMES)
def test_output_spacing_does_not_change_the_scalars(name: str) -> None:
    base = scenario(name)
    t_end = base.simulation.t_end_s
    results = {
        dt: simulate(changed(base, simulation={"dt_s": dt})).as_dict(series=False)
        for dt in (0.1, 0.5, 0.7)
    }
    reference = results.pop(0.1)
    for found in results.values():
        for key, value in reference.items():
            # the integration does not know the output grid; 1e-6 is asked for, it is exact
            assert found[key] == _approx(value), key
    for dt in (0.1, 0.5, 0.7, 7.3, 60.0):
        times = simulate(changed(base, simulation={"dt_s": dt})).time_s
        assert times[-1] == t_end
        # equal steps of exactly dt but for the last: rounding of 6000 times 0.1
        assert np.diff(times)[:-1] == pytest.approx(dt, rel=1e-9)


def _approx(value: object) -> object:
    """``pytest.approx`` through plain data, 1e-6 relative."""
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-6)
    if isinstance(value, dict):
        return {key: _approx(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_approx(child) for child in value]
    return value


def test_a_spacing_longer_than_the_run() -> None:
    short = changed(scenario("panel_packed"), simulation={"t_end_s": 0.25, "dt_s": 60.0})
    assert simulate(short).time_s.tolist() == [0.0, 0.25]


def test_scalars_do_not_depend_on_the_horizon_once_all_is_over() -> None:
    base = scenario("panel_packed")
    short, long = (
        simulate(changed(base, simulation={"t_end_s": t_end})) for t_end in (300.0, 1800.0)
    )
    for name in (
        "t_demold_min_s",
        "t_demold_opt_s",
        "t_demold_max_s",
        "rho_moulded",
        "p_max_Pa",
        "H_24h_shore",
    ):
        assert getattr(long, name) == getattr(short, name), name


def test_budget_of_evaluations() -> None:
    tight = changed(scenario("panel_packed"), simulation={"max_evaluations": 100})
    with pytest.raises(BudgetExceeded, match=r"t = .* s.*raise simulation\.max_evaluations"):
        simulate(tight)


def test_window_names_what_decides() -> None:
    easy = changed(panel(1.15), quality={"H_demold_min_shore": None, "alpha_demold_min": 0.99})
    result = simulate(easy)
    assert result.demold_binding == {"earliest": "cure", "latest": "cycle"}
    assert result.t_demold_max_s == easy.quality.t_cycle_max_s
    first, last = result.demold_ends["earliest"], result.demold_ends["latest"]
    assert first is not None
    assert last is not None
    assert (first.criterion, first.limit, first.layers) == ("cure", 0.99, 24)
    assert (last.criterion, last.limit) == ("cycle", 1800.0)
    # swell is met at the pour, where all is at ambient pressure; it must not count as met then
    hard = simulate(changed(easy, quality={"alpha_demold_min": 0.5, "swell_max_mm": 1e-3}))
    assert hard.demold_binding["earliest"] == "swell"
    swell = hard.demold_ends["earliest"]
    assert swell is not None
    assert (swell.limit, swell.unit) == (1e-3, "mm")
    assert hard.swell_at_min["swell_mm"] == pytest.approx(1e-3, rel=0.05)


def test_a_cup_has_no_window() -> None:
    result = run("cup_25C_system_r1")
    assert result.window == "none"
    assert result.t_demold_min_s is result.t_demold_opt_s is result.t_demold_max_s is None
    assert result.demold_binding == {"earliest": None, "latest": None}
    assert result.release is None
    assert "demold_window" not in result.risks
    assert "NO_DEMOLD_WINDOW" not in {d.code for d in result.diagnostics}


def test_one_layer_makes_a_quick_window() -> None:
    assert simulate(panel(1.15)).window == "layered"
    assert simulate(changed(panel(1.15), simulation={"dimension": "0d"})).window == "quick"


def added_codes(result: SimulationResult) -> list[str]:
    """What is said of a changed panel(1.15) beyond what is said of panel(1.15) itself."""
    own = {d.code for d in simulate(panel(1.15)).diagnostics}
    return [d.code for d in result.diagnostics if d.code not in own]


def test_no_window_names_what_fails() -> None:
    soft = simulate(changed(panel(1.15), quality={"H_demold_min_shore": 99.0}))
    assert soft.t_demold_min_s is soft.t_demold_opt_s is soft.t_demold_max_s is None
    assert soft.H_demold_shore is soft.alpha_demold is None
    assert soft.demold_binding == {"earliest": "hardness", "latest": None}
    assert soft.quality_status == "FAIL"
    assert added_codes(soft) == ["NO_DEMOLD_WINDOW"]
    assert soft.diagnostics[-1].evidence == {"failing": "hardness"}


@pytest.mark.parametrize(
    ("system_id", "quality", "criterion"),
    [
        ("WATER_CYCLOPENTANE", {"T_part_min_C": 75.0}, "trimming"),
        # an agent in equilibrium goes back into the polymer as the part cools in its mold
        ("R11_BASER_KHAKHAR_1994", {"shrink_max": 8e-4}, "shrink"),
    ],
)
def test_window_has_a_physical_late_end(
    system_id: str, quality: dict[str, float], criterion: str
) -> None:
    result = simulate(panel_of(system_id, 50.0, 1.3, **quality))
    assert result.demold_binding["latest"] == criterion
    assert result.t_demold_min_s is not None
    assert result.t_demold_max_s is not None
    assert result.t_demold_min_s < result.t_demold_max_s < 1800.0


def test_a_wall_that_is_too_cold_lets_nothing_go() -> None:
    result = simulate(changed(panel(1.15), quality={"T_wall_min_C": 80.0}))
    assert result.t_demold_min_s is None
    assert result.demold_binding["earliest"] == "adhesion"


@pytest.mark.parametrize(
    ("quality", "code", "name"),
    [
        ({"p_max_allowable_bar": 1.1}, "OVERPRESSURE", "pressure"),
        ({"core_temp_max_C": 90.0}, "CORE_TOO_HOT", "core_temperature"),
        ({"rho_moulded_max_kg_per_m3": 45.0}, "DENSITY_HIGH", "density_max"),
        ({"rho_moulded_min_kg_per_m3": 95.0}, "DENSITY_LOW", "density_min"),
        ({"H_24h_min_shore": 90.0}, "HARDNESS_24H_LOW", "hardness_24h"),
    ],
)
def test_a_missed_limit_fails_the_shot_and_is_said(
    quality: dict[str, float], code: str, name: str
) -> None:
    result = simulate(changed(panel(1.15), quality=quality))
    assert added_codes(result) == [code]
    assert result.quality_status == "FAIL"
    assert result.risks[name] > 0.5
    assert result.defect_risk >= result.risks[name]
    (limit,) = quality.values()
    assert limit in result.diagnostics[-1].evidence.values()


def test_pressure_status_steps() -> None:
    p_max_bar = simulate(panel(1.15)).p_max_Pa / 1e5
    for limit, status in ((1.2, "SAFE"), (1.05, "NEAR_LIMIT"), (0.99, "OVER_LIMIT")):
        quality = {"p_max_allowable_bar": limit * p_max_bar}
        assert simulate(changed(panel(1.15), quality=quality)).pressure_status == status


def test_a_close_limit_is_marginal() -> None:
    p_max_bar = simulate(panel(1.15)).p_max_Pa / 1e5
    near = simulate(changed(panel(1.15), quality={"p_max_allowable_bar": 1.02 * p_max_bar}))
    assert near.quality_status == "MARGINAL"
    assert near.risks["pressure"] == pytest.approx(0.402, abs=2e-3)  # (0.1 - (1 - 1/1.02))/0.2
    assert simulate(panel(1.15)).quality_status == "OK"
