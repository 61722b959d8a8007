"""Is the shot good? Margins against what was asked for, the risk they make, diagnostics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from twin_core.arrays import Array
from twin_core.compiled import compiled
from twin_core.data_sheet import contradiction
from twin_core.physics.stoichiometry import condensate
from twin_core.results import demold_window as demold
from twin_core.results import kpi
from twin_core.results.kpi import Kpis
from twin_core.results.window_result import DemoldWindow
from twin_core.trajectory import Trajectory, grids_of
from twin_core.units import ZERO_CELSIUS_K, bar, celsius

QualityStatus = Literal["OK", "MARGINAL", "FAIL"]
PressureStatus = Literal["SAFE", "NEAR_LIMIT", "OVER_LIMIT"]

NEAR_PRESSURE_SHARE = 0.9
FULL_SHARE = 0.99
MARGINAL_BELOW = 0.05
"""A margin under five per cent is met, but marginal."""
INDEX_TOLERANCE = 0.02
LOW_INDEX = 0.9
INDEX_RANGE = 0.8, 1.4
"""Index of urethane chemistry; NCO that is left over makes allophanate and isocyanurate, which the
model does not have."""
EARLY_CREAM_S = 2.0
"""Mixing and nucleation take longer than this: give the system a ``foaming.nucleation_time``."""
CLOSE_TO_GEL_SHARE = 0.95
COLD_BELOW_C = 15.0
"""Components colder than this mix badly and react late; suppliers ask for 18 to 25 (assumed)."""
EARLY_CLOSURE_SHARE = 0.9
"""A rise that stops while more than a tenth of the cavity is empty stops early."""
RISK_SPAN = 0.1
"""Risk of one criterion: 0 with ten per cent in hand, 1/2 at the limit, 1 at ten per cent over."""

DIAGNOSTICS = {
    "INDEX_MISMATCH": "the masses give another isocyanate index than was declared",
    "INDEX_OUT_OF_RANGE": "the index is outside 0.8 to 1.4: no trimer in the model",
    "INDEX_LOW": "not enough isocyanate to cure the polyol",
    "SHORT_SHOT": "the rise stops before the foam fills the cavity",
    "FILL_CLOSE_TO_GEL": "the cavity fills only just before the gel point",
    "OVERPRESSURE": "peak pressure exceeds what the mold allows",
    "CORE_TOO_HOT": "the core exceeds its temperature limit: scorch",
    "DENSITY_LOW": "moulded density is below its range",
    "DENSITY_HIGH": "moulded density is above its range",
    "HARDNESS_24H_LOW": "hardness after 24 h stays below its minimum",
    "COLD_COMPONENTS": "a component is too cold to mix and react as it should",
    "CONDENSATION": "the mold is below the dew point: water settles on it",
    "EARLY_VENT_CLOSURE": "the rise stopped before the foam reached the vents: air stays inside",
    "SHEET_CONTRADICTS_ITSELF": "the data sheet's density does not follow from its own chemistry",
    "HUMIDITY": "humid air adds water that the recipe does not know of",
    "NO_GEL": "the network does not reach its gel point within the run",
    "CREAM_TOO_EARLY": "the foam rises within two seconds: the onset of the cells is missing",
    "NO_DEMOLD_WINDOW": "no moment within the run meets every criterion for opening",
}
"""Every code a simulation can report, with its words."""


@dataclass(frozen=True)
class Diagnostic:
    """One finding: code (see ``DIAGNOSTICS``), words for a person, and the numbers behind it."""

    code: str
    words: str
    evidence: dict[str, float | str] = field(default_factory=dict)


MARGINS = tuple(
    "demold_window pressure fill core_temperature density_min density_max hardness_24h".split()
)
"""Criteria of the whole shot; those without a limit are left out."""
VERDICT = ("defect_risk", "quality_status", "pressure_status", *MARGINS, *MARGINS)
RISK, QUALITY, PRESSURE, SHOT_MARGINS = range(4)
SHOT_RISKS = SHOT_MARGINS + len(MARGINS)
"""What ``verdict`` writes: the risk, the numbers of the statuses, the margins and the risk of each
(NaN: left out)."""


@dataclass(frozen=True)
class Assessment:
    """The verdict on a shot; ``risks`` shows what each criterion adds to ``defect_risk``."""

    quality_status: QualityStatus
    pressure_status: PressureStatus
    defect_risk: float
    risks: dict[str, float]
    diagnostics: list[Diagnostic]


@compiled
def risk_of(margin: float) -> float:
    """Risk of one criterion, clip((0.1 - margin)/0.2, 0, 1)."""
    return min(1.0, max(0.0, (RISK_SPAN - margin) / (2.0 * RISK_SPAN)))


@compiled
def verdict(k: Array, window: Array, c: Any, out: Array) -> None:
    """``VERDICT`` on a shot from its key figures, its window and its limits, into ``out``.

    defect_risk = 1 - product(1 - risk_i). FAIL: a margin is negative; MARGINAL: one is under five
    per cent, or the risk exceeds the allowed one.
    """
    m, risks = out[SHOT_MARGINS:SHOT_RISKS], out[SHOT_RISKS:]
    out[:] = np.nan
    if not np.isnan(c.V_cavity):
        m[0] = -1.0 if np.isnan(window[demold.T_MIN]) else 1.0
    used = k[kpi.P_MAX] / c.p_limit
    m[1] = 1.0 - used
    if not np.isnan(c.V_cavity):
        # full is full: a filled mold has a margin, a short shot misses by what is empty
        m[2] = 1.0 if k[kpi.FILL] >= FULL_SHARE else k[kpi.FILL] / FULL_SHARE - 1.0
    limit_C = c.T_core_max - ZERO_CELSIUS_K
    m[3] = 1.0 - k[kpi.T_CORE_MAX] / limit_C
    m[4] = k[kpi.RHO] / c.rho_min - 1.0
    m[5] = 1.0 - k[kpi.RHO] / c.rho_max
    m[6] = k[kpi.H_24H] / c.H_24h_min - 1.0
    sound, worst = 1.0, np.inf
    for i in range(m.size):
        if not np.isnan(m[i]):
            risks[i] = risk_of(m[i])
            sound *= 1.0 - risks[i]
            worst = min(worst, m[i])
    out[RISK] = 1.0 - sound
    out[QUALITY] = 0.0
    if worst < 0.0:
        out[QUALITY] = 2.0
    elif worst < MARGINAL_BELOW or out[RISK] > c.risk_max:
        out[QUALITY] = 1.0
    out[PRESSURE] = 2.0 if used > 1.0 else 1.0 if used >= NEAR_PRESSURE_SHARE else 0.0


def assess(trajectory: Trajectory, k: Kpis, window: DemoldWindow, numbers: Array) -> Assessment:
    """Put what ``verdict`` wrote into words, with the diagnostics."""
    row = numbers.tolist()
    risks = zip(MARGINS, row[SHOT_RISKS:], strict=True)
    return Assessment(
        quality_status=get_args(QualityStatus)[int(row[QUALITY])],
        pressure_status=get_args(PressureStatus)[int(row[PRESSURE])],
        defect_risk=row[RISK],
        risks={name: risk for name, risk in risks if not math.isnan(risk)},
        diagnostics=_diagnose(trajectory, k, window),
    )


def _diagnose(trajectory: Trajectory, k: Kpis, window: DemoldWindow) -> list[Diagnostic]:
    findings = [*_chemistry(trajectory, k), *_filling(trajectory, k), *_limits(trajectory, k)]
    if window.t_min_s is None and not trajectory.setup.mold.open:
        findings.append(_say("NO_DEMOLD_WINDOW", failing=window.binding_earliest))
    return findings


def _say(code: str, **evidence: float | str | None) -> Diagnostic:
    known = {name: value for name, value in evidence.items() if value is not None}
    return Diagnostic(code, DIAGNOSTICS[code], known)


def _chemistry(trajectory: Trajectory, k: Kpis) -> Iterator[Diagnostic]:
    process = trajectory.shot.scenario.process
    declared = process.nco_oh_index
    if declared is not None and abs(k.nco_oh_index / declared - 1.0) > INDEX_TOLERANCE:
        yield _say("INDEX_MISMATCH", declared_ratio=declared, from_masses_ratio=k.nco_oh_index)
    low, high = INDEX_RANGE
    if not low <= k.nco_oh_index <= high:
        yield _say(
            "INDEX_OUT_OF_RANGE", nco_oh_index=k.nco_oh_index, low_ratio=low, high_ratio=high
        )
    if k.nco_oh_index < LOW_INDEX:
        yield _say("INDEX_LOW", nco_oh_index=k.nco_oh_index)
    if k.t_gel_s is None:
        reached = float(trajectory.rows(grids_of(trajectory.shot.scenario).analysis).X_OH[-1])
        yield _say("NO_GEL", gel_conversion_ratio=k.X_gel, reached_conversion_ratio=reached)
    found = contradiction(trajectory.shot.scenario.system)
    if found is not None:
        yield _say(
            "SHEET_CONTRADICTS_ITSELF",
            rho_free_rise_kg_per_m3=found.sheet_kg_per_m3,
            lightest_kg_per_m3=found.lightest.rho_kg_per_m3,
        )
    if k.t_cream_s is not None and k.t_cream_s < EARLY_CREAM_S:
        yield _say("CREAM_TOO_EARLY", t_cream_s=k.t_cream_s, limit_s=EARLY_CREAM_S)
    coldest = min(process.T_polyol_C, process.T_iso_C)
    if coldest < COLD_BELOW_C:
        yield _say("COLD_COMPONENTS", coldest_C=coldest, limit_C=COLD_BELOW_C)
    wall = min(trajectory.setup.T_mold_K)
    if not trajectory.setup.mold.open and k.water_from_rh_kg > 0.0:
        a_square_metre = condensate(
            process.RH_ambient_pct / 100.0, trajectory.setup.T_ambient_K, wall, 1.0, 1.0
        )
        if a_square_metre > 0.0:
            yield _say(
                "CONDENSATION", T_mold_C=celsius(wall), RH_ambient_pct=process.RH_ambient_pct
            )
    if k.water_risk_score > 0.5:
        humidity = process.RH_ambient_pct
        yield _say("HUMIDITY", water_from_rh_kg=k.water_from_rh_kg, RH_ambient_pct=humidity)


def _filling(trajectory: Trajectory, k: Kpis) -> Iterator[Diagnostic]:
    if trajectory.setup.mold.open:
        return
    if k.fill_ratio < FULL_SHARE:
        stop = {"fill_ratio": k.fill_ratio, "t_rise_s": k.t_rise_s, "t_gel_s": k.t_gel_s}
        yield _say("SHORT_SHOT", **stop)
        if trajectory.setup.mold.vents.area_m2 > 0.0 and k.fill_ratio < EARLY_CLOSURE_SHARE:
            yield _say("EARLY_VENT_CLOSURE", **stop)
    elif k.t_gel_s and k.t_mold_full_s and k.t_mold_full_s > CLOSE_TO_GEL_SHARE * k.t_gel_s:
        yield _say("FILL_CLOSE_TO_GEL", t_mold_full_s=k.t_mold_full_s, t_gel_s=k.t_gel_s)


def _limits(trajectory: Trajectory, k: Kpis) -> Iterator[Diagnostic]:
    q, rho = trajectory.shot.scenario.quality, k.rho_moulded_kg_per_m3
    low, high = q.rho_moulded_min_kg_per_m3, q.rho_moulded_max_kg_per_m3
    if bar(k.p_max_Pa) > q.p_max_allowable_bar:
        yield _say("OVERPRESSURE", p_max_bar=bar(k.p_max_Pa), limit_bar=q.p_max_allowable_bar)
    if q.core_temp_max_C is not None and k.T_core_max_C > q.core_temp_max_C:
        yield _say("CORE_TOO_HOT", T_core_max_C=k.T_core_max_C, limit_C=q.core_temp_max_C)
    if low is not None and rho < low:
        yield _say("DENSITY_LOW", rho_moulded_kg_per_m3=rho, limit_kg_per_m3=low)
    if high is not None and rho > high:
        yield _say("DENSITY_HIGH", rho_moulded_kg_per_m3=rho, limit_kg_per_m3=high)
    if q.H_24h_min_shore and k.H_24h_shore < q.H_24h_min_shore:
        yield _say("HARDNESS_24H_LOW", H_24h_shore=k.H_24h_shore, limit_shore=q.H_24h_min_shore)
