"""Solubility of the blowing agents and their transfer into the cells."""

from __future__ import annotations

import math

import numpy as np

from twin_core.compiled import compiled
from twin_core.units import P_ATM_PA, PA_PER_BAR

GAUSS = 0
LINE = 1
RAOULT = 2
SOLUBILITY_LAWS = {"gauss": GAUSS, "line": LINE, "raoult": RAOULT}
"""Names in the system files and the codes that the compiled right-hand side switches on."""


@compiled
def saturation(law: int, a: float, b: float, c: float, d: float, T: float) -> float:
    """Agent that the polymer holds at 1 atm of its vapour, w* [kg/kg polymer], at ``T`` [K].

    gauss: a + b exp(-(T - c)^2 / (2 d^2)), constant below T = c (Winkler's n-pentane, R-11 fit).
    line: x = a - (T - b)/c clipped to [0, a], w* = x/(1 - x) d, d the ratio of molar masses
    agent/polymer (Baser and Khakhar 1994). Both as used by the MoDeNa project.
    raoult: w* = d p_atm / p_sat, log10(p_sat/bar) = a - b/(T + c) (Antoine), d the ratio of molar
    masses over the activity coefficient in the polymer; dilute, so linear in the pressure.
    """
    if law == RAOULT:
        return d * P_ATM_PA / (PA_PER_BAR * math.pow(10.0, a - b / (T + c)))
    if law == LINE:
        x = min(max(a - (T - b) / c, 0.0), a)
        return x / (1.0 - x) * d
    distance = max(T - c, 0.0) / d
    return a + b * math.exp(-0.5 * distance * distance)


NUCLEATED = 4.2
"""Times the nucleation time: from here on the factor below is 1 to the last bit."""


@compiled
def bubble_area_factor(n_gas: float, n_nuclei: float) -> float:
    """Relative bubble area (n_g / (n_g + 10 n_nuc))^(1/3): small bubbles take up gas slowly.

    Smooth from the nuclei on, so that no switch at the onset of foaming costs solver steps.
    """
    gas = max(n_gas, 0.1 * n_nuclei)  # a solver may try a state that no foam can reach
    return float(np.cbrt(gas / (gas + 10.0 * n_nuclei)))


@compiled
def nucleation_factor(t: float, t_nucleation: float) -> float:
    """Share of the cells that have appeared, (1 + tanh(6 (t - t_n)/t_n))/2; 1 if ``t_n`` is 0.

    The smooth onset of Sandia's PMDI-10 model (Goma), here on the gas transfer and six times as
    steep (assumed), so that nothing foams at the pour: at three times, the 0.25 % of the transfer
    that is left there made a liquid rich in pentane rise by 5 % within seconds.
    """
    if t_nucleation <= 0.0 or t > NUCLEATED * t_nucleation:
        return 1.0
    return 0.5 * (1.0 + math.tanh(6.0 * (t - t_nucleation) / t_nucleation))


@compiled
def gel_slowdown(X: float, X_gel: float, width: float) -> float:
    """Factor on the transfer of the agent, (1 - tanh((X - X_gel + 2 w)/w))/2; 1 if w is 0.

    It dies towards gel: 0.98 at four widths before it, a half at two, 0.02 at gel. A coefficient
    that falls to almost nothing as the resin comes near its gel point was what the densities of
    foams with six agents asked for: Al-Moameri and others, J. Appl. Polym. Sci. 132 (2015) 42454.
    The form is assumed. CO2, which diffuses through the polymer some thirty times as fast (MoDeNa's
    coefficients at 350 K, against cyclopentane), keeps its pace.
    """
    if width <= 0.0:
        return 1.0
    return 0.5 * (1.0 - math.tanh((X - X_gel) / width + 2.0))


@compiled
def agent_transfer(
    k: float, w_liquid: float, w_star: float, p_agent: float, m_liquid: float, M: float
) -> float:
    """Physical agent from liquid to cells [mol/s]: k (w_l - w* p/p_atm) m_liquid / M.

    ``k`` in 1/s, mass fractions per kg polymer, ``p_agent`` [Pa] its partial pressure in the cells.
    """
    return k * (w_liquid - w_star * p_agent / P_ATM_PA) * m_liquid / M


@compiled
def co2_transfer(k: float, n_dissolved: float, henry: float, p_co2: float, V: float) -> float:
    """CO2 from solution to cells [mol/s]: k (n - H p V), ``henry`` in mol/m3/Pa, ``V`` in m3."""
    return k * (n_dissolved - henry * p_co2 * V)
