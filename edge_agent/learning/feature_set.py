"""Logged shots -> rows of a feature set. One row a shot, nothing known later than it says."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.config.catalogue import Catalogue
from edge_agent.learning.checks import Findings, Inspector
from edge_agent.learning.physics_columns import simulate_columns
from edge_agent.logged_shots.logged_event import LoggedEvent
from edge_agent.logged_shots.logged_shot import LabRecord, LoggedShot
from edge_agent.shots.scenario import reported_scenario
from twin_core import PHYSICS_HASH
from twin_core.arrays import Array
from twin_core.calibration.parameter_set import ParameterSet
from twin_core.errors import InputError
from twin_core.learning.basis import basis_of
from twin_core.learning.columns import COLUMNS, IDS, TIMES, schema_hash
from twin_core.learning.features import (
    NAN,
    Row,
    as_read_columns,
    curve_columns,
    demold_columns,
    lab_columns,
    live_columns,
    merged_lab_columns,
    mold_columns,
    process_columns,
)
from twin_core.learning.past_results import PastResults, ShotKey
from twin_core.scenario import Scenario

SCHEMA_VERSION = "1"
Progress = Callable[[str, int, int], None]


@dataclass
class Draft:
    """A row on its way: what is known of a shot, and when."""

    key: ShotKey
    system_id: str
    poured_at: datetime | None
    closed_at: datetime | None
    opened: bool
    simulated: bool
    row: Row
    """Columns so far."""
    records: list[tuple[datetime | None, Row, datetime | None]] = field(default_factory=list)
    """When each quality record became known, its ``qc_`` columns, and when another one corrected
    it, so that it does not count any more; oldest first."""
    known_at: datetime | None = None
    """When the end of the shot became known; None is when it ended."""
    parameters_hash: str = ""
    parameter_set: ParameterSet | None = None
    kept: bool = True
    """False: the shot is no row, but its mold was opened, its part was looked at."""
    T_core_max: tuple[float, float] | None = None
    p_max: tuple[float, float] | None = None


@dataclass(frozen=True)
class FeatureSet:
    """Columns by name (``IDS``, ``TIMES``, ``COLUMNS``), and what the file says of itself."""

    columns: dict[str, NDArray[Any]]
    metadata: dict[str, str]

    def __len__(self) -> int:
        return len(self.columns["shot_id"])


class Builder:
    """Takes shots in any order; each is reduced to its row at once, so readings need no memory."""

    def __init__(
        self,
        catalogue: Catalogue,
        horizon_s: float = 1800.0,
        progress: Progress = lambda words, done, total: None,
        ray: bool | None = None,
    ) -> None:
        self.findings = Findings()
        self._inspector = Inspector(self.findings)
        self._catalogue, self._horizon_s = catalogue, horizon_s
        self._progress, self._ray = progress, ray
        self._drafts: dict[ShotKey, Draft] = {}
        self._scenarios: dict[ShotKey, Scenario] = {}
        self._happened: list[LoggedEvent] = []

    def take(self, shot: LoggedShot) -> None:
        """A shot of the source."""
        self.findings.shots["read"] += 1
        if shot.key in self._drafts:
            self.findings.add("shot_repeated", shot.key.shot_id)
            return
        draft = self._draft(shot)
        self._drafts[shot.key] = draft
        if draft.kept:
            self._look_at(shot, draft)

    def take_row(self, draft: Draft) -> None:
        """A shot that comes with its physics."""
        self.findings.shots["read"] += 1
        if draft.key in self._drafts:
            self.findings.add("shot_repeated", draft.key.shot_id)
            return
        self._drafts[draft.key] = draft

    def take_event(self, event: LoggedEvent) -> None:
        """Something that was done to a press."""
        self._happened.append(event)

    def finish(self, source: str) -> FeatureSet:
        """Simulate, walk through time, and put the columns together.

        Raises:
            InputError: no shot became a row.
        """
        self._simulate()
        drafts = sorted(self._drafts.values(), key=_order)
        self._walk(drafts)
        kept = [draft for draft in drafts if draft.kept]
        self.findings.shots["rows"] = len(kept)
        self.findings.shots["simulated"] = sum(draft.simulated for draft in kept)
        if not kept:
            reasons = [
                f"{rule} {', '.join(finding.examples[:2])}"
                for (rule, _), finding in self.findings.sorted()
                if rule in {"not_read", "not_poured", "aborted", "not_simulated"}
            ]
            raise InputError("\n".join([f"{source}: no shot became a row", *reasons]))
        for draft in kept:
            self._check(draft)
        return FeatureSet(_columns(kept), self._metadata(source, kept))

    def _draft(self, shot: LoggedShot) -> Draft:
        draft = Draft(
            key=shot.key,
            system_id=shot.system_id or "",
            poured_at=shot.poured_at,
            closed_at=shot.closed_at,
            opened=shot.opened,
            simulated=shot.simulated,
            row={},
            known_at=shot.known_at,
        )
        if shot.recipe is None:
            draft.kept = False
            self.findings.add("not_poured", shot.key.shot_id)
        elif shot.outcome == "aborted":
            draft.kept = False
            self.findings.add("aborted", shot.key.shot_id)
        for record in self._inspector.records(shot) if draft.kept else _after_pour(shot):
            row = lab_columns(record.numbers, record.defects, record.risk)
            row = self._inspector.possible(shot.key.shot_id, row)
            draft.records.append((record.known_at, row, record.replaced_at))
        return draft

    def _look_at(self, shot: LoggedShot, draft: Draft) -> None:
        """All columns that need no simulation."""
        assert shot.recipe is not None
        key = shot.key
        try:
            reported, substituted = reported_scenario(
                key.shot_id,
                shot.system_id,
                key.mold_id,
                shot.recipe,
                shot.inputs,
                self._catalogue,
                self._horizon_s,
            )
            scenario = self._catalogue.calibrated(reported)
        except InputError as error:
            draft.kept = False
            self.findings.add("not_simulated", key.shot_id, words=str(error).splitlines()[0])
            return
        look = self._inspector
        look.times(shot)
        look.inputs(shot, substituted)
        T_core = look.readings(shot, "T_core_C", scenario.mold.open)
        p = look.readings(shot, "p_cavity_bar", scenario.mold.open)
        curves = {}
        if not math.isnan(shot.cured_s):  # a peak is known when the shot has ended
            draft.T_core_max, draft.p_max = _peak(T_core), _peak(p)
            T_mold = look.readings(shot, "T_mold_C", scenario.mold.open)
            curves = {"T_core_C": T_core, "p_cavity_bar": p, "T_mold_C": T_mold}
        row = process_columns(reported.process, reported.mold, len(substituted))
        row |= live_columns(_pairs(T_core), _pairs(p))
        row["meas_t_demold_actual_s"] = shot.cured_s if shot.opened else NAN
        row = look.possible(key.shot_id, row)
        shape = curve_columns(curves, shot.cured_s, row["meas_t_demold_actual_s"])
        draft.row = row | look.possible(key.shot_id, shape)
        self._scenarios[key] = scenario
        facts = self._catalogue.facts_of(scenario.system.system_id, key.mold_id)
        draft.parameters_hash, draft.parameter_set = facts.parameters_hash, facts.parameter_set

    def _simulate(self) -> None:
        """``sim_`` columns, and those that compare with them."""

        def report(done: int, total: int) -> None:
            self._progress("simulated", done, total)

        rows = simulate_columns(list(self._scenarios.values()), report, self._ray)
        for key, row in zip(self._scenarios, rows, strict=True):
            draft = self._drafts[key]
            if isinstance(row, str):
                draft.kept = False
                self.findings.add("not_simulated", key.shot_id, words=row.splitlines()[0])
                continue
            draft.row |= as_read_columns(row, draft.parameter_set, key.mold_id)
            draft.row |= demold_columns(
                draft.row, draft.T_core_max, draft.p_max, draft.row["meas_t_demold_actual_s"]
            )

    def _walk(self, drafts: list[Draft]) -> None:
        """Event after event, as the press and the laboratory lived it."""
        events: list[tuple[float, int, int, Draft, Row, float]] = []
        for number, draft in enumerate(drafts):
            if draft.poured_at is None:
                draft.row |= PastResults().known(draft.key, 0.0, draft.row, _basis(draft))
                continue
            events.append((draft.poured_at.timestamp(), 0, number, draft, draft.row, math.inf))
            if draft.closed_at is not None:
                end_known_at = draft.known_at or draft.closed_at
                events.append((end_known_at.timestamp(), 1, number, draft, draft.row, math.inf))
            for known_at, row, until in draft.records:
                if known_at is not None:
                    until_s = math.inf if until is None else until.timestamp()
                    events.append((known_at.timestamp(), 2, number, draft, row, until_s))
        events.sort(key=lambda event: event[:3])
        past = PastResults()
        happened = deque(sorted(self._happened, key=lambda event: event.known_s))
        for at_s, what, _number, draft, row, until_s in events:
            while happened and happened[0].known_s < at_s:
                happened.popleft().report(past)
            match what:
                case 0 if draft.kept:
                    draft.row |= past.poured(draft.key, at_s, row, _basis(draft))
                case 1:
                    assert draft.closed_at is not None
                    seen, ended_s = row if draft.kept else {}, draft.closed_at.timestamp()
                    past.closed(draft.key, at_s, seen, opened=draft.opened, closed_at_s=ended_s)
                case 2:
                    past.lab(draft.key, at_s, row, until_s)
        for draft in drafts:
            if draft.kept:
                draft.row |= mold_columns(draft.row)
            valid = [row for _, row, replaced_at in draft.records if replaced_at is None]
            draft.row |= merged_lab_columns([lab_columns({}, None, None), *valid])

    def _check(self, draft: Draft) -> None:
        scenario = self._scenarios.get(draft.key)
        mold = self._catalogue.molds.get(draft.key.mold_id) if scenario is None else scenario.mold
        index = None if scenario is None else scenario.process.nco_oh_index
        full = {name: draft.row.get(name, NAN) for name in COLUMNS}
        self._inspector.usual(draft.key, full)
        self._inspector.row(draft.key.shot_id, full, mold, index)

    def _metadata(self, source: str, kept: list[Draft]) -> dict[str, str]:
        share = sum(draft.simulated for draft in kept) / len(kept)
        return {
            "schema_version": SCHEMA_VERSION,
            "schema_hash": schema_hash(COLUMNS),
            "physics_hash": PHYSICS_HASH,
            "source": source,
            "shots_count": str(len(kept)),
            "simulated_share": f"{share:.4f}",
        }


def _columns(kept: list[Draft]) -> dict[str, NDArray[Any]]:
    ids: dict[str, NDArray[Any]] = {}
    texts = {
        "shot_id": [draft.key.shot_id for draft in kept],
        "site": [draft.key.site for draft in kept],
        "press": [draft.key.press for draft in kept],
        "mold_id": [draft.key.mold_id for draft in kept],
        "system_id": [draft.system_id for draft in kept],
        "parameters_hash": [draft.parameters_hash for draft in kept],
    }
    for name in IDS:
        if name == "poured_at":
            ids[name] = np.array([_utc(draft.poured_at) for draft in kept])
        elif name == "simulated":
            ids[name] = np.array([float(draft.simulated) for draft in kept])
        else:
            ids[name] = np.array(texts[name], dtype=object)
    numbers = {
        name: np.array([draft.row.get(name, NAN) for draft in kept], dtype=np.float64)
        for name in COLUMNS
    }
    known = {
        "end_known_at": [draft.known_at or draft.closed_at for draft in kept],
        "lab_known_at": [_first_known(draft) for draft in kept],
    }
    times = {name: np.array([_utc(at) for at in known[name]]) for name in TIMES}
    return ids | times | numbers


def _first_known(draft: Draft) -> datetime | None:
    """When the first quality record became known."""
    return min((at for at, *_ in draft.records if at is not None), default=None)


def _basis(draft: Draft) -> str:
    return basis_of(draft.system_id, draft.parameters_hash)


def _utc(at: datetime | None) -> np.datetime64:
    if at is None:
        return np.datetime64("NaT", "us")
    return np.datetime64(at.replace(tzinfo=None), "us")


def _after_pour(shot: LoggedShot) -> list[LabRecord]:
    """Records of a shot that were not measured before its pour."""
    poured_at = shot.poured_at
    return [
        record
        for record in shot.records
        if poured_at is None or record.measured_at is None or record.measured_at >= poured_at
    ]


def _order(draft: Draft) -> tuple[float, ShotKey]:
    at = -math.inf if draft.poured_at is None else draft.poured_at.timestamp()
    return at, draft.key


def _peak(readings: Array) -> tuple[float, float] | None:
    """(time [s], value) of the largest reading."""
    if not len(readings):
        return None
    t, value = readings[int(np.argmax(readings[:, 1]))]
    return float(t), float(value)


def _pairs(readings: Array) -> list[tuple[float, float]]:
    return [(t, value) for t, value in readings.tolist()]
