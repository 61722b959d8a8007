"""Plausible ranges of readings: a value outside is a fault of the sensor or a wrong entry.

The ranges are wide on purpose: they hold what no press can do, not what it should not. Training
and the press use the same ones. An impossible value is missing, never put right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array


@dataclass(frozen=True)
class Range:
    """Both ends are possible."""

    low: float
    high: float
    reason: str

    def holds(self, value: float) -> bool:
        """NaN is missing, which is no fault of the range."""
        return math.isnan(value) or self.low <= value <= self.high


_LIQUID = Range(-50.0, 250.0, "the model takes no more; components freeze or boil far inside it")
_CORE = Range(-50.0, 350.0, "foams decompose from 250 °C on; 100 K of room for a scorched core")
_PRESSURE = Range(0.5, 60.0, "absolute: 0.5 bar is below any altitude, 60 bar opens every clamp")
_TIME = Range(0.0, 86_400.0, "counted from the pour, and no shot cures longer than a day")
_DENSITY = Range(5.0, 2500.0, "lighter than any foam, heavier than any filled polymer")
_SHORE = Range(0.0, 100.0, "the scale ends there")
_SHARE = Range(0.0, 1.0, "a share")

SERIES = {"T_core_C": _CORE, "p_cavity_bar": _PRESSURE}
"""Ranges of the readings while a shot cures."""

RANGES: dict[str, Range] = {
    "proc_T_polyol_in_C": _LIQUID,
    "proc_T_iso_in_C": _LIQUID,
    "proc_T_mold_init_C": _LIQUID,
    "proc_T_ambient_C": Range(-50.0, 80.0, "a hall that people work in"),
    "proc_RH_ambient": _SHARE,
    "proc_mixing_eff": _SHARE,
    "proc_m_total_kg": Range(1e-6, 1e4, "a drop, and ten tonnes"),
    "proc_iso_per_polyol": Range(0.01, 100.0, "beyond it one component is missing"),
    "meas_T_core_avg_0_120_C": _CORE,
    "meas_T_core_slope_0_60_C_per_s": Range(-20.0, 50.0, "faster than the fastest reaction heats"),
    "meas_p_slope_0_60_bar_per_s": Range(-10.0, 10.0, "60 bar within six seconds"),
    "meas_T_core_max_C": _CORE,
    "meas_T_core_t_at_max_s": _TIME,
    "meas_p_max_bar": _PRESSURE,
    "meas_p_t_at_max_s": _TIME,
    "meas_t_demold_actual_s": Range(1.0, 86_400.0, "nothing can be opened within a second"),
    "qc_rho_moulded": _DENSITY,
    "qc_H_demold": _SHORE,
    "qc_H_24h": _SHORE,
    "qc_t_demold_safe_s": Range(1.0, 86_400.0, "nothing can be opened within a second"),
    "qc_defect_risk": _SHARE,
}
"""Ranges of columns; those that are computed have none."""


def possible_readings(sensor: str, values: Array) -> NDArray[np.bool_]:
    """Mark the possible readings of a sensor; the others are left out of every column."""
    found = SERIES[sensor]
    return np.asarray((values >= found.low) & (values <= found.high))


def possible(row: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """The row with NaN in place of what is impossible, and what stood there."""
    wrong = {
        name: value
        for name, value in row.items()
        if name in RANGES and not RANGES[name].holds(value)
    }
    return {name: math.nan if name in wrong else value for name, value in row.items()}, wrong
