"""Logged shots as a calibration takes them: scenario, thinned readings, results of the laboratory.

Each is reduced as it is read, so that a year needs no more memory than its shots. What is left out
is counted with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from edge_agent.config.catalogue import Catalogue
from edge_agent.logged_shots.logged_shot import LoggedShot
from edge_agent.shots.scenario import reported_scenario
from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.hot_probe import still_hot
from twin_core.plausible_ranges import CURVES, RESULTS, possible_readings
from twin_core.scenario import Scenario

MOST_READINGS = 240
"""Of a sensor in a shot, else medians of so many equal spans of time stand for them."""
FEWEST_READINGS = 3
EXAMPLES = 3

LEFT_OUT = {
    "not_read": "cannot be read",
    "not_poured": "no pour, no time of it, or no recipe",
    "aborted": "aborted",
    "curing": "not ended",
    "repeated": "the source has it again",
    "simulated": "simulated, beside shots of a press",
    "open_cup": "poured into an open cup: a rise test tells more",
    "not_simulated": "cannot be simulated",
    "nothing_measured": "neither readings while it cured nor results of a laboratory",
    "older": "older than the newest of its mold that are taken (--shots-max)",
}
"""Why a shot is left out -> words."""


@dataclass(frozen=True)
class CalibrationShot:
    """A shot of the production, reduced to what a calibration looks at.

    Attributes:
        key: names it among all shots of all plants.
        scenario: as reported, of the nominal system and mold, without a parameter set.
        series: rows (time since the pour [s], value) by sensor, from the pour to its end.
        results: what the laboratory said, by the names of the wire.
        lot: lots in use, as far as somebody reported them.
        substituted: inputs that nobody measured, and what stood in.
    """

    name: str
    key: str
    press: str
    mold_id: str
    system_id: str
    poured_at: datetime
    scenario: Scenario
    series: Mapping[str, Array]
    results: Mapping[str, float]
    lot: str | None
    simulated: bool
    substituted: tuple[str, ...]


@dataclass
class ShotsFound:
    """Shots that were read, and what was left out."""

    source: str
    shots: list[CalibrationShot] = field(default_factory=list)
    """In the order of their pours."""
    fitting_count: int = 0
    """Shots that fit what was asked for."""
    left_out: Counter[str] = field(default_factory=Counter)
    """By the names of ``LEFT_OUT``."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    readings_count: int = 0
    readings_left_out: Counter[str] = field(default_factory=Counter)
    """Impossible ones, and those of a hot probe, by sensor."""
    results_left_out: Counter[str] = field(default_factory=Counter)
    """Impossible ones, and those older than their shot, by name."""

    def leave_out(self, reason: str, shot_id: str, words: str = "") -> None:
        """Count a shot that is left out."""
        assert reason in LEFT_OUT
        self.left_out[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES:
            examples.append(f"{shot_id} ({words})" if words else shot_id)

    @property
    def substituted(self) -> Counter[tuple[str, str]]:
        """How many shots lack the reading of an input, by its name and what stood in: ``recipe``
        or ``default``.
        """
        said = (words.partition(": ") for shot in self.shots for words in shot.substituted)
        return Counter((name, rest.partition(" ")[0]) for name, _, rest in said)

    @property
    def of_molds(self) -> Counter[str]:
        """How many shots were taken of each mold."""
        return Counter(shot.mold_id for shot in self.shots)


class Reduction:
    """Takes logged shots one by one, and keeps what a calibration needs of each."""

    def __init__(self, found: ShotsFound, catalogue: Catalogue, horizon_s: float) -> None:
        self._found, self._catalogue, self._horizon_s = found, catalogue, horizon_s
        self._keys: set[str] = set()

    def take(self, shot: LoggedShot, lot: str | None) -> bool:
        """Take a shot, or count why not; whether it was taken.

        Args:
            lot: lots in use at its pour, if they are known.
        """
        reduced = self._reduced(shot, lot)
        if reduced is not None:
            self._found.shots.append(reduced)
        return reduced is not None

    def finish(self) -> ShotsFound:
        """All shots in the order of their pours; simulated ones beside others are left out."""
        found = self._found
        if any(shot.simulated for shot in found.shots):
            of_press = [shot for shot in found.shots if not shot.simulated]
            for shot in found.shots if of_press else []:
                if shot.simulated:
                    found.leave_out("simulated", shot.name)
            found.shots = of_press or found.shots
        found.shots.sort(key=lambda shot: (shot.poured_at, shot.key))
        return found

    def _reduced(self, shot: LoggedShot, lot: str | None) -> CalibrationShot | None:
        found, name = self._found, shot.key.shot_id
        if shot.poured_at is None or shot.recipe is None:
            found.leave_out("not_poured", name)
        elif shot.outcome == "aborted":
            found.leave_out("aborted", name)
        elif not shot.cured_s > 0.0:
            found.leave_out("curing", name)
        elif (key := key_of(shot)) in self._keys:
            found.leave_out("repeated", name)
        else:
            self._keys.add(key)
            try:
                scenario, substituted = reported_scenario(
                    name, shot.system_id, shot.key.mold_id, shot.recipe, shot.inputs,
                    self._catalogue, self._horizon_s,
                )  # fmt: skip
            except InputError as error:
                found.leave_out("not_simulated", name, str(error).splitlines()[0])
                return None
            if scenario.mold.open:
                found.leave_out("open_cup", name, shot.key.mold_id)
                return None
            series, results = self._series(shot), self._results(shot)
            if series or results:
                return CalibrationShot(
                    name, key, shot.key.press, shot.key.mold_id, scenario.system.system_id,
                    shot.poured_at, scenario, series, results, lot, shot.simulated,
                    tuple(substituted),
                )  # fmt: skip
            found.leave_out("nothing_measured", name)
        return None

    def _series(self, shot: LoggedShot) -> dict[str, Array]:
        kept = {}
        for sensor in CURVES:
            rows = shot.readings(sensor)
            good = rows[possible_readings(sensor, rows[:, 1])]
            if sensor == "T_core_C":
                good = good[~still_hot(good[:, 0], good[:, 1])]
            self._found.readings_count += len(rows)
            if len(good) < len(rows):
                self._found.readings_left_out[sensor] += len(rows) - len(good)
            if len(good) >= FEWEST_READINGS:
                kept[sensor] = thinned(good)
        return kept

    def _results(self, shot: LoggedShot) -> dict[str, float]:
        """The newest record that nobody corrected counts."""
        found = dict[str, float]()
        first = shot.poured_at
        records = [record for record in shot.records if record.replaced_at is None]
        for record in sorted(
            records, key=lambda one: one.known_at.timestamp() if one.known_at else 0
        ):
            measured_at = record.measured_at or record.known_at
            early = first is not None and measured_at is not None and measured_at < first
            for name, value in record.numbers.items():
                if value is None:
                    continue
                if early or not RESULTS[name].holds(value):
                    self._found.results_left_out[name] += 1
                else:
                    found[name] = value
        return found


def key_of(shot: LoggedShot) -> str:
    """Name of a shot among all shots of all plants."""
    key = shot.key
    own = key.shot_key or f"{key.mold_id}/{key.shot_id}/{shot.poured_at}"
    return f"{key.site}/{key.press}/{own}"


def thinned(rows: Array) -> Array:
    """Rows (time, value) as they are, or the medians of ``MOST_READINGS`` equal spans of time."""
    if len(rows) <= MOST_READINGS:
        return rows
    first, last = rows[0, 0], rows[-1, 0]
    spans = ((rows[:, 0] - first) / max(last - first, 1e-9) * MOST_READINGS).astype(np.intp)
    edges = np.flatnonzero(np.diff(np.minimum(spans, MOST_READINGS - 1))) + 1
    return np.array([np.median(part, axis=0) for part in np.split(rows, edges)])
