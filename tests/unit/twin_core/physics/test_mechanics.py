"""Stiffness, strength and the hardness proxy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin_core.physics import mechanics

E_SOLID, S_SOLID, RHO_SOLID, PHI = 1.6e9, 1.27e8, 1200.0, 0.8
NETWORK = (2.5, 230.0, 420.0, 0.02, 0.0, 12.0)
"""Cure exponent, glass temperatures before and after; rubbery share, shift, width of the step."""


def modulus(rho: float, cure: float = 1.0) -> float:
    return mechanics.modulus(rho, cure, E_SOLID, RHO_SOLID, PHI)


def test_glass_temperature_between_its_ends() -> None:
    ends = [mechanics.glass_temperature(alpha, 230.0, 420.0) for alpha in (0.0, 0.5, 1.0)]
    # half way: (230 * 0.5 + 0.25 * 420) / 0.75
    assert ends == pytest.approx([230.0, 293.3333, 420.0], rel=1e-6)


def test_cure_factor_by_hand() -> None:
    cold, hot = 200.0, 600.0
    assert mechanics.cure_factor(0.4, 0.5, cold, *NETWORK) == 0.0  # before gel
    assert mechanics.cure_factor(1.0, 0.5, cold, *NETWORK) == pytest.approx(1.0)
    half = mechanics.cure_factor(0.75, 0.5, cold, *NETWORK)
    # 0.5^2.5, times the tail of the glass step 13 widths below Tg
    assert half == pytest.approx(0.1767767, rel=1e-6)
    assert mechanics.cure_factor(1.0, 0.5, hot, *NETWORK) == pytest.approx(0.02)  # rubbery
    assert mechanics.cure_factor(1.0, 1.0, cold, *NETWORK) == 0.0  # never gelled
    shifted = mechanics.cure_factor(1.0, 0.5, 395.0, 2.5, 230.0, 420.0, 0.01, 25.0, 15.0)
    assert shifted == pytest.approx(0.505)  # half glass, half rubber, at the shifted transition


def test_a_layer_that_cannot_widen_is_stiffer() -> None:
    # nu = 1/3: M = 1.5 E, by (1 - nu)/((1 + nu)(1 - 2 nu))
    assert mechanics.constrained(2.0, 1.0 / 3.0) == pytest.approx(3.0)
    assert mechanics.constrained(2.0, 0.0) == 2.0


def test_slope_of_the_glass_temperature() -> None:
    h = 1e-6
    up, down = (mechanics.glass_temperature(0.6 + d, 230.0, 420.0) for d in (h, -h))
    slope = mechanics.glass_temperature_slope(0.6, 230.0, 420.0)
    assert slope == pytest.approx((up - down) / (2.0 * h), rel=1e-8)


def test_gibson_ashby_by_hand() -> None:
    # R = 0.1: E = 1.6e9 ((0.08)^2 + 0.02), s = 1.27e8 (0.3 * 0.08^1.5 + 0.008)
    assert modulus(120.0) == pytest.approx(42.24e6)
    strength = mechanics.strength(120.0, 1.0, S_SOLID, RHO_SOLID, PHI, 1.0)
    assert strength == pytest.approx(1.878105e6, rel=1e-6)
    folded = mechanics.strength(120.0, 1.0, S_SOLID, RHO_SOLID, PHI, 0.5)
    assert folded == pytest.approx(1.878105e6 - 0.5 * 1.016e6, rel=1e-6)  # half of 0.4 * 0.2 * 0.1
    # the solid itself: phi^2 + 1 - phi of E_s
    assert modulus(1200.0) == pytest.approx(0.84 * 1.6e9)
    assert modulus(5000.0) == pytest.approx(0.84 * 1.6e9)


def test_shore_proxy_inverts_gent() -> None:
    for S in (10.0, 50.0, 90.0):
        E = 0.0981 * (56.0 + 7.66 * S) / (0.137505 * (254.0 - 2.54 * S)) * 1e6
        assert mechanics.shore_proxy(E, 1.0) == pytest.approx(S)
    assert mechanics.shore_proxy(0.0, 1.0) == 0.0
    assert mechanics.shore_proxy(1e30, 1.0) <= 100.0 + 1e-9  # rounding of its limit


@given(st.floats(0, 1), st.floats(0, 1), st.floats(5, 1200), st.floats(200, 500))
def test_more_cure_and_density_never_soften(a: float, b: float, rho: float, T: float) -> None:
    low, high = (mechanics.cure_factor(x, 0.5, T, *NETWORK) for x in sorted((a, b)))
    # the glass temperature only rises with cure; rounding of the tanh
    assert 0.0 <= low <= high + 1e-15 <= 1.0 + 2e-15
    assert modulus(rho, low) <= modulus(rho, high) * (1.0 + 1e-12)
    assert np.isfinite(modulus(rho, high))
