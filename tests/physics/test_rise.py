"""Rise and its stop: one law for a cup, an unfilled and a filled mold."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import brentq

from tests.support.panels import SYSTEMS, panel_of
from tests.support.scenarios import changed, panel, run, scenario, with_system
from twin_core import MaterialSystem, Mold, Scenario, SimulationResult, simulate
from twin_core.arrays import Array
from twin_core.models import state as s
from twin_core.models.newton import jacobian
from twin_core.physics import rise
from twin_core.trajectory import integrate
from twin_core.units import P_ATM_PA

R11 = "baser_khakhar_1994_r11"


def stopping(base: Scenario, X_stop: float | None) -> Scenario:
    """The shot with another stop of the rise; None: the stiffness of the mechanics alone."""
    data = base.system.model_dump()
    stop = {"value": X_stop, "unit": "1", "kind": "assumed", "source": "test"}
    data["gel"]["stop_conversion"] = None if X_stop is None else stop
    return base.model_copy(update={"system": MaterialSystem.model_validate(data)})


def cup(system_id: str) -> Scenario:
    base = panel_of(system_id)
    return base.model_copy(update={"mold": Mold(mold_id="cup", open=True)})


# --- the law -----------------------------------------------------------------------------------


def test_in_the_open_a_network_leaves_its_share_of_the_growth() -> None:
    """A gas that a liquid would let grow by V'/V grows by P/(P + K) of it."""
    P, V, K, swell = 1e5, 2e-3, 3e4, 1e-5
    by_gas = V / P  # nearly all of the foam is gas
    P_rate, stress_rate, _, _ = rise.rates(True, swell, by_gas, K / V, np.inf, P, 0.0)
    grown = swell - by_gas * P_rate
    assert grown == pytest.approx(swell * P / (P + K))
    assert stress_rate == P_rate == pytest.approx(K * grown / V)


def test_a_full_mold_holds_the_volume_and_the_stress() -> None:
    P, V, K, swell = 1e5, 2e-3, 3e4, 1e-5
    P_rate, stress_rate, _, _ = rise.rates(False, swell, V / P, K / V, 0.0, P, 0.0)
    assert stress_rate == 0.0
    assert P_rate == pytest.approx(swell * P / V)


def test_without_a_network_foam_and_air_share_the_pressure() -> None:
    P, V, V_air, swell = 1.2e5, 2e-3, 3e-3, 1e-5
    P_rate, stress_rate, _, _ = rise.rates(False, swell, V / P, 0.0, V_air, P, -2e-6)
    assert stress_rate == 0.0
    assert P_rate == pytest.approx((swell - 2e-6) * P / (V + V_air))


def test_a_stop_is_where_the_network_is_as_stiff_as_the_air() -> None:
    glass = 8e6
    K = [rise.stop_stiffness(X, 0.6, P_ATM_PA, glass) for X in (0.5, 0.56, 0.6, 0.64, 0.9)]
    assert all(b > a for a, b in pairwise(K))
    assert K[0] < 0.01 * P_ATM_PA
    assert K[2] == pytest.approx(P_ATM_PA, rel=0.02)
    assert K[-1] == pytest.approx(glass, rel=1e-3)


# --- in a shot ---------------------------------------------------------------------------------


def test_no_stress_before_gel_and_growth_after_it() -> None:
    result = simulate(stopping(scenario("cup_25C_system_r1"), None))
    ran = result.run
    stress, t_gel = s.tail(ran.y)[:, s.STRESS], result.kpis.t_gel_s
    assert t_gel is not None
    assert np.all(stress[ran.t_s < t_gel] == 0.0)
    V = ran.V_foam_m3
    assert V[-1] > 1.01 * np.interp(t_gel, ran.t_s, V)  # string gel is not the stop
    assert stress[-1] > 1e3
    # the cells stand at the pressure of the air and what the network bears
    assert ran.P_Pa == pytest.approx(P_ATM_PA, rel=1e-12)
    assert ran.P_cells_Pa == pytest.approx(P_ATM_PA + stress, rel=1e-12)


def test_the_stress_follows_the_growth() -> None:
    """s' = K (ln V)' along a cup, K from a second writing of the mechanics."""
    ran = integrate(stopping(scenario("cup_25C_system_r1"), None))[1]
    m = ran.setup.system.mechanics
    after = ran.t_s > ran.events["gel"] + 1.0
    stress, V = s.tail(ran.y)[after, s.STRESS], ran.V_foam_m3[after]
    alpha, T, rho = ran.alpha[after], ran.T_K[after], ran.rho_kg_per_m3[after]
    alpha_gel = ran.solution.modes[-1][1]["alpha_gel"].item()
    R, phi = rho / m.density_solid.value, m.strut_fraction.value
    E = m.E_solid.value * ((phi * R) ** 2 + (1 - phi) * R)
    Tg0, Tg1 = m.T_glass_uncured.value, m.T_glass_cured.value
    Tg = (Tg0 * (1 - alpha) + 0.5 * alpha * Tg1) / (1 - 0.5 * alpha)
    glass = 0.5 * (1 - np.tanh((T - Tg + m.relaxation_shift.value) / m.glass_width.value))
    r = m.rubbery_share.value
    network = ((alpha - alpha_gel) / (1 - alpha_gel)) ** m.cure_exponent.value
    K = E * network * (r + (1 - r) * glass) / (3 * (1 - 2 * m.poisson.value))
    steps = 0.5 * (K[1:] + K[:-1]) * np.diff(np.log(V))
    assert stress - stress[0] == pytest.approx(np.append(0.0, steps.cumsum()), abs=20.0)


@pytest.mark.parametrize("dimension", ["0d", "1d"])
def test_a_mold_that_is_full_keeps_the_stress(dimension: str) -> None:
    base = changed(panel(1.3), simulation={"dimension": dimension})
    ran = simulate(base).run
    closed = ran.t_s > ran.events["vent_closed"] + 1.0
    assert ran.P_Pa.max() > 1.2 * P_ATM_PA
    # the foam itself gives way by the last 0.05 % of air
    assert np.ptp(ran.V_foam_m3[closed]) < 1e-3 * ran.V_foam_m3.max()
    assert np.abs(s.tail(ran.y)[closed, s.STRESS]).max() < 0.05 * P_ATM_PA


def test_a_later_stop_is_a_lighter_foam_and_a_later_rise() -> None:
    base = scenario("cup_25C_system_r1")
    found = [simulate(stopping(base, X)).kpis for X in (0.6, 0.7, 0.8, 0.95)]
    assert all(b.rho_moulded_kg_per_m3 < a.rho_moulded_kg_per_m3 for a, b in pairwise(found))
    rises = [k.t_rise_s or 0.0 for k in found]
    assert all(b > a for a, b in pairwise(rises))


def test_the_r11_foam_stops_at_the_conversion_that_its_source_names() -> None:
    result = run(R11)
    rho = np.interp((0.50, 0.56, 1.0), result.run.X_OH, result.run.rho_kg_per_m3)
    print(f"R-11 cup: {rho[-1]:.2f} kg/m3 at the end, nothing fitted")
    assert rho[1] == pytest.approx(rho[0], rel=0.03)
    assert result.rho_kg_per_m3[-1] == pytest.approx(rho[1], rel=0.01)
    # without the stop it would rise on with the temperature
    assert simulate(stopping(scenario(R11), None)).rho_moulded < 0.9 * result.rho_moulded


def test_agent_ceases_to_leave_solution_near_gel() -> None:
    base = cup("WATER_CYCLOPENTANE")
    ran = simulate(base).run
    t_gel = ran.events["gel"]
    BA, CO2 = ran.y[:, s.BA], ran.y[:, s.CO2]
    left = 1.0 - BA[-1] / ran.problem.parameters["n_BA0"][0]
    assert left > 0.05
    at_gel = [np.interp(t_gel, ran.t_s, x) for x in (BA, CO2)]
    assert BA[-1] < 1.05 * at_gel[0]
    early = simulate(with_system(base, gel__transfer_decay_width=0.1))
    assert early.run.y[-1, s.BA] < BA[-1]
    assert early.rho_moulded > simulate(base).rho_moulded


# --- a mold is not filled by less than rises freely ----------------------------------------------


FULL = 0.99


PLATES = ((20.0, 30.0), (50.0, 40.0), (100.0, 60.0))
"""Thickness [mm] and wall [C]."""
HUMID_SHARE = 0.025
"""At 23 C and 50 % the air of a cavity gives up to so much of the water of these recipes."""


def least_filling(
    system_id: str, thickness_mm: float, wall_C: float, dimension: str, RH_pct: float = 0.0
) -> tuple[float, SimulationResult]:
    """Least mass that fills a panel to ``FULL`` over its free-rise mass, and that shot."""

    def shot(packing: float) -> SimulationResult:
        air = {"RH_ambient_pct": RH_pct}
        base = panel_of(system_id, thickness_mm, packing, wall_C, process=air)
        return simulate(changed(base, simulation={"dimension": dimension}))

    def empty(packing: float) -> float:
        return shot(packing).kpis.fill_ratio - FULL

    least = float(brentq(empty, 0.6, 2.5, xtol=1e-4))
    return least, shot(least)


@pytest.mark.parametrize("system_id", SYSTEMS)
def test_nothing_fills_below_its_free_rise_mass(system_id: str) -> None:
    """In dry air, as a cup rises without water of the air: the foam that reaches the brim is at
    least as heavy as the one that rises freely. ``FULL`` of the cavity count as full, so this is
    the least mass over ``FULL``."""
    for thickness_mm, wall_C in PLATES:
        for dimension in ("1d", "0d"):
            least, _ = least_filling(system_id, thickness_mm, wall_C, dimension)
            said = f"{system_id} {thickness_mm:g} mm, {wall_C:g} C, {dimension}"
            print(f"{said}: {least:.4f} of the free-rise mass fill {FULL:g}")
            assert least / FULL >= 1.0, said


@pytest.mark.parametrize("system_id", SYSTEMS)
def test_humid_air_of_a_cavity_is_why_less_may_fill(system_id: str) -> None:
    """The air of a cavity gives its foam water that the cup's does not get. Beside a free rise
    with the same water the foam that fills is no lighter."""
    for thickness_mm, wall_C in PLATES:
        _, shot = least_filling(system_id, thickness_mm, wall_C, "1d", RH_pct=50.0)
        extra = shot.kpis.water_from_rh_kg / shot.kpis.water_from_polyol_kg
        assert 0.0 < extra < HUMID_SHARE
        free = simulate(with_water(shot.scenario, 1.0 + extra)).rho_moulded
        assert shot.rho_moulded >= free, (thickness_mm, wall_C)


@pytest.mark.parametrize("system_id", sorted({*SYSTEMS} - {"INTEGRAL_SKIN"}))
def test_in_humid_air_most_systems_need_their_free_rise_mass(system_id: str) -> None:
    """Compared as they are, with the water of the air in the mold alone and 99 % counted as full.
    INTEGRAL_SKIN, with least water and the warmest foam beside its walls, fills with 0.987."""
    for thickness_mm, wall_C, dimension in (
        (50.0, 40.0, "1d"),
        (100.0, 60.0, "1d"),
        (50.0, 40.0, "0d"),
    ):
        least, _ = least_filling(system_id, thickness_mm, wall_C, dimension, RH_pct=50.0)
        assert least >= 1.0, (thickness_mm, wall_C, dimension)


def with_water(shot: Scenario, factor: float) -> Scenario:
    """The pour in an open cup, with so much more water in its recipe."""
    data = shot.system.model_dump()
    name = "C_W0" if "C_W0" in data["composition"] else "water_fraction"
    data["composition"][name]["value"] *= factor
    system = MaterialSystem.model_validate(data)
    cup = shot.mold.as_open_cup()
    return shot.model_copy(update={"system": system, "mold": cup})


# --- onset -------------------------------------------------------------------------------------


@pytest.mark.parametrize("system_id", SYSTEMS)
def test_cells_take_their_time(system_id: str) -> None:
    result = simulate(cup(system_id))
    assert (result.kpis.t_cream_s or 0.0) > 2.0
    assert "CREAM_TOO_EARLY" not in {d.code for d in result.diagnostics}
    data = result.scenario.system.model_dump()
    data["foaming"]["nucleation_time"] = None
    at_once = simulate(
        cup(system_id).model_copy(update={"system": MaterialSystem.model_validate(data)})
    )
    early = (at_once.kpis.t_cream_s or 0.0) < 2.0
    assert ("CREAM_TOO_EARLY" in {d.code for d in at_once.diagnostics}) == early
    if system_id.startswith("WATER_"):
        assert early


# --- derivatives -------------------------------------------------------------------------------

SHOTS = {
    "cup": lambda: scenario(R11),
    "short": lambda: changed(panel(0.8), simulation={"dimension": "0d"}),
    "packed, half a part": lambda: changed(
        panel(1.15), simulation={"dimension": "1d", "layers": 8}
    ),
    "short, two walls": lambda: changed(
        panel(0.8),
        process={"T_mold_2_C": 55.0},
        simulation={"dimension": "1d", "layers": 6},
    ),
}


@pytest.mark.parametrize("name", SHOTS)
def test_derivatives_of_every_state(name: str) -> None:
    """The Jacobian in parts against central differences of the whole right-hand side, past gel."""
    ran = integrate(SHOTS[name]())[0]
    scale, mode = ran.problem.scale, ran.solution.modes[-1][1]
    assert mode["alpha_gel"][0] < 1.0
    at = np.searchsorted(ran.t_s, ran.events["gel"] + np.array([5.0, 30.0, 120.0]))
    for k in at:
        y, t = ran.y[k], float(ran.t_s[k])
        own = np.empty((y.size, y.size))
        jacobian(t, y, mode, scale, own)

        def rhs(state: Array, t: float = t) -> Array:
            dy = np.empty_like(state)
            ran.problem.rhs(t, state, mode, dy)
            return dy

        whole = np.empty_like(own)
        for column in range(y.size):
            step = np.zeros_like(y)
            step[column] = 1e-6 * max(abs(y[column]), 1e-3 * scale[column])
            whole[:, column] = (rhs(y + step) - rhs(y - step)) / (2.0 * step[column])
        ours, theirs = (J * scale[None, :] / scale[:, None] for J in (own, whole))
        assert ours == pytest.approx(theirs, rel=2e-3, abs=2e-5 * np.abs(theirs).max())
