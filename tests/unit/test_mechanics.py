"""Stiffness, strength and the hardness proxy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scenarios import catalogue
from twin_core.physics import mechanics

M = catalogue()["WATER_N_PENTANE"].mechanics  # E 1.6 GPa, 127 MPa, 1200 kg/m3, phi 0.8, scale 1


def one(value: float) -> mechanics.Array:
    return np.array([value])


def test_glass_temperature_between_its_ends() -> None:
    ends = mechanics.glass_temperature(M, np.array([0.0, 0.5, 1.0]))
    # half way: (230 * 0.5 + 0.25 * 420) / 0.75
    assert ends == pytest.approx([230.0, 293.3333, 420.0], rel=1e-6)


def test_cure_factor_by_hand() -> None:
    cold, hot = one(200.0), one(600.0)
    assert mechanics.cure_factor(M, one(0.4), 0.5, cold)[0] == 0.0  # before gel
    assert mechanics.cure_factor(M, one(1.0), 0.5, cold)[0] == pytest.approx(1.0)
    half = mechanics.cure_factor(M, one(0.75), 0.5, cold)[0]
    # 0.5^2.5, times the tail of the glass step 13 widths below Tg
    assert half == pytest.approx(0.1767767, rel=1e-6)
    assert mechanics.cure_factor(M, one(1.0), 0.5, hot)[0] == pytest.approx(0.02)  # rubbery
    assert mechanics.cure_factor(M, one(1.0), 1.0, cold)[0] == 0.0  # never gelled


def test_gibson_ashby_by_hand() -> None:
    # R = 0.1: E = 1.6e9 ((0.08)^2 + 0.02), s = 1.27e8 (0.3 * 0.08^1.5 + 0.008)
    assert mechanics.modulus(M, one(120.0), one(1.0))[0] == pytest.approx(42.24e6)
    assert mechanics.strength(M, one(120.0), one(1.0))[0] == pytest.approx(1.878105e6, rel=1e-6)
    # the solid itself: phi^2 + 1 - phi of E_s
    assert mechanics.modulus(M, one(1200.0), one(1.0))[0] == pytest.approx(0.84 * 1.6e9)
    assert mechanics.modulus(M, one(5000.0), one(1.0))[0] == pytest.approx(0.84 * 1.6e9)


def test_shore_proxy_inverts_gent() -> None:
    S = np.array([10.0, 50.0, 90.0])
    E = 0.0981 * (56.0 + 7.66 * S) / (0.137505 * (254.0 - 2.54 * S)) * 1e6
    assert mechanics.shore_proxy(M, E) == pytest.approx(S)
    assert mechanics.shore_proxy(M, np.zeros(1))[0] == 0.0
    assert mechanics.shore_proxy(M, one(1e30))[0] <= 100.0 + 1e-9  # rounding of its limit


@given(st.floats(0, 1), st.floats(0, 1), st.floats(5, 1200), st.floats(200, 500))
def test_more_cure_and_density_never_soften(a: float, b: float, rho: float, T: float) -> None:
    low, high = sorted((a, b))
    cure = mechanics.cure_factor(M, np.array([low, high]), 0.5, np.array([T, T]))
    E = mechanics.modulus(M, np.array([rho, rho]), cure)
    assert 0.0 <= cure[0] <= cure[1] <= 1.0
    assert E[0] <= E[1]
    denser = mechanics.modulus(M, np.array([rho, 2 * rho]), np.ones(2))
    assert denser[0] <= denser[1]
    assert 0.0 <= mechanics.shore_proxy(M, E)[0] <= 100.0
