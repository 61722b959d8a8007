"""One layer of foam at a given pressure: reactions, gas into the cells, heat."""

from __future__ import annotations

from typing import Any

from twin_core.arrays import Array
from twin_core.compiled import compiled
from twin_core.physics import blowing, gas, kinetics
from twin_core.units import M_CO2_KG_PER_MOL

R1, R2, TO_CO2, TO_AGENT, HEAT, CAPACITY, V_LIQUID, N_CELLS, V_FOAM, DV_LIQUID, MASS = range(11)
K_CO2, K_AGENT = 11, 12
FOAM_COLUMNS = 13
"""What ``foam`` writes: rates [mol/s], heat without conduction [W], heat capacity [J/K], volumes
[m3], gas in the cells [mol], rate of the liquid volume [m3/s], mass [kg]; then how fast the gases
leave solution [1/s]."""


@compiled
def volumes(CO2: float, BA: float, p: Any) -> tuple[float, float]:
    """Liquid volume [m3] and gas in the cells [mol] of a layer."""
    V_liquid = (p.m_liquid - M_CO2_KG_PER_MOL * CO2) / p.rho_liquid
    V_liquid += (p.n_BA0 - BA) * p.M_agent / p.rho_agent
    return V_liquid, p.retention * (CO2 + BA) + p.n_nuclei


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
def foam(
    t: float, OH: float, W: float, CO2: float, BA: float, T: float, P: float, p: Any, out: Array
) -> None:
    """Everything about a layer that its own state and the pressure decide, into ``out``."""
    X = 1.0 - OH / p.n_OH0
    CO2_liquid = p.n_W0 - W - CO2
    BA_liquid = p.n_BA0 - BA
    V_liquid, n_cells = volumes(CO2, BA, p)

    r1, r2 = reaction_rates(OH, W, T, V_liquid, p)

    activity = blowing.bubble_area_factor(n_cells, p.n_nuclei)
    activity *= blowing.nucleation_factor(t, p.t_nucleation)
    activity *= blowing.gel_slowdown(X, p.X_gel, p.gel_width)
    share = p.retention * P / n_cells
    to_co2 = 0.0
    out[K_CO2], out[K_AGENT] = p.k_CO2 * activity, p.k_agent * activity
    if p.k_CO2 > 0.0:
        V_polymer = V_liquid - BA_liquid * p.M_agent / p.rho_agent
        to_co2 = blowing.co2_transfer(
            p.k_CO2 * activity, CO2_liquid, p.henry, share * CO2, V_polymer
        )
    to_agent = 0.0
    if p.k_agent > 0.0:
        w_star = blowing.saturation(p.solubility_law, p.s_a, p.s_b, p.s_c, p.s_d, T)
        w_liquid = BA_liquid * p.M_agent / p.m_liquid
        to_agent = blowing.agent_transfer(
            p.k_agent * activity, w_liquid, w_star, share * BA, p.m_liquid, p.M_agent
        )

    kept_CO2 = M_CO2_KG_PER_MOL * p.retention * CO2
    kept_agent = p.M_agent * p.retention * BA
    out[R1] = r1
    out[R2] = r2
    out[TO_CO2] = to_co2
    out[TO_AGENT] = to_agent
    out[HEAT] = p.dH1 * r1 + p.dH2 * r2 - p.latent * p.M_agent * to_agent
    out[CAPACITY] = (
        (p.m_liquid - M_CO2_KG_PER_MOL * CO2) * p.c_liquid
        + kept_CO2 * p.c_CO2
        + p.M_agent * BA_liquid * p.c_agent_l
        + kept_agent * p.c_agent_g
    )
    out[V_LIQUID] = V_liquid
    out[N_CELLS] = n_cells
    out[V_FOAM] = gas.foam_volume(n_cells, T, P, V_liquid)
    out[DV_LIQUID] = -M_CO2_KG_PER_MOL * to_co2 / p.rho_liquid - to_agent * p.M_agent / p.rho_agent
    out[MASS] = p.m_liquid - M_CO2_KG_PER_MOL * CO2 + p.M_agent * BA_liquid + kept_CO2 + kept_agent
