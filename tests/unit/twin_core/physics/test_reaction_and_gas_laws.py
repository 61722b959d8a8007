"""Each physics function against hand-computed values, limits and continuity."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scenarios import panel
from twin_core.models import observe, problem
from twin_core.models import state as s
from twin_core.models.setup import prepare
from twin_core.physics import blowing, gas, kinetics, thermal, vents
from twin_core.units import M_AIR_KG_PER_MOL, R_J_PER_MOL_K, bar, celsius, kelvin, pascal

JIT = settings(deadline=None)
"""The first call of a function compiles it."""


# --- units -------------------------------------------------------------------------------------


@given(st.floats(-200, 1e4))
def test_units_there_and_back(value: float) -> None:
    assert celsius(kelvin(value)) == pytest.approx(value, abs=1e-11)  # rounding at 1e4
    assert bar(pascal(value)) == pytest.approx(value, rel=1e-15)
    assert (kelvin(0.0), pascal(1.0)) == (273.15, 1e5)


# --- reactions ---------------------------------------------------------------------------------


def test_arrhenius_by_hand() -> None:
    # R-11 kinetics at 297 K: 1965 exp(-54870 / (8.314462618 * 297)) = 1965 exp(-22.220014)
    assert kinetics.arrhenius(1965.0, 54870.0, 297.0) == pytest.approx(
        1965.0 * math.exp(-22.220014), rel=1e-5
    )  # the exponent has eight digits
    assert kinetics.arrhenius(3.0, 0.0, 300.0) == 3.0


def test_baser_khakhar_factor() -> None:
    factor = kinetics.baser_khakhar_factor
    assert factor(0.0) == factor(0.499) == 1.0
    assert factor(0.7) == pytest.approx(0.5941)  # 2.013 - 2.027 * 0.7
    assert factor(1.0) == pytest.approx(0.7)  # 3.461 - 2.761
    for joint in (0.5, 0.87):  # the published pieces meet only to their three decimals
        assert factor(joint) == pytest.approx(factor(joint - 1e-12), abs=6e-4)


def second_order(law: int) -> float:
    """k = 1, 70 % converted, 2 mol OH, 3 mol NCO in 4 m3."""
    return kinetics.gelling_rate(law, 1.0, 0.0, 0, 0, 0, 0, 300.0, 0.7, 2.0, 3.0, 5.0, 4.0)


def test_kamal_by_hand() -> None:
    # k1 = 0.1, k2 = 2, m = 0.5, n = 1.5 at X = 0.36, plenty of NCO
    law = (kinetics.KAMAL, 0.1, 0.0, 2.0, 0.0, 0.5, 1.5)
    rate = kinetics.gelling_rate(*law, 300.0, 0.36, 6.4, 50.0, 50.0, 1.0)
    # (0.1 + 2 * 0.6) * 0.8 * 6.4, the limiter 1/1.001
    assert rate == pytest.approx(1.3 * 0.8 * 6.4 / 1.001)
    assert kinetics.gelling_rate(*law, 300.0, 0.36, 6.4, 0.0, 50.0, 1.0) == 0.0
    assert kinetics.gelling_rate(*law, 300.0, 1.0 + 1e-9, -1e-9, 50.0, 50.0, 1.0) <= 0.0


def test_vitrification_slows_to_a_stop() -> None:
    def factor(T: float, X: float = 1.0) -> float:
        # w 1, beta 1, WLF 17.4 and 51.6 K, Tg from 250 to 400 K
        return kinetics.diffusion_factor(X, T, 1.0, 1.0, 17.4, 51.6, 250.0, 400.0, 0.5)

    assert factor(400.0) == pytest.approx(0.5)  # at Tg a_T is 1
    assert factor(460.0) > 0.999
    assert factor(380.0) < 1e-6
    assert factor(300.0) == factor(200.0) < 1e-30
    assert factor(400.0, X=0.5) > factor(400.0)


def test_gelling_rate_by_hand_and_orders() -> None:
    rate = second_order(kinetics.SECOND_ORDER)
    assert rate == 1.5
    slowed = second_order(kinetics.BASER_KHAKHAR)
    assert slowed == pytest.approx(1.5 * 0.5941)


def test_water_rate_by_hand_and_without_nco() -> None:
    rate = kinetics.water_rate(2.0, 0.0, 300.0, 0.5, 1.0, 1.0)
    assert rate == pytest.approx(1.0 / 1.001)  # first order but for the limiter
    assert kinetics.water_rate(2.0, 0.0, 300.0, 0.5, 0.0, 1.0) == 0.0
    half = kinetics.water_rate(2.0, 0.0, 300.0, 0.5, kinetics.NCO_LIMIT, 1.0)
    assert half == pytest.approx(0.5)


# --- gas ---------------------------------------------------------------------------------------


def test_gauss_solubility_by_hand() -> None:
    # n-pentane: 0.0064 + 0.0551 exp(-(315.8 - 298)^2 / (2 * 17.8^2)), one width above the centre
    at = lambda T: blowing.saturation(blowing.GAUSS, 0.0064, 0.0551, 298.0, 17.8, T)  # noqa: E731
    assert at(315.8) == pytest.approx(0.0064 + 0.0551 * 0.60653066, rel=1e-8)
    assert at(250.0) == at(298.0) == pytest.approx(0.0615)
    assert at(500.0) == pytest.approx(0.0064, abs=1e-12)


def test_line_solubility_by_hand() -> None:
    # R-11 line: x = 0.5 - (T - 300)/86, molar mass ratio 137.37/615
    d = 0.13737 / 0.615
    at = lambda T: blowing.saturation(blowing.LINE, 0.5, 300.0, 86.0, d, T)  # noqa: E731
    assert at(321.5) == pytest.approx(0.25 / 0.75 * d)
    assert at(280.0) == at(300.0) == pytest.approx(d)
    assert at(343.0) == at(400.0) == 0.0


@JIT
@given(st.floats(250, 450), st.floats(0, 20))
def test_solubility_falls_with_temperature(T: float, warmer: float) -> None:
    for law, numbers in (
        (blowing.GAUSS, (0.0064, 0.0551, 298.0, 17.8)),
        (blowing.LINE, (0.5, 300.0, 86.0, 0.22)),
    ):
        assert blowing.saturation(law, *numbers, T + warmer) <= blowing.saturation(law, *numbers, T)


def test_raoult_is_the_vapour_pressure() -> None:
    # n-pentane: 1.01 bar at its normal boiling point 309.2 K (Antoine)
    at = lambda T: blowing.saturation(blowing.RAOULT, 3.9892, 1070.617, -40.454, 0.2, T)  # noqa: E731
    assert at(309.2) == pytest.approx(0.2, rel=0.01)
    assert at(330.0) < at(309.2) < at(290.0)


def test_nucleation_is_an_onset() -> None:
    at = [blowing.nucleation_factor(t, 20.0) for t in (0.0, 10.0, 20.0, 30.0, 40.0)]
    assert at[0] < 1e-5
    assert at[2] == 0.5
    assert at[4] > 1.0 - 1e-5
    assert at == sorted(at)
    assert blowing.nucleation_factor(0.0, 0.0) == 1.0


def test_bubble_area_factor() -> None:
    assert blowing.bubble_area_factor(1.0, 1.0) == pytest.approx((1 / 11) ** (1 / 3))
    assert blowing.bubble_area_factor(1e6, 1.0) == pytest.approx(1.0, rel=1e-5)
    # a state no foam can reach still gives a number
    assert math.isfinite(blowing.bubble_area_factor(-1.0, 1.0))


def test_gel_slowdown() -> None:
    assert blowing.gel_slowdown(0.1, 0.5, 0.1) == pytest.approx(1.0, abs=0.02)
    assert blowing.gel_slowdown(0.3, 0.5, 0.1) == pytest.approx(0.5)
    assert blowing.gel_slowdown(0.5, 0.5, 0.1) < 0.02  # dead at gel
    assert blowing.gel_slowdown(0.9, 0.5, 0.1) < 1e-4
    assert blowing.gel_slowdown(0.9, 0.5, 0.0) == 1.0  # no width given: no slowdown


def test_transfer_is_zero_at_equilibrium_and_turns_round() -> None:
    # w = 0.05 over w* = 0.1 at half an atmosphere: in equilibrium
    assert blowing.agent_transfer(2.0, 0.05, 0.1, 101325.0 / 2, 3.0, 0.07) == 0.0
    assert blowing.agent_transfer(2.0, 0.06, 0.1, 101325.0 / 2, 3.0, 0.07) == pytest.approx(
        2.0 * 0.01 * 3.0 / 0.07
    )
    assert blowing.agent_transfer(2.0, 0.04, 0.1, 101325.0 / 2, 3.0, 0.07) < 0.0
    # 1e-4 mol/m3/Pa * 1e5 Pa * 0.02 m3 = 0.2 mol stay dissolved
    assert blowing.co2_transfer(0.5, 0.2, 1e-4, 1e5, 0.02) == pytest.approx(0.0, abs=1e-15)
    assert blowing.co2_transfer(0.5, 0.3, 1e-4, 1e5, 0.02) == pytest.approx(0.05)


def test_closure_by_hand() -> None:
    # 1 mol at 300 K and 2 mol at 350 K in 0.05 m3
    P = gas.cavity_pressure(1.0 * 300.0, 2.0 * 350.0, 0.06, 0.01)
    assert pytest.approx(8.314462618 * 1000.0 / 0.05) == P
    assert gas.foam_volume(1.0, 300.0, P, 0.01) == pytest.approx(0.01 + 0.05 * 0.3)


@JIT
@given(
    st.floats(1e-3, 10),
    st.floats(280, 450),
    st.floats(1e-6, 10),
    st.floats(1e-4, 0.05),
    st.floats(-5e4, 2e5),
)
def test_foam_and_headspace_fill_the_box(
    n: float, T: float, n_air: float, V_l: float, stress: float
) -> None:
    T_air, V_box = 313.0, 0.06
    for held in (0.0, stress):
        P = gas.cavity_pressure(n * T, n_air * T_air, V_box, V_l, held)
        assert P > max(0.0, -held)
        V_air = n_air * R_J_PER_MOL_K * T_air / P
        # rounding of a sum of volumes; of pressures, where the stress is nearly all there is
        rounding = 1e-12 * (1.0 + abs(held) / min(P, P + held))
        assert gas.foam_volume(n, T, P + held, V_l) + V_air == pytest.approx(V_box, rel=rounding)


# --- vents -------------------------------------------------------------------------------------


def vent(P: float, P_ambient: float = 1e5, area: float = 1e-5) -> float:
    return vents.vent_flow(area, 0.6, P, P_ambient, 313.0)


def test_choked_vent_by_hand() -> None:
    # m = C A P sqrt(gamma/(R_s T)) (2/(gamma+1))^((gamma+1)/(2(gamma-1)))
    #   = C A P 0.684731/sqrt(R_s T)
    R_s = R_J_PER_MOL_K / M_AIR_KG_PER_MOL
    by_hand = 0.6 * 1e-5 * 3e5 * 0.684731 / math.sqrt(R_s * 313.0) / M_AIR_KG_PER_MOL
    # 1e-4: the laminar factor at 2 bar is sqrt(1 - 1e-4)
    assert vent(3e5) == pytest.approx(by_hand, rel=1e-4)
    # choked: it does not feel the pressure behind it but through the laminar factor
    assert vent(3e5, 1e5) == pytest.approx(vent(3e5, 0.5e5), rel=1e-4)


def test_small_pressure_difference_is_the_incompressible_orifice() -> None:
    # m = C A sqrt(2 rho dP), rho = P/(R_s T); 1 % for compressibility, laminar factor by hand
    dP, R_s = 500.0, R_J_PER_MOL_K / M_AIR_KG_PER_MOL
    rho = 1e5 / (R_s * 313.0)
    by_hand = 0.6e-5 * math.sqrt(2 * rho * dP) / M_AIR_KG_PER_MOL * math.sqrt(500 / 520)
    assert vent(1e5 + dP) == pytest.approx(by_hand, rel=1e-2)


def test_vent_is_linear_at_zero_and_flows_both_ways() -> None:
    assert vent(1e5) == 0.0
    assert vent(1e5 + 0.02) == pytest.approx(2.0 * vent(1e5 + 0.01), rel=1e-3)  # 0.02 << 20 Pa
    assert vent(0.9e5) < 0.0
    assert vent(2e5, area=0.0) == 0.0


@JIT
@given(st.floats(0, 9e5), st.floats(0, 1e5))
def test_vent_flow_grows_with_pressure(over: float, more: float) -> None:
    assert vent(1e5 + over + more) >= vent(1e5 + over) - 1e-15


def test_vent_opening() -> None:
    assert vents.vent_opening(1.0) == vents.vent_opening(0.01) == 1.0
    assert vents.vent_opening(0.005) == pytest.approx(0.5)
    assert vents.vent_opening(0.0) == vents.vent_opening(-0.1) == 0.0


# --- heat --------------------------------------------------------------------------------------


def test_conductivity_by_hand() -> None:
    assert thermal.foam_conductivity(100.0) == pytest.approx(0.0209373, rel=1e-5)  # six digits
    assert thermal.foam_conductivity(40.0) == pytest.approx(0.0151537, rel=1e-5)
    # the two published branches meet at 48 kg/m3 within 2 %
    below, above = thermal.foam_conductivity(48.0), thermal.foam_conductivity(48.0 + 1e-9)
    assert below == pytest.approx(above, rel=0.02)


def test_slab_mode_is_the_decay_of_the_slab() -> None:
    """The first mode of a slab between two cold walls decays at the rate pi^2 k/(rho c d^2)."""
    setup = prepare(panel(1.15))
    ode = problem.problem(setup, 600.0)
    y, dy, seen = ode.y0.copy(), np.empty_like(ode.y0), np.empty(len(s.OBSERVABLES))
    y[s.T] = y[s.LAYER_STATES + s.WALL_1] + 1.0
    observe.observe_row(y, ode.parameters[0], seen)
    ode.rhs(0.0, y, ode.parameters, dy)
    k, d = thermal.foam_conductivity(seen[s.RHO_]), setup.mold.slab_thickness_m()
    wetted = seen[s.V_] / ode.parameters["V_mold"][0]
    slab_m2 = 0.5 * (setup.mold.surface_area_m2 or 0.0) * wetted  # both walls together are twice it
    assert dy[s.LAYER_STATES + s.Q_WALL] == pytest.approx(np.pi**2 * k / d * slab_m2, rel=1e-9)
