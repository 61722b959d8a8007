"""Ranges of what a reading or column can be at all: the one table for every part of the twin.

A value outside is a fault of the sensor, its wire or its scaling, or a slip of the pen. The ranges
are wide on purpose: they hold what no press can do, not what it should not. The agent, the readers
of files, calibration, training and inference use the same ones. An impossible value is missing,
never put right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the web server reads this table, and loads no numpy
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
_CORE = Range(-50.0, 320.0, "foams decompose from 250 °C on; 70 K of room for a scorched core")
_AIR = Range(-50.0, 80.0, "a hall that people work in")
_PRESSURE = Range(0.5, 60.0, "absolute: 0.5 bar is below any altitude, 60 bar opens every clamp")
_MACHINE = Range(-1.0, 320.0, "gauge: a vacuum, and more than high-pressure machines reach")
_MASS = Range(0.0, 1000.0, "a tonne in one shot")
_FLOW = Range(0.0, 100.0, "no mixing head pours a tonne in ten seconds")
_PERCENT = Range(0.0, 100.0, "a share in per cent")
_TIME = Range(0.0, 86_400.0, "counted from the pour, and no shot cures longer than a day")
_DENSITY = Range(5.0, 2500.0, "lighter than any foam, heavier than any filled polymer")
_SHORE = Range(0.0, 100.0, "the scale ends there")
_SHARE = Range(0.0, 1.0, "a share")

CHANNELS: dict[str, Range] = {
    "T_polyol_C": _LIQUID,
    "T_iso_C": _LIQUID,
    "T_mold_C": _LIQUID,
    "T_core_C": _CORE,
    "T_ambient_C": _AIR,
    "RH_ambient_pct": _PERCENT,
    "p_cavity_bar": _PRESSURE,
    "p_polyol_bar": _MACHINE,
    "p_iso_bar": _MACHINE,
    "p_mix_bar": _MACHINE,
    "m_polyol_kg": _MASS,
    "m_iso_kg": _MASS,
    "m_additives_kg": _MASS,
    "flow_polyol_kg_per_s": _FLOW,
    "flow_iso_kg_per_s": _FLOW,
    "n_mixer_rpm": Range(0.0, 30_000.0, "stirrers turn slower"),
    "power_W": Range(0.0, 1e6, "a megawatt for one mixing head"),
    "vent_open_fraction": _SHARE,
    "F_clamp_N": Range(0.0, 1e8, "ten thousand tonnes"),
    "lid_opening_mm": Range(0.0, 1e4, "ten meters"),
}
"""Ranges of the well-known channels, in the unit that ends the name."""

SERIES = {name: CHANNELS[name] for name in ("T_core_C", "p_cavity_bar")}
"""Ranges of the readings of the part while it cures."""

CURVES = SERIES | {"T_mold_C": CHANNELS["T_mold_C"]}
"""Ranges of the readings while a shot cures that features are made of."""

_BY_UNIT = {
    "_C": Range(-273.15, 3000.0, "from absolute zero to above every furnace"),
    "_K": Range(0.0, 3300.0, "from absolute zero to above every furnace"),
}
"""Ranges of other channels, by the end of the name."""

_ANY = Range(-1e15, 1e15, "instruments report over-range so: 9.9E37, 1E38")

RANGES: dict[str, Range] = {
    "proc_T_polyol_in_C": _LIQUID,
    "proc_T_iso_in_C": _LIQUID,
    "proc_T_mold_init_C": _LIQUID,
    "proc_T_ambient_C": _AIR,
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
    "meas_T_core_t_half_s": _TIME,
    "meas_T_core_slope_max_C_per_s": Range(-20.0, 50.0, "faster than the fastest reaction heats"),
    "meas_T_core_t_slope_max_s": _TIME,
    "meas_T_core_open_C": _CORE,
    "meas_T_core_cooling_C_per_s": Range(-20.0, 50.0, "faster than the fastest reaction heats"),
    "meas_p_t_half_s": _TIME,
    "meas_p_slope_max_bar_per_s": Range(-10.0, 10.0, "60 bar within six seconds"),
    "meas_p_t_slope_max_s": _TIME,
    "meas_p_60_bar": _PRESSURE,
    "meas_p_120_bar": _PRESSURE,
    "meas_p_open_bar": _PRESSURE,
    "qc_rho_moulded": _DENSITY,
    "qc_H_demold": _SHORE,
    "qc_H_24h": _SHORE,
    "qc_t_demold_safe_s": Range(1.0, 86_400.0, "nothing can be opened within a second"),
    "qc_defect_risk": _SHARE,
}
"""Ranges of columns; those that are computed have none."""


RESULTS = {
    "rho_moulded_kg_per_m3": _DENSITY,
    "rho_free_rise_kg_per_m3": _DENSITY,
    "H_demold_shore": _SHORE,
    "H_24h_shore": _SHORE,
    "t_demold_safe_s": RANGES["qc_t_demold_safe_s"],
    "defect_risk_operator": _SHARE,
}
"""Ranges of the results of a laboratory, by the names of the wire."""


@lru_cache(maxsize=4096)
def range_of(channel: str) -> Range:
    """Range of a channel; ``T_mold_C.1`` is one of several ``T_mold_C``.

    Args:
        channel: name of a sensor, which ends in its unit; if it is not known, the unit decides.
    """
    name = channel.partition(".")[0]
    if name in CHANNELS:
        return CHANNELS[name]
    return next((found for unit, found in _BY_UNIT.items() if name.endswith(unit)), _ANY)


def plausible(channel: str, value: float) -> str | None:
    """Words for why a reading is impossible, or None when it is possible.

    Args:
        channel: name of a sensor, which ends in its unit.
        value: the reading, in that unit; NaN and infinities are impossible.
    """
    found = range_of(channel)
    if found.low <= value <= found.high:
        return None
    if not math.isfinite(value):
        return f"{value} is no number"
    return f"{value:g} is outside {found.low:g} to {found.high:g} ({found.reason})"


def impossible_result(name: str, value: float) -> str | None:
    """Words for why a result of a laboratory is impossible, or None when it is possible.

    Args:
        name: of ``RESULTS``.
        value: the result, in the unit that ends the name.
    """
    found = RESULTS[name]
    if found.holds(value):
        return None
    return f"{value:g} is outside {found.low:g} to {found.high:g} ({found.reason})"


def all_plausible(readings: Mapping[str, float]) -> bool:
    """Whether every reading of a frame is possible.

    Args:
        readings: by the name of the sensor, which ends in its unit.
    """
    for channel, value in readings.items():
        ends = _ENDS.get(channel) or _ends_of(channel)
        if not ends[0] <= value <= ends[1]:
            return False
    return True


_ENDS = {name: (found.low, found.high) for name, found in CHANNELS.items()}


def _ends_of(channel: str) -> tuple[float, float]:
    found = range_of(channel)
    return found.low, found.high


def possible_readings(sensor: str, values: Array) -> NDArray[np.bool_]:
    """Mark the possible readings of a sensor; the others are left out of every column."""
    found = range_of(sensor)
    inside: NDArray[np.bool_] = (values >= found.low) & (values <= found.high)
    return inside


def possible(row: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """The row with NaN in place of what is impossible, and what stood there."""
    wrong = {
        name: value
        for name, value in row.items()
        if name in RANGES and not RANGES[name].holds(value)
    }
    return {name: math.nan if name in wrong else value for name, value in row.items()}, wrong
