"""What a run is judged by, as one record for compiled code: walls of the cells, limits, the shot.

A limit that is not set is NaN.
"""

from __future__ import annotations

import numpy as np

from twin_core.arrays import Parameters, record_of
from twin_core.models.setup import Setup
from twin_core.physics.rheology import CASTRO_MACOSKO
from twin_core.scenario import Scenario
from twin_core.units import kelvin, pascal

LIMITS = np.dtype(
    [
        (name, np.float64)
        for name in (
            "E_solid strength_solid rho_solid strut_fraction poisson cure_exponent "
            "T_glass_uncured T_glass_cured hardness_scale face_strength rubbery_share "
            "rubbery_strength_share relaxation_shift glass_width eta_A eta_E eta_a eta_b "
            "X_gelled X_sticky X_reach "
            "surface_warmth alpha_min H_min gel_margin swell_max swell_max_m "
            "shrink_max shrink_max_m T_wall_max T_wall_min T_part_min p_limit t_cycle_max "
            "rho_min rho_max T_core_max H_24h_min risk_max "
            "T_ambient P_ambient V_cavity has_vents water_from_polyol water_from_rh"
        ).split()
    ]
)
"""SI. ``X_gelled, X_sticky``: conversion of a layer that is past gel by its margin, and of a
surface that no longer sticks; ``X_reach``: what can react at all. ``V_cavity`` is NaN in an open
cup."""


def past_gel(setup: Setup, margin: float) -> float:
    """OH conversion past gel by a share of what can still react there.

    The NCO that the water leaves may end before the OH does: then no more than that can react.
    """
    return setup.X_gel + margin * max(_reach(setup) - setup.X_gel, 0.0)


def _reach(setup: Setup) -> float:
    a = setup.amounts
    return min(1.0, max(a.n_NCO_mol - 2.0 * a.n_water_mol, 0.0) / a.n_OH_mol)


def limits_record(scenario: Scenario, setup: Setup) -> Parameters:
    """The record of one scenario, shape (1,)."""
    q, m, mold, a = scenario.quality, setup.system.mechanics, setup.mold, setup.amounts
    rheology, gel = setup.system.rheology, setup.system.gel
    eta = (
        CASTRO_MACOSKO
        if rheology is None
        else {name: getattr(rheology, name).value for name in CASTRO_MACOSKO}
    )
    numbers: dict[str, float | None] = {
        "E_solid": m.E_solid.value,
        "strength_solid": m.strength_solid.value,
        "rho_solid": m.density_solid.value,
        "strut_fraction": m.strut_fraction.value,
        "poisson": m.poisson.value,
        "cure_exponent": m.cure_exponent.value,
        "T_glass_uncured": m.T_glass_uncured.value,
        "T_glass_cured": m.T_glass_cured.value,
        "hardness_scale": m.hardness_scale.value,
        "face_strength": m.face_strength.value,
        "rubbery_share": m.rubbery_share.value,
        "rubbery_strength_share": m.rubbery_strength_share.value,
        "relaxation_shift": m.relaxation_shift.value,
        "glass_width": m.glass_width.value,
        "X_gelled": past_gel(setup, q.gel_margin),
        "X_sticky": past_gel(setup, gel.tack_free_margin.value),
        "X_reach": _reach(setup),
        "surface_warmth": gel.surface_warmth.value,
        "alpha_min": q.alpha_demold_min,
        "H_min": q.H_demold_min_shore or None,
        "gel_margin": q.gel_margin,
        "swell_max": q.swell_max,
        "swell_max_m": 1e-3 * q.swell_max_mm,
        "shrink_max": q.shrink_max,
        "shrink_max_m": 1e-3 * q.shrink_max_mm,
        "T_wall_max": None if q.T_wall_max_C is None else kelvin(q.T_wall_max_C),
        "T_wall_min": None if q.T_wall_min_C is None else kelvin(q.T_wall_min_C),
        "T_part_min": None if q.T_part_min_C is None else kelvin(q.T_part_min_C),
        "p_limit": pascal(q.p_max_allowable_bar),
        "t_cycle_max": q.t_cycle_max_s,
        "rho_min": q.rho_moulded_min_kg_per_m3,
        "rho_max": q.rho_moulded_max_kg_per_m3,
        "T_core_max": None if q.core_temp_max_C is None else kelvin(q.core_temp_max_C),
        "H_24h_min": q.H_24h_min_shore or None,
        "risk_max": q.defect_risk_max,
        "T_ambient": setup.T_ambient_K,
        "P_ambient": setup.P_ambient_Pa,
        "V_cavity": None if mold.open else mold.cavity_volume_m3,
        "has_vents": float(not mold.open and mold.vents.area_m2 > 0.0),
        "water_from_polyol": a.water_from_polyol_kg,
        "water_from_rh": a.water_from_rh_kg,
    }
    numbers |= {f"eta_{name}": value for name, value in eta.items()}
    values = map(numbers.__getitem__, LIMITS.names or ())
    return record_of([np.nan if value is None else value for value in values], LIMITS)
