"""Do mass and energy close? Computed from the finished trajectory, independently of the solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin_core.models import lumped
from twin_core.simulation import Trajectory
from twin_core.solvers.base import Array
from twin_core.units import M_CO2_KG_PER_MOL


@dataclass(frozen=True)
class Audit:
    """Largest residuals over the run, each relative to what is balanced; and the heat account.

    ``energy_residual_ratio`` is relative to the heat released.
    """

    mass_residual_ratio: float
    nco_residual_ratio: float
    water_co2_residual_ratio: float
    agent_residual_ratio: float
    air_residual_ratio: float
    energy_residual_ratio: float
    heat_released_J: float
    heat_sensible_J: float
    heat_evaporation_J: float
    heat_to_mold_J: float
    work_by_pressure_J: float

    @property
    def species_residual_ratio(self) -> float:
        """The worst of the balances of matter."""
        return max(
            self.mass_residual_ratio,
            self.nco_residual_ratio,
            self.water_co2_residual_ratio,
            self.agent_residual_ratio,
            self.air_residual_ratio,
        )


def audit(trajectory: Trajectory) -> Audit:
    """Balance one run.

    Energy: the sensible heat (integral of C dT) must equal heat of reaction minus evaporation minus
    heat to the mold plus the work V dP; the integrals are taken over the stored states, by the
    trapezoidal rule, in their Stieltjes form so that constant factors stay exact.
    """
    s, a, y = trajectory.setup.system, trajectory.setup.amounts, trajectory.y
    co2_l, co2_g = y[:, lumped.CO2_L], y[:, lumped.CO2_G]
    ba_l, ba_g = y[:, lumped.BA_L], y[:, lumped.BA_G]
    urethane = a.n_OH_mol - y[:, lumped.OH]
    water = a.n_water_mol - y[:, lumped.W]
    nco = a.n_NCO_mol - y[:, lumped.NCO] - urethane - 2.0 * water
    n_agent0, n_air0 = float(y[0, lumped.BA_L] + y[0, lumped.BA_G]), float(y[0, lumped.AIR])
    air = n_air0 - y[:, lumped.AIR] - y[:, lumped.VENTED]
    foam_mass = trajectory.rho_kg_per_m3 * trajectory.V_foam_m3

    c_l = s.liquid.c_p.value
    c_co2 = s.carbon_dioxide.c_p.value if s.carbon_dioxide else 0.0
    agent = s.blowing_agent
    latent = 0.0
    T = trajectory.T_K
    liquid = a.m_liquid_kg - M_CO2_KG_PER_MOL * co2_g
    sensible = _stieltjes(liquid * c_l + M_CO2_KG_PER_MOL * co2_g * c_co2, T)
    if agent is not None:
        M = agent.M.value
        stored = M * (ba_l * agent.c_p_liquid.value + ba_g * agent.c_p_gas.value)
        sensible += _stieltjes(stored, T)
        latent = agent.latent_heat.value * M
    released = s.gelling.heat.value * urethane
    if s.water_reaction is not None:
        released = released + s.water_reaction.heat.value * water
    evaporation = latent * ba_g
    to_mold = y[:, lumped.Q_WALL]
    work = _stieltjes(trajectory.V_foam_m3, trajectory.P_Pa)
    energy = sensible - released + evaporation + to_mold - work
    total = float(released[-1])
    mass0 = float(foam_mass[0])
    return Audit(
        mass_residual_ratio=_worst(foam_mass - mass0, mass0),
        nco_residual_ratio=_worst(nco, a.n_NCO_mol),
        water_co2_residual_ratio=_worst(water - co2_l - co2_g, a.n_water_mol),
        agent_residual_ratio=_worst(n_agent0 - ba_l - ba_g, n_agent0),
        air_residual_ratio=_worst(air, n_air0),
        energy_residual_ratio=_worst(energy, total),
        heat_released_J=total,
        heat_sensible_J=float(sensible[-1]),
        heat_evaporation_J=float(evaporation[-1]),
        heat_to_mold_J=float(to_mold[-1]),
        work_by_pressure_J=float(work[-1]),
    )


def _stieltjes(f: Array, g: Array) -> Array:
    """Running integral of f dg."""
    pieces = 0.5 * (f[1:] + f[:-1]) * np.diff(g)
    return np.concatenate(([0.0], np.cumsum(pieces)))


def _worst(residual: Array, reference: float) -> float:
    """Largest absolute residual over the reference; the residual itself where there is nothing."""
    return float(np.max(np.abs(residual)) / (reference or 1.0))
