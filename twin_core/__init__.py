"""The physics of a polyurethane shot: pure computation, SI units, no network, no clock.

    from twin_core import load_scenario, simulate

    result = simulate(load_scenario("configs/scenarios/baser_khakhar_1994_r11.yaml"))
    result.T_core_K.max(), result.t_demold_min_s, result.audit.energy_residual_ratio

The way of a computation: Scenario -> Setup -> OdeProblem -> solver -> Trajectory -> KPIs, demold
window, assessment, audit -> SimulationResult.

Each name is imported when it is first used: who reads a scenario or an error loads no compiler.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twin_core.batch import BatchResult, simulate_many
    from twin_core.errors import BudgetExceeded, InputError, SolverError, TwinError
    from twin_core.files import load_mold, load_scenario
    from twin_core.fingerprint import PHYSICS_HASH
    from twin_core.materials import MaterialSystem
    from twin_core.mold import Mold, Vents
    from twin_core.results.result import SimulationResult
    from twin_core.scenario import Process, Quality, Scenario, SimulationOptions
    from twin_core.single_shot import free_rise_density, simulate, simulate_with_free_rise
    from twin_core.system_versions import load_systems

__all__ = [
    "PHYSICS_HASH",
    "BatchResult",
    "BudgetExceeded",
    "InputError",
    "MaterialSystem",
    "Mold",
    "Process",
    "Quality",
    "Scenario",
    "SimulationOptions",
    "SimulationResult",
    "SolverError",
    "TwinError",
    "Vents",
    "free_rise_density",
    "load_mold",
    "load_scenario",
    "load_systems",
    "simulate",
    "simulate_many",
    "simulate_with_free_rise",
]

_MODULES = {
    "batch": ("BatchResult", "simulate_many"),
    "errors": ("BudgetExceeded", "InputError", "SolverError", "TwinError"),
    "files": ("load_mold", "load_scenario"),
    "fingerprint": ("PHYSICS_HASH",),
    "materials": ("MaterialSystem",),
    "mold": ("Mold", "Vents"),
    "results.result": ("SimulationResult",),
    "scenario": ("Process", "Quality", "Scenario", "SimulationOptions"),
    "single_shot": ("free_rise_density", "simulate", "simulate_with_free_rise"),
    "system_versions": ("load_systems",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
