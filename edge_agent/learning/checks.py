"""Checks of logged shots for values that are missing, stuck, impossible, contradictory, repeated.

Nothing is put right. What is impossible is missing in the columns; everything else stays as it was
logged, and the report says so.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from edge_agent.logged_shots.logged_shot import LabRecord, LoggedShot
from twin_core.arrays import Array
from twin_core.hot_probe import still_hot
from twin_core.learning.columns import TARGETS
from twin_core.learning.features import Row
from twin_core.learning.past_results import USUAL_SHOTS, ShotKey
from twin_core.learning.residual_features import inputs_of
from twin_core.learning.teaching import DENSITY_SHARE, FALL_K, contradiction, in_fahrenheit
from twin_core.mold import Mold
from twin_core.plausible_ranges import RANGES, SERIES, possible, possible_readings

Kind = Literal["missing", "stuck", "impossible", "contradictory", "repeated", "left out"]
EXAMPLES = 5
STUCK_S = 60.0
STUCK_READINGS = 10
STUCK_SHOTS = 50
PACKING = (10.0, 1400.0)
INDEX_SHARE = 0.1
DISAGREE = {
    "rho_moulded_kg_per_m3": (0.05, "relative"),
    "H_demold_shore": (10.0, "Shore"),
    "H_24h_shore": (10.0, "Shore"),
    "t_demold_safe_s": (0.2, "relative"),
}


@dataclass(frozen=True)
class Rule:
    """Something that is looked for in every shot."""

    kind: Kind
    meaning: str


RULES = {
    "input_missing": Rule("missing", "no reading of an input before the pour: a set point or a "
                          "default stood in (proc_substituted_count)"),
    "series_missing": Rule("missing", "fewer than 3 readings of the sensor while the shot cured"),
    "reading_missing": Rule("missing", "readings of a file without a number: an empty cell, NaN"),
    "record_missing": Rule("missing", "no quality record"),
    "mold_missing": Rule("missing", "a log bundle without mold_id: an open cup stood in"),
    "time_missing": Rule("missing", "no time of the pour: earlier shots are unknown"),
    "lab_time_missing": Rule("missing", "a quality record without a time: it is a result of its "
                             "shot, and teaches later shots nothing"),
    "end_missing": Rule("missing", "nobody said when the mold was opened"),
    "sensor_stuck": Rule("stuck", f"the core did not move for {STUCK_S:g} s and {STUCK_READINGS} "
                         f"readings while it was heating, or the pressure never moved"),
    "input_stuck": Rule("stuck", f"the same reading of an input, to the last digit, at "
                        f"{STUCK_SHOTS} pours in a row"),
    "value_impossible": Rule("impossible", "outside the range of the column: it is missing there"),
    "reading_impossible": Rule("impossible", "readings outside the range of the sensor: left out "
                               "of every column"),
    "probe_still_hot": Rule("impossible", "readings of the core while its probe still held the "
                            "heat of the part before: left out of every column"),
    "core_never_heated": Rule("contradictory", f"the peak of the core is {FALL_K:g} K or more "
                              "below the components: the sensor sits elsewhere"),
    "core_in_fahrenheit": Rule("contradictory", "the peak of the core is far from the physics, "
                               "and near it when read as °F: it teaches nothing"),
    "demold_in_minutes": Rule("contradictory", "the demold time is far below the physics, and near "
                              "it when read as minutes: it teaches nothing"),
    "pressure_in_psi": Rule("contradictory", "the peak of the pressure is far above the physics, "
                            "and near it when read as psi: it teaches nothing"),
    "inputs_in_fahrenheit": Rule("contradictory", "a temperature at the pour is far from those of "
                                 f"the {USUAL_SHOTS} pours before in the mold, and near them when "
                                 "read as °F: the shot teaches nothing"),
    "opened_before_gel": Rule("contradictory", "the mold was opened before the simulated gel"),
    "mass_against_cavity": Rule("contradictory", "the metered mass in this cavity gives less than "
                                f"{PACKING[0]:g} or more than {PACKING[1]:g} kg/m3, the range of "
                                "foams and solid parts"),
    "index_against_masses": Rule("contradictory", "the declared index and that of the metered "
                                 f"masses differ by more than {INDEX_SHARE:.0%}"),
    "density_against_mass": Rule("contradictory", "the density of the laboratory is more than "
                                 f"{DENSITY_SHARE:.0%} off metered mass by cavity volume"),
    "records_disagree": Rule("contradictory", "two quality records of a shot differ by more than "
                             "5 % in density, 10 Shore, or 20 % in the demold time; the later "
                             "one counts"),
    "record_before_pour": Rule("contradictory", "a quality record is older than the pour, and left "
                               "out: a clock is wrong, or an earlier shot had the id"),
    "end_before_pour": Rule("contradictory", "the shot ended before it was poured: a clock is "
                            "wrong"),
    "shot_repeated": Rule("repeated", "the source has the shot again; the first one counts"),
    "record_repeated": Rule("repeated", "the same quality record again; it counts once"),
    "not_read": Rule("left out", "the source's entry cannot be read"),
    "not_poured": Rule("left out", "no pour, or a pour without a recipe"),
    "aborted": Rule("left out", "the shot was aborted"),
    "not_simulated": Rule("left out", "the physics cannot be computed"),
    "cell_left_out": Rule("left out", "a cell that is no value of its column: a text among "
                          "numbers, an answer that is neither yes nor no, a time without a zone"),
    "name_unknown": Rule("left out", "a file, field or column of a log bundle that is not used"),
    "column_unknown": Rule("left out", "a column of the files that a feature set does not have"),
}  # fmt: skip
"""Every rule that a report can name."""


@dataclass
class Finding:
    """Finding of one rule in one column."""

    count: int = 0
    examples: list[str] = field(default_factory=list)
    """Some of the shots, with the value."""


class Findings:
    """All that was found."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Finding] = {}
        self.shots: Counter[str] = Counter()
        """How many shots were read, and how many became rows."""
        self.cells: list[str] = []
        """Cells of tables that were left out, a line a column."""
        self.misnamed = 0
        """Columns that are not used and have almost the name of one that is missing."""
        self.lost: list[str] = []
        """Columns of the source of which no cell could be read."""

    def add(self, rule: str, shot_id: str, column: str = "", words: str = "") -> None:
        """A rule has found something; ``words`` say the value, or the reason."""
        assert rule in RULES
        finding = self.found.setdefault((rule, column), Finding())
        finding.count += 1
        if len(finding.examples) < EXAMPLES:
            finding.examples.append(f"{shot_id} ({words})" if words else shot_id)

    def count(self, rule: str) -> int:
        """Count of what a rule found, in all columns."""
        return sum(finding.count for (name, _), finding in self.found.items() if name == rule)

    def summary(self) -> dict[str, object]:
        """Summary for JSON."""
        return {
            "shots": dict(self.shots),
            "findings": [
                {
                    "rule": rule,
                    "kind": RULES[rule].kind,
                    "column": column,
                    "count": finding.count,
                    "examples": finding.examples,
                }
                for (rule, column), finding in self.sorted()
            ],
        }

    def sorted(self) -> list[tuple[tuple[str, str], Finding]]:
        """Findings in the order of the rules."""
        order = list(RULES)
        return sorted(self.found.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))


class Inspector:
    """Looks at shots one after the other, in the order of their source."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self._same: dict[tuple[str, str, str, str], tuple[float, int]] = {}
        self._poured: dict[str, deque[tuple[float, ...]]] = {}
        """Inputs of the last pours of each mold, without those in another unit."""

    def times(self, shot: LoggedShot) -> None:
        """Check that it is known when the shot was poured and ended."""
        shot_id = shot.key.shot_id
        if shot.poured_at is None:
            self.findings.add("time_missing", shot_id)
        if not shot.opened:
            self.findings.add("end_missing", shot_id, words=shot.outcome or "")
        if shot.cured_s < 0.0:
            self.findings.add("end_before_pour", shot_id, words=f"{shot.cured_s:.0f} s")

    def inputs(self, shot: LoggedShot, substituted: Sequence[str]) -> None:
        """Were the inputs measured, and do their sensors live?"""
        for words in substituted:
            name, _, instead = words.partition(": ")
            self.findings.add("input_missing", shot.key.shot_id, name, instead)
        for name, value in shot.inputs.items():
            sensor = (shot.key.site, shot.key.press, shot.key.mold_id, name)
            before, count = self._same.get(sensor, (math.nan, 0))
            count = count + 1 if value == before else 1
            self._same[sensor] = value, count
            if count == STUCK_SHOTS:
                self.findings.add("input_stuck", shot.key.shot_id, name, f"{value:g}")

    def readings(self, shot: LoggedShot, sensor: str, open_cup: bool) -> Array:
        """The possible readings of a sensor while the shot cured."""
        found = shot.readings(sensor)
        good = possible_readings(sensor, found[:, 1])
        if not good.all():
            worst = found[~good, 1]
            words = f"{len(worst)} of {len(found)}, as {worst[0]:g}"
            self.findings.add("reading_impossible", shot.key.shot_id, sensor, words)
        found = found[good]
        if sensor == "T_core_C" and (hot := still_hot(found[:, 0], found[:, 1])).any():
            words = f"{hot.sum()} of {len(found)}, from {found[0, 1]:g} °C on"
            self.findings.add("probe_still_hot", shot.key.shot_id, sensor, words)
            found = found[~hot]
        wanted = sensor in SERIES and (sensor != "p_cavity_bar" or not open_cup)
        if len(found) < 3 and wanted:
            self.findings.add("series_missing", shot.key.shot_id, sensor)
        elif wanted and _stuck(found, whole=sensor != "T_core_C"):
            self.findings.add("sensor_stuck", shot.key.shot_id, sensor, f"{found[0, 1]:g}")
        return found

    def possible(self, shot_id: str, row: Row) -> Row:
        """The row without what is impossible."""
        good, wrong = possible(row)
        for name, value in wrong.items():
            found = RANGES[name]
            words = f"{value:g}, not {found.low:g} to {found.high:g}"
            self.findings.add("value_impossible", shot_id, name, words)
        return good

    def records(self, shot: LoggedShot) -> list[LabRecord]:
        """Quality records in order of time, each once."""
        shot_id, kept = shot.key.shot_id, list[LabRecord]()
        for record in sorted(shot.records, key=_known):
            if any(_same(record, other) for other in kept):
                self.findings.add("record_repeated", shot_id)
                continue
            measured_at = record.measured_at or record.known_at
            if measured_at is None:
                self.findings.add("lab_time_missing", shot_id)
            elif shot.poured_at is not None and measured_at < shot.poured_at:
                self.findings.add("record_before_pour", shot_id, words=str(measured_at))
                continue
            kept.append(record)
        if not kept:
            self.findings.add("record_missing", shot_id)
        for before, after in pairwise(kept):
            for name, (limit, how) in DISAGREE.items():
                a, b = before.numbers.get(name), after.numbers.get(name)
                if a is None or b is None:
                    continue
                off = abs(b - a) / abs(a) if how == "relative" and a else abs(b - a)
                if off > limit:
                    self.findings.add("records_disagree", shot_id, name, f"{a:g}, then {b:g}")
        return kept

    def usual(self, key: ShotKey, row: Mapping[str, float]) -> None:
        """Check whether a shot was poured in the unit of those before it in its mold."""
        inputs, mold = inputs_of(row), f"{key.address}/{key.mold_id}"
        before = self._poured.setdefault(mold, deque(maxlen=USUAL_SHOTS))
        if in_fahrenheit(inputs, before):
            words = ", ".join(f"{value:g}" for value in inputs[:4])
            self.findings.add("inputs_in_fahrenheit", key.shot_id, words=words)
        else:
            before.append(inputs)

    def row(
        self, shot_id: str, row: Mapping[str, float], mold: Mold | None, index: float | None
    ) -> None:
        """Check whether the columns of a shot contradict each other."""
        add, inputs = self.findings.add, inputs_of(row)
        closed = mold is None or not mold.open
        for name, target in TARGETS.items():
            measured, physics = row[target.measured], row[target.physics]
            rule = contradiction(name, measured, physics, inputs)
            if rule and (closed or rule != "density_against_mass"):
                words = f"{measured:g}, physics {physics:g}"
                add(rule, shot_id, target.measured, words)
        opened, gel = row["meas_t_demold_actual_s"], row["sim_t_gel_s"]
        if opened < gel:
            words = f"{opened:.0f} s, gel {gel:.0f} s"
            add("opened_before_gel", shot_id, "meas_t_demold_actual_s", words)
        packing = row["proc_packing_kg_per_m3"]
        if packing < PACKING[0] or packing > PACKING[1]:
            add("mass_against_cavity", shot_id, "proc_packing_kg_per_m3", f"{packing:g}")
        simulated = row["sim_nco_oh_index"]
        if index is not None and abs(index / simulated - 1.0) > INDEX_SHARE:
            words = f"{index:g} declared, {simulated:g} metered"
            add("index_against_masses", shot_id, "sim_nco_oh_index", words)


def _stuck(readings: Array, whole: bool) -> bool:
    """True if a value stays for long: all the time, or while the foam heats (up to the peak)."""
    if len(readings) < STUCK_READINGS:
        return False
    if whole:
        return bool(np.ptp(readings[:, 1]) == 0.0)
    rising = readings[: int(np.argmax(readings[:, 1])) + 1]
    if np.ptp(readings[:, 1]) == 0.0:
        rising = readings
    start = 0
    for at in range(1, len(rising) + 1):
        if at == len(rising) or rising[at, 1] != rising[start, 1]:
            if at - start >= STUCK_READINGS and rising[at - 1, 0] - rising[start, 0] >= STUCK_S:
                return True
            start = at
    return False


def _known(record: LabRecord) -> float:
    return -math.inf if record.known_at is None else record.known_at.timestamp()


def _same(a: LabRecord, b: LabRecord) -> bool:
    """Whether a record says again, at another time perhaps, what an earlier one says."""
    return b.replaced_at is None and (
        (a.numbers, a.defects, a.risk) == (b.numbers, b.defects, b.risk)
    )
