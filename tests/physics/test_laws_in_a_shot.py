"""What the interchangeable laws do to a whole shot."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.support.scenarios import catalogue, changed, panel, process, scenario
from twin_core import MaterialSystem, Scenario, TwinError, simulate
from twin_core.models import state as s


def with_parts(base: Scenario, **parts: Any) -> Scenario:
    """A scenario whose material has other parts."""
    data = base.system.model_dump() | parts
    return base.model_copy(update={"system": MaterialSystem.model_validate(data)})


CUP = scenario("cup_25C_system_r1")
GLASS = {
    "w": 1.0, "beta": 0.5, "C1": 17.4, "C2": 51.6, "T_glass_uncured": 230.0,
    "T_glass_cured": 420.0, "shape": 0.5,
}  # fmt: skip
KAMAL = {
    "law": "kamal", "A": 2e5, "E": 5e4, "A_auto": 2e6, "E_auto": 4.5e4, "order_auto": 1.0,
    "order_left": 1.5, "heat": 68500.0,
}  # fmt: skip


def test_vitrification_stalls_a_cold_panel() -> None:
    cold = changed(panel(1.15), process={"T_polyol_C": 20, "T_iso_C": 20, "T_mold_C": 20})
    thin = changed(cold, mold={"thickness_m": 0.004})
    free, glassy = simulate(thin), simulate(with_parts(thin, vitrification=GLASS))
    assert glassy.alpha[-1] < free.alpha[-1] - 0.02
    # a hot core stays mobile
    hot = panel(1.15)
    assert simulate(with_parts(hot, vitrification=GLASS)).alpha[-1] == pytest.approx(
        simulate(hot).alpha[-1], abs=0.05
    )


def test_autocatalysis_starts_slowly_and_ends_steeply() -> None:
    result = simulate(with_parts(scenario("baser_khakhar_1994_r11"), gelling=KAMAL))
    assert result.audit.energy_residual_ratio < 1e-6
    slope = np.gradient(result.alpha, result.time_s)
    steepest = result.time_s[slope.argmax()]
    assert steepest > 30.0
    assert slope.max() > 3.0 * slope[0]
    assert result.alpha[-1] > 0.9


def test_nucleation_delays_the_cream_not_the_gel() -> None:
    early = simulate(with_parts(CUP, foaming={})).kpis
    late = simulate(with_parts(CUP, foaming={"nucleation_time": 20.0})).kpis
    assert late.t_cream_s is not None
    assert early.t_cream_s is not None
    assert late.t_cream_s > early.t_cream_s + 5.0
    assert late.t_gel_s == pytest.approx(early.t_gel_s, rel=0.05)
    assert late.rho_moulded_kg_per_m3 == pytest.approx(early.rho_moulded_kg_per_m3, rel=0.02)


def test_gas_that_stays_in_the_polymer_is_missed_in_cup_and_mold() -> None:
    whole = with_parts(CUP, foaming={})
    lossy = with_parts(CUP, foaming={"gas_retention": 0.7})
    assert simulate(lossy).rho_moulded > 1.2 * simulate(whole).rho_moulded
    assert simulate(lossy).audit.species_residual_ratio < 1e-12
    assert simulate(lossy).run.observables[-1, s.N_CO2_] == pytest.approx(
        0.7 * simulate(whole).run.observables[-1, s.N_CO2_], rel=0.02
    )
    # the same foam in a mold: at its free-rise mass it does not fill it either
    mold = panel(1.0).mold
    assert mold.cavity_volume_m3 is not None
    mass = simulate(lossy).rho_moulded * mold.cavity_volume_m3
    pour = process(mass, T_mold_C=25.0)
    packed = simulate(
        with_parts(panel(1.0), foaming={"gas_retention": 0.7}).model_copy(update={"process": pour})
    )
    assert 0.8 < packed.kpis.fill_ratio < 0.99


def test_mixing_slows_and_leaves_groups_over() -> None:
    good, poor = (simulate(changed(CUP, process={"mixing_eff": mixed})) for mixed in (1.0, 0.8))
    assert (poor.kpis.t_gel_s or 0.0) > (good.kpis.t_gel_s or np.inf)
    assert poor.alpha.max() <= 0.8 < good.alpha.max()
    assert poor.audit.heat_released_J == pytest.approx(0.8 * good.audit.heat_released_J, rel=1e-3)
    assert poor.rho_moulded > good.rho_moulded


def test_a_warm_mold_collects_no_water_a_cold_one_does() -> None:
    """The first generation put 12 g/m2 on every mold, also on a hot one."""
    humid = changed(panel(1.15), process={"RH_ambient_pct": 90.0})
    water = [
        simulate(changed(humid, process={"T_mold_C": T})).water_from_rh_kg
        for T in (60.0, 40.0, 15.0, 5.0)
    ]
    assert water[0] == pytest.approx(water[1])
    assert all(b > a for a, b in pairwise(water[1:]))
    codes = {d.code for d in simulate(changed(humid, process={"T_mold_C": 10.0})).diagnostics}
    assert "CONDENSATION" in codes
    longer = changed(humid, process={"T_mold_C": 5.0, "t_mold_open_s": 600.0})
    assert simulate(longer).water_from_rh_kg > water[-1]


def test_cold_components_are_said() -> None:
    cold = simulate(changed(panel(1.15), process={"T_iso_C": 10.0}))
    found = next(d for d in cold.diagnostics if d.code == "COLD_COMPONENTS")
    assert found.evidence["coldest_C"] == 10.0


def test_a_short_shot_shuts_its_vents_early() -> None:
    codes = {d.code for d in simulate(panel(0.7)).diagnostics}
    assert {"SHORT_SHOT", "EARLY_VENT_CLOSURE"} <= codes


def test_a_cup_that_loses_heat_cools() -> None:
    base = scenario("baser_khakhar_1994_r11")
    lossy = simulate(changed(base, mold={"cup_loss_W_per_K_kg": 1.0}))
    free = simulate(base)
    assert lossy.T_core_K[-1] < free.T_core_K[-1] - 1.0
    assert lossy.audit.energy_residual_ratio < 1e-6
    assert lossy.audit.heat_to_mold_J > 0.0


@pytest.mark.parametrize("system_id", ["WATER_CYCLOPENTANE", "SYSTEM_M1", "WATER_N_PENTANE"])
def test_mixtures_of_water_and_a_physical_agent(system_id: str) -> None:
    result = simulate(CUP.model_copy(update={"system": catalogue()[system_id]}))
    assert result.audit.heat_evaporation_J > 0.0
    assert result.water_effective_kg > 0.0
    assert result.audit.energy_residual_ratio < 1e-6
    dry = changed(result.scenario, process={"blowing_agent_pct": 0.0})
    assert simulate(dry).rho_moulded > result.rho_moulded


BAD: dict[str, dict[str, dict[str, Any]]] = {
    "negative mass": {"process": {"m_polyol_kg": -1.0}},
    "not a number": {"process": {"T_iso_C": float("nan")}},
    "mold smaller than the liquid": {"mold": {"cavity_volume_m3": 5e-4}},
    "negative volume": {"mold": {"cavity_volume_m3": -1.0}},
}
LABELLED: dict[str, tuple[dict[str, dict[str, Any]], str]] = {
    "index 0.3": ({"process": {"m_iso_kg": 0.12}}, "INDEX_LOW"),
    "index 3": ({"process": {"m_iso_kg": 1.25, "nco_oh_index": 1.05}}, "INDEX_MISMATCH"),
    "vents closed": ({"mold": {"vents": {"count": 0}}}, "SHORT_SHOT"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused(name: str) -> None:
    with pytest.raises((TwinError, ValueError)):
        simulate(changed(scenario("panel_packed"), **BAD[name]))


@pytest.mark.parametrize("name", LABELLED)
def test_odd_input_gives_a_labelled_result(name: str) -> None:
    changes, code = LABELLED[name]
    result = simulate(changed(scenario("panel_packed"), **changes))
    assert code in {d.code for d in result.diagnostics}
    assert result.quality_status == "FAIL" or name == "index 3"


def test_water_blown_without_water_is_refused() -> None:
    data = panel(1.15).system.model_dump()
    data["composition"]["water_fraction"]["value"] = 0.0
    with pytest.raises(ValueError, match="nothing would blow this foam"):
        MaterialSystem.model_validate(data)
