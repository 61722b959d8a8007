"""Shots for a calibration out of a history: which are chosen, what is left out, lots."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from edge_agent.calibration import shots_from_history
from edge_agent.calibration.calibration_shot import ShotsFound
from edge_agent.calibration.shot_choice import Candidate, in_turn
from edge_agent.calibration.shots_from_history import shots_of_history
from edge_agent.config.catalogue import read_catalogue
from edge_agent.config.settings import CatalogueSettings
from edge_agent.history.read import open_sqlite
from edge_agent.shots.shot_query import ShotQuery
from tests.support.shots import PAUSE_S, START, Row, at, record_of, rows_of, write_history

CATALOGUE = read_catalogue(CatalogueSettings())


def found_in(path: Path, most: int = 100, **query: Any) -> ShotsFound:
    def choose(candidates: Sequence[Candidate]) -> list[Candidate]:
        return list(islice(in_turn(candidates), most))

    reader = open_sqlite(path)
    return asyncio.run(shots_of_history(reader, ShotQuery(**query), choose, CATALOGUE))


def history(path: Path, rows: list[Row]) -> Path:
    return asyncio.run(write_history(path / "history.db", rows))


def event(kind: str, number: float, shot: int | None = None, **document: Any) -> Row:
    key = {"site": "s", "press": "p1", "mold_id": None}
    row = {
        "kind": kind, "ts": at(number * PAUSE_S), "received_at": at(number * PAUSE_S),
        "shot_id": None if shot is None else f"S{shot}",
        "shot_key": None if shot is None else f"S{shot}-key",
        "content": f"{kind} {number} {document}", "document": document,
    }  # fmt: skip
    return ("event", key | row)


def test_shots_are_reduced_to_what_counts(tmp_path: Path) -> None:
    rows = [*rows_of(1), *rows_of(2, mold="PANEL_B", lab_after_s=None)]
    found = found_in(history(tmp_path, rows))
    first, second = found.shots
    assert (first.name, first.mold_id, first.press) == ("S1", "PANEL_A", "p1")
    assert first.results == {"rho_moulded_kg_per_m3": 71.0, "t_demold_safe_s": 200.0}
    assert first.series["T_core_C"].shape == (20, 2)
    assert first.scenario.process.T_mold_C == 45.0
    assert second.results == {}
    assert found.fitting_count == 2
    assert not found.left_out
    assert found.readings_count == 80
    assert dict(found.of_molds) == {"PANEL_A": 1, "PANEL_B": 1}


def test_what_is_left_out_is_counted_with_its_reason(tmp_path: Path) -> None:
    rows = [
        *rows_of(1),
        *rows_of(2, outcome="aborted"),
        *rows_of(3, outcome=None, closed_at=None),
        *rows_of(4, recipe=None),
        *rows_of(5, system_id="NOBODY"),
        *rows_of(6, mold="CUP"),
        *rows_of(7, simulated=True),
        *(row for row in rows_of(8, lab_after_s=None) if row[0] == "shot"),
    ]
    found = found_in(history(tmp_path, rows))
    assert [shot.name for shot in found.shots] == ["S1"]
    assert found.fitting_count == 8
    assert dict(found.left_out) == {
        "aborted": 1, "curing": 1, "not_poured": 1, "not_simulated": 1, "open_cup": 1,
        "simulated": 1, "nothing_measured": 1,
    }  # fmt: skip
    assert "system_id 'NOBODY' is not in the catalogue" in found.examples["not_simulated"][0]


def test_simulated_shots_are_taken_where_there_are_no_others(tmp_path: Path) -> None:
    (shot,) = found_in(history(tmp_path, rows_of(7, simulated=True))).shots
    assert shot.simulated


def test_simulated_shots_take_no_place_of_those_of_a_press(tmp_path: Path) -> None:
    rows = [*rows_of(1), *rows_of(2), *rows_of(3, simulated=True), *rows_of(4, simulated=True)]
    found = found_in(history(tmp_path, rows), most=2)
    assert [one.name for one in found.shots] == ["S1", "S2"]
    assert not any(one.simulated for one in found.shots)


def test_impossible_readings_and_results_are_left_out(tmp_path: Path) -> None:
    rows = rows_of(1)
    for kind, columns in rows:
        if kind == "telemetry" and "T_core_C" in columns["sensors"]:
            columns["sensors"] = {"T_core_C": 9999.0, "p_cavity_bar": 1.5}
            break
    rows.append(record_of(1, PAUSE_S + 7200.0, rho_moulded_kg_per_m3=71000.0))
    found = found_in(history(tmp_path, rows))
    assert dict(found.readings_left_out) == {"T_core_C": 1}
    assert dict(found.results_left_out) == {"rho_moulded_kg_per_m3": 1}
    assert found.shots[0].results["t_demold_safe_s"] == 200.0


def test_the_newest_of_each_mold_in_turn(tmp_path: Path) -> None:
    rows = [row for number in range(6) for row in rows_of(number, mold="PANEL_A")]
    rows += [row for number in range(6, 8) for row in rows_of(number, mold="PANEL_B")]
    path = history(tmp_path, rows)
    found = found_in(path, most=5)
    assert [shot.name for shot in found.shots] == ["S3", "S4", "S5", "S6", "S7"]
    assert dict(found.left_out) == {"older": 3}
    assert [shot.name for shot in found_in(path, mold_id="PANEL_B").shots] == ["S6", "S7"]
    late = START.replace(hour=7)
    assert [shot.name for shot in found_in(path, since=late).shots] == ["S6", "S7"]
    assert len(found_in(path, until=late, press="p1", system_id="SYSTEM_R1").shots) == 6
    assert found_in(path, press="p2").fitting_count == 0


def test_pages_are_read_to_their_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shots_from_history, "PAGE", 2)
    rows = [row for number in range(4) for row in rows_of(number)]
    assert found_in(history(tmp_path, rows)).fitting_count == 4


def test_lots_are_those_of_the_pour_or_of_the_last_change(tmp_path: Path) -> None:
    rows = [row for number in range(1, 4) for row in rows_of(number, shot_key=f"S{number}-key")]
    rows += [
        event("lot_change", 1.5, component="polyol", lot="P-1"),
        event("lot_change", 2.5, component="polyol", lot="P-2"),
        event("lot_change", 2.5, component="isocyanate", lot="I-9"),
        event("poured", 2, 2, lot_polyol="P-7", lot_additives="A-1"),
    ]
    path = history(tmp_path, rows)
    lots = [shot.lot for shot in found_in(path).shots]
    assert lots == [None, "polyol P-7, additives A-1", "polyol P-2, isocyanate I-9"]
    assert [shot.name for shot in found_in(path, lot="P-7").shots] == ["S2"]


def test_in_turn_ends_with_the_longest() -> None:
    one = Candidate("A", "SYSTEM_R1", START, "a", None)
    others = [replace_mold(one, "B", number) for number in range(3)]
    assert [c.shot_id for c in in_turn([one, *others])] == ["a", "b2", "b1", "b0"]


def replace_mold(one: Candidate, mold_id: str, number: int) -> Candidate:
    at = START.replace(minute=number)
    return one._replace(mold_id=mold_id, poured_at=at, shot_id=f"b{number}")
