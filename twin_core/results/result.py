"""The result of a simulation, under the names users know."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from twin_core.arrays import Array
from twin_core.fingerprint import PHYSICS_HASH
from twin_core.models import observe
from twin_core.models import part_properties as part
from twin_core.models import state as s
from twin_core.results.assessment import Diagnostic
from twin_core.results.audit import Audit
from twin_core.results.kpi import Kpis
from twin_core.results.window_result import ReleaseCurve, WindowEnd
from twin_core.scenario import Scenario
from twin_core.solvers.base import Statistics
from twin_core.trajectory import Trajectory, grids_of

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
    ``hardness_shore`` a proxy. Pressures are absolute. The arrays are computed from the states of
    the run when they are asked for.
    """

    t_demold_min_s: float | None
    t_demold_opt_s: float | None
    t_demold_max_s: float | None
    demold_binding: Mapping[str, str | None]
    """Criterion that decides the ``earliest`` and the ``latest`` time."""
    demold_ends: Mapping[str, WindowEnd | None]
    """The number that each end of the window rests on, and the layer if a single one decides."""
    demold_margins: Mapping[str, float]
    window: str
    """``layered``, ``quick`` (0D) or ``none`` (an open cup)."""
    swell_at_min: Mapping[str, float]
    """``swell_ratio, swell_mm, shrink_ratio, shrink_mm`` of a part that is opened at the earliest
    time, until it is cold; empty where there is no such time."""
    swell_at_opt: Mapping[str, float]
    """The same at the best time."""
    release: ReleaseCurve | None
    """Swell and shrink against the opening time; None in a cup and without gel."""
    rho_moulded: float
    """kg/m3; the free-rise density in an open cup."""
    p_max_Pa: float
    pressure_status: str
    vent_closure_time_s: float | None
    H_demold_shore: float | None
    H_24h_shore: float
    shore_scale: str
    """``A`` or ``D``: scale of both hardnesses."""
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
    run: Trajectory = field(repr=False, compare=False)
    """States at all times of the run."""
    physics_hash: str = PHYSICS_HASH

    @cached_property
    def _shown(self) -> Trajectory:
        """The run at the times of the output."""
        return self.run.rows(grids_of(self.scenario).output)

    @property
    def time_s(self) -> Array:
        return self._shown.t_s

    @property
    def alpha(self) -> Array:
        """Mean degree of cure 0..1."""
        return self._shown.alpha

    @property
    def T_core_K(self) -> Array:
        return self._shown.T_K

    @property
    def T_mold_K(self) -> Array:
        """Mean of both halves."""
        return self._shown.observables[:, s.T_MOLD_]

    @property
    def rho_kg_per_m3(self) -> Array:
        return self._shown.rho_kg_per_m3

    @property
    def fill_ratio(self) -> Array:
        mold = self.scenario.mold
        if mold.cavity_volume_m3 is None or mold.open:
            return np.ones(len(self.time_s))
        return self._shown.V_foam_m3 / mold.cavity_volume_m3

    @property
    def n_CO2_mol(self) -> Array:
        """In the cells."""
        return self._shown.observables[:, s.N_CO2_]

    @property
    def p_air_Pa(self) -> Array:
        return self._shown.observables[:, s.P_AIR_]

    @property
    def p_CO2_Pa(self) -> Array:
        return self._shown.observables[:, s.P_CO2_]

    @property
    def p_pentane_Pa(self) -> Array:
        return self._shown.observables[:, s.P_AGENT_]

    @property
    def p_total_Pa(self) -> Array:
        return self._shown.P_Pa

    @property
    def vent_eff(self) -> Array:
        """Free share of the vents."""
        return self._shown.observables[:, s.VENT_]

    @property
    def hardness_shore(self) -> Array:
        return self._shown.borne[:, part.HARDNESS_]

    @property
    def viscosity_Pa_s(self) -> Array:
        """Of the liquid in the middle; 1e6 stands for gelled."""
        return self._shown.borne[:, part.VISCOSITY_]

    @property
    def layers(self) -> LayerProfiles | None:
        """None in 0D."""
        return _profiles(self._shown)

    def as_dict(self, *, series: bool = True) -> dict[str, Any]:
        """Plain data for JSON; without the arrays when ``series`` is false."""
        found: dict[str, Any] = {}
        if series:
            found = {name: getattr(self, name).tolist() for name in SERIES}
            if self.layers is not None:
                profiles = dataclasses.asdict(self.layers).items()
                found["layers"] = {name: array.tolist() for name, array in profiles}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if item.name == "scenario":
                found["scenario_id"] = value.scenario_id
                found["system_id"] = value.system.system_id
                found["parameters_hash"] = value.system.parameters_hash()
                found["assumed_parameters"] = value.system.assumed()
            elif item.name in {"kpis", "audit", "statistics"}:
                found[item.name] = dataclasses.asdict(value)
            elif item.name == "release":
                found[item.name] = value and {
                    name: array.tolist() for name, array in dataclasses.asdict(value).items()
                }
            elif item.name == "demold_ends":
                found[item.name] = {
                    name: end and dataclasses.asdict(end) for name, end in value.items()
                }
            elif item.name == "diagnostics":
                found[item.name] = [dataclasses.asdict(d) for d in value]
            elif item.name != "run":
                found[item.name] = dict(value) if isinstance(value, Mapping) else value
        return found

    def at(self, t_s: float) -> dict[str, float]:
        """The foam at one moment: T_core_C and p_total_bar are what a press can measure."""
        return {
            name: float(np.interp(t_s, self.time_s, getattr(self, name)))
            for name in ("alpha", "T_core_K", "T_mold_K", "p_total_Pa", "rho_kg_per_m3")
        }


def _profiles(shown: Trajectory) -> LayerProfiles | None:
    layers = s.layered(shown.y)
    n = layers.shape[1]
    if n == 1:
        return None
    profile = layer_profile(shown)
    p = shown.problem.parameters[0]
    thickness, T = profile[-1, :, 2] * p["share"][:n], layers[:, :, s.T]
    if p["sides"] > 1.0:  # half of the part was computed
        thickness = np.concatenate((thickness, thickness[::-1]))
        T = np.concatenate((T, T[:, ::-1]), axis=1)
        profile = np.concatenate((profile, profile[:, ::-1]), axis=1)
    edges = np.concatenate(([0.0], np.cumsum(thickness))) / thickness.sum()
    return LayerProfiles(
        x_ratio=0.5 * (edges[1:] + edges[:-1]),
        T_K=T,
        alpha=profile[:, :, 0],
        rho_kg_per_m3=profile[:, :, 1],
    )


def layer_profile(run: Trajectory) -> Array:
    """(times, layers, 3): degree of cure, density [kg/m3], volume per share of the mass [m3]."""
    found = np.empty((*s.layered(run.y).shape[:2], 3))
    observe.observe_layers(run.y, run.P_cells_Pa, run.problem.parameters, found)
    return found
