"""A shot as a row of numbers. Training and the press call these same functions.

Each function returns the columns that become known at one moment; a row is their union.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from twin_core.arrays import Array
from twin_core.batch import BatchResult
from twin_core.calibration.parameter_set import ParameterSet, as_read
from twin_core.learning.columns import DEFECTS, LIVE_S
from twin_core.learning.curve import Shape
from twin_core.mold import Mold
from twin_core.results.result import SimulationResult
from twin_core.scenario import Process
from twin_core.units import PA_PER_BAR

Row = dict[str, float]
NAN = math.nan
SLOPE_S = 60.0
READINGS_MIN = 3
"""A slope or a mean needs as many."""

_KPIS = {
    "sim_T_core_max_C": "T_core_max_C",
    "sim_T_core_t_at_max_s": "t_T_core_max_s",
    "sim_p_t_at_max_s": "t_p_max_s",
    "sim_rho_moulded": "rho_moulded_kg_per_m3",
    "sim_fill_ratio": "fill_ratio",
    "sim_t_cream_s": "t_cream_s",
    "sim_t_gel_s": "t_gel_s",
    "sim_t_rise_s": "t_rise_s",
    "sim_H_24h_shore": "H_24h_shore",
    "sim_nco_oh_index": "nco_oh_index",
    "sim_water_from_rh_kg": "water_from_rh_kg",
}
_FIGURES = {
    "sim_t_demold_min_s": "t_demold_min_s",
    "sim_t_demold_opt_s": "t_demold_opt_s",
    "sim_H_demold_shore": "H_demold_shore",
    "sim_defect_risk": "defect_risk",
}

_PEAKS = {"sim_T_core_max_C": "T_core_C", "sim_p_max_bar": "p_cavity_bar"}
"""Columns that are compared with the readings of a sensor."""


def physics_columns(result: SimulationResult) -> Row:
    """``sim_`` columns of one simulation."""
    row = {column: _number(getattr(result.kpis, name)) for column, name in _KPIS.items()}
    row |= {column: _number(getattr(result, name)) for column, name in _FIGURES.items()}
    row["sim_p_max_bar"] = result.p_max_Pa / PA_PER_BAR
    return row


def as_read_columns(row: Row, parameter_set: ParameterSet | None, mold_id: str) -> Row:
    """The columns with the peaks that the sensors of a mold would read of the simulated ones.

    Args:
        row: ``sim_`` columns.
        parameter_set: the set that the shot was simulated with; None changes nothing.
        mold_id: the mold.
    """
    if parameter_set is None:
        return row
    peaks = {
        column: as_read(sensor, row[column], parameter_set, mold_id)
        for column, sensor in _PEAKS.items()
        if column in row
    }
    return row | peaks


def physics_columns_of_batch(batch: BatchResult) -> dict[str, Array]:
    """``sim_`` columns of many simulations, arrays of shape (shots,); with ``rtol`` of single runs
    they are those of single runs.
    """
    columns = {column: batch[name] for column, name in (_KPIS | _FIGURES).items()}
    columns["sim_p_max_bar"] = batch["p_max_Pa"] / PA_PER_BAR
    return columns


def process_columns(process: Process, mold: Mold, substituted_count: int) -> Row:
    """``proc_`` columns of what was poured."""
    total = process.m_polyol_kg + process.m_iso_kg + process.m_additives_kg
    volume = mold.cavity_volume_m3
    mold_C = process.T_ambient_C if process.T_mold_C is None else process.T_mold_C
    return {
        "proc_T_polyol_in_C": process.T_polyol_C,
        "proc_T_iso_in_C": process.T_iso_C,
        "proc_T_mold_init_C": mold_C,
        "proc_T_ambient_C": process.T_ambient_C,
        "proc_RH_ambient": process.RH_ambient_pct / 100.0,
        "proc_mixing_eff": process.mixing_eff,
        "proc_m_total_kg": total,
        "proc_iso_per_polyol": process.m_iso_kg / process.m_polyol_kg,
        "proc_packing_kg_per_m3": NAN if volume is None else total / volume,
        "proc_thickness_m": NAN if mold.open else mold.slab_thickness_m(),
        "proc_substituted_count": float(substituted_count),
    }


def live_columns(T_core: Sequence[tuple[float, float]], p: Sequence[tuple[float, float]]) -> Row:
    """``meas_`` columns of the first ``LIVE_S`` seconds.

    Args:
        T_core: readings (time since the pour [s], °C), in order of time.
        p: readings (time [s], bar absolute).
    """
    early = [value for t, value in T_core if 0.0 <= t <= LIVE_S]
    return {
        "meas_T_core_avg_0_120_C": float(np.mean(early)) if len(early) >= READINGS_MIN else NAN,
        "meas_T_core_slope_0_60_C_per_s": _slope(T_core),
        "meas_p_slope_0_60_bar_per_s": _slope(p),
    }


def curve_columns(
    readings: Mapping[str, Iterable[Sequence[float]]], ended_s: float, t_demold_actual_s: float
) -> Row:
    """``meas_`` columns of the shape of the curves, known when the mold opens.

    Args:
        readings: (time since the pour [s], value) of ``T_core_C``, ``T_mold_C`` [°C] and
            ``p_cavity_bar`` [bar absolute]; a sensor may be missing.
        ended_s: when the shot ended; NaN while it has not [s].
        t_demold_actual_s: when the mold was opened; NaN: nobody said so [s].
    """
    opened = not math.isnan(t_demold_actual_s)
    core, mold, p = (
        Shape(readings.get(name, ()), ended_s, opened)
        for name in ("T_core_C", "T_mold_C", "p_cavity_bar")
    )
    core_steepest_s, core_slope = core.steepest()
    p_steepest_s, p_slope = p.steepest()
    return {
        "meas_T_core_t_half_s": core.t_half_s(),
        "meas_T_core_slope_max_C_per_s": core_slope,
        "meas_T_core_t_slope_max_s": core_steepest_s,
        "meas_T_core_open_C": core.at_opening(),
        "meas_T_core_cooling_C_per_s": core.last_slope(),
        "meas_core_over_mold_open_K": core.at_opening() - mold.at_opening(),
        "meas_p_t_half_s": p.t_half_s(),
        "meas_p_slope_max_bar_per_s": p_slope,
        "meas_p_t_slope_max_s": p_steepest_s,
        "meas_p_60_bar": p.at(60.0),
        "meas_p_120_bar": p.at(120.0),
        "meas_p_open_bar": p.at_opening(),
        "meas_p_kept_ratio": p.kept_ratio(),
        "meas_p_area_bar_s": p.area(),
    }


def demold_columns(
    row: Mapping[str, float],
    T_core_max: tuple[float, float] | None,
    p_max: tuple[float, float] | None,
    t_demold_actual_s: float | None,
) -> Row:
    """``meas_`` columns of the peaks and ``delta_`` columns, known when the mold opens.

    Args:
        row: the ``sim_`` columns of the shot, and those of ``curve_columns`` as far as known.
        T_core_max, p_max: (time [s], value) of the largest reading.
    """
    t_T, T = T_core_max or (NAN, NAN)
    t_p, p = p_max or (NAN, NAN)
    opened = _number(t_demold_actual_s)
    earliest = row["sim_t_demold_min_s"]
    return {
        "meas_T_core_max_C": T,
        "meas_T_core_t_at_max_s": t_T,
        "meas_p_max_bar": p,
        "meas_p_t_at_max_s": t_p,
        "meas_t_demold_actual_s": opened,
        "delta_T_core_max_C": T - row["sim_T_core_max_C"],
        "delta_T_core_t_at_max_s": t_T - row["sim_T_core_t_at_max_s"],
        "delta_T_core_t_half_s": row.get("meas_T_core_t_half_s", NAN) - row["sim_t_gel_s"],
        "delta_p_max_bar": p - row["sim_p_max_bar"],
        "delta_p_t_at_max_s": t_p - row["sim_p_t_at_max_s"],
        "delta_p_t_half_s": row.get("meas_p_t_half_s", NAN) - row["sim_t_rise_s"],
        "delta_t_demold_s": opened - row["sim_t_demold_opt_s"],
        "delta_t_demold_min_ratio": opened / earliest - 1.0 if earliest > 0.0 else NAN,
    }


def mold_columns(row: Mapping[str, float]) -> Row:
    """``delta_`` columns against what was expected of the mold, known when it opens.

    Args:
        row: all columns of the shot that are known then but these.
    """
    p_expected = row["sim_p_max_bar"] + row["prev_p_max_expected"]
    late = row["delta_t_demold_min_ratio"] + 1.0
    return {
        "delta_T_core_max_mold_K": row["delta_T_core_max_C"] - row["prev_T_core_max_expected"],
        "delta_p_max_mold_ratio": (row["meas_p_max_bar"] - p_expected) / p_expected
        if p_expected > 0.0
        else NAN,
        "delta_t_demold_mold_ratio": math.log(late) - row["prev_t_demold_expected"]
        if late > 0.0
        else NAN,
    }


def lab_columns(
    record: Mapping[str, float | None], defects: Iterable[str] | None, risk: float | None
) -> Row:
    """``qc_`` columns of a quality record.

    Args:
        record: its numbers, by the names of the wire.
        defects: what was found; None if nobody looked.
    """
    row = {
        "qc_rho_moulded": _number(record.get("rho_moulded_kg_per_m3")),
        "qc_H_demold": _number(record.get("H_demold_shore")),
        "qc_H_24h": _number(record.get("H_24h_shore")),
        "qc_t_demold_safe_s": _number(record.get("t_demold_safe_s")),
        "qc_defect_risk": _number(risk),
    }
    found = None if defects is None else set(defects)
    row["qc_any_defect"] = NAN if found is None else float(bool(found))
    for kind in DEFECTS:
        row[f"qc_defect_{kind}"] = NAN if found is None else float(kind in found)
    return row


def merged_lab_columns(records: Iterable[Mapping[str, float]]) -> Row:
    """Merge ``qc_`` columns of several quality records of one shot, oldest first.

    A later number corrects an earlier one; a part that had a defect keeps it, whatever a later
    record says.
    """
    row: Row = {}
    for record in records:
        for name, value in record.items():
            before = row.get(name, NAN)
            if math.isnan(value):
                row.setdefault(name, value)
            elif name.startswith(("qc_any_defect", "qc_defect_")) and name != "qc_defect_risk":
                row[name] = value if math.isnan(before) else max(before, value)
            else:
                row[name] = value
    return row


def _slope(readings: Sequence[tuple[float, float]]) -> float:
    """Least-squares slope over the first 60 s (the first generation fitted over 120 s)."""
    early = np.array([(t, value) for t, value in readings if 0.0 <= t <= SLOPE_S])
    if len(early) < READINGS_MIN or np.ptp(early[:, 0]) == 0.0:
        return NAN
    t, value = early.T
    t = t - t.mean()
    return float(t @ value / (t @ t))


def _number(value: float | None) -> float:
    return NAN if value is None else float(value)
