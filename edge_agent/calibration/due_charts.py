"""Control charts of measured minus predicted, mold by mold, since the shots of a parameter set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from broker.timestamps import parse_timestamp
from edge_agent.calibration.calibration_shot import CalibrationShot
from twin_core.arrays import Array
from twin_core.calibration.parameter_set import ParameterSet, as_read
from twin_core.learning.drift_charts import MoldChart, mold_charts

SHIFT = 1.0
"""Standard deviations: who would have found this has seen enough."""

MoldAndSystem = tuple[str, str]


@dataclass(frozen=True)
class Quantity:
    """Quantity whose measured minus predicted is charted."""

    words: str
    measured: str
    """Sensor whose peak is taken, or result of the laboratory."""
    simulated: str
    """Column of the simulation."""
    unit: str
    """``%`` of the predicted, or that of the difference."""


QUANTITIES = {
    one.measured: one
    for one in (
        Quantity("peak of the core", "T_core_C", "sim_T_core_max_C", "K"),
        Quantity("peak of the pressure", "p_cavity_bar", "sim_p_max_bar", "bar"),
        Quantity("density", "rho_moulded_kg_per_m3", "sim_rho_moulded", "%"),
        Quantity("safe demold time", "t_demold_safe_s", "sim_t_demold_min_s", "%"),
    )
}


@dataclass(frozen=True)
class Checked:
    """Shots of molds with a parameter set, and what the set predicts of them.

    Attributes:
        shots: in the order of their pours.
        predicted: columns of the simulation of each; None where it failed.
        sets: the set in use, by mold and system.
    """

    shots: Sequence[CalibrationShot]
    predicted: Sequence[Mapping[str, float] | None]
    sets: Mapping[MoldAndSystem, ParameterSet]

    def set_of(self, shot: CalibrationShot) -> ParameterSet:
        """The set in use for the mold and system of a shot."""
        return self.sets[shot.mold_id, shot.system_id]


@dataclass(frozen=True)
class Alarm:
    """Chart that passed its limit."""

    quantity: Quantity
    shift: float
    """Mean since then, less that of the shots of the set, in the unit of the quantity."""
    since: CalibrationShot


class Charts:
    """Charts of all molds, all quantities together: one of a hundred checks alarms by chance."""

    def __init__(self, checked: Checked) -> None:
        is_now = np.array(
            [shot.poured_at > last_poured(checked.set_of(shot)) for shot in checked.shots],
            dtype=bool,
        )
        names = np.array([_name(shot) for shot in checked.shots], dtype=object)
        self.now = [shot for shot, now in zip(checked.shots, is_now, strict=True) if now]
        self._molds = names[~is_now], names[is_now]
        self._values: dict[str, tuple[Array, Array]] = {}
        for name, quantity in QUANTITIES.items():
            pairs = zip(checked.shots, checked.predicted, strict=True)
            values = np.array(
                [residual(quantity, shot, row, checked.set_of(shot)) for shot, row in pairs],
                dtype=np.float64,
            )
            self._values[name] = values[~is_now], values[is_now]
        given = [(name, *both) for name, both in self._values.items()]
        self.charts = mold_charts(given, self._molds)

    def of_mold(self, key: MoldAndSystem) -> list[MoldChart]:
        """Charts of a mold and system."""
        return [chart for chart in self.charts if chart.mold == "/".join(key)]

    def alarms(self, key: MoldAndSystem) -> list[Alarm]:
        """Charts of a mold that passed their limit."""
        found = []
        for chart in self.of_mold(key):
            if chart.since is None:
                continue
            before, now = self._values[chart.column]
            own = before[self._molds[0] == chart.mold]
            later = now[chart.rows[chart.rows >= chart.since]]
            level = float(np.nanmean(own)) if np.isfinite(own).any() else 0.0
            shift = float(np.nanmean(later)) - level
            found.append(Alarm(QUANTITIES[chart.column], shift, self.now[chart.since]))
        return found

    def has_seen(self, key: MoldAndSystem, at: datetime, sensor: str = "") -> bool:
        """Whether a chart of a mold has enough shots after a moment to find what changed then.

        Args:
            at: the moment.
            sensor: charts of this sensor alone, where there is one.
        """
        charts = self.of_mold(key)
        own = [chart for chart in charts if sensor and sensor.startswith(chart.column)]
        for chart in own or charts:
            count = sum(self.now[row].poured_at > at for row in chart.rows)
            if count >= chart.arl_of(SHIFT):
                return True
        return False


def last_poured(parameter_set: ParameterSet) -> datetime:
    """Pour of the newest shot that a set was fitted to or judged by."""
    return parse_timestamp(parameter_set.provenance.last_poured_at)


def residual(
    quantity: Quantity,
    shot: CalibrationShot,
    predicted: Mapping[str, float] | None,
    parameter_set: ParameterSet,
) -> float:
    """Measured minus predicted, in the unit of the quantity; NaN where one is missing."""
    name = quantity.measured
    if predicted is None:
        return np.nan
    value = as_read(name, predicted[quantity.simulated], parameter_set, shot.mold_id)
    if name in shot.series:
        measured = float(shot.series[name][:, 1].max())
    else:
        measured = shot.results.get(name, np.nan)
    if quantity.unit == "%":
        return 100.0 * (measured / value - 1.0) if value > 0.0 else np.nan
    return measured - value


def _name(shot: CalibrationShot) -> str:
    return f"{shot.mold_id}/{shot.system_id}"
