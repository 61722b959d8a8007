"""One layer of foam at a given pressure: reactions, gas into the cells, heat."""

from __future__ import annotations

from typing import Any

from twin_core.arrays import Array
from twin_core.compiled import compiled
from twin_core.physics import blowing, gas, kinetics, mechanics, rise
from twin_core.units import M_CO2_KG_PER_MOL

R1, R2, TO_CO2, TO_AGENT, HEAT, CAPACITY, V_LIQUID, N_CELLS, V_FOAM, DV_LIQUID, MASS = range(11)
K_CO2, K_AGENT, STIFFNESS = 11, 12, 13
FOAM_COLUMNS = 14
"""What ``foam`` writes: rates [mol/s], heat without conduction [W], heat capacity [J/K], volumes
[m3], gas in the cells [mol], rate of the liquid volume [m3/s], mass [kg]; then how fast the gases
leave solution [1/s], and the stiffness of the network against growth [Pa]."""


@compiled
def mass(p: Any) -> float:
    """Of a layer with its gas [kg]."""
    return float(p.m_liquid + p.M_agent * p.n_BA0)


@compiled
def volumes(CO2: float, BA: float, p: Any) -> tuple[float, float]:
    """Liquid volume [m3] and gas in the cells [mol] of a layer."""
    V_liquid = (p.m_liquid - M_CO2_KG_PER_MOL * CO2) / p.rho_liquid
    V_liquid += (p.n_BA0 - BA) * p.M_agent / p.rho_agent
    return V_liquid, CO2 + BA + p.n_nuclei


@compiled
def reaction_rates(OH: float, W: float, T: float, V_liquid: float, p: Any) -> tuple[float, float]:
    """Isocyanate with hydroxyl and with water [mol/s]."""
    X = 1.0 - OH / p.n_OH0
    n_NCO = p.n_NCO0 - (p.n_OH0 - OH) - 2.0 * (p.n_W0 - W)
    mobile = 1.0
    if p.glass_beta > 0.0:
        mobile = kinetics.diffusion_factor(
            X, T, p.glass_w, p.glass_beta, p.glass_C1, p.glass_C2, p.glass_T0, p.glass_T1,
            p.glass_shape,
        )  # fmt: skip
    r1 = mobile * kinetics.gelling_rate(
        p.gelling_law, p.A1, p.E1, p.A1_auto, p.E1_auto, p.order_auto, p.order_left,
        T, X, OH, n_NCO, p.n_NCO0, p.mixed * V_liquid,
    )  # fmt: skip
    r2 = 0.0
    if p.A2 > 0.0:
        r2 = mobile * kinetics.water_rate(p.A2, p.E2, T, W, n_NCO, p.n_NCO0)
    return r1, r2


@compiled
def degree_of_cure(OH: float, W: float, p: Any) -> float:
    """Conversion of the groups that run out first, NCO or OH and water; the unmixed never react."""
    if p.n_NCO0 < p.n_OH0 + 2.0 * p.n_W0:
        left = (p.n_NCO0 - (p.n_OH0 - OH) - 2.0 * (p.n_W0 - W)) / p.n_NCO0
    else:
        left = (OH + 2.0 * W) / (p.n_OH0 + 2.0 * p.n_W0)
    return float(p.mixed * min(max(1.0 - left, 0.0), 1.0))  # the tolerance may pass zero


@compiled
def stiffness(OH: float, W: float, T: float, rho: float, p: Any) -> float:
    """Bulk modulus [Pa] of the network of a layer; 0 before gel."""
    if p.alpha_gel >= 1.0:
        return 0.0
    full = mechanics.modulus(rho, 1.0, p.E_solid, p.rho_solid, p.strut_fraction)
    full = rise.bulk_modulus(full, p.poisson)
    alpha = degree_of_cure(OH, W, p)
    if p.alpha_stop > 0.0:
        return rise.stop_stiffness(alpha / p.mixed, p.alpha_stop, p.P_ambient, full)
    return full * mechanics.cure_factor(
        alpha, p.alpha_gel, T, p.cure_exponent, p.Tg_uncured, p.Tg_cured,
        p.rubbery_share, p.relaxation_shift, p.glass_width,
    )  # fmt: skip


@compiled
def foam(
    t: float, OH: float, W: float, CO2: float, BA: float, T: float, P: float, p: Any, out: Array
) -> None:
    """Everything about a layer that its own state and the pressure of its cells decide, into
    ``out``.
    """
    X = 1.0 - OH / p.n_OH0
    CO2_mobile = p.retention * (p.n_W0 - W) - CO2
    BA_liquid = p.n_BA0 - BA
    BA_mobile = p.retention * p.n_BA0 - BA
    V_liquid, n_cells = volumes(CO2, BA, p)

    r1, r2 = reaction_rates(OH, W, T, V_liquid, p)

    activity = blowing.bubble_area_factor(n_cells, p.n_nuclei)
    activity *= blowing.nucleation_factor(t, p.t_nucleation)
    share = P / n_cells
    to_co2 = 0.0
    leaving = p.k_agent * activity * blowing.gel_slowdown(X, p.X_gel, p.gel_width)
    out[K_CO2], out[K_AGENT] = p.k_CO2 * activity, leaving
    if p.k_CO2 > 0.0:
        V_polymer = V_liquid - BA_liquid * p.M_agent / p.rho_agent
        to_co2 = blowing.co2_transfer(
            p.k_CO2 * activity, CO2_mobile, p.henry, share * CO2, V_polymer
        )
    to_agent = 0.0
    if p.k_agent > 0.0:
        w_star = blowing.saturation(p.solubility_law, p.s_a, p.s_b, p.s_c, p.s_d, T)
        w_liquid = BA_mobile * p.M_agent / p.m_liquid
        to_agent = blowing.agent_transfer(
            leaving, w_liquid, w_star, share * BA, p.m_liquid, p.M_agent
        )

    out[R1] = r1
    out[R2] = r2
    out[TO_CO2] = to_co2
    out[TO_AGENT] = to_agent
    out[HEAT] = p.dH1 * r1 + p.dH2 * r2 - p.latent * p.M_agent * to_agent
    out[CAPACITY] = (
        (p.m_liquid - M_CO2_KG_PER_MOL * CO2) * p.c_liquid
        + M_CO2_KG_PER_MOL * CO2 * p.c_CO2
        + p.M_agent * BA_liquid * p.c_agent_l
        + p.M_agent * BA * p.c_agent_g
    )
    out[V_LIQUID] = V_liquid
    out[N_CELLS] = n_cells
    out[V_FOAM] = gas.foam_volume(n_cells, T, P, V_liquid)
    out[DV_LIQUID] = -M_CO2_KG_PER_MOL * to_co2 / p.rho_liquid - to_agent * p.M_agent / p.rho_agent
    out[MASS] = mass(p)
    out[STIFFNESS] = stiffness(OH, W, T, out[MASS] / out[V_FOAM], p)
