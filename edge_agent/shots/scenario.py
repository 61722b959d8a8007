"""simulate: shot -> scenario -> simulation -> prediction. Pure functions of what was assembled."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from broker import data_quality as words
from broker.messages import (
    Basis,
    Binding,
    DataQuality,
    Diagnostic,
    Kpis,
    Prediction,
    Recipe,
    Release,
    Versions,
    WindowEnd,
    WindowInterval,
)
from broker.ml_status import NO_MODEL
from edge_agent import __version__
from edge_agent.config.catalogue import Catalogue, SystemFacts
from edge_agent.shots.readings import INPUT_SIGNALS
from edge_agent.shots.shot import Shot
from twin_core import (
    PHYSICS_HASH,
    MaterialSystem,
    Mold,
    SimulationResult,
    simulate_with_free_rise,
)
from twin_core.calibration.parameter_set import ParameterSet, as_read
from twin_core.checked_yaml import parse
from twin_core.errors import InputError, TwinError
from twin_core.results.window_result import WindowEnd as ResultEnd
from twin_core.scenario import Process, Scenario, SimulationOptions
from twin_core.units import bar, celsius

DEFAULT_AMBIENT_C = 23.0
DEFAULT_RH_PCT = 50.0
USUAL = {"mixing_eff": "1", "blowing_agent_pct": "as the system says"}
"""Set points that stand in for a gap of the recipe, beside those that sensors read."""


def inputs_of(shot: Shot) -> str:
    """Inputs of a simulation of the shot, as text to compare."""
    readings = {name: reading.value for name, reading in sorted(shot.inputs.items())}
    recipe = shot.recipe.model_dump(mode="json") if shot.recipe else None
    return json.dumps([shot.system_id, shot.mold_id, recipe, readings], sort_keys=True)


def prepare(shot: Shot, catalogue: Catalogue, horizon_s: float) -> tuple[Scenario, list[str]]:
    """The scenario of a poured shot as reported, and what stood in for inputs that nobody measured.

    Raises:
        InputError: mold or system are unknown, or the recipe cannot be simulated.
    """
    assert shot.recipe is not None
    readings = {name: reading.value for name, reading in shot.inputs.items()}
    return reported_scenario(
        shot.shot_id, shot.system_id, shot.mold_id, shot.recipe, readings, catalogue, horizon_s
    )


def scenario_of(
    shot_id: str,
    system_id: str | None,
    mold_id: str,
    recipe: Recipe,
    readings: Mapping[str, float],
    catalogue: Catalogue,
    horizon_s: float,
) -> tuple[Scenario, list[str]]:
    """Scenario as it is simulated, from its parts, with the parameter set in use for the mold.

    Args:
        shot_id: name of the scenario.
        system_id: material.
        mold_id: the mold.
        recipe: set points.
        readings: the input signals at the pour.
        catalogue: systems, molds and parameter sets.
        horizon_s: end of the output [s].

    Returns:
        The scenario, and what stood in for inputs that nobody measured.

    Raises:
        InputError: mold or system are unknown, or the recipe cannot be simulated.
    """
    reported, substituted = reported_scenario(
        shot_id, system_id, mold_id, recipe, readings, catalogue, horizon_s
    )
    return catalogue.calibrated(reported), substituted


def reported_scenario(
    shot_id: str,
    system_id: str | None,
    mold_id: str,
    recipe: Recipe,
    readings: Mapping[str, float],
    catalogue: Catalogue,
    horizon_s: float,
) -> tuple[Scenario, list[str]]:
    """Scenario as recipe, sensors, system and drawing say it, without a parameter set.

    ``scenario_of`` takes the same.

    Raises:
        InputError: mold or system are unknown, or the recipe cannot be simulated.
    """
    if system_id in catalogue.sheets:
        raise catalogue.sheets[system_id].refusal()
    if system_id not in catalogue.systems:
        known = ", ".join(sorted(catalogue.systems))
        raise InputError(f"system_id {system_id!r} is not in the catalogue (known: {known})")
    if mold_id not in catalogue.molds:
        known = ", ".join(sorted(catalogue.molds))
        raise InputError(f"mold_id {mold_id!r} is not in the catalogue (known: {known})")
    mold = catalogue.molds[mold_id]
    stand_in = {"T_ambient_C": DEFAULT_AMBIENT_C, "RH_ambient_pct": DEFAULT_RH_PCT}
    process: dict[str, Any] = {
        name: value
        for name, value in recipe.model_dump(include=set(Process.model_fields)).items()
        if value is not None
    }
    substituted = []
    for name in ("RH_ambient_pct", "T_ambient_C", "T_polyol_C", "T_iso_C", "T_mold_C"):
        if name in readings:
            process[name] = readings[name]
        elif name in process:
            substituted.append(f"{name}: recipe ({process[name]:g})")
        else:
            value = stand_in.get(name, process.get("T_ambient_C", DEFAULT_AMBIENT_C))
            if name == "T_mold_C" and mold.T_set_C is not None:
                value = mold.T_set_C
            process[name] = value
            substituted.append(f"{name}: default ({value:g})")
    for name, usual in USUAL.items():  # no sensor reads them
        if name in recipe.model_fields_set and name not in process:
            substituted.append(f"{name}: default ({usual})")
    scenario = Scenario(
        scenario_id=shot_id,
        system=catalogue.systems[system_id],
        process=parse(Process, process, "shot"),
        mold=mold,
        quality=catalogue.quality_of(mold_id),
        simulation=SimulationOptions(t_end_s=horizon_s, dt_s=max(OUTPUT_S, horizon_s / 1000)),
    )
    return scenario, substituted


OUTPUT_S = 2.0
"""Spacing of the curves that readings are compared with; key figures do not depend on it."""


def warm_up(systems: Iterable[MaterialSystem]) -> None:
    """Simulate anything once: a new machine compiles the model then, not at the first shot."""
    for system in systems:
        process = Process(m_polyol_kg=0.1, m_iso_kg=0.1, T_polyol_C=25.0, T_iso_C=25.0)
        panel = Mold(cavity_volume_m3=5e-3, surface_area_m2=0.25, mass_kg=10.0)
        with suppress(TwinError):
            shot = Scenario(scenario_id="warm_up", system=system, process=process, mold=panel)
            simulate_with_free_rise(shot)[0].as_dict()  # layers, cup and curves
            return


def predict(
    shot: Shot,
    result: SimulationResult,
    substituted: Sequence[str],
    rho_free_rise: float | None,
    facts: SystemFacts,
    basis: Basis,
    now: datetime,
    interval: WindowInterval | None = None,
) -> Prediction:
    """The prediction of a simulated shot, as it goes on the wire."""
    k, poured = result.kpis, shot.poured_at
    assert poured is not None
    measured, simulated_now = _beside(shot, result, facts.parameter_set)
    diagnostics = [
        Diagnostic(code=d.code, words=d.words, evidence=dict(d.evidence))
        for d in result.diagnostics
    ]
    times = result.t_demold_min_s, result.t_demold_opt_s, result.t_demold_max_s
    begins = poured - shot.clock_offset  # by a clock that is right
    at = [None if t is None else begins + timedelta(seconds=t) for t in times]
    return Prediction.model_validate(
        _common(shot, substituted, basis, now)
        | {
            "status": "hold" if times[0] is None else "predicted",
            "t_demold_min_s": times[0],
            "t_demold_opt_s": times[1],
            "t_demold_max_s": times[2],
            "demold_min_at": at[0],
            "demold_opt_at": at[1],
            "demold_max_at": at[2],
            "kpis": Kpis(
                rho_moulded_kg_per_m3=k.rho_moulded_kg_per_m3,
                rho_free_rise_kg_per_m3=rho_free_rise,
                p_max_bar=bar(k.p_max_Pa),
                T_core_max_C=k.T_core_max_C,
                t_T_core_max_s=k.t_T_core_max_s,
                t_cream_s=k.t_cream_s,
                t_gel_s=k.t_gel_s,
                t_rise_s=k.t_rise_s,
                t_tack_free_s=k.t_tack_free_s,
                H_demold_shore=result.H_demold_shore,
                H_24h_shore=k.H_24h_shore,
                alpha_demold=result.alpha_demold,
                vent_closure_time_s=k.vent_closure_time_s,
                fill_ratio=k.fill_ratio,
                nco_oh_index=k.nco_oh_index,
                water_from_polyol_kg=k.water_from_polyol_kg,
                water_from_rh_kg=k.water_from_rh_kg,
                water_effective_kg=k.water_effective_kg,
            ),
            "quality_status": result.quality_status,
            "pressure_status": result.pressure_status,
            "defect_risk": result.defect_risk,
            "binding": Binding(**result.demold_binding),
            "window": result.window,
            "shore_scale": result.scenario.system.mechanics.shore,
            "earliest_end": _end(result.demold_ends["earliest"]),
            "latest_end": _end(result.demold_ends["latest"]),
            "at_min": Release(**result.swell_at_min) if result.swell_at_min else None,
            "at_opt": Release(**result.swell_at_opt) if result.swell_at_opt else None,
            "demold_interval": interval,
            "diagnostics": diagnostics,
            "substituted": list(substituted),
            "assumed_parameters_count": facts.assumed_count,
            "measured": measured,
            "simulated_now": simulated_now,
            "versions": _versions(facts),
            "valid_until": at[2],
        }
    )


def _end(end: ResultEnd | None) -> WindowEnd | None:
    if end is None:
        return None
    return WindowEnd(
        criterion=end.criterion,
        limit=end.limit,
        unit=end.unit,
        layer=end.layer,
        layers_count=end.layers,
    )


def hold(shot: Shot, reason: TwinError, basis: Basis, now: datetime) -> Prediction:
    """The prediction of a shot that cannot be simulated: hold, and why."""
    return Prediction.model_validate(
        _common(shot, (), basis, now)
        | {
            "status": "hold",
            "diagnostics": [Diagnostic(code="NOT_SIMULATED", words=str(reason)[:2000])],
            "assumed_parameters_count": 0,
            "versions": _versions(None),
        }
    )


def _common(shot: Shot, substituted: Sequence[str], basis: Basis, now: datetime) -> dict[str, Any]:
    return {
        "site": shot.site,
        "press": shot.press,
        "shot_id": shot.shot_id,
        "shot_key": shot.shot_key,
        "mold_id": shot.mold_id,
        "system_id": shot.system_id,
        "issued_at": now,
        "basis": basis,
        "revision": shot.revision,
        "poured_at": shot.poured_at,
        "ml_status": NO_MODEL,
        "simulated": shot.simulated,
        "data_quality": _data_quality(shot, substituted),
        "corrected": shot.corrected if basis == "final" else [],
    }


def _data_quality(shot: Shot, substituted: Sequence[str]) -> DataQuality:
    flags = []
    if shot.clock_offset_s:
        flags.append(words.CLOCK_AHEAD if shot.clock_offset_s > 0 else words.CLOCK_BEHIND)
    if len({event.mold_id for event in shot.events}) > 1:
        flags.append(words.MOLD_CHANGED)
    if shot.recipe is not None and _has_a_gap(shot.recipe):
        flags.append(words.RECIPE_GAP)
    return DataQuality(
        stood_in={
            **{name: words.FROM_EARLIER for name, r in shot.inputs.items() if r.stands_in},
            **dict(map(_stood_in, substituted)),
        },
        readings_left_out=shot.readings_left_out,
        frames_count=shot.frames_count,
        clock_offset_s=shot.clock_offset_s or None,
        flags=flags,
    )


def _has_a_gap(recipe: Recipe) -> bool:
    said = recipe.model_fields_set
    return any(getattr(recipe, name) is None for name in Recipe.model_fields if name in said)


def _stood_in(substitute: str) -> tuple[str, str]:
    """Input and what stood in for it, from the words of ``scenario_of``."""
    name, _, rest = substitute.partition(": ")
    return name, words.FROM_RECIPE if rest.startswith("recipe") else words.FROM_DEFAULT


def _versions(facts: SystemFacts | None) -> Versions:
    return Versions(
        agent=__version__,
        physics=__version__,
        physics_hash=PHYSICS_HASH,
        parameters_hash="none" if facts is None else facts.parameters_hash,
        system_version=None if facts is None else facts.version,
        parameter_set=None if facts is None else facts.set_id,
    )


def _beside(
    shot: Shot, result: SimulationResult, parameter_set: ParameterSet | None
) -> tuple[dict[str, float], dict[str, float]]:
    """Latest readings of the curing foam, and what the sensors would read of the simulation."""
    assert shot.poured_at is not None
    measured: dict[str, float] = {}
    simulated: dict[str, float] = {}
    for name, reading in shot.latest.items():
        t = (reading.ts - shot.poured_at).total_seconds()
        if name in INPUT_SIGNALS and name != "T_mold_C":
            continue
        measured[name] = reading.value
        if 0 <= t <= result.time_s[-1]:
            state = result.at(t)
            match name:
                case "T_core_C":
                    simulated[name] = celsius(state["T_core_K"])
                case "T_mold_C":
                    simulated[name] = celsius(state["T_mold_K"])
                case "p_cavity_bar":
                    simulated[name] = bar(state["p_total_Pa"])
    for name, value in simulated.items():
        simulated[name] = as_read(name, value, parameter_set, shot.mold_id)
    return measured, simulated
