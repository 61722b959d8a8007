"""``simulate``: one scenario in, everything about the shot out, under the names users know."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin_core.compiled import PHYSICS_HASH
from twin_core.models import observe
from twin_core.models import part_properties as part
from twin_core.models import state as s
from twin_core.results.assessment import Diagnostic, assess
from twin_core.results.audit import Audit, audit
from twin_core.results.demold_window import DemoldWindow
from twin_core.results.kpi import Kpis
from twin_core.results.summary import summarize
from twin_core.scenario import Scenario
from twin_core.solvers.base import Array, Statistics
from twin_core.trajectory import Trajectory, integrate

SERIES = [
    "time_s",
    "alpha",
    "T_core_K",
    "T_mold_K",
    "rho_kg_per_m3",
    "fill_ratio",
    "n_CO2_mol",
    "p_air_Pa",
    "p_CO2_Pa",
    "p_pentane_Pa",
    "p_total_Pa",
    "vent_eff",
    "hardness_shore",
    "viscosity_Pa_s",
]
"""The arrays of a result, all of the same length."""

CSV_COLUMNS = [
    "time_s",
    "alpha",
    "T_core_K",
    "T_mold_K",
    "rho_kg_per_m3",
    "p_total_Pa",
    "p_air_Pa",
    "p_CO2_Pa",
    "p_pentane_Pa",
    "vent_eff",
    "hardness_shore",
]
"""Header of the exported profile, as the first generation wrote it."""


@dataclass(frozen=True)
class LayerProfiles:
    """The layers of a 1D run from wall to wall: ``x_ratio`` (layers,), where in the thickness the
    middle of each lies at the end; the others (times, layers)."""

    x_ratio: Array
    T_K: Array
    alpha: Array
    rho_kg_per_m3: Array


@dataclass(frozen=True)
class SimulationResult:
    """One simulated shot. Arrays have shape (times,); times count from the end of injection.

    The partial pressures are shares of the gas in the cavity and add up to ``p_total_Pa``;
    ``p_air_Pa`` is headspace air and entrained air, ``p_pentane_Pa`` the physical blowing agent
    whatever it is. ``fill_ratio`` is foam volume over cavity volume (1 in an open cup), and
    ``hardness_shore`` a proxy. Pressures are absolute.
    """

    time_s: Array
    alpha: Array
    T_core_K: Array
    T_mold_K: Array
    rho_kg_per_m3: Array
    fill_ratio: Array
    n_CO2_mol: Array
    p_air_Pa: Array
    p_CO2_Pa: Array
    p_pentane_Pa: Array
    p_total_Pa: Array
    vent_eff: Array
    hardness_shore: Array
    viscosity_Pa_s: Array
    """Of the liquid in the middle; 1e6 stands for gelled."""
    layers: LayerProfiles | None
    """None in 0D."""

    t_demold_min_s: float | None
    t_demold_opt_s: float | None
    t_demold_max_s: float | None
    demold_binding: Mapping[str, str | None]
    """Criterion that decides the ``earliest`` and the ``latest`` time."""
    demold_margins: Mapping[str, float]
    rho_moulded: float
    """kg/m3; the free-rise density in an open cup."""
    p_max_Pa: float
    pressure_status: str
    vent_closure_time_s: float | None
    H_demold_shore: float | None
    H_24h_shore: float
    alpha_demold: float | None
    quality_status: str
    defect_risk: float
    risks: Mapping[str, float]
    diagnostics: list[Diagnostic]
    water_from_polyol_kg: float
    water_from_rh_kg: float
    water_effective_kg: float
    water_eff_fraction: float
    water_risk_score: float
    kpis: Kpis
    audit: Audit
    statistics: Statistics
    scenario: Scenario
    physics_hash: str = PHYSICS_HASH

    def as_dict(self, *, series: bool = True) -> dict[str, Any]:
        """Plain data for JSON; without the arrays when ``series`` is false."""
        found: dict[str, Any] = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if item.name in SERIES:
                if series:
                    found[item.name] = value.tolist()
            elif item.name == "layers":
                if series and value is not None:
                    profiles = dataclasses.asdict(value).items()
                    found["layers"] = {name: array.tolist() for name, array in profiles}
            elif item.name == "scenario":
                found["scenario_id"] = value.scenario_id
                found["system_id"] = value.system.system_id
                found["parameters_hash"] = value.system.parameters_hash()
                found["assumed_parameters"] = value.system.assumed()
            elif dataclasses.is_dataclass(value) and not isinstance(value, type):
                found[item.name] = dataclasses.asdict(value)
            elif item.name == "diagnostics":
                found[item.name] = [dataclasses.asdict(d) for d in value]
            else:
                found[item.name] = dict(value) if isinstance(value, Mapping) else value
        return found

    def at(self, t_s: float) -> dict[str, float]:
        """The foam at one moment: T_core_C and p_total_bar are what a press can measure."""
        return {
            name: float(np.interp(t_s, self.time_s, getattr(self, name)))
            for name in ("alpha", "T_core_K", "T_mold_K", "p_total_Pa", "rho_kg_per_m3")
        }


def simulate(scenario: Scenario, backend: str | None = None) -> SimulationResult:
    """Simulate one shot.

    Args:
        scenario: see ``load_scenario``.
        backend: name of the solver; None takes the scenario's.

    Raises:
        InputError: the scenario cannot be simulated as given.
        SolverError: the integration failed; BudgetExceeded: it was stopped at its budget.
    """
    run, shown = integrate(scenario, backend)
    summary = summarize(run)
    k, window = Kpis.of(summary.kpis), DemoldWindow.of(summary.window)
    verdict = assess(run, k, window, summary.verdict)
    seen, borne = shown.seen, shown.borne
    fill = np.ones(len(seen))
    if scenario.mold.cavity_volume_m3 is not None and not scenario.mold.open:
        fill = shown.V_foam_m3 / scenario.mold.cavity_volume_m3
    return SimulationResult(
        time_s=shown.t_s,
        alpha=shown.alpha,
        T_core_K=shown.T_K,
        T_mold_K=seen[:, s.T_MOLD_],
        rho_kg_per_m3=shown.rho_kg_per_m3,
        fill_ratio=fill,
        n_CO2_mol=seen[:, s.N_CO2_],
        p_air_Pa=seen[:, s.P_AIR_],
        p_CO2_Pa=seen[:, s.P_CO2_],
        p_pentane_Pa=seen[:, s.P_AGENT_],
        p_total_Pa=shown.P_Pa,
        vent_eff=seen[:, s.VENT_],
        hardness_shore=borne[:, part.HARDNESS_],
        viscosity_Pa_s=borne[:, part.VISCOSITY_],
        layers=_profiles(shown),
        t_demold_min_s=window.t_min_s,
        t_demold_opt_s=window.t_opt_s,
        t_demold_max_s=window.t_max_s,
        demold_binding={"earliest": window.binding_earliest, "latest": window.binding_latest},
        demold_margins=window.margins_at_opt,
        rho_moulded=k.rho_moulded_kg_per_m3,
        p_max_Pa=k.p_max_Pa,
        pressure_status=verdict.pressure_status,
        vent_closure_time_s=k.vent_closure_time_s,
        H_demold_shore=window.hardness_at_opt,
        H_24h_shore=k.H_24h_shore,
        alpha_demold=window.alpha_at_opt,
        quality_status=verdict.quality_status,
        defect_risk=verdict.defect_risk,
        risks=verdict.risks,
        diagnostics=verdict.diagnostics,
        water_from_polyol_kg=k.water_from_polyol_kg,
        water_from_rh_kg=k.water_from_rh_kg,
        water_effective_kg=k.water_effective_kg,
        water_eff_fraction=k.water_eff_fraction,
        water_risk_score=k.water_risk_score,
        kpis=k,
        audit=audit(run),
        statistics=run.solution.statistics,
        scenario=scenario,
    )


def _profiles(shown: Trajectory) -> LayerProfiles | None:
    layers = s.layered(shown.y)
    n = layers.shape[1]
    if n == 1:
        return None
    profile = layer_profile(shown)
    thickness = profile[-1, :, 2] * shown.problem.parameters[0]["share"][:n]
    edges = np.concatenate(([0.0], np.cumsum(thickness))) / thickness.sum()
    return LayerProfiles(
        x_ratio=0.5 * (edges[1:] + edges[:-1]),
        T_K=layers[:, :, s.T],
        alpha=profile[:, :, 0],
        rho_kg_per_m3=profile[:, :, 1],
    )


def layer_profile(run: Trajectory) -> Array:
    """(times, layers, 3): degree of cure, density [kg/m3], volume per share of the mass [m3]."""
    found = np.empty((*s.layered(run.y).shape[:2], 3))
    observe.observe_layers(run.y, run.P_Pa, run.problem.parameters, found)
    return found
