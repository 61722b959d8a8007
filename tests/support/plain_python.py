"""The 0D model once more, in plain Python: the peer in benchmarks, and a second opinion.

Written from the equations of docs/physics.md, without the product's functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from twin_core.arrays import Array, Parameters
from twin_core.solvers.base import OdeProblem

R = 8.314462618


def plain_rhs(
    ode: OdeProblem, mode: Parameters | None = None
) -> Callable[[float, Array], list[float]]:
    """rhs(t, y) of a mode (else the first) of a 0D problem with gauss or line solubility."""
    record = (ode.parameters if mode is None else mode)[0]
    p: dict[str, Any] = {
        name: record[name].item() for name in record.dtype.names or () if name != "share"
    }
    get = p.__getitem__
    A1, E1, dH1, A2, E2, dH2 = map(get, ("A1", "E1", "dH1", "A2", "E2", "dH2"))
    mixed = p["mixed"]
    OH0, NCO0, W0, BA0, X_gel = map(get, ("n_OH0", "n_NCO0", "n_W0", "n_BA0", "X_gel"))
    m, rho, c, nuc, width = map(
        get, ("m_liquid", "rho_liquid", "c_liquid", "n_nuclei", "gel_width")
    )
    henry, k_C, c_C, k_B, M_B = map(get, ("henry", "k_CO2", "c_CO2", "k_agent", "M_agent"))
    rho_B, c_Bl, c_Bg, latent = map(get, ("rho_agent", "c_agent_l", "c_agent_g", "latent"))
    a, b, cc, d = map(get, ("s_a", "s_b", "s_c", "s_d"))
    is_open, P_amb, V_m, T_a = map(get, ("is_open", "P_ambient", "V_mold", "T_air"))
    A_v, C_d, area, thick = map(get, ("vent_area", "vent_discharge", "area", "thickness"))
    C_m, UA, T_amb, UA_h, T_h = map(
        get, ("C_mold", "UA_ambient", "T_ambient", "UA_heater", "T_heater_1")
    )
    t_n, kept = p["t_nucleation"], p["retention"]
    E_s, rho_s, phi, nu, power = map(
        get, ("E_solid", "rho_solid", "strut_fraction", "poisson", "cure_exponent")
    )
    Tg0, Tg1, r, shift, wide = map(
        get, ("Tg_uncured", "Tg_cured", "rubbery_share", "relaxation_shift", "glass_width")
    )
    gelled, stop = p["alpha_gel"], p["alpha_stop"]

    def stiffness(X: float, W: float, NCO: float, T: float, dens: float) -> float:
        if gelled >= 1:
            return 0.0
        full = E_s * ((phi * dens / rho_s) ** 2 + (1 - phi) * dens / rho_s) / (3 - 6 * nu)
        if NCO0 < OH0 + 2 * W0:
            done = 1 - NCO / NCO0
        else:
            done = 1 - ((1 - X) * OH0 + 2 * W) / (OH0 + 2 * W0)
        if stop:
            grown = P_amb * math.exp((done - stop) / 0.02)
            return grown * full / (grown + full)
        alpha = mixed * done
        if alpha <= gelled:
            return 0.0
        T_g = (Tg0 * (1 - alpha) + 0.5 * alpha * Tg1) / (1 - 0.5 * alpha)
        glass = (1 - math.tanh((T - T_g + shift) / wide)) / 2
        return full * ((alpha - gelled) / (1 - gelled)) ** power * (r + (1 - r) * glass)

    law, line, vents_open = p["gelling_law"], p["solubility_law"] == 1, p["vent_open"] > 0

    def rhs(t: float, y: Array) -> list[float]:  # noqa: PLR0912
        OH, W, CO2, BA, T, T1, T2, tension, air, _ = y.tolist()
        X = 1 - OH / OH0
        NCO = NCO0 - (OH0 - OH) - 2 * (W0 - W)
        V_p = (m - 0.04401 * CO2) / rho
        V_l = V_p + (BA0 - BA) * M_B / rho_B
        n = CO2 + BA + nuc
        if is_open:
            P_air = P_amb
        else:  # cells at P + s and air at P fill the cavity
            a2, a0 = V_m - V_l, -R * air * T_a * tension
            a1 = a2 * tension - R * (n * T + air * T_a)
            P_air = (-a1 + math.sqrt(a1 * a1 - 4 * a2 * a0)) / (2 * a2)
        P = P_air + tension
        V_f = V_l + n * R * T / P
        f = 1.0
        if law == 1 and X >= 0.5:
            f = 2.013 - 2.027 * X if X < 0.87 else 3.461 * X - 2.761
        r1 = A1 * math.exp(-E1 / (R * T)) * f * OH * NCO / (mixed * V_l)
        r2 = A2 * math.exp(-E2 / (R * T)) * W * NCO / (NCO + 1e-3 * NCO0) if A2 else 0.0
        act = (n / (n + 10 * nuc)) ** (1 / 3)
        if t_n:
            act *= (1 + math.tanh(6 * (t - t_n) / t_n)) / 2
        to_C = k_C * act * (kept * (W0 - W) - CO2 - henry * P * CO2 / n * V_p)
        if width:
            act *= (1 - math.tanh((X - X_gel) / width + 2)) / 2
        to_B = 0.0
        if k_B:
            if line:
                x = min(max(a - (T - b) / cc, 0.0), a)
                w = x / (1 - x) * d
            else:
                w = a + b * math.exp(-0.5 * (max(T - cc, 0.0) / d) ** 2)
            to_B = k_B * act * ((kept * BA0 - BA) * M_B / m - w * P * BA / n / 101325) * m / M_B
        vented = 0.0
        if vents_open:
            free = min(1.0, max(0.0, (1 - V_f / V_m) / 0.01))
            dP = P_air - P_amb
            if dP and free:
                up = max(P_air, P_amb)
                ratio = max(min(P_air, P_amb) / up, 0.5283)
                R_s = R / 0.028965
                psi = 2 * 1.4 / (0.4 * R_s * T_a) * (ratio ** (2 / 1.4) - ratio ** (2.4 / 1.4))
                vented = C_d * A_v * free * up / 0.028965 * math.sqrt(psi)
                vented *= math.copysign(math.sqrt(abs(dP) / (abs(dP) + 20)), dP)
        q1 = q2 = 0.0
        dens = (m + M_B * BA0) / V_f
        if area:
            k = (
                (8.7006e-8 * dens + 8.4674e-5) * dens + 0.0116
                if dens > 48
                else (9.3738e-6 * dens - 7.3511e-4) * dens + 0.02956
            )
            per_K = math.pi**2 / 4 * k / (thick / 2) * area / 2 * min(1.0, V_f / V_m)
            q1, q2 = per_K * (T - T1), per_K * (T - T2)
        C = (m - 0.04401 * CO2) * c + 0.04401 * CO2 * c_C + M_B * ((BA0 - BA) * c_Bl + BA * c_Bg)
        heat = dH1 * r1 + dH2 * r2 - latent * M_B * to_B - q1 - q2
        # V' = a + b P' by gas law and heat, s' = K V'/V, and V' of foam and air add up to nothing
        dV = -0.04401 * to_C / rho - to_B * M_B / rho_B
        a_ = dV + R * ((to_C + to_B) * T + n * heat / C) / P
        b_ = R * n * V_f / (C * P) - R * n * T / (P * P)
        k_V = stiffness(X, W, NCO, T, dens) / V_f
        if is_open:
            dP_cells = k_V * a_ / (1 - k_V * b_)
        else:
            soft = R * air * T_a / P_air**2
            dP_cells = (R * vented * T_a / P_air - a_ - soft * k_V * a_) / (
                b_ - soft + soft * k_V * b_
            )
        tightened = k_V * (a_ + b_ * dP_cells)
        heat += V_f * dP_cells
        d1 = (2 * q1 - UA * (T1 - T_amb) + UA_h * (T_h - T1)) / C_m if C_m else 0.0
        d2 = (2 * q2 - UA * (T2 - T_amb) + UA_h * (T_h - T2)) / C_m if C_m else 0.0
        return [-r1, -r2, to_C, to_B, heat / C, d1, d2, tightened, -vented, q1 + q2]

    return rhs


def plain_states(ode: OdeProblem, states: Array, mode: Parameters | None = None) -> Array:
    """Derivatives at each state of a mode."""
    rhs = plain_rhs(ode, mode)
    return np.array([rhs(0.0, y) for y in states])
