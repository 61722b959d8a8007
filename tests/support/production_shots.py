"""Simulated shots of a production whose numbers are known: for tests of a calibration on it.

No inverse crime: the truth is computed with more layers and a tighter tolerance, and put into the
scenarios by another way (``calibrated``) than that of the fit; masses and temperatures scatter and
nobody reports it; sensors are slow, noisy, and fail now and then; people mistype.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from broker.messages import TelemetryFrame
from edge_agent.virtual_plant import sensors
from edge_agent.virtual_plant.assumed_sizes import ASSUMED, Assumed
from edge_agent.virtual_plant.molds import MoldInUse, draw_molds
from edge_agent.virtual_plant.shots import VirtualShot
from twin_core import MaterialSystem, Process, Scenario, simulate_many
from twin_core.arrays import Array
from twin_core.calibration.free_parameters import FreeParameter, number, touched
from twin_core.calibration.mold_numbers import MOLD_NUMBERS, OFFSETS
from twin_core.calibration.parameter_set import ParameterSet, Provenance, Verdict, calibrated
from twin_core.calibration.production_fit import ProductionFit
from twin_core.calibration.production_model import simulate_shots
from twin_core.calibration.production_numbers import LAGS, Numbers, usual_paths
from twin_core.calibration.production_shot import RESULTS, SENSORS, ProductionShot
from twin_core.calibration.production_verdict import HeldOut
from twin_core.files import load_systems
from twin_core.fingerprint import PHYSICS_HASH
from twin_core.parameters import Parameter
from twin_core.scenario import SimulationOptions
from twin_core.shipped_files import configs_folder
from twin_core.units import PA_PER_BAR, ZERO_CELSIUS_K

SHARED = {
    "gelling.A": 0.12,
    "gelling.heat": 0.04,
    "water_reaction.A": 0.12,
    "composition.water_fraction": 0.04,
}
"""Scatter of the true shared numbers over productions, relative."""
OWN = {
    "T_mold_offset_C": 2.0,
    "T_core_offset_C": 0.7,
    "p_cavity_offset_bar": 0.015,
    "heat_transfer_factor": 0.15,
    "vent_area_factor": 0.25,
    "cavity_volume_factor": 0.025,
}
"""Scatter of the true numbers of a mold, in the unit or relative."""
TRUE = SimulationOptions(layers=32, rtol=1e-8)
DAY_S = 86_400.0
SLIP_SHARE = 0.02


@dataclass(frozen=True)
class Production:
    """Shots, and the truth about them.

    Attributes:
        truth: by path and mold (None: shared), the true number.
        true_set: the same as a set.
    """

    shots: list[ProductionShot]
    truth: dict[tuple[str, str | None], float]
    true_set: ParameterSet


@cache
def system_of(system_id: str = "SYSTEM_R1") -> MaterialSystem:
    """A system that comes with the product."""
    return load_systems(configs_folder() / "systems")[system_id]


def provenance() -> Provenance:
    """Provenance of a set of a test."""
    when = "2025-01-06T00:00:00Z"
    return Provenance(
        made_at=when, made_by="test", command="test", source="drawn", shots_count=0,
        first_poured_at=when, last_poured_at=when, shots_hash="0" * 64, held_out_count=0,
        simulated=True,
    )  # fmt: skip


def production(
    seed: int,
    count: int,
    molds: int = 2,
    a: Assumed = ASSUMED,
    system_id: str = "SYSTEM_R1",
    unknown: Collection[str] = (*SHARED, *OWN),
) -> Production:
    """Shots of a production with unknown constant numbers.

    Args:
        seed: the same gives the same.
        count: of shots, all molds together.
        molds: of one press each.
        a: sizes of scatter, noise and faults.
        unknown: numbers that differ from what the papers say.
    """
    rng = np.random.default_rng([seed, 77])
    system = system_of(system_id)
    in_use = draw_molds(seed, molds, 1, system)
    truth: dict[tuple[str, str | None], float] = {}
    shared: dict[str, Parameter] = {}
    true = system
    for path in usual_paths(system):
        truth[path, None] = FreeParameter(path).start(system)
    for path, sigma in SHARED.items():
        factor = math.exp(_draw(rng, sigma if path in unknown else 0.0))
        true = FreeParameter(path).turn(true, factor)
        truth[path, None] = FreeParameter(path).start(true)
    for path in touched(system, [FreeParameter(path) for path in SHARED]):
        new = number(true, path)
        assert new is not None
        shared[path] = _number(new.value, new.unit)
    own: dict[str, dict[str, Parameter]] = {}
    for one in in_use:
        own[one.mold.mold_id] = {}
        for name, sigma in OWN.items():
            known = MOLD_NUMBERS[name]
            value = _draw(rng, sigma if name in unknown else 0.0)
            if known.neutral:
                value = math.exp(value)
            truth[name, one.mold.mold_id] = value
            own[one.mold.mold_id][name] = _number(value, known.unit)
    true_set = _set(system, shared, own)
    shots = _shots(rng, in_use, count, true_set, a)
    return Production(shots, truth, true_set)


def _draw(rng: np.random.Generator, sigma: float) -> float:
    return sigma * float(np.clip(rng.standard_normal(), -2.2, 2.2))


def _number(value: float, unit: str) -> Parameter:
    return Parameter(value=value, unit=unit, kind="assumed", source="true number of a test")


def _set(
    system: MaterialSystem, shared: dict[str, Parameter], own: dict[str, dict[str, Parameter]]
) -> ParameterSet:
    return ParameterSet(
        system_id=system.system_id,
        number=1,
        system_version=system.version,
        system_hash=system.parameters_hash(),
        physics_hash=PHYSICS_HASH,
        shared=shared,
        molds=own,
        provenance=provenance(),
        verdict=Verdict(use=True, words="the truth"),
    )


def _shots(
    rng: np.random.Generator, in_use: list[MoldInUse], count: int, truth: ParameterSet, a: Assumed
) -> list[ProductionShot]:
    reported, true = [], []
    for i in range(count):
        used = in_use[int(rng.integers(len(in_use)))]
        hall = 5.0 * math.sin(2.0 * math.pi * i / count) + 1.5 * rng.standard_normal()
        process = _reported(rng, used.nominal, hall, a)
        base = Scenario(
            scenario_id=f"T{i:04d}", system=system_of(truth.system_id), process=process,
            mold=used.mold,
        )  # fmt: skip
        really = calibrated(base, truth)
        scattered = _scattered(rng, really.process, a)
        reported.append(base)
        true.append(really.model_copy(update={"process": scattered, "simulation": TRUE}))
    ran = simulate_many(true, profiles=True, rtol=TRUE.rtol)
    assert not ran.errors, ran.errors
    found = []
    for i, base in enumerate(reported):
        mold_id = base.mold.mold_id
        own = truth.numbers_of(mold_id)
        T_core = ran.profiles["T_core_K"][i : i + 1] - ZERO_CELSIUS_K
        T_mold = ran.profiles["T_mold_K"][i : i + 1] - ZERO_CELSIUS_K
        p = ran.profiles["p_total_Pa"][i : i + 1] / PA_PER_BAR
        wall, t = T_mold[:, 0], ran.time_s
        felt = {
            "T_core_C": sensors.lagged(t, T_core, a.T_core_lag_s, wall) - own["T_core_offset_C"],
            "T_mold_C": sensors.lagged(t, T_mold, a.T_mold_lag_s, wall) - own["T_mold_offset_C"],
            "p_cavity_bar": sensors.lagged(t, p, a.p_lag_s, p[:, 0]) - own["p_cavity_offset_bar"],
        }
        safe = float(ran.figures["t_demold_min_s"][i])
        opened = 1.35 * (600.0 if math.isnan(safe) else safe)
        found.append(_seen(rng, i, base, t, felt, opened, ran.figures, a))
    return found


def _reported(rng: np.random.Generator, nominal: Process, hall: float, a: Assumed) -> Process:
    z = rng.standard_normal(5).tolist()
    assert nominal.T_mold_C is not None
    values = {
        "m_polyol_kg": nominal.m_polyol_kg * (1.0 + a.metering_sigma * z[0]),
        "m_iso_kg": nominal.m_iso_kg * (1.0 + a.metering_sigma * z[1]),
        "T_polyol_C": nominal.T_polyol_C + 0.3 * hall + a.T_component_sigma_C * z[2],
        "T_iso_C": nominal.T_iso_C + 0.3 * hall + a.T_component_sigma_C * z[3],
        "T_mold_C": nominal.T_mold_C + a.T_mold_hall_share * hall + a.T_mold_sigma_C * z[4],
        "T_ambient_C": 22.0 + hall,
    }
    return nominal.model_copy(update={name: round(value, 4) for name, value in values.items()})


def _scattered(rng: np.random.Generator, process: Process, a: Assumed) -> Process:
    z = rng.standard_normal(6).tolist()
    assert process.T_mold_C is not None
    return process.model_copy(
        update={
            "m_polyol_kg": process.m_polyol_kg * (1.0 + a.shot_mass_sigma * z[0]),
            "m_iso_kg": process.m_iso_kg * (1.0 + a.shot_mass_sigma * z[1]),
            "T_polyol_C": process.T_polyol_C + a.shot_T_component_sigma_C * z[2],
            "T_iso_C": process.T_iso_C + a.shot_T_component_sigma_C * z[3],
            "T_mold_C": process.T_mold_C + a.shot_T_mold_sigma_C * z[4],
            "RH_ambient_pct": min(max(process.RH_ambient_pct + a.shot_RH_sigma_pct * z[5], 0), 100),
        }
    )


def _seen(
    rng: np.random.Generator, i: int, base: Scenario, t: Array, felt: dict[str, Array],
    opened: float, figures: object, a: Assumed,
) -> ProductionShot:  # fmt: skip
    faults = sensors.draw_faults(rng, opened, a)
    own = {name: curve[0] for name, curve in felt.items()}
    frames = sensors.readings(rng, t, own, opened, faults, a)
    series = {
        name: np.array([(at, values[name]) for at, values in frames if name in values])
        for name in sensors.SIGNALS
    }
    z, dice = rng.standard_normal(3).tolist(), rng.uniform(size=3).tolist()
    results: dict[str, float] = {}
    density, hardness, safe = (
        float(figures[name][i])  # type: ignore[index]
        for name in ("rho_moulded", "H_demold_shore", "t_demold_min_s")
    )
    if dice[0] < a.lab_share:
        slip = 10.0 if dice[1] < SLIP_SHARE else 1.0
        results["rho_moulded_kg_per_m3"] = density * (1.0 + a.lab_rho_sigma * z[0]) * slip
        if not math.isnan(hardness):
            results["H_demold_shore"] = hardness + a.lab_hardness_sigma_shore * z[1]
        if not math.isnan(safe) and dice[2] < a.lab_t_demold_share:
            results["t_demold_safe_s"] = safe * (1.0 + a.lab_t_demold_sigma * z[2])
    return ProductionShot(
        base.scenario_id, 0.5 * DAY_S * i, base, series, results, None, simulated=True
    )


def of_virtual_plant(shots: Iterable[VirtualShot], system_id: str) -> list[ProductionShot]:
    """Shots of a virtual plant as a history has them: what was reported, read and measured.

    Args:
        shots: all of the plant, of which those with this system are taken.
        system_id: the system.
    """
    found = []
    for shot in shots:
        if shot.system_id != system_id:
            continue
        series: dict[str, list[tuple[float, float]]] = {}
        for timed in shot.messages:
            frame = timed.message
            if isinstance(frame, TelemetryFrame):
                after = (frame.ts - shot.poured_at).total_seconds()
                for name, value in frame.sensors.items():
                    series.setdefault(name, []).append((after, value))
        results: dict[str, float] = {}
        if shot.quality is not None:
            record = shot.quality.message
            named = {name: getattr(record, name, None) for name in RESULTS}
            results = {name: value for name, value in named.items() if value is not None}
        found.append(
            ProductionShot(
                shot.shot_id,
                shot.poured_at.timestamp(),
                shot.nominal,
                {name: np.array(series[name]) for name in SENSORS if name in series},
                results,
                simulated=True,
            )
        )
    return found


def gain_on_later_shots(fit: ProductionFit, shots: Sequence[ProductionShot]) -> float:
    """Gain of the set of a fit on shots that neither fit nor verdict has seen, in per cent.

    The set goes the way that the agent goes: ``calibrated``, and offsets between the simulation and
    what is read. All quantities count alike, each over its noise floor.
    """
    made = fit.as_parameter_set(1, provenance())
    numbers = Numbers(shots, [], [])
    x = np.zeros(len(numbers.all))
    for lag in fit.lags:
        if lag.path in LAGS:
            x[numbers.index[lag.path, None]] = lag.value
    seen = HeldOut(shots, numbers, simulate_shots)
    after = HeldOut([_on_true_scale(shot, made) for shot in shots], numbers, simulate_shots)
    return seen.verdict(seen.off(x), after.off(x)).improvement_pct


def _on_true_scale(shot: ProductionShot, made: ParameterSet) -> ProductionShot:
    own = made.numbers_of(shot.mold_id)
    series = {
        name: rows + np.array([0.0, own.get(OFFSETS[name], 0.0)])
        for name, rows in shot.series.items()
    }
    return replace(shot, scenario=calibrated(shot.scenario, made), series=series)
