"""Inputs that go wrong in plants, through every source: never silently another number or shot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.imports.open_source import Found
from tests.support.file_commands import run
from tests.support.foreign_logs import COLUMNS, KINDS, Logs, readings, shot, source, sqlite_source
from tests.support.sources import fetched

AT = "2026-05-01T00:00:00Z"


def through(kind: str, folder: Path, *rows: Any, of_readings: Any = ()) -> list[Found]:
    """What a source of some kind gives of rows."""
    with source(kind, Logs(rows, of_readings), folder) as path:
        return fetched(path)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Kind of a source."""
    return str(request.param)


def test_01_an_id_again_is_another_shot(kind: str, tmp_path: Path) -> None:
    again = shot(17, Zeit="2026-05-01T00:37:00Z", Formtemp_F=140.0)
    found = through(kind, tmp_path, shot(17), again)
    bundles = [one.bundle for one in found if one.bundle is not None]
    assert [one.meta.shot_id for one in bundles] == ["0017", "0017"]
    assert bundles[0].recipe.T_mold_C == pytest.approx(45.0)
    assert bundles[1].recipe.T_mold_C == pytest.approx(60.0)


def test_05_a_broken_sensor_is_no_peak(kind: str, tmp_path: Path) -> None:
    rows = readings(1, 12)
    rows[4] |= {"Wert": 9.9e37}
    rows[6] |= {"Wert": 3276.7}
    (found,) = through(kind, tmp_path, shot(1), of_readings=rows)
    assert found.bundle is not None
    peak = found.bundle.peak("T_core_C")
    assert peak is not None
    assert peak[1] == pytest.approx(300 + 10 * 11 + 1 - 273.15)
    assert sum(one.kind == "implausible" for one in found.problems) == 2
    assert all("stands for no value" in one.words for one in found.problems if "9.9" in one.words)


def test_17_ids_as_people_write_them_are_refused_in_words(kind: str, tmp_path: Path) -> None:
    found = through(
        kind,
        tmp_path,
        shot(1, SchussNr="A 12"),
        shot(2, SchussNr="ü/1"),
        shot(3, SchussNr="x" * 80),
    )
    assert [one.bundle for one in found] == [None] * 3
    words = [one.problems[-1].words for one in found]
    assert "the blank" in words[0]
    assert "'ü'" in words[1]
    assert "80 characters" in words[2]


def test_18_columns_of_almost_a_known_name_are_told(kind: str, tmp_path: Path) -> None:
    row = {"shot_id": "1", "system_id": "R1", "m_polyol": 1.0, "m_iso_kg": 1.1, "T_mould_C": 55.0}
    with source(kind, Logs([row | {"Bemerkung": "x"}], columns=""), tmp_path) as path:
        done = run("import-logs", "-s", path, "-o", tmp_path / "out")
    assert done.exit_code == 3, "no mold"
    said = " ".join(done.stdout.split())
    assert "column T_mould_C is not mapped: is T_mold_C meant? Map it in columns" in said
    assert "column Bemerkung is not mapped" in said


def test_25_and_40_nothing_is_read_into_texts(kind: str, tmp_path: Path) -> None:
    row = shot(1, Dichte="62.1 kg", Haerte="NaN", Formtemp_F="n.m.", Iso_g="1200")
    (found,) = through(kind, tmp_path, row)
    assert found.bundle is not None
    assert found.bundle.recipe.T_mold_C is None
    assert found.bundle.quality == {"quality_status": "OK"}
    told = {one.column: one.words for one in found.problems}
    assert told == {"Dichte": "'62.1 kg' is no number", "Formtemp_F": "'n.m.' is no number"}


@pytest.mark.parametrize(
    ("factor", "kind_of_problem", "words"),
    [
        (1e5, "refused", "milliseconds?"),
        (1e3, "implausible", "tenths of a second?"),
        (1e-1, "implausible", "minutes?"),
    ],
)
def test_33_another_unit_of_time_is_told(
    kind: str, factor: float, kind_of_problem: str, words: str, tmp_path: Path
) -> None:
    rows = [row | {"t_ms": factor * row["t_ms"]} for row in readings(1, 12)]
    (found,) = through(kind, tmp_path, shot(1), of_readings=rows)
    assert found.bundle is not None
    assert {one.kind for one in found.problems} == {kind_of_problem}
    assert all(words in one.words for one in found.problems)
    assert bool(found.bundle.series) == (kind_of_problem != "refused")


def test_50_ids_of_17_digits_stay(kind: str, tmp_path: Path) -> None:
    (found,) = through(kind, tmp_path, shot(1, SchussNr="20261120100000101"))
    assert found.bundle is not None
    assert found.bundle.meta.shot_id == "20261120100000101"


def test_51_one_text_costs_its_cell(kind: str, tmp_path: Path) -> None:
    rows = [shot(n, Dichte="<5" if n == 2 else str(60.0 + n)) for n in range(5)]
    found = through(kind, tmp_path, *rows)
    densities = [
        (one.bundle.quality or {}).get("rho_moulded_kg_per_m3")
        for one in found
        if one.bundle is not None
    ]
    assert densities == [60.0, 61.0, None, 63.0, 64.0]
    (problem,) = found[2].problems
    assert (problem.column, problem.shot_id) == ("Dichte", "0002")
    assert problem.words == "'<5' is no number"
    assert "3" in problem.where or "4" in problem.where, "row 3, line 4 below a header"


def test_61_two_presses_with_one_counter_are_two_shots(kind: str, tmp_path: Path) -> None:
    found = through(kind, tmp_path, shot(1, Anlage="p1"), shot(1, Anlage="p2"))
    bundles = [one.bundle for one in found if one.bundle is not None]
    assert [(one.meta.line_id, one.meta.shot_id) for one in bundles] == [
        ("p1", "0001"),
        ("p2", "0001"),
    ]


def test_impossible_numbers_are_named_and_left_out(kind: str, tmp_path: Path) -> None:
    row = shot(1, Formtemp_F=9999.0, Haerte=120.0, Entformzeit=-5.0, Polyol_g=1000.0)
    (found,) = through(kind, tmp_path, row)
    assert found.bundle is not None
    assert found.bundle.t_demold_actual_s is None
    assert found.bundle.recipe.T_mold_C is None
    assert {one.column for one in found.problems} == {"Formtemp_F", "Haerte", "Entformzeit"}
    assert {one.kind for one in found.problems} == {"implausible"}


def test_a_shot_without_a_mass_is_refused(kind: str, tmp_path: Path) -> None:
    rows = shot(1, Polyol_g=None), shot(2, Polyol_g=2e9), shot(3)
    found = through(kind, tmp_path, *rows)
    assert [one.bundle is None for one in found] == [True, True, False]
    assert "m_polyol_kg is missing" in found[0].problems[-1].words


def test_a_time_without_a_zone_is_asked_for(kind: str, tmp_path: Path) -> None:
    (found,) = through(kind, tmp_path, shot(1, Zeit="2026-05-01T00:00:00"))
    assert found.bundle is not None
    assert found.bundle.meta.timestamp_start is None
    assert "set time_zone" in found.problems[0].words


def test_readings_of_a_key_that_two_shots_have_are_left_out(tmp_path: Path) -> None:
    again = shot(17, Zeit="2026-05-01T00:37:00Z")
    for kind in ("sqlite", "csv"):
        folder = tmp_path / kind
        folder.mkdir()
        found = through(kind, folder, shot(17), again, of_readings=readings(17))
        told = [one.words for item in found for one in item.problems]
        assert any("whose readings" in one or "told apart" in one for one in told)


def test_a_good_part_that_is_scrap_is_contradictory(tmp_path: Path) -> None:
    rows = [shot(1, Ausschuss="ja"), shot(2, Ausschuss="nein"), shot(9, Ausschuss="ja")]
    logs = Logs(rows, columns=f"{COLUMNS}  scrap: Ausschuss\n")
    found = fetched(sqlite_source(logs, tmp_path))
    told = [[(one.kind, one.column) for one in item.problems] for item in found]
    assert told == [[("contradictory", "Ausschuss")], [], []]
    assert "the quality status is OK" in found[0].problems[0].words
    assert found[0].bundle is not None
    quality = found[0].bundle.quality or {}
    assert (quality["quality_status"], quality["scrap"]) == ("OK", True)
