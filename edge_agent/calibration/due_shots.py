"""Shots that ``calibrate --due`` looks at: of each mold some of its set, and the newest since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge_agent.calibration.calibration_shot import CalibrationShot
from edge_agent.calibration.due import MoldDue, judge
from edge_agent.calibration.due_charts import Checked, MoldAndSystem, last_poured
from edge_agent.calibration.shot_choice import Candidate
from edge_agent.calibration.shots_from_history import Progress, shots_of_history
from edge_agent.config.catalogue import Catalogue
from edge_agent.config.settings import ShotSettings
from edge_agent.history.read import HistoryReader, RowFilter
from edge_agent.logged_shots.event_rows import press_events
from edge_agent.shots.shot_query import ShotQuery
from twin_core.calibration.parameter_set import ParameterSet, calibrated
from twin_core.errors import InputError
from twin_core.scenario import Scenario

BEFORE = 150
"""Shots of a mold that tell the level at its set."""
SINCE = 300
"""The newest shots of a mold since."""

Simulate = Callable[[Sequence[Scenario]], Sequence[Mapping[str, float] | str]]
"""Columns of the simulation of each, or why it failed."""


@dataclass(frozen=True)
class DueRules:
    """Rules by which a calibration is due.

    Attributes:
        now: the time.
        age_max: how old the newest shot of a set may be.
        limits: how old a reading may be, and how long a shot may last.
    """

    now: datetime
    age_max: timedelta
    limits: ShotSettings


async def calibrations_due(
    reader: HistoryReader,
    query: ShotQuery,
    catalogue: Catalogue,
    sets: Mapping[MoldAndSystem, ParameterSet],
    simulate: Simulate,
    rules: DueRules,
    progress: Progress = lambda words, done: None,
) -> list[MoldDue]:
    """Look at every mold and system of a history that fit.

    Args:
        query: molds, presses and systems.
        sets: those that are in use, also those that do not fit their system any more.
        simulate: on all cores.
        progress: called with what is read, and how much of it.

    Raises:
        StoreError: the history cannot be read.
    """
    counts: Counter[MoldAndSystem] = Counter()

    simulated = set[MoldAndSystem]()

    def choose(candidates: Sequence[Candidate]) -> list[Candidate]:
        keys = {(one.mold_id, one.system_id) for one in candidates}
        measured = {(one.mold_id, one.system_id) for one in candidates if not one.simulated}
        simulated.update(keys - measured)
        return _choice(candidates, sets, counts)

    found = await shots_of_history(reader, query, choose, catalogue, rules.limits, progress)
    events = await press_events(reader, RowFilter(until=query.until, press=query.press))
    shots, scenarios = list[CalibrationShot](), list[Scenario]()
    for shot in found.shots:
        try:
            scenarios.append(calibrated(shot.scenario, sets[shot.mold_id, shot.system_id]))
        except InputError:  # the set does not fit any more: ``judge`` says so
            continue
        shots.append(shot)
    rows = simulate(scenarios) if scenarios else []
    predicted = [None if isinstance(row, str) else row for row in rows]
    checked = Checked(shots, predicted, sets)
    found_due = judge(counts, checked, events, catalogue.systems, rules.now, rules.age_max)
    for one in found_due:
        one.simulated = one.simulated or (one.mold_id, one.system_id) in simulated
        _look_in(catalogue, one)
    return found_due


def _look_in(catalogue: Catalogue, one: MoldDue) -> None:
    """Note a mold or a system that the catalogue does not have: its shots are of no use."""
    missing = [f"mold {one.mold_id}"] if one.mold_id not in catalogue.molds else []
    if one.set_id is None and one.system_id not in catalogue.systems:
        missing.append(f"system {one.system_id}")
    if missing:
        words = " and ".join(missing)
        one.notes.append(f"{words}: not in the catalogue: give --config, or --molds and --systems")


def _choice(
    candidates: Sequence[Candidate],
    sets: Mapping[MoldAndSystem, ParameterSet],
    counts: Counter[MoldAndSystem],
) -> list[Candidate]:
    """Shots to look at; ``counts`` gets how many there are since each set.

    Simulated ones count where a mold has no others.
    """
    chosen = []
    of_keys: dict[MoldAndSystem, list[Candidate]] = {}
    for one in candidates:
        of_keys.setdefault((one.mold_id, one.system_id), []).append(one)
    for key, of_key in of_keys.items():
        own = [one for one in of_key if not one.simulated] or of_key
        if key not in sets:
            counts[key] = len(own)
            continue
        last = last_poured(sets[key])
        ordered = sorted(own, key=lambda one: one.poured_at)
        since = [one for one in ordered if one.poured_at > last]
        counts[key] = len(since)
        chosen += [one for one in ordered if one.poured_at <= last][-BEFORE:] + since[-SINCE:]
    return chosen
