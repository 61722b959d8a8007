"""The answer to what if: curves, window and swell of a shot, small enough for a page."""

from __future__ import annotations

import math
from typing import Any

from twin_core.calibration.parameter_set import ParameterSet, as_read
from twin_core.errors import InputError
from twin_core.results.opening import opened_at
from twin_core.results.result import SimulationResult
from twin_core.scenario import Scenario
from twin_core.units import PA_PER_BAR, ZERO_CELSIUS_K, bar

POINTS_MAX = 200
"""Of a curve."""
_DT_MAX_S = 60.0


def for_a_page(scenario: Scenario) -> Scenario:
    """The scenario with as many output times as a page shows."""
    options = scenario.simulation
    dt_s = min(max(options.dt_s, options.t_end_s / (POINTS_MAX - 1)), _DT_MAX_S)
    return scenario.model_copy(update={"simulation": options.model_copy(update={"dt_s": dt_s})})


def answer(
    result: SimulationResult,
    opened_s: float | None,
    reported: Scenario | None = None,
    parameter_set: ParameterSet | None = None,
) -> dict[str, Any]:
    """A shot as a page shows it; times in s after the end of injection.

    Curves are what the sensors would read, key figures what is true.

    Args:
        result: of a scenario ``for_a_page``.
        opened_s: the part is opened then; None where nobody asks.
        reported: the scenario without a parameter set; None: it was simulated as it is.
        parameter_set: the set that it was simulated with.
    """
    shown, k = reported or result.scenario, result.kpis
    process, mold = shown.process, shown.mold
    every = math.ceil(len(result.time_s) / POINTS_MAX)
    curves = {
        "time_s": result.time_s,
        "T_core_C": result.T_core_K - ZERO_CELSIUS_K,
        "T_mold_C": result.T_mold_K - ZERO_CELSIUS_K,
        "p_cavity_bar": result.p_total_Pa / PA_PER_BAR,
        "alpha": result.alpha,
        "rho_kg_per_m3": result.rho_kg_per_m3,
        "hardness_shore": result.hardness_shore,
    }
    for name in ("T_core_C", "T_mold_C", "p_cavity_bar"):
        curves[name] = curves[name] + as_read(name, 0.0, parameter_set, mold.mold_id)
    release = result.release
    swell = (
        {}
        if release is None
        else {
            "opened_s": release.opened_s,
            "swell_mm": release.swell_mm,
            "shrink_mm": release.shrink_mm,
        }
    )
    return {
        "inputs": {
            "T_polyol_C": process.T_polyol_C,
            "T_iso_C": process.T_iso_C,
            "T_mold_C": process.T_ambient_C if process.T_mold_C is None else process.T_mold_C,
            "T_ambient_C": process.T_ambient_C,
            "RH_ambient_pct": process.RH_ambient_pct,
            "nco_oh_index": k.nco_oh_index,
            "mass_kg": process.m_polyol_kg + process.m_iso_kg + process.m_additives_kg,
            "vents_count": None if mold.open else mold.vents.count,
            "thickness_mm": None if mold.open else 1e3 * mold.slab_thickness_m(),
        },
        "curves": _rounded(curves, every),
        "swell": _rounded(swell, 1 if release is None else math.ceil(len(swell["opened_s"]) / 200)),
        "window": {
            "t_demold_min_s": result.t_demold_min_s,
            "t_demold_opt_s": result.t_demold_opt_s,
            "t_demold_max_s": result.t_demold_max_s,
            "binding": dict(result.demold_binding),
        },
        "kpis": {
            "rho_moulded_kg_per_m3": result.rho_moulded,
            "p_max_bar": bar(result.p_max_Pa),
            "T_core_max_C": k.T_core_max_C,
            "fill_ratio": k.fill_ratio,
            "H_demold_shore": result.H_demold_shore,
            "H_24h_shore": result.H_24h_shore,
            "alpha_demold": result.alpha_demold,
            "vent_closure_time_s": result.vent_closure_time_s,
            "swell_at_opt_mm": result.swell_at_opt.get("swell_mm"),
        },
        "parameter_set": None if parameter_set is None else parameter_set.set_id,
        "quality_status": result.quality_status,
        "pressure_status": result.pressure_status,
        "defect_risk": result.defect_risk,
        "diagnostics": [{"code": d.code, "words": d.words} for d in result.diagnostics],
        "opening": _opening(result, opened_s),
    }


def _opening(result: SimulationResult, opened_s: float | None) -> dict[str, Any] | None:
    if opened_s is None or result.scenario.mold.open:
        return None
    try:
        figures = opened_at(result, opened_s).figures()
    except InputError as error:  # before gel nothing holds
        return {"opened_s": opened_s, "problem": str(error)}
    return {name: figures[name] for name in ("opened_s", "swell_mm", "shrink_mm")} | {
        "strength_use_ratio": figures["strength_use_ratio"]
    }


def _rounded(curves: dict[str, Any], every: int) -> dict[str, list[float]]:
    """Curves with five digits: what a page can show."""
    return {
        name: [float(f"{value:.5g}") for value in array[::every].tolist()]
        for name, array in curves.items()
    }
