"""Record of one shot as it was logged, wherever it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from broker.messages import Outcome, QualityRecord, Recipe
from edge_agent.logged_shots.quality_rows import Said
from twin_core.arrays import Array
from twin_core.learning.past_results import ShotKey

NO_READINGS: Array = np.empty((0, 2))


@dataclass(frozen=True)
class LabRecord:
    """A quality record: its numbers by the names of the wire, and when it became known."""

    known_at: datetime | None
    numbers: Mapping[str, float | None]
    defects: tuple[str, ...] | None = None
    """What was found; None if nobody looked."""
    risk: float | None = None
    measured_at: datetime | None = None
    replaced_at: datetime | None = None
    """When a record became known that corrects this one, which does not count any more."""
    said: Said | None = None
    """Its names, where the source keeps them."""


LAB_NUMBERS = ("rho_moulded_kg_per_m3", "H_demold_shore", "H_24h_shore", "t_demold_safe_s")


def lab_record(record: QualityRecord) -> LabRecord:
    """A quality record of the wire."""
    numbers = {name: getattr(record, name) for name in LAB_NUMBERS}
    return LabRecord(record.ts, numbers, record.defects_found, record.defect_risk_operator)


@dataclass(frozen=True)
class LoggedShot:
    """All that is known of a shot, without an opinion on it."""

    key: ShotKey
    system_id: str | None
    recipe: Recipe | None
    poured_at: datetime | None
    closed_at: datetime | None
    outcome: Outcome | None
    known_at: datetime | None = None
    """When its end, and what was measured until then, became known; None is when it ended."""
    inputs: Mapping[str, float] = field(default_factory=dict)
    """The readings that the simulation starts from, as they were at the pour."""
    series: Mapping[str, Array] = field(default_factory=dict)
    """Rows (time since the pour [s], value) by sensor, in order of time."""
    records: tuple[LabRecord, ...] = ()
    simulated: bool = False
    recorded_s: float = np.nan
    """How long was logged, where the source has no time of the day."""

    @property
    def opened(self) -> bool:
        """True if it was reported that the mold was opened."""
        return self.outcome == "demolded"

    @property
    def cured_s(self) -> float:
        """From the pour to the end of the shot or of the log; NaN while the shot is open."""
        if self.poured_at is None or self.closed_at is None:
            return self.recorded_s
        return (self.closed_at - self.poured_at).total_seconds()

    def readings(self, sensor: str) -> Array:
        """Readings of the curing foam: from the pour to the end of the shot."""
        found = self.series.get(sensor, NO_READINGS)
        last = self.cured_s
        return found[(found[:, 0] >= 0.0) & ~(found[:, 0] > last)]


def series_of(readings: Any) -> Array:
    """Pairs (time, value) as an array in order of time."""
    found = np.array(readings, dtype=np.float64).reshape(-1, 2)
    return found[np.argsort(found[:, 0], kind="stable")]
