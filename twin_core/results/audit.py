"""Do mass and energy close? Computed from the finished run, independently of the solver."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from twin_core.arrays import Array, Parameters
from twin_core.compiled import allocating
from twin_core.models import heat_balance as account
from twin_core.models import state as s
from twin_core.models.heat_balance import heat_capacity, parabolas


@dataclass(frozen=True)
class Audit:
    """Largest residuals over the run, each relative to what is balanced; and the heat account.

    The groups and the gases are balanced against what is seen of them: pressures, volumes, density.
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


FIELDS = tuple(item.name for item in fields(Audit))
"""Columns that ``balance`` writes."""


@allocating
def balance(
    t: Array, y: Array, observables: Array, params: Parameters, heat: Array, out: Array
) -> None:  # fmt: skip
    """``FIELDS`` of a run, into ``out``.

    Matter: groups, water and agent close by construction (see ``models.state``), to rounding; the
    mass is that of density and volume as they are seen, and the gases must add up to the pressure
    (``air_residual_ratio``). Energy: the sensible heat (integral of C dT over all layers) must
    equal heat of reaction minus evaporation minus heat to the mold plus the work V dP; the
    integrals are taken along the dense output of the steps where the backend does so, else over the
    stored states by parabolas through three.

    Args:
        heat: ``account.ACCOUNTS`` of the dense output, or empty.
    """
    out[:] = 0.0
    p = params[0]
    n = s.layer_count(y.shape[1])
    mass0 = p.m_liquid + p.M_agent * p.n_BA0
    sensible, work, worst, released, evaporated, to_mold = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    C, T3 = np.zeros((n, 3)), np.zeros((n, 3))
    for row in range(y.shape[0]):
        slot = 0 if row == 0 else 2 - row % 2
        NCO, water, agent, released, evaporated = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(n):
            j, share = s.LAYER_STATES * i, p.share[i]
            OH, W, CO2, BA, T = (
                y[row, j],
                y[row, j + 1],
                y[row, j + 2],
                y[row, j + 3],
                y[row, j + 4],
            )
            urethane, urea = p.n_OH0 - OH, p.n_W0 - W
            left = p.n_NCO0 - urethane - 2.0 * urea
            dissolved, liquid = urea - CO2, p.n_BA0 - BA
            NCO = max(NCO, abs(left + urethane + 2.0 * urea - p.n_NCO0))
            water = max(water, abs(W + dissolved + CO2 - p.n_W0))
            agent = max(agent, abs(liquid + BA - p.n_BA0))
            T3[i, slot] = T
            C[i, slot] = heat_capacity(CO2, BA, p)
            released += share * (p.dH1 * urethane + p.dH2 * urea)
            evaporated += share * p.latent * p.M_agent * BA
        if row > 0 and row % 2 == 0:
            k = row - 2
            at = (t[row - 1] - t[k]) / (t[row] - t[k])
            V, P = observables[k : row + 1, s.V_], observables[k : row + 1, s.P_CELLS_]
            work += parabolas(at, V[0], V[1], V[2], P[0], P[1], P[2])
            for i in range(n):
                sensible += p.share[i] * parabolas(
                    at, C[i, 0], C[i, 1], C[i, 2], T3[i, 0], T3[i, 1], T3[i, 2]
                )
                C[i, 0], T3[i, 0] = C[i, 2], T3[i, 2]
        to_mold = y[row, s.LAYER_STATES * n + s.Q_WALL]
        mass = observables[row, s.RHO_] * observables[row, s.V_] - mass0
        gas = (
            observables[row, s.P_AIR_]
            + observables[row, s.P_CO2_]
            + observables[row, s.P_AGENT_]
            - observables[row, s.P_]
        )
        out[0] = max(out[0], abs(mass) / mass0)
        out[1] = max(out[1], NCO / p.n_NCO0)
        out[2] = max(out[2], water / (p.n_W0 if p.n_W0 > 0.0 else 1.0))
        out[3] = max(out[3], agent / (p.n_BA0 if p.n_BA0 > 0.0 else 1.0))
        out[4] = max(out[4], abs(gas) / p.P_ambient)
        if row % 2 == 0:
            worst = max(worst, abs(sensible - released + evaporated + to_mold - work))
    if heat.size > 0:
        worst, released, sensible = (
            heat[account.WORST],
            heat[account.RELEASED],
            heat[account.SENSIBLE],
        )
        evaporated, to_mold, work = (
            heat[account.EVAPORATED],
            heat[account.TO_MOLD],
            heat[account.WORK],
        )
    out[5] = worst / (released if released > 0.0 else 1.0)
    out[6], out[7], out[8] = released, sensible, evaporated
    out[9], out[10] = to_mold, work
