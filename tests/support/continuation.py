"""A part after its mold is opened, once more: numpy and SciPy, from the equations of the docs.

An independent second opinion on ``models.release``: other code, another solver, no extrapolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from twin_core import SimulationResult
from twin_core.arrays import Array
from twin_core.models import state as s

R = 8.314462618
AIR_W_PER_M2_K = 10.0


POINTS = (np.arange(24) + 0.5) / 24 - 0.5
"""Where each layer is looked at for the growth, in shares of it."""


@dataclass(frozen=True)
class Continued:
    """Times [s after the opening], growth of the thickness, amounts of each layer [mol] and
    temperatures [K] as (times, layers, 5)."""

    t_s: Array
    growth_ratio: Array
    y: Array
    part: Part

    def least_growth(self, cold_s: float, T_air_K: float) -> float:
        """Least growth until ``cold_s``, or when all is as cold as the air from then on."""
        y = np.apply_along_axis(lambda column: np.interp(cold_s, self.t_s, column), 0, self.y)
        y[:, 4] = T_air_K
        return float(min(self.growth_ratio[self.t_s <= cold_s].min(), self.part.growth(y)))

    @property
    def T_K(self) -> Array:
        """(layers, times)."""
        return np.asarray(self.y[:, :, 4].T)


def continued(result: SimulationResult, opened_s: float, until_s: float) -> Continued:
    """Follow the part that is opened at ``opened_s`` for ``until_s``."""
    part = Part(result, opened_s)
    times = np.concatenate((np.linspace(0.0, 60.0, 61), np.geomspace(62.0, until_s, 120)))
    found = solve_ivp(
        part.rhs, (0.0, until_s), part.y0.ravel(), "LSODA", times,
        rtol=1e-6, atol=1e-8 * part.scale(), lband=9, uband=9,
    )  # fmt: skip
    assert found.success, found.message
    layers = found.y.T.reshape(len(times), -1, 5)
    return Continued(times, np.array([part.growth(y) for y in layers]), layers, part)


class Part:
    """Part that came out of the mold of a run at ``opened_s``."""

    def __init__(self, result: SimulationResult, opened_s: float) -> None:
        run, m = result.run, result.scenario.system.mechanics
        record = run.solution.modes[-1][1][0]
        self.p: dict[str, Any] = {
            name: record[name].item() for name in record.dtype.names or () if name != "share"
        }
        y = np.array([np.interp(opened_s, run.t_s, column) for column in run.y.T])
        self.y0 = s.layered(y)
        self.share = record["share"][: len(self.y0)]
        self.t0 = opened_s
        self.mech = {name: getattr(m, name).value for name in MECHANICS}
        self.P_amb = self.p["P_ambient"]
        gel = s.layered(run.solution.y_at["gel"])
        self.alpha_gel = float(self.share @ self.alpha(gel[:, 0], gel[:, 1]))
        self.P0 = float(np.interp(opened_s, run.t_s, run.P_cells_Pa))
        self.P_still = self.P_amb + s.tail(y)[s.STRESS]
        self.V0 = self.at_opening(self.y0)
        whole = self.p["m_liquid"] + self.p["M_agent"] * self.p["n_BA0"]
        self.mass = np.full(len(self.y0), whole)
        self.V_all = float(self.share @ self.V0)
        self.face = 0.5 * self.p["area"] * min(1.0, self.V_all / self.p["V_mold"]) * self.p["sides"]

    def scale(self) -> Array:
        return np.array([*([self.p["n_OH0"]] * 4), 20.0] * len(self.y0))

    def at_opening(self, y: Array) -> Array:
        """Volumes in the mold [m3], at the one pressure there."""
        V_l, n = self.volumes(y)
        return np.asarray(V_l + n * R * y[:, 4] / self.P0)

    def volumes(self, y: Array) -> tuple[Array, Array]:
        p = self.p
        V_l = (p["m_liquid"] - 0.0440095 * y[:, 2]) / p["rho_liquid"]
        V_l = V_l + (p["n_BA0"] - y[:, 3]) * p["M_agent"] / p["rho_agent"]
        return V_l, y[:, 2] + y[:, 3] + p["n_nuclei"]

    def alpha(self, OH: Array, W: Array) -> Array:
        p = self.p
        if p["n_NCO0"] < p["n_OH0"] + 2 * p["n_W0"]:
            left = (p["n_NCO0"] - (p["n_OH0"] - OH) - 2 * (p["n_W0"] - W)) / p["n_NCO0"]
        else:
            left = (OH + 2 * W) / (p["n_OH0"] + 2 * p["n_W0"])
        return np.asarray(p["mixed"] * np.clip(1 - left, 0.0, 1.0))

    def stiffness(self, y: Array, V0: Array, mass: Array) -> Array:
        m, a = self.mech, self.alpha(y[:, 0], y[:, 1])
        rel = np.minimum(mass / V0 / m["density_solid"], 1.0)
        phi, nu = m["strut_fraction"], m["poisson"]
        E = m["E_solid"] * ((phi * rel) ** 2 + (1 - phi) * rel)
        full = E * (1 - nu) / ((1 + nu) * (1 - 2 * nu))
        Tg = (m["T_glass_uncured"] * (1 - a) + 0.5 * a * m["T_glass_cured"]) / (1 - 0.5 * a)
        step = 0.5 * (1 - np.tanh((y[:, 4] - Tg + m["relaxation_shift"]) / m["glass_width"]))
        net = np.clip((a - self.alpha_gel) / (1 - self.alpha_gel), 0.0, 1.0) ** m["cure_exponent"]
        r = m["rubbery_share"]
        return np.asarray(np.maximum(full * net * (r + (1 - r) * step), 1e-6 * full))

    def balance(self, y: Array, V0: Array, mass: Array) -> Array:
        """P of each layer, the positive root of P - P_still = M ((V_l + n R T/P)/V0 - 1)."""
        V_l, n = self.volumes(y)
        M = self.stiffness(y, V0, mass)
        half = 0.5 * (self.P_still + M * (V_l / V0 - 1.0))
        return np.asarray(half + np.sqrt(half**2 + M * n * R * y[:, 4] / V0))

    def pressure(self, y: Array) -> Array:
        return self.balance(y, self.V0, self.mass)

    def growth(self, y: Array) -> float:
        """Integral of the strain over the thickness, along straight lines through each layer."""
        at_first, now = self.profile(self.y0), self.profile(y)
        mass = np.repeat(self.mass, len(POINTS))
        V0 = self.at_opening(at_first)
        V_l, n = self.volumes(now)
        V = V_l + n * R * now[:, 4] / self.balance(now, V0, mass)
        each = np.repeat(self.share, len(POINTS)) / len(POINTS)
        return float(each @ (V - V0)) / float(each @ V0)

    def profile(self, y: Array) -> Array:
        """States at ``POINTS`` of each layer: its mean plus the gentler of the slopes to its
        neighbours; no slope at an extreme or in the middle of a part that is alike on both sides.
        """
        at = np.cumsum(self.share) - 0.5 * self.share
        slope = np.zeros_like(y)
        if len(y) > 1:
            between = np.diff(y, axis=0) / np.diff(at)[:, None]
            left, right = between[:-1], between[1:]
            same = left * right > 0
            slope[1:-1] = np.where(same, np.sign(left) * np.minimum(abs(left), abs(right)), 0.0)
            slope[0] = between[0]
            slope[-1] = between[-1] if self.p["sides"] < 2 else 0.0
        way = POINTS[None, :, None] * (self.share[:, None] * slope)[:, None, :]
        return np.asarray((y[:, None, :] + way).reshape(-1, y.shape[1]))

    def capacity(self, y: Array) -> Array:
        p = self.p
        return np.asarray(
            (p["m_liquid"] - 0.0440095 * y[:, 2]) * p["c_liquid"]
            + 0.0440095 * y[:, 2] * p["c_CO2"]
            + p["M_agent"] * (p["n_BA0"] - y[:, 3]) * p["c_agent_l"]
            + p["M_agent"] * y[:, 3] * p["c_agent_g"]
        )

    def heat_off_J(self, t_s: Array, y: Array, to_air_J: Array) -> Array:
        """How far the heat balance of a way is off at each of its times, by trapezoids.

        Sum of C dT, less the heat of the reactions and the work V dP, and the heat to the air.
        """
        p, T = self.p, y[:, :, 4]
        C = np.array([self.capacity(one) for one in y])
        P = np.array([self.pressure(one) for one in y])
        V_l, n = self.volumes(y.reshape(-1, 5))
        V = (V_l + n * R * y[:, :, 4].ravel() / P.ravel()).reshape(P.shape)
        off = np.zeros_like(t_s)
        stored = np.diff(T, axis=0) * 0.5 * (C[1:] + C[:-1])
        work = np.diff(P, axis=0) * 0.5 * (V[1:] + V[:-1])
        reacted = -p["dH1"] * np.diff(y[:, :, 0], axis=0) - p["dH2"] * np.diff(y[:, :, 1], axis=0)
        reacted -= p["latent"] * p["M_agent"] * np.diff(y[:, :, 3], axis=0)
        off[1:] = np.cumsum((stored - work - reacted) @ self.share)
        return np.asarray(off + to_air_J - to_air_J[0])

    def heat_over_air(self) -> float:
        C = self.capacity(self.y0)
        return float(self.share @ (C * (self.y0[:, 4] - self.p["T_ambient"])))

    def rhs(self, t: float, flat: Array) -> Array:
        p, y = self.p, flat.reshape(-1, 5)
        OH, W, CO2, BA, T = y.T
        X, NCO = 1 - OH / p["n_OH0"], p["n_NCO0"] - (p["n_OH0"] - OH) - 2 * (p["n_W0"] - W)
        V_l, n = self.volumes(y)
        P = self.pressure(y)
        f = np.ones_like(X)
        if p["gelling_law"] == 1:
            f = np.where(X < 0.5, 1.0, np.where(X < 0.87, 2.013 - 2.027 * X, 3.461 * X - 2.761))
        r1 = p["A1"] * np.exp(-p["E1"] / (R * T)) * f * OH * NCO / (p["mixed"] * V_l)
        r2 = p["A2"] * np.exp(-p["E2"] / (R * T)) * W * NCO / (NCO + 1e-3 * p["n_NCO0"])
        act = (n / (n + 10 * p["n_nuclei"])) ** (1 / 3)
        if p["t_nucleation"] > 0:
            act = act * (1 + np.tanh(6 * (self.t0 + t - p["t_nucleation"]) / p["t_nucleation"])) / 2
        leaves = p["k_agent"] * act
        if p["gel_width"] > 0:
            leaves = leaves * (1 - np.tanh((X - p["X_gel"]) / p["gel_width"] + 2)) / 2
        part = P / n
        V_p = V_l - (p["n_BA0"] - BA) * p["M_agent"] / p["rho_agent"]
        to_C = (
            p["k_CO2"]
            * act
            * (p["retention"] * (p["n_W0"] - W) - CO2 - p["henry"] * part * CO2 * V_p)
        )
        to_B = np.zeros_like(T)
        if p["k_agent"] > 0:
            if p["solubility_law"] == 2:
                p_sat = 1e5 * 10 ** (p["s_a"] - p["s_b"] / (T + p["s_c"]))
                w = p["s_d"] * 101325 / p_sat
            else:
                w = p["s_a"] + p["s_b"] * np.exp(
                    -0.5 * (np.maximum(T - p["s_c"], 0.0) / p["s_d"]) ** 2
                )
            liquid = (p["retention"] * p["n_BA0"] - BA) * p["M_agent"] / p["m_liquid"]
            to_B = leaves * (liquid - w * part * BA / 101325)
            to_B = to_B * p["m_liquid"] / p["M_agent"]
        q = self.heat_flows(T, P, V_l, n)
        C = self.capacity(y)
        rates = np.stack((-r1, -r2, to_C, to_B, np.zeros_like(T)), axis=1)
        reacting = p["dH1"] * r1 + p["dH2"] * r2 - p["latent"] * p["M_agent"] * to_B
        heat = reacting - np.diff(q) / self.share
        V = V_l + n * R * T / P
        # P' = (P by amounts) + (P by T) T', and C T' = heat + V P'
        h, dT = 1e-4, 1e-3
        by_amounts = (self.pressure(y + h * rates) - self.pressure(y - h * rates)) / (2 * h)
        warm = np.zeros_like(y)
        warm[:, 4] = dT
        by_T = (self.pressure(y + warm) - self.pressure(y - warm)) / (2 * dT)
        rates[:, 4] = (heat + V * by_amounts) / (C - V * by_T)
        return np.asarray(rates.ravel())

    def heat_flows(self, T: Array, P: Array, V_l: Array, n: Array) -> Array:
        p, V = self.p, V_l + n * R * T / P
        rho = self.mass / V
        k = np.where(
            rho > 48,
            (8.7006e-8 * rho + 8.4674e-5) * rho + 0.0116,
            (9.3738e-6 * rho - 7.3511e-4) * rho + 0.02956,
        )
        half = 0.5 * p["thickness"] / p["sides"] * self.share * V / (self.V_all * k)
        air = 1.0 / AIR_W_PER_M2_K
        q = np.zeros(len(T) + 1)
        q[0] = self.face * (p["T_ambient"] - T[0]) / (air + half[0] / p["wall_factor"])
        q[1:-1] = self.face * (T[:-1] - T[1:]) / (half[:-1] + half[1:])
        if p["sides"] < 2:
            q[-1] = self.face * (T[-1] - p["T_ambient"]) / (air + half[-1] / p["wall_factor"])
        return q


MECHANICS = (
    *("E_solid", "density_solid", "strut_fraction", "poisson", "cure_exponent"),
    *("T_glass_uncured", "T_glass_cured", "rubbery_share", "relaxation_shift", "glass_width"),
)
