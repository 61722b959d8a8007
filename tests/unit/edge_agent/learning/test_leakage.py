"""Nothing that became known later is in a column: single cases, then any change at any moment."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.config.catalogue import Catalogue, read_catalogue
from edge_agent.config.settings import CatalogueSettings
from edge_agent.logged_shots.logged_shot import LoggedShot
from tests.support.feature_rows import (
    built,
    history,
    plant,
    row,
    same,
    sensor_reads,
    shots_of,
)
from tests.support.shots import START, change, record_of, rows_of
from twin_core.learning.columns import COLUMNS, LIVE_S, MOMENTS, Known, known_by


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(CatalogueSettings())


def _late_input(number: int) -> Callable[[Path], None]:
    """A polyol reading five seconds after the pour, where one of the core was."""
    sensors = json.dumps({"T_polyol_C": 31.0})
    return lambda path: change(
        path, "UPDATE telemetry SET sensors = ? WHERE seq = ?", sensors, 1000 * number + 1
    )


def _lab(number: int, **values: Any) -> Callable[[Path], None]:
    ((_, columns),) = [record_of(number, number * 600.0 + 3600.0, **values)]
    document = json.dumps(columns["document"])
    return lambda path: change(
        path, "UPDATE quality SET document = ? WHERE shot_id = ?", document, f"S{number}"
    )


def _opening(number: int, seconds: float) -> Callable[[Path], None]:
    closed = (START + timedelta(seconds=number * 600.0 + seconds)).isoformat()
    closed = closed.replace("+00:00", "Z")
    return lambda path: change(
        path, "UPDATE shot SET closed_at = ? WHERE shot_id = ?", closed, f"S{number}"
    )


def moments_of(number: int) -> dict[Known, float]:
    """When each kind of column of a shot is known, in seconds of the plant."""
    poured_s = 600.0 * number
    return {"pour": poured_s, "live": poured_s + LIVE_S, "demold": poured_s + 300.0}


LATER: list[tuple[str, float, str, Known, Callable[[Path], None]]] = [
    # what is changed, when it became known (s of the plant), of which shot, known at
    ("a reading after 140 s", 2 * 600.0 + 140.0, "S2", "demold", sensor_reads(2, 180.0, 140.0)),
    ("a reading after 50 s", 2 * 600.0 + 50.0, "S2", "live", sensor_reads(2, 77.0, 50.0)),
    ("an input after the pour", 2 * 600.0 + 5.0, "S2", "live", _late_input(2)),
    ("when it was opened", 2 * 600.0 + 300.0, "S2", "demold", _opening(2, 330.0)),
    ("a density", 1 * 600.0 + 3600.0, "S1", "lab", _lab(1, rho_moulded_kg_per_m3=80.0)),
    ("a defect", 1 * 600.0 + 3600.0, "S1", "lab", _lab(1, defects=["burn"])),
    ("a demold time", 0 * 600.0 + 3600.0, "S0", "lab", _lab(0, t_demold_safe_s=250.0)),
]


@pytest.mark.parametrize("case", LATER, ids=lambda case: case[0])
def test_nothing_that_became_known_later_is_in_a_column(
    tmp_path: Path, catalogue: Catalogue, case: tuple[Any, ...]
) -> None:
    """Change one thing: columns known before it stay, to the last bit; something later changes."""
    _, known_s, shot_id, known, alter = case
    path = history(tmp_path / "h.db", plant(10))
    before, _ = built(shots_of(path), catalogue)
    alter(path)
    after, _ = built(shots_of(path), catalogue)
    changed = set()
    for number in range(10):
        name = f"S{number}"
        one, other = row(before, name), row(after, name)
        differing = {column for column in COLUMNS if not same(one[column], other[column])}
        for moment, now_s in moments_of(number).items():
            if now_s < known_s:
                assert differing.isdisjoint(known_by(moment)), (name, moment)
        changed |= {(name, column) for column in differing}
    own = {column for name, column in changed if name == shot_id}
    assert own, "the change is to be seen somewhere"
    assert {COLUMNS[column].known for column in own} <= set(MOMENTS[MOMENTS.index(known) :])
    if known != "live":
        assert {name for name, _ in changed} - {shot_id}, "and teaches later shots"


def changed_after(shot: LoggedShot, moment: datetime, chance: random.Random) -> LoggedShot:
    """The same shot up to a moment; all that became known later is something else."""
    assert shot.poured_at is not None
    assert shot.recipe is not None
    assert shot.closed_at is not None
    now_s = (moment - shot.poured_at).total_seconds()
    later: dict[str, Any] = {}
    if now_s < 0.0:
        warmer = shot.recipe.m_polyol_kg * chance.uniform(0.9, 1.1)
        later["recipe"] = shot.recipe.model_copy(update={"m_polyol_kg": warmer})
        later["inputs"] = {name: v + chance.uniform(-3, 3) for name, v in shot.inputs.items()}
    later["series"] = {
        name: np.array(
            [(t, v if t <= now_s else v * chance.uniform(0.8, 1.2)) for t, v in readings]
        )
        for name, readings in shot.series.items()
    }
    if shot.closed_at > moment:
        end = max(shot.closed_at + timedelta(seconds=chance.uniform(-60, 60)), moment)
        later["closed_at"] = end + timedelta(seconds=1)
    later["records"] = tuple(
        record
        if record.known_at is not None and record.known_at <= moment
        else replace(record, numbers={"rho_moulded_kg_per_m3": chance.uniform(50, 90)})
        for record in shot.records
    )
    return replace(shot, **later)


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> list[LoggedShot]:
    rows = [row for number in range(10) for row in rows_of(number, lab_after_s=1500.0)]
    return shots_of(history(tmp_path_factory.mktemp("logged") / "h.db", rows))


@pytest.mark.peers
@settings(max_examples=25, deadline=None)
@given(after_s=st.floats(-10.0, 7000.0), seed=st.integers(0, 1000))
def test_the_future_is_in_no_column(
    logged: list[LoggedShot], catalogue: Catalogue, after_s: float, seed: int
) -> None:
    """Whatever comes after a moment, columns known by then are the same to the last bit."""
    chance = random.Random(seed)
    moment = START + timedelta(seconds=after_s)
    before, _ = built(logged, catalogue)
    other, _ = built([changed_after(shot, moment, chance) for shot in logged], catalogue)
    for number in range(len(logged)):
        one, two = row(before, f"S{number}"), row(other, f"S{number}")
        for known, now_s in moments_of(number).items():
            if now_s <= after_s:
                differing = {name for name in known_by(known) if not same(one[name], two[name])}
                assert not differing, (number, known)
