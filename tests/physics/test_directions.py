"""Directions that physics knows: more of this gives more of that, with nothing fitted."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.support.scenarios import catalogue, changed, panel, run, scenario, with_system
from twin_core import Mold, Scenario, SimulationResult, free_rise_density, simulate
from twin_core.units import P_ATM_PA

NOISE = 1e-5
"""Relative; a hundred times the solver's tolerance. Differences below it are no direction."""


def rising(values: list[float]) -> bool:
    return all(b > a + abs(a) * NOISE for a, b in pairwise(values))


def not_falling(values: list[float], noise: float = NOISE) -> bool:
    return all(b >= a - abs(a) * noise for a, b in pairwise(values))


# --- packing and vents -------------------------------------------------------------------------

PACKING = (0.9, 1.0, 1.15, 1.5, 2.0)


@pytest.fixture(scope="module")
def packed() -> list[SimulationResult]:
    return [simulate(panel(packing)) for packing in PACKING]


def test_packing_fills_the_panel(packed: list[SimulationResult]) -> None:
    fill = [result.kpis.fill_ratio for result in packed]
    assert rising(fill[:3])
    assert fill[0] < fill[1] < 0.99  # SYSTEM_R1 gels before it has risen fully
    assert min(fill[2:]) > 0.999
    short = [any(d.code == "SHORT_SHOT" for d in result.diagnostics) for result in packed]
    assert short == [True, True, False, False, False]


def test_packing_raises_pressure_and_density(packed: list[SimulationResult]) -> None:
    assert rising([result.p_max_Pa for result in packed[2:]])
    assert not_falling([result.p_max_Pa for result in packed])
    assert rising([result.rho_moulded for result in packed[2:]])
    # a fuller mold fills earlier
    assert rising([-(result.kpis.t_mold_full_s or np.inf) for result in packed[2:]])


def test_peak_pressure_follows_the_packing(packed: list[SimulationResult]) -> None:
    # full, closed: the same gas in less room. Within 5 %: the dissolved CO2 and the peak
    # temperature shift a little with packing
    for packing, result in zip(PACKING[2:], packed[2:], strict=True):
        assert result.p_max_Pa == pytest.approx(packing * P_ATM_PA, rel=0.05)


VENTS_MM2 = (0.0, 5.0, 20.0, 100.0, 300.0)


def test_vents_relieve_the_mold() -> None:
    results = [simulate(panel(1.15, area)) for area in VENTS_MM2]
    # 1e-4: beyond 5 mm2 the peaks are the same but for the little air left at closure
    assert not_falling([-result.p_max_Pa for result in results], noise=1e-4)
    assert results[0].p_max_Pa > 1.5 * results[1].p_max_Pa  # sealed: the air stays in
    assert results[0].kpis.fill_ratio < 0.6
    assert not_falling([result.kpis.fill_ratio for result in results])
    assert results[0].vent_closure_time_s is None
    closed = [result.vent_closure_time_s for result in results[1:]]
    assert rising([-(t or np.inf) for t in closed])
    # beyond 20 mm2 the vents no longer decide
    assert results[2].p_max_Pa == pytest.approx(results[-1].p_max_Pa, rel=1e-4)


def test_fewer_vents_never_lower_the_pressure() -> None:
    for packing in (0.8, 1.3):
        by_area = [simulate(panel(packing, area)).p_max_Pa for area in (40.0, 2.0, 0.5, 0.0)]
        assert not_falling(by_area)


# --- chemistry ---------------------------------------------------------------------------------


def test_more_water() -> None:
    base = panel(1.15)
    wet = with_system(base, composition__water_fraction=0.0165)
    assert free_rise_density(wet) < 0.97 * free_rise_density(base)  # +10 % water
    assert simulate(wet).p_max_Pa > 1.01 * simulate(base).p_max_Pa
    assert simulate(wet).kpis.nco_oh_index < simulate(base).kpis.nco_oh_index


def test_index_matters() -> None:
    results = [simulate(panel(1.15, index=index)) for index in (0.9, 1.05, 1.2)]
    hottest = [result.kpis.T_core_max_C for result in results]
    assert hottest.index(max(hottest)) == 1  # nearest to balance: most urethane per kg
    for name in ("p_max_Pa", "t_demold_min_s", "alpha_demold"):
        values = [getattr(result, name) for result in results]
        assert len({round(value, 4) for value in values}) == 3, name


def test_starved_polyol_does_not_gel() -> None:
    result = simulate(panel(1.15, index=0.3))
    assert result.kpis.X_gel == 1.0
    assert result.kpis.t_gel_s is None
    assert result.hardness_shore.max() == 0.0
    codes = {d.code for d in result.diagnostics}
    assert codes >= {"INDEX_LOW", "NO_GEL", "NO_DEMOLD_WINDOW"}


def test_isocyanate_left_out_is_not_inert_mass() -> None:
    alpha_OH = [
        simulate(panel(1.15, index=index)).audit.heat_released_J for index in (0.4, 0.7, 1.0)
    ]
    assert rising(alpha_OH)


@pytest.mark.parametrize(
    "warmer",
    [
        {"T_polyol_C": 30.0, "T_iso_C": 30.0},
        {"T_polyol_C": 30.0},
        {"T_iso_C": 30.0},
        {"T_mold_C": 55.0},
    ],
    ids=str,
)
def test_warmer_is_faster_and_hotter(warmer: dict[str, Any]) -> None:
    base, hot = simulate(panel(1.15)), simulate(panel(1.15, **warmer))
    assert base.kpis.t_gel_s is not None
    assert hot.kpis.t_gel_s is not None
    assert hot.kpis.t_gel_s < base.kpis.t_gel_s
    assert hot.kpis.T_core_max_C > base.kpis.T_core_max_C


def test_poor_mixing_is_slower() -> None:
    gel = [simulate(panel(1.15, mixing_eff=e)).kpis.t_gel_s or np.inf for e in (1.0, 0.8, 0.5)]
    assert rising(gel)


def test_humid_air_adds_water() -> None:
    results = [simulate(panel(1.15, RH_ambient_pct=rh)) for rh in (0.0, 50.0, 100.0)]
    assert results[0].water_from_rh_kg == 0.0
    for name in ("water_from_rh_kg", "water_risk_score"):
        assert rising([getattr(result, name) for result in results]), name
    assert rising([result.p_max_Pa for result in results])
    assert not_falling([result.defect_risk for result in results])


def test_m1_is_slower_than_r1() -> None:
    r1 = scenario("panel_packed")
    m1 = r1.model_copy(update={"system": catalogue()["SYSTEM_M1"]})
    assert (simulate(m1).kpis.t_gel_s or 0.0) > (simulate(r1).kpis.t_gel_s or np.inf)


def test_without_reaction_heat_the_core_goes_to_the_mold() -> None:
    base = with_system(panel(1.15), gelling__heat=0.0, water_reaction__heat=0.0)
    hot_pour = changed(
        base,
        process={"T_polyol_C": 60.0, "T_iso_C": 60.0, "T_mold_C": 23.0},
        mold={"heater_W_per_K": 0.0, "h_ambient_W_per_m2_K": 0.0},
    )
    result = simulate(hot_pour)
    assert result.T_core_K[-1] < result.T_core_K[0] - 5.0
    assert result.T_mold_K[-1] > result.T_mold_K[0]
    assert result.T_core_K[-1] > result.T_mold_K[-1]  # and they do not cross


def test_blowing_agent_lightens_the_free_rise() -> None:
    cup = scenario("cup_25C_system_r1").model_copy(update={"system": catalogue()["SYSTEM_M1"]})
    density = [
        free_rise_density(changed(cup, process={"blowing_agent_pct": pct}))
        for pct in (0.0, 4.0, 8.0, 12.0)
    ]
    assert rising([-rho for rho in density])


def test_thin_parts_cool_faster() -> None:
    base = panel(1.15)
    thick, thin = (
        simulate(changed(base, mold={"thickness_m": d})).kpis.T_core_max_C for d in (0.1, 0.02)
    )
    assert thin < thick


# --- limits ------------------------------------------------------------------------------------


def test_scale_does_not_matter_in_a_cup() -> None:
    base = scenario("baser_khakhar_1994_r11")
    big = changed(base, process={"m_polyol_kg": 5.0, "m_iso_kg": 5.0})
    # the adiabatic cup has no size: the same curve to the tolerance of the solver
    assert simulate(big).T_core_K == pytest.approx(simulate(base).T_core_K, rel=1e-6)


def test_a_huge_well_vented_adiabatic_cavity_is_a_cup() -> None:
    base = scenario("cup_25C_system_r1")
    cup = simulate(base)
    hall = Mold(
        cavity_volume_m3=10.0,
        surface_area_m2=1e-6,
        thickness_m=1.0,
        mass_kg=1.0,
        vents=base.mold.vents.model_copy(update={"count": 100, "area_per_vent_m2": 1e-2}),
    )
    dry: dict[str, Any] = {"RH_ambient_pct": 0.0}
    big = simulate(changed(Scenario(**{**vars(base), "mold": hall}), process=dry))
    # the displaced air leaves against 20 Pa at most; one law, before gel and after
    assert big.T_core_K == pytest.approx(cup.T_core_K, abs=0.01)
    assert big.rho_kg_per_m3 == pytest.approx(cup.rho_kg_per_m3, rel=1e-3)
    assert big.run.P_cells_Pa[-1] == pytest.approx(cup.run.P_cells_Pa[-1], rel=1e-4)


def test_pressure_is_continuous_at_the_modes() -> None:
    """Vent closure and the gel of a short shot change the equations, not the pressure."""
    for packing in (0.8, 1.15, 1.5):
        result = simulate(changed(panel(packing), simulation={"dt_s": 0.05}))
        # no jump beyond what the rise itself makes in 0.05 s
        assert np.abs(np.diff(result.p_total_Pa)).max() < 5e-3 * P_ATM_PA
        assert np.abs(np.diff(result.rho_kg_per_m3)[20:]).max() < 20.0


def test_a_gelled_short_shot_goes_on_as_a_cup_does() -> None:
    """Nothing freezes at gel: past it an unfilled mold without losses is a cup."""
    lossless: dict[str, Any] = {"surface_area_m2": 1e-9, "mass_kg": 1e6}
    base = changed(panel(0.8, 500.0, RH_ambient_pct=0.0), mold=lossless)
    short = simulate(changed(base, simulation={"dimension": "0d"}))
    cup = simulate(base.model_copy(update={"mold": Mold(mold_id="cup", open=True)}))
    assert short.kpis.fill_ratio < 0.9
    after = short.time_s > (short.kpis.t_gel_s or 0.0)
    grown = short.fill_ratio[after] / short.fill_ratio[after][0]
    assert grown.max() > 1.05
    assert grown == pytest.approx(cup.rho_kg_per_m3[after][0] / cup.rho_kg_per_m3[after], rel=1e-3)
    assert np.all(run("panel_packed").fill_ratio <= 1.0)
