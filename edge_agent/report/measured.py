"""A logged shot beside the simulation of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_agent.logged_shots.beside_scenario import differences
from edge_agent.logged_shots.bundle import INPUT_SENSORS, Bundle
from edge_agent.report.curve_comparison import CurveComparison, compare_curves
from twin_core import InputError, SimulationResult
from twin_core.arrays import Array
from twin_core.units import PA_PER_BAR, ZERO_CELSIUS_K

SENSORS = {
    "T_core_C": ("core temperature", "°C", "K"),
    "p_cavity_bar": ("cavity pressure", "bar", "bar"),
}
"""What is compared: sensor -> words, unit of the value, unit of a difference."""
QUALITY = {
    "rho_moulded": ("rho_moulded", "moulded density", "kg/m3"),
    "H_demold": ("H_demold_shore", "hardness on opening", "Shore"),
    "H_24h": ("H_24h_shore", "hardness after 24 h", "Shore"),
}
"""Name in ``qc.yaml`` -> name in the result, words, unit."""


@dataclass(frozen=True)
class Series:
    """One sensor of a logged shot and how far the simulation is from it."""

    sensor: str
    time_s: Array
    value: Array
    kind: str
    """``measured``, or ``logged, simulated`` when the log says that a simulation made it."""
    comparison: CurveComparison | None

    @property
    def words(self) -> str:
        """Quantity that the sensor measures, in words."""
        return SENSORS[self.sensor][0]

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return SENSORS[self.sensor][1]

    @property
    def difference_unit(self) -> str:
        """Unit of the RMSE and of differences."""
        return SENSORS[self.sensor][2]


@dataclass(frozen=True)
class Measured:
    """Measurement of a logged shot to compare with."""

    shot_id: str
    kind: str
    series: tuple[Series, ...]
    quality: tuple[tuple[str, float], ...]
    """What was measured on the part, of ``QUALITY``."""
    notes: tuple[str, ...]
    """Where the log and the scenario are not the same shot."""
    data_quality: tuple[str, ...] = ()
    """Sentences on readings that were left out of the log, and inputs that it does not have."""

    def of(self, sensor: str) -> Series | None:
        """The series of a sensor, if it was logged."""
        return next((series for series in self.series if series.sensor == sensor), None)


def measured(bundle: Bundle, result: SimulationResult) -> Measured:
    """Compare a logged shot with a simulation.

    Raises:
        InputError: the log holds none of the series that can be compared.
    """
    kind = "logged, simulated" if bundle.meta.simulated else "measured"
    found = []
    for sensor in SENSORS:
        rows = bundle.readings(sensor)
        if rows:
            t, value = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
            difference = compare_curves(t, value, result.time_s, simulated(result, sensor))
            found.append(Series(sensor, t, value, kind, difference))
    if not found:
        raise InputError(
            f"{bundle.path}: no {' or '.join(SENSORS)} in it: nothing to compare with; "
            "add sensors_core_temp.csv or sensors_pressure.csv"
        )
    part = {name: (bundle.quality or {}).get(name) for name in QUALITY}
    numbers = ((name, float(v)) for name, v in part.items() if isinstance(v, (int, float)))
    return Measured(
        shot_id=bundle.meta.shot_id,
        kind=kind,
        series=tuple(found),
        quality=tuple(numbers),
        notes=tuple(f"{words} simulated." for words in differences(bundle, result.scenario)),
        data_quality=tuple(_data_quality(bundle, result)),
    )


def simulated(result: SimulationResult, sensor: str) -> Array:
    """The simulated course of a sensor, in its unit."""
    if sensor == "T_core_C":
        return result.T_core_K - ZERO_CELSIUS_K
    return result.p_total_Pa / PA_PER_BAR


def _data_quality(bundle: Bundle, result: SimulationResult) -> list[str]:
    process = result.scenario.process
    lines = [
        f"{name}: not in the log; {getattr(process, name):g} of the scenario was simulated."
        for name in INPUT_SENSORS
        if getattr(bundle.recipe, name) is None and getattr(process, name, None) is not None
    ]
    lines += [f"{SENSORS[name][0]}: not in the log." for name in _not_logged(bundle)]
    return lines + [f"{note.words}." for note in bundle.notes]


def _not_logged(bundle: Bundle) -> list[str]:
    logged = {name for row in bundle.series.values() for name in row}
    return [name for name in SENSORS if name not in logged]
