"""What an engineer reads off a shot: times, densities, peaks, water."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin_core.models import lumped
from twin_core.mold import Mold
from twin_core.physics import mechanics
from twin_core.shot import Scenario
from twin_core.simulation import Trajectory, integrate
from twin_core.solvers.base import Array
from twin_core.units import celsius

RISE_SHARE = 0.98
"""Rise time: foam height reaches this share of its largest value."""
TACK_FREE_MARGIN = 0.1
"""Tack-free: OH conversion this far past gel (assumed; a lumped foam has no surface of its own)."""


@dataclass(frozen=True)
class Kpis:
    """Key figures of one shot; times count from the end of injection."""

    rho_moulded_kg_per_m3: float
    """Foam mass over the largest foam volume; in an open cup this is the free-rise density."""
    fill_ratio: float
    p_max_Pa: float
    t_p_max_s: float
    T_core_max_C: float
    t_T_core_max_s: float
    t_cream_s: float | None
    t_gel_s: float | None
    t_rise_s: float | None
    t_tack_free_s: float | None
    t_mold_full_s: float | None
    vent_closure_time_s: float | None
    nco_oh_index: float
    X_gel: float
    H_24h_shore: float
    water_from_polyol_kg: float
    water_from_rh_kg: float
    water_effective_kg: float
    """Water that has reacted to CO2 by the end of the run."""
    water_eff_fraction: float
    water_risk_score: float
    """Humidity's share of the water, 1 at ten per cent of the recipe's or more (assumed scale)."""


@dataclass(frozen=True)
class MechanicalState:
    """Load-bearing over time: cure factor, modulus [Pa], strength [Pa], hardness proxy [Shore]."""

    cure: Array
    E_Pa: Array
    strength_Pa: Array
    hardness_shore: Array


def mechanical_state(trajectory: Trajectory) -> MechanicalState:
    """Stiffness, strength and hardness proxy of the foam at every time of the run."""
    m, rho = trajectory.setup.system.mechanics, trajectory.rho_kg_per_m3
    cure = mechanics.cure_factor(m, trajectory.alpha, _alpha_at_gel(trajectory), trajectory.T_K)
    E = mechanics.modulus(m, rho, cure)
    return MechanicalState(
        cure=cure,
        E_Pa=E,
        strength_Pa=mechanics.strength(m, rho, cure),
        hardness_shore=mechanics.shore_proxy(m, E),
    )


def kpis(trajectory: Trajectory) -> Kpis:
    """Key figures of a finished run."""
    t, T, P = trajectory.t_s, trajectory.T_K, trajectory.P_Pa
    V, events, a = trajectory.V_foam_m3, trajectory.events, trajectory.setup.amounts
    hottest, highest = int(np.argmax(T)), int(np.argmax(P))
    mass = float(trajectory.rho_kg_per_m3[-1] * V[-1])
    rho = mass / float(V.max())
    mold = trajectory.setup.mold
    fill = 1.0 if mold.open else float(V.max()) / (mold.cavity_volume_m3 or 1.0)
    water = a.water_from_polyol_kg + a.water_from_rh_kg
    reacted = 0.0
    if a.n_water_mol > 0:
        left = float(trajectory.y[-1, lumped.W]) / a.n_water_mol
        reacted = 1.0 - min(max(left, 0.0), 1.0)  # the tolerance of the solver may pass zero
    humid_share = a.water_from_rh_kg / a.water_from_polyol_kg if a.water_from_polyol_kg else 0.0
    return Kpis(
        rho_moulded_kg_per_m3=rho,
        fill_ratio=min(fill, 1.0),
        p_max_Pa=float(P[highest]),
        t_p_max_s=float(t[highest]),
        T_core_max_C=celsius(float(T[hottest])),
        t_T_core_max_s=float(t[hottest]),
        t_cream_s=events.get("cream"),
        t_gel_s=events.get("gel"),
        t_rise_s=first_time(t, V - RISE_SHARE * V.max()),
        t_tack_free_s=first_time(t, trajectory.X_OH - trajectory.setup.X_gel - TACK_FREE_MARGIN),
        t_mold_full_s=events.get("mold_full"),
        vent_closure_time_s=_vent_closure(mold, events),
        nco_oh_index=a.index,
        X_gel=trajectory.setup.X_gel,
        H_24h_shore=_hardness_24h(trajectory, rho),
        water_from_polyol_kg=a.water_from_polyol_kg,
        water_from_rh_kg=a.water_from_rh_kg,
        water_effective_kg=reacted * water,
        water_eff_fraction=reacted,
        water_risk_score=min(1.0, 10.0 * humid_share),
    )


def free_rise_density(scenario: Scenario, backend_name: str | None = None) -> float:
    """Density [kg/m3] that the same pour reaches in an open cup, from a run of its own."""
    cup = Scenario(
        system=scenario.system,
        process=scenario.process,
        mold=scenario.mold.as_open_cup(),
        simulation=scenario.simulation,
    )
    run, _ = integrate(cup, backend_name)
    return float(run.rho_kg_per_m3.min())


def first_time(t: Array, value: Array) -> float | None:
    """First time at which ``value`` is >= 0, interpolated linearly; None if it never is."""
    above = np.flatnonzero(value >= 0.0)
    if len(above) == 0:
        return None
    i = int(above[0])
    if i == 0:
        return float(t[0])
    share = -value[i - 1] / (value[i] - value[i - 1])
    return float(t[i - 1] + share * (t[i] - t[i - 1]))


def _alpha_at_gel(trajectory: Trajectory) -> float:
    alpha = trajectory.alpha_at("gel")
    return 1.0 if alpha is None else alpha  # never gelled: no stiffness


def _vent_closure(mold: Mold, events: dict[str, float]) -> float | None:
    """Vents close when foam reaches them or at gel, whichever comes first."""
    if mold.open or mold.vents.area_m2 == 0:
        return None
    return min((events[name] for name in ("vent_closed", "gel") if name in events), default=None)


def _hardness_24h(trajectory: Trajectory, rho: float) -> float:
    """Hardness proxy after 24 h: fully cured, at ambient temperature (assumed); 0 if not gelled."""
    if "gel" not in trajectory.events:
        return 0.0
    m = trajectory.setup.system.mechanics
    one = np.ones(1)
    cure = mechanics.cure_factor(
        m, one, _alpha_at_gel(trajectory), one * trajectory.setup.T_ambient_K
    )
    return float(mechanics.shore_proxy(m, mechanics.modulus(m, one * rho, cure))[0])
