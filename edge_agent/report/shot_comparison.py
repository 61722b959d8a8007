"""A logged shot beside simulations of it, before and after a calibration: numbers and residuals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from edge_agent.config.catalogue import Catalogue
from edge_agent.logged_shots.logged_shot import LAB_NUMBERS, LoggedShot
from edge_agent.report.curve_comparison import CurveComparison, compare_curves
from edge_agent.shots.scenario import reported_scenario
from twin_core import SimulationResult, simulate
from twin_core.arrays import Array
from twin_core.calibration.parameter_set import (
    MOLD_NUMBERS,
    ParameterSet,
    as_read,
    calibrated,
)
from twin_core.errors import InputError
from twin_core.hot_probe import still_hot
from twin_core.materials import MaterialSystem
from twin_core.plausible_ranges import possible_readings
from twin_core.scenario import Scenario
from twin_core.units import PA_PER_BAR, ZERO_CELSIUS_K

SENSORS = {
    "T_core_C": ("core temperature", "°C", "K"),
    "p_cavity_bar": ("cavity pressure", "bar", "bar"),
    "T_mold_C": ("mold temperature", "°C", "K"),
}
"""What is compared: sensor -> words, unit of the value, unit of a difference."""
LABORATORY = {
    "rho_moulded_kg_per_m3": ("moulded density", "kg/m3", "rho_moulded"),
    "H_demold_shore": ("hardness on opening", "Shore", "H_demold_shore"),
    "H_24h_shore": ("hardness after 24 h", "Shore", "H_24h_shore"),
    "t_demold_safe_s": ("safe time | t_demold_min_s", "s", "t_demold_min_s"),
}
"""What the laboratory says -> words, unit, name in the result."""
AFTER_LAST_S = 10.0
SPACING_S = 0.5


@dataclass(frozen=True)
class SeriesComparison:
    """One sensor beside the simulations, at the times of its readings.

    Attributes:
        simulated, comparison: before and, with two systems, after; NaN beyond the run.
    """

    sensor: str
    time_s: Array
    measured: Array
    simulated: tuple[Array, ...]
    comparison: tuple[CurveComparison | None, ...]

    @property
    def residuals(self) -> tuple[Array, ...]:
        """Simulated minus measured, of each simulation."""
        return tuple(values - self.measured for values in self.simulated)

    @property
    def change_pct(self) -> float | None:
        """Change of the RMSE by the calibration; negative is closer. None without two."""
        first, last = self.comparison[0], self.comparison[-1]
        if len(self.comparison) < 2 or first is None or last is None or first.rmse == 0.0:
            return None
        return 100.0 * (last.rmse / first.rmse - 1.0)


@dataclass(frozen=True)
class PartComparison:
    """A number of the laboratory beside the simulations; None: does not happen."""

    name: str
    measured: float
    simulated: tuple[float | None, ...]


@dataclass(frozen=True)
class ShotComparison:
    """A logged shot beside one or two simulations of it.

    Attributes:
        shot: as it was logged.
        results: before and, with two systems or parameter sets, after.
        notes: what stands in, or was left out.
        sets: parameter set of each result; None: none.
    """

    shot: LoggedShot
    results: tuple[SimulationResult, ...]
    series: tuple[SeriesComparison, ...]
    part: tuple[PartComparison, ...]
    notes: tuple[str, ...]
    sets: tuple[ParameterSet | None, ...] = ()

    @property
    def kind(self) -> str:
        """``measured``, or ``logged, simulated`` when a simulation made the log."""
        return "logged, simulated" if self.shot.simulated else "measured"

    @property
    def changed(self) -> list[tuple[str, float | None, float | None, str]]:
        """Numbers that differ between the systems: path, before, after, unit."""
        first, last = (result.scenario.system for result in (self.results[0], self.results[-1]))
        old, new = (dict(system.parameters()) for system in (first, last))
        found = []
        for path in dict.fromkeys([*old, *new]):
            a, b = old.get(path), new.get(path)
            before, after = (None if p is None else p.value for p in (a, b))
            if before != after:
                unit = next(p.unit for p in (a, b) if p is not None)
                found.append((path, before, after, unit))
        return [*found, *self._changed_of_mold()]

    def _changed_of_mold(self) -> Iterator[tuple[str, float | None, float | None, str]]:
        mold_id = self.results[0].scenario.mold.mold_id
        numbers = [{} if one is None else one.numbers_of(mold_id) for one in self.sets]
        for name, meant in MOLD_NUMBERS.items() if numbers else ():
            before, after = (of.get(name, meant.neutral) for of in (numbers[0], numbers[-1]))
            if before != after:
                yield f"{mold_id}.{name}", before, after, meant.unit

    def versions_of(self, number: int) -> tuple[str | None, str]:
        """Name of the parameter set of a result, and the hash of its parameters."""
        used = self.sets[number] if self.sets else None
        if used is None:
            return None, self.results[number].scenario.system.parameters_hash()
        return used.set_id, used.parameters_hash()

    def as_dict(self) -> dict[str, Any]:
        """All numbers as plain data, for a program."""
        key = self.shot.key
        labels = LABELS[: len(self.results)]
        return {
            "shot": {
                "shot_id": key.shot_id, "shot_key": key.shot_key, "press": key.press,
                "mold_id": key.mold_id, "system_id": self.shot.system_id,
                "poured_at": None if self.shot.poured_at is None
                else self.shot.poured_at.isoformat(),
                "simulated": self.shot.simulated,
            },
            "systems": {
                label: {
                    "system_id": result.scenario.system.system_id,
                    "version": result.scenario.system.version,
                    "parameter_set": self.versions_of(number)[0],
                    "parameters_hash": self.versions_of(number)[1],
                }
                for number, (label, result) in enumerate(zip(labels, self.results, strict=True))
            },
            "changed": [
                {"path": path, "before": before, "after": after, "unit": unit}
                for path, before, after, unit in (self.changed if len(labels) > 1 else [])
            ],
            "series": [_series_dict(series, labels) for series in self.series],
            "part": [
                {
                    "name": one.name, "unit": LABORATORY[one.name][1], "measured": one.measured,
                    **{f"simulated_{k}": v for k, v in zip(labels, one.simulated, strict=True)},
                }
                for one in self.part
            ],
            "notes": list(self.notes),
        }  # fmt: skip


LABELS = ("before", "after")


def scenarios_of(
    shot: LoggedShot, catalogue: Catalogue, systems: tuple[MaterialSystem, ...]
) -> tuple[tuple[Scenario, ...], list[str]]:
    """The shot as it was reported, with each system and without a parameter set; what stood in.

    Raises:
        InputError: the mold is unknown, or the recipe cannot be simulated.
    """
    key, recipe = shot.key, shot.recipe
    if recipe is None:
        raise InputError(f"shot {key.shot_id}: no recipe is stored: give --scenario FILE")
    last = [float(rows[-1, 0]) for rows in shot.series.values() if len(rows)]
    horizon_s = max([AFTER_LAST_S, *last]) + AFTER_LAST_S
    found = []
    notes: list[str] = []
    for system in systems:
        own = replace(catalogue, systems=catalogue.systems | {system.system_id: system})
        scenario, notes = reported_scenario(
            key.shot_id, system.system_id, key.mold_id, recipe, shot.inputs, own, horizon_s
        )
        found.append(with_fine_output(scenario, horizon_s))
    return tuple(found), [f"{words} stood in for a reading" for words in notes]


def with_fine_output(scenario: Scenario, horizon_s: float) -> Scenario:
    """The scenario with output up to the last reading, close enough to interpolate."""
    options = {"t_end_s": horizon_s, "dt_s": max(SPACING_S, horizon_s / 4000.0)}
    simulation = scenario.simulation.model_copy(update=options)
    return scenario.model_copy(update={"simulation": simulation})


def compare_shot(
    shot: LoggedShot,
    scenarios: tuple[Scenario, ...],
    notes: list[str],
    sets: tuple[ParameterSet | None, ...] = (),
) -> ShotComparison:
    """Simulate, and compare with what was logged.

    Args:
        shot: as it was logged.
        scenarios: before and, for a comparison of two systems or sets, after; as reported.
        notes: what is known of the inputs.
        sets: parameter set of each scenario; None: none.

    Raises:
        InputError: nothing was logged that can be compared, it cannot be simulated, or a set is of
            another system.
    """
    sets = sets or (None,) * len(scenarios)
    results = tuple(simulate(calibrated(*pair)) for pair in zip(scenarios, sets, strict=True))
    said = list(notes)
    series = []
    for sensor in SENSORS:
        rows, left_out = _readings(shot, sensor)
        said += left_out
        if len(rows):
            series.append(_compare(sensor, rows, results, sets))
    part = _part(shot, results)
    if not series and not part:
        raise InputError(
            f"shot {shot.key.shot_id}: none of {', '.join(SENSORS)} was logged, and no laboratory "
            "value: nothing to compare with"
        )
    return ShotComparison(shot, results, tuple(series), tuple(part), tuple(said), sets)


def _readings(shot: LoggedShot, sensor: str) -> tuple[Array, list[str]]:
    """Possible readings from the pour to the opening, and what was left out."""
    rows = shot.series.get(sensor, np.empty((0, 2)))
    if not len(rows):
        return rows, []
    notes = []
    possible = possible_readings(sensor, rows[:, 1])
    if not possible.all():
        notes.append(f"{sensor}: {(~possible).sum()} of {len(rows)} readings impossible, left out")
        rows = rows[possible]
    inside = rows[:, 0] >= 0.0
    if shot.opened and not np.isnan(shot.cured_s):
        inside &= rows[:, 0] <= shot.cured_s
    if not inside.all():
        notes.append(
            f"{sensor}: {(~inside).sum()} of {len(rows)} readings before the pour or after the "
            "opening, left out"
        )
        rows = rows[inside]
    if sensor == "T_core_C" and len(rows):
        hot = still_hot(rows[:, 0], rows[:, 1])
        if hot.any():
            notes.append(
                f"{sensor}: the probe still held the heat of the part before: {hot.sum()} of "
                f"{len(rows)} readings left out"
            )
            rows = rows[~hot]
    return rows, notes


def _compare(
    sensor: str,
    rows: Array,
    results: tuple[SimulationResult, ...],
    sets: tuple[ParameterSet | None, ...],
) -> SeriesComparison:
    t, y = rows[:, 0], rows[:, 1]
    curves = [
        (
            result.time_s,
            _simulated(result, sensor) + as_read(sensor, 0.0, used, result.scenario.mold.mold_id),
        )
        for result, used in zip(results, sets, strict=True)
    ]
    return SeriesComparison(
        sensor,
        t,
        y,
        tuple(np.interp(t, x, values, right=np.nan) for x, values in curves),
        tuple(compare_curves(t, y, x, values) for x, values in curves),
    )


def _simulated(result: SimulationResult, sensor: str) -> Array:
    match sensor:
        case "T_core_C":
            return result.T_core_K - ZERO_CELSIUS_K
        case "T_mold_C":
            return result.T_mold_K - ZERO_CELSIUS_K
        case _:
            return result.p_total_Pa / PA_PER_BAR


def _part(shot: LoggedShot, results: tuple[SimulationResult, ...]) -> list[PartComparison]:
    """The newest word of the laboratory on each number."""
    told: dict[str, float] = {}
    for record in shot.records:
        if record.replaced_at is None:
            told |= {name: v for name, v in record.numbers.items() if v is not None}
    return [
        PartComparison(name, told[name], tuple(_number(r, LABORATORY[name][2]) for r in results))
        for name in LAB_NUMBERS
        if name in told
    ]


def _number(result: SimulationResult, name: str) -> float | None:
    value = getattr(result, name)
    return None if value is None else float(value)


def _series_dict(series: SeriesComparison, labels: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "sensor": series.sensor,
        "unit": SENSORS[series.sensor][1],
        "rmse_change_pct": series.change_pct,
        "time_s": series.time_s.tolist(),
        "measured": series.measured.tolist(),
    }
    for label, values, off, comparison in zip(
        labels, series.simulated, series.residuals, series.comparison, strict=True
    ):
        numbers: Mapping[str, Any] | None = None if comparison is None else asdict(comparison)
        found[label] = numbers
        found[f"simulated_{label}"] = _finite(values)
        found[f"residual_{label}"] = _finite(off)
    return found


def _finite(values: Array) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
