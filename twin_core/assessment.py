"""Is the shot good? Margins against what was asked for, the risk they make, diagnostics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from twin_core.demold import DemoldWindow
from twin_core.kpi import Kpis
from twin_core.simulation import Trajectory
from twin_core.units import bar

QualityStatus = Literal["OK", "MARGINAL", "FAIL"]
PressureStatus = Literal["SAFE", "NEAR_LIMIT", "OVER_LIMIT"]

NEAR_PRESSURE_SHARE = 0.9
FULL_SHARE = 0.99
MARGINAL_BELOW = 0.05
"""A margin under five per cent is met, but marginal."""
INDEX_TOLERANCE = 0.02
LOW_INDEX = 0.9
CLOSE_TO_GEL_SHARE = 0.95
RISK_SPAN = 0.1
"""Risk of one criterion: 0 with ten per cent in hand, 1/2 at the limit, 1 at ten per cent over."""

DIAGNOSTICS = {
    "INDEX_MISMATCH": "the masses give another isocyanate index than was declared",
    "INDEX_LOW": "not enough isocyanate to cure the polyol",
    "SHORT_SHOT": "the foam gels before it fills the cavity",
    "FILL_CLOSE_TO_GEL": "the cavity fills only just before the gel point",
    "OVERPRESSURE": "peak pressure exceeds what the mold allows",
    "CORE_TOO_HOT": "the core exceeds its temperature limit: scorch",
    "DENSITY_LOW": "moulded density is below its range",
    "DENSITY_HIGH": "moulded density is above its range",
    "HARDNESS_24H_LOW": "hardness after 24 h stays below its minimum",
    "HUMIDITY": "humid air adds water that the recipe does not know of",
    "NO_GEL": "the network does not reach its gel point within the run",
    "NO_DEMOLD_WINDOW": "no moment within the run meets every criterion for opening",
}
"""Every code a simulation can report, with its words."""


@dataclass(frozen=True)
class Diagnostic:
    """One finding: code (see ``DIAGNOSTICS``), words for a person, and the numbers behind it."""

    code: str
    words: str
    evidence: dict[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Assessment:
    """The verdict on a shot; ``risks`` shows what each criterion adds to ``defect_risk``."""

    quality_status: QualityStatus
    pressure_status: PressureStatus
    defect_risk: float
    risks: dict[str, float]
    margins: dict[str, float]
    diagnostics: list[Diagnostic]


def assess(trajectory: Trajectory, k: Kpis, window: DemoldWindow) -> Assessment:
    """Judge a finished run against ``scenario.quality``.

    defect_risk = 1 - product(1 - risk_i), risk_i = clip((0.1 - margin_i)/0.2, 0, 1). FAIL: a margin
    is negative; MARGINAL: one is under five per cent, or the risk exceeds ``defect_risk_max``.
    """
    margins = _margins(trajectory, k, window)
    risks = {
        name: min(1.0, max(0.0, (RISK_SPAN - m) / (2.0 * RISK_SPAN))) for name, m in margins.items()
    }
    sound = 1.0
    for risk in risks.values():
        sound *= 1.0 - risk
    worst = min(margins.values())
    status: QualityStatus = "OK"
    if worst < 0.0:
        status = "FAIL"
    elif worst < MARGINAL_BELOW or 1.0 - sound > trajectory.scenario.quality.defect_risk_max:
        status = "MARGINAL"
    share = bar(k.p_max_Pa) / trajectory.scenario.quality.p_max_allowable_bar
    pressure: PressureStatus = "SAFE" if share < NEAR_PRESSURE_SHARE else "NEAR_LIMIT"
    if share > 1.0:
        pressure = "OVER_LIMIT"
    return Assessment(
        quality_status=status,
        pressure_status=pressure,
        defect_risk=1.0 - sound,
        risks=risks,
        margins=margins,
        diagnostics=_diagnose(trajectory, k, window),
    )


def _margins(trajectory: Trajectory, k: Kpis, window: DemoldWindow) -> dict[str, float]:
    q = trajectory.scenario.quality
    found = {"demold_window": 1.0 if window.t_min_s is not None else -1.0}
    found["pressure"] = 1.0 - bar(k.p_max_Pa) / q.p_max_allowable_bar
    if not trajectory.setup.mold.open:
        # full is full: a filled mold has a margin, a short shot misses by what is empty
        found["fill"] = 1.0 if k.fill_ratio >= FULL_SHARE else k.fill_ratio / FULL_SHARE - 1.0
    if q.core_temp_max_C is not None:
        found["core_temperature"] = 1.0 - k.T_core_max_C / q.core_temp_max_C
    if q.rho_moulded_min_kg_per_m3 is not None:
        found["density_min"] = k.rho_moulded_kg_per_m3 / q.rho_moulded_min_kg_per_m3 - 1.0
    if q.rho_moulded_max_kg_per_m3 is not None:
        found["density_max"] = 1.0 - k.rho_moulded_kg_per_m3 / q.rho_moulded_max_kg_per_m3
    if q.H_24h_min_shore:
        found["hardness_24h"] = k.H_24h_shore / q.H_24h_min_shore - 1.0
    return found


def _diagnose(trajectory: Trajectory, k: Kpis, window: DemoldWindow) -> list[Diagnostic]:
    findings = [*_chemistry(trajectory, k), *_filling(trajectory, k), *_limits(trajectory, k)]
    if window.t_min_s is None:
        findings.append(_say("NO_DEMOLD_WINDOW", failing=window.binding_earliest))
    return findings


def _say(code: str, **evidence: float | str | None) -> Diagnostic:
    known = {name: value for name, value in evidence.items() if value is not None}
    return Diagnostic(code, DIAGNOSTICS[code], known)


def _chemistry(trajectory: Trajectory, k: Kpis) -> Iterator[Diagnostic]:
    process = trajectory.scenario.process
    declared = process.nco_oh_index
    if declared is not None and abs(k.nco_oh_index / declared - 1.0) > INDEX_TOLERANCE:
        yield _say("INDEX_MISMATCH", declared_ratio=declared, from_masses_ratio=k.nco_oh_index)
    if k.nco_oh_index < LOW_INDEX:
        yield _say("INDEX_LOW", nco_oh_index=k.nco_oh_index)
    if k.t_gel_s is None:
        reached = float(trajectory.X_OH[-1])
        yield _say("NO_GEL", gel_conversion_ratio=k.X_gel, reached_conversion_ratio=reached)
    if k.water_risk_score > 0.5:
        humidity = process.RH_ambient_pct
        yield _say("HUMIDITY", water_from_rh_kg=k.water_from_rh_kg, RH_ambient_pct=humidity)


def _filling(trajectory: Trajectory, k: Kpis) -> Iterator[Diagnostic]:
    if trajectory.setup.mold.open:
        return
    if k.fill_ratio < FULL_SHARE:
        yield _say("SHORT_SHOT", fill_ratio=k.fill_ratio, t_gel_s=k.t_gel_s)
    elif k.t_gel_s and k.t_mold_full_s and k.t_mold_full_s > CLOSE_TO_GEL_SHARE * k.t_gel_s:
        yield _say("FILL_CLOSE_TO_GEL", t_mold_full_s=k.t_mold_full_s, t_gel_s=k.t_gel_s)


def _limits(trajectory: Trajectory, k: Kpis) -> Iterator[Diagnostic]:
    q, rho = trajectory.scenario.quality, k.rho_moulded_kg_per_m3
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
