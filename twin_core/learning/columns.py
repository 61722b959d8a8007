"""The columns of a feature set: name, unit, meaning, and when each is known.

``sim_ meas_ delta_ proc_ qc_`` columns are those of the first generation, under the same names.
``prev_`` is what earlier shots of this mold on this press showed, ``press_`` those of all molds of
the press, ``site_`` what is new on the other molds (another lot of material), ``dev_`` how this
shot was poured otherwise than they were; they hold only what was known when this shot was poured.
Missing values are NaN.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Known = Literal["pour", "live", "demold", "lab"]
"""When a value is known: at the pour, ``LIVE_S`` later, when the mold opens, when the laboratory
reports. A model may use what is known no later than its own moment."""

MOMENTS: tuple[Known, ...] = ("pour", "live", "demold", "lab")
LIVE_S = 120.0
"""After the pour; the first generation's live columns look at the first 60 and 120 s."""


@dataclass(frozen=True)
class Column:
    """A feature or a result of a shot."""

    unit: str
    meaning: str
    known: Known


@dataclass(frozen=True)
class Target:
    """A quantity whose physics a model corrects.

    Attributes:
        quantity: its name on the wire.
        measured, physics: columns that are compared.
        relative: the residual is ``ln(measured / physics)``, else ``measured - physics``.
        known: when it was measured.
        usual_error: size of an error of a good correction, in units of the residual, before any
            result is known (assumed: that of virtual plants).
    """

    quantity: str
    measured: str
    physics: str
    relative: bool
    known: Known
    usual_error: float


TARGETS = {
    "rho_moulded": Target(
        "rho_moulded_kg_per_m3", "qc_rho_moulded", "sim_rho_moulded", True, "lab", 0.02
    ),
    "t_demold": Target(
        "t_demold_min_s", "qc_t_demold_safe_s", "sim_t_demold_min_s", True, "lab", 0.08
    ),
    "p_max": Target("p_max_bar", "meas_p_max_bar", "sim_p_max_bar", False, "demold", 0.05),
    "T_core_max": Target(
        "T_core_max_C", "meas_T_core_max_C", "sim_T_core_max_C", False, "demold", 2.0
    ),
}
"""By the name that their residual has in columns: ``prev_rho_moulded_mean8``."""

DEFECTS = ("void", "short_shot", "shrinkage", "burn", "blister")
"""Kinds of defects that a model may tell; any other name counts for ``qc_any_defect`` alone."""

IDS = (
    *("shot_id", "site", "press", "mold_id", "system_id", "parameters_hash", "poured_at"),
    "simulated",
)
"""Columns that say which shot it is; no model looks at them. ``simulated`` is 1 for a shot that a
virtual press made, else 0."""

TIMES = ("end_known_at", "lab_known_at")
"""Columns that say when the end of a shot and its first quality record became known; no model looks
at them. A feature set of another origin may lack them."""

_PROCESS = {
    "proc_T_polyol_in_C": ("°C", "polyol at the mixing head"),
    "proc_T_iso_in_C": ("°C", "isocyanate at the mixing head"),
    "proc_T_mold_init_C": ("°C", "mold at the pour"),
    "proc_T_ambient_C": ("°C", "hall"),
    "proc_RH_ambient": ("1", "relative humidity of the hall, 0 to 1"),
    "proc_mixing_eff": ("1", "mixed share of the stream, 1 where nobody said"),
    "proc_m_total_kg": ("kg", "metered mass, both components and additives"),
    "proc_iso_per_polyol": ("1", "metered mass of isocyanate to polyol"),
    "proc_packing_kg_per_m3": ("kg/m3", "metered mass to cavity volume of the drawing"),
    "proc_thickness_m": ("m", "distance of the large walls, of the drawing"),
    "proc_substituted_count": ("1", "inputs that nobody measured: a set point stood in"),
}
INPUTS = (
    *("proc_T_polyol_in_C", "proc_T_iso_in_C", "proc_T_mold_init_C", "proc_T_ambient_C"),
    *("proc_RH_ambient", "proc_iso_per_polyol", "proc_packing_kg_per_m3", "proc_thickness_m"),
)
"""What is remembered of the pour of an earlier shot."""
_PHYSICS = {
    "sim_T_core_max_C": ("°C", "hottest core"),
    "sim_T_core_t_at_max_s": ("s", "when the core is hottest"),
    "sim_p_max_bar": ("bar", "highest cavity pressure, absolute"),
    "sim_p_t_at_max_s": ("s", "when the pressure is highest"),
    "sim_rho_moulded": ("kg/m3", "moulded density"),
    "sim_fill_ratio": ("1", "foam to cavity volume, 1 is full"),
    "sim_t_cream_s": ("s", "cream time"),
    "sim_t_gel_s": ("s", "gel time"),
    "sim_t_rise_s": ("s", "rise time"),
    "sim_t_demold_min_s": ("s", "earliest demolding"),
    "sim_t_demold_opt_s": ("s", "recommended demolding"),
    "sim_H_demold_shore": ("Shore", "hardness at the recommended demolding"),
    "sim_H_24h_shore": ("Shore", "hardness after a day"),
    "sim_nco_oh_index": ("1", "NCO to OH equivalents, as metered"),
    "sim_water_from_rh_kg": ("kg", "water from the air and from a damp mold"),
    "sim_defect_risk": ("1", "risk that the physics sees"),
}
_LIVE = {
    "meas_T_core_avg_0_120_C": ("°C", "mean core temperature of the first 120 s"),
    "meas_T_core_slope_0_60_C_per_s": ("K/s", "rise of the core temperature over the first 60 s"),
    "meas_p_slope_0_60_bar_per_s": ("bar/s", "rise of the cavity pressure over the first 60 s"),
}
_DEMOLD = {
    "meas_T_core_max_C": ("°C", "hottest reading of the core"),
    "meas_T_core_t_at_max_s": ("s", "when it was read"),
    "meas_p_max_bar": ("bar", "highest reading of the cavity pressure, absolute"),
    "meas_p_t_at_max_s": ("s", "when it was read"),
    "meas_t_demold_actual_s": ("s", "when the mold was opened"),
    "meas_T_core_t_half_s": ("s", "when the core passed half of its rise"),
    "meas_T_core_slope_max_C_per_s": ("K/s", "steepest rise of the core within 20 s"),
    "meas_T_core_t_slope_max_s": ("s", "when the core rose steepest"),
    "meas_T_core_open_C": ("°C", "core when the mold was opened"),
    "meas_T_core_cooling_C_per_s": ("K/s", "slope of the core over the 60 s before the opening"),
    "meas_core_over_mold_open_K": ("K", "core above mold when the mold was opened"),
    "meas_p_t_half_s": ("s", "when the cavity pressure passed half of its rise"),
    "meas_p_slope_max_bar_per_s": ("bar/s", "steepest rise of the cavity pressure within 20 s"),
    "meas_p_t_slope_max_s": ("s", "when the cavity pressure rose steepest"),
    "meas_p_60_bar": ("bar", "cavity pressure 60 s after the pour, absolute"),
    "meas_p_120_bar": ("bar", "cavity pressure 120 s after the pour, absolute"),
    "meas_p_open_bar": ("bar", "cavity pressure when the mold was opened, absolute"),
    "meas_p_kept_ratio": ("1", "share of the rise of the pressure that was left at the opening"),
    "meas_p_area_bar_s": ("bar s", "area under the rise of the pressure, pour to opening"),
    "delta_T_core_max_C": ("K", "meas_T_core_max_C - sim_T_core_max_C"),
    "delta_T_core_t_at_max_s": ("s", "meas_T_core_t_at_max_s - sim_T_core_t_at_max_s"),
    "delta_T_core_t_half_s": ("s", "meas_T_core_t_half_s - sim_t_gel_s"),
    "delta_p_max_bar": ("bar", "meas_p_max_bar - sim_p_max_bar"),
    "delta_p_t_at_max_s": ("s", "meas_p_t_at_max_s - sim_p_t_at_max_s"),
    "delta_p_t_half_s": ("s", "meas_p_t_half_s - sim_t_rise_s"),
    "delta_t_demold_s": ("s", "meas_t_demold_actual_s - sim_t_demold_opt_s"),
    "delta_t_demold_min_ratio": ("1", "meas_t_demold_actual_s / sim_t_demold_min_s - 1"),
    "delta_T_core_max_mold_K": ("K", "delta_T_core_max_C - prev_T_core_max_expected"),
    "delta_p_max_mold_ratio": (
        "1",
        "delta_p_max_bar - prev_p_max_expected, to the pressure that was expected of the mold",
    ),
    "delta_t_demold_mold_ratio": (
        "1",
        "ln(meas_t_demold_actual_s / sim_t_demold_min_s) - prev_t_demold_expected: below 0 it was"
        " opened before the earliest time that was expected of the mold",
    ),
}
_LAB = {
    "qc_rho_moulded": ("kg/m3", "moulded density"),
    "qc_H_demold": ("Shore", "hardness at demolding"),
    "qc_H_24h": ("Shore", "hardness after a day"),
    "qc_t_demold_safe_s": ("s", "earliest opening that did no harm"),
    "qc_defect_risk": ("1", "how bad the operator judged the part: 0 good, 1 scrap"),
    "qc_any_defect": ("1", "1 if any defect was found, 0 if somebody looked and found none"),
    **{f"qc_defect_{kind}": ("1", f"1 if {kind} was found") for kind in DEFECTS},
}

RECENT = (8, 40)
"""Earlier results that running means go over."""
SHRINK = 0.5
"""What is expected of a mold: the level of its n results, and that of its press with the weight
SHRINK / n of a result (assumed: the scatter of single results against that of molds)."""
_SCOPES = {"prev": "earlier shots of this mold on this press", "press": "shots of this press"}


def _earlier() -> dict[str, tuple[str, str]]:
    found = {}
    for scope, whose in _SCOPES.items():
        for name, target in TARGETS.items():
            unit = _residual_unit(name)
            residual = f"residual of {target.measured} against {target.physics}, {whose}"
            if scope == "prev":
                found[f"prev_{name}_last"] = unit, f"{residual}: the last one known"
            found[f"{scope}_{name}_trend"] = (
                unit,
                f"{residual}: mean{RECENT[0]} less mean{RECENT[1]}",
            )
            for count in RECENT:
                found[f"{scope}_{name}_mean{count}"] = (
                    unit,
                    f"{residual}: mean of the last {count} known",
                )
            if scope == "prev":
                found |= _memory(name, residual)
            found[f"{scope}_{name}_count"] = (
                "1",
                f"how many of these are known, {RECENT[-1]} at most of a mold",
            )
            if scope == "prev":
                newest = f"since the newest shot of which {target.measured} is known, on this mold"
                found[f"prev_{name}_age_shots"] = (
                    "1",
                    f"shots {newest}: 1 for the one before, {2 * RECENT[-1]} at most",
                )
                found[f"prev_{name}_age_h"] = "h", f"time {newest}"
    for name in TARGETS:
        weights = f"with the weights of prev_{name}_level"
        for column in INPUTS:
            unit = "K" if _PROCESS[column][0] == "°C" else _PROCESS[column][0]
            found[f"dev_{name}_{column.removeprefix('proc_')}"] = (
                unit,
                f"{column} less what it was at earlier shots, {weights}",
            )
        found[f"dev_{name}_share"] = (
            "1",
            f"1 less the sum of these: 1 if nothing is known, {weights}",
        )
    for name, target in TARGETS.items():
        for kind, count in (("news", RECENT[1]), ("lately", RECENT[0])):
            found[f"site_{name}_{kind}"] = (
                _residual_unit(name),
                f"residual of {target.measured} against {target.physics}: how far the newest known"
                f" of the site lie off the mean of {count} before on their molds, weight 0.3 on the"
                " newest; 0 if nothing is known",
            )
    found["prev_pause_s"] = "s", "since the mold was opened last"
    found["prev_defect_share"] = "1", f"defective among the last {RECENT[-1]} parts looked at"
    return found


def _memory(name: str, residual: str) -> dict[str, tuple[str, str]]:
    unit = _residual_unit(name)
    return {
        f"prev_{name}_expected": (
            unit,
            f"{residual}: the level of the mold's memory, drawn towards the median of the press's"
            f" last {RECENT[0]} and this towards 0, the fewer are known",
        ),
        f"prev_{name}_level": (unit, f"{residual}: the same at a speed of 0.2, the usual one"),
        f"prev_{name}_lead": (unit, f"prev_{name}_expected less prev_{name}_level"),
        f"prev_{name}_error": (unit, f"{residual}: usual size of the error of this level"),
        f"prev_{name}_speed": ("1", "share of the newest result in the level: how fast it follows"),
        f"prev_{name}_since": ("1", "results known since the last step or event of the press"),
        f"prev_{name}_std{RECENT[-1]}": (
            unit,
            f"{residual}: standard deviation of the last {RECENT[-1]} known",
        ),
    }


def _residual_unit(name: str) -> str:
    return "1" if TARGETS[name].relative else {"p_max": "bar"}.get(name, "K")


_TABLES: dict[Known, dict[str, tuple[str, str]]] = {
    "pour": _PROCESS | _PHYSICS | _earlier(),
    "live": _LIVE,
    "demold": _DEMOLD,
    "lab": _LAB,
}
COLUMNS: dict[str, Column] = {
    name: Column(unit, meaning, known)
    for known, table in _TABLES.items()
    for name, (unit, meaning) in table.items()
}
"""Every column of numbers, in the order of a feature set."""


def ml_column(target: str) -> str:
    """Column of what a model expected of a target: ``ml_rho_moulded``."""
    _, _, quantity = TARGETS[target].measured.partition("_")
    return f"ml_{quantity}"


def known_by(moment: Known) -> tuple[str, ...]:
    """Columns that are known at this moment: what a model for it may look at."""
    last = MOMENTS.index(moment)
    return tuple(name for name, column in COLUMNS.items() if MOMENTS.index(column.known) <= last)


def targets_at(moment: Known) -> dict[str, Target]:
    """Targets that are still to be measured at this moment, and so worth a prediction."""
    now = MOMENTS.index(moment)
    return {name: found for name, found in TARGETS.items() if MOMENTS.index(found.known) > now}


def schema_hash(names: Iterable[str]) -> str:
    """First 16 hex digits of the SHA-256 over names, units and meanings: equal when the columns
    are the same and mean the same."""
    digest = hashlib.sha256()
    for name in names:
        column = COLUMNS[name]
        digest.update(f"{name}|{column.unit}|{column.meaning}|{column.known}\n".encode())
    return digest.hexdigest()[:16]
