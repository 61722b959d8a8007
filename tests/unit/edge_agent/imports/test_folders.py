"""Folders of CSV and Parquet files: the long form, many files, names that lead elsewhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from edge_agent.shots.shot_query import ShotQuery
from tests.support.file_commands import run
from tests.support.sources import fetched, ids
from twin_core.errors import InputError

LONG = """\
kind: {kind}
path: {folder}
form: long
columns:
  shot_id: shot
  mold_id: mold
  press: {{value: p1}}
  system_id: {{value: SYSTEM_R1}}
  m_polyol_kg: {{signal: polyol, unit: g}}
  m_iso_kg: {{signal: iso, unit: g}}
series:
  time: ts
  signal: tag
  value: val
  signals:
    T_core_C: {{name: core, unit: K}}
"""
WIDE = """\
kind: csv
path: {folder}
columns: {{shot_id: shot, mold_id: {{value: A}}, system_id: {{value: R1}},
  m_polyol_kg: {{value: 1}}, m_iso_kg: {{value: 1}}}}
series:
  file: "{file}"
  time: {{column: t, unit: s}}
  signals: {{T_core_C: core}}
"""


def rows(shot: str) -> list[str]:
    """Rows of one shot in the long form."""
    head = f"{shot},PANEL_A,2026-05-01T06:00"
    masses = [f"{head}:00Z,polyol,1030", f"{head}:00Z,iso,1180"]
    return masses + [f"{head}:{second:02d}Z,core,{300 + second}" for second in range(12)]


def written(folder: Path, name: str, *shots: str) -> None:
    """A CSV file in the long form."""
    lines = ["shot,mold,ts,tag,val", *(row for shot in shots for row in rows(shot))]
    (folder / name).write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_long_form(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    written(folder, "a.csv", "S1", "S2")
    written(folder, "b.csv", "S3")
    if kind == "parquet":
        for path in sorted(folder.glob("*.csv")):
            table = csv.read_csv(path)
            at = table.column("ts").cast(pa.timestamp("ns", "UTC"))
            parquet.write_table(table.set_column(2, "ts", at), path.with_suffix(".parquet"))
    mapping = tmp_path / "logs.yaml"
    mapping.write_text(LONG.format(kind=kind, folder=folder))
    found = fetched(mapping)
    assert ids(found) == ["S1", "S2", "S3"]
    assert not [one.problems for one in found if one.problems]
    bundle = found[0].bundle
    assert bundle is not None
    assert (bundle.recipe.m_polyol_kg, bundle.recipe.m_iso_kg) == (1.03, 1.18)
    assert str(bundle.meta.timestamp_start) == "2026-05-01 06:00:00+00:00", "the first reading"
    assert bundle.readings("T_core_C")[3] == (3.0, pytest.approx(29.85))


def test_a_shot_in_two_files_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    written(folder, "a.csv", "S1")
    written(folder, "b.csv", "S1", "S2")
    mapping = tmp_path / "logs.yaml"
    mapping.write_text(LONG.format(kind="csv", folder=folder))
    found = fetched(mapping)
    assert ids(found) == ["S1", "S2"]
    assert "a.csv, too" in found[1].problems[0].words


@pytest.mark.parametrize(
    ("shot", "words"),
    [("../../../etc/passwd", "is outside of"), ("S9", "there is no such file")],
)
def test_files_of_readings_lie_in_the_folder(shot: str, words: str, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "shots.csv").write_text(f"shot\n{shot}\n")
    mapping = tmp_path / "logs.yaml"
    mapping.write_text(WIDE.format(folder=folder, file="curves/{shot}.csv"))
    (found,) = fetched(mapping)
    assert any(words in one.words for one in found.problems)


@pytest.mark.parametrize(
    ("column", "file"),
    [
        ("Lfd. Nr.", "kurven/{Lfd. Nr.}.csv"),
        ("Schuss-Nr.", "kurven/{Schuss-Nr.:0>2}.csv"),
        ("Nr[0]: a", "kurven/{Nr[0]: a}.csv"),
    ],
)
def test_any_column_names_a_file(column: str, file: str, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    (folder / "kurven").mkdir(parents=True)
    (folder / "shots.csv").write_text(f"{column};x\n17;1\n")
    (folder / "kurven" / "17.csv").write_text("t;core\n" + "".join(f"{n};30\n" for n in range(9)))
    mapping = tmp_path / "logs.yaml"
    text = WIDE.format(folder=folder, file=file).replace("shot_id: shot", f'shot_id: "{column}"')
    mapping.write_text(text)
    (found,) = fetched(mapping)
    assert found.bundle is not None
    assert len(found.bundle.series) == 9


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("kurven/{shto}.csv", r"logs.yaml: line 6: series.file: \{shto\} is no column: is shot"),
        ("kurven/{shot:d}.csv", r"line 6: series.file: \{shot:d\}: Unknown format code"),
        ("kurven/{shot.csv", r"line 6: series.file: .*a single \{ at character 8"),
    ],
)
def test_a_template_that_never_works_is_refused(file: str, words: str, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "shots.csv").write_text("shot;x\n17;1\n")
    mapping = tmp_path / "logs.yaml"
    mapping.write_text(WIDE.format(folder=folder, file=file))
    history = tmp_path / "history.db"
    done = run("import-logs", "-s", mapping, "--history", history)
    assert done.exit_code == 2
    assert re.search(words, done.output), done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "logs.yaml"]


def test_decimal_commas_between_commas_are_told_and_then_read(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "shots.csv").write_text('shot,mass\nS1,"1,25"\n')
    mapping = tmp_path / "logs.yaml"
    head = f"kind: csv\npath: {folder}\ncolumns: {{shot_id: shot, m_polyol_kg: mass, "
    head += "m_iso_kg: {value: 1.5}, mold_id: {value: A}, system_id: {value: R1}}\n"
    mapping.write_text(head)
    (found,) = fetched(mapping)
    assert found.bundle is None
    assert "set decimal: ','" in found.problems[0].words
    mapping.write_text(head + "decimal: ','\n")
    (found,) = fetched(mapping)
    assert found.bundle is not None
    assert (found.bundle.recipe.m_polyol_kg, found.bundle.recipe.m_iso_kg) == (1.25, 1.5)


@pytest.mark.parametrize(
    "curves", ["t;core\n5,5;31,5\n10;60,25\n15;61\n", "t;core\n5.5;31.5\n10;60.25\n15;61\n"]
)
def test_curves_have_the_decimal_mark_of_their_own_file(curves: str, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    (folder / "curves").mkdir(parents=True)
    (folder / "shots.csv").write_text("shot;mass\nS1;1,25\n")
    (folder / "curves" / "S1.csv").write_text(curves)
    mapping = tmp_path / "logs.yaml"
    text = WIDE.format(folder=folder, file="curves/{shot}.csv").replace(
        "m_polyol_kg: {value: 1}", "m_polyol_kg: mass"
    )
    mapping.write_text(text + "decimal: ','\n")
    (found,) = fetched(mapping)
    assert found.bundle is not None
    assert found.bundle.recipe.m_polyol_kg == 1.25
    assert found.bundle.readings("T_core_C") == [(5.5, 31.5), (10.0, 60.25), (15.0, 61.0)]


@pytest.mark.parametrize(("said", "simulated"), [("ja", True), ("no", False), ("maybe", None)])
def test_shots_that_a_simulation_made_say_so(
    said: str, simulated: bool | None, tmp_path: Path
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "shots.csv").write_text(f"shot,made\nS1,{said}\n")
    mapping = tmp_path / "logs.yaml"
    text = WIDE.partition("series:")[0].format(folder=folder)
    mapping.write_text(
        text.replace("m_iso_kg: {value: 1}", "m_iso_kg: {value: 1}, simulated: made")
    )
    (found,) = fetched(mapping)
    if simulated is None:
        assert found.bundle is None
        assert "'maybe': neither yes nor no" in found.problems[0].words
    else:
        assert found.bundle is not None
        assert found.bundle.meta.simulated is simulated


def test_refused_shots_that_were_not_asked_for_do_not_count(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "shots.csv").write_text(
        "shot,ts\nS 1,2026-05-01T06:00:00Z\nS 2,2026-06-01T06:00:00Z\nS 3,\n"
    )
    mapping = tmp_path / "logs.yaml"
    text = WIDE.partition("series:")[0].format(folder=folder)
    mapping.write_text(text.replace("shot_id: shot", "shot_id: shot, poured_at: ts"))
    since = ShotQuery(since=datetime(2026, 5, 15, tzinfo=UTC))
    assert [found.where[-6:] for found in fetched(mapping, since)] == ["line 3", "line 4"]
    assert len(fetched(mapping, ShotQuery(mold_id="B"))) == 0
    assert len(fetched(mapping)) == 3


def test_what_is_no_folder_of_tables(tmp_path: Path) -> None:
    mapping = tmp_path / "logs.yaml"
    mapping.write_text(WIDE.format(folder=tmp_path / "none", file="x.csv"))
    with pytest.raises(InputError, match="no file"):
        fetched(mapping)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.csv").write_text("schuss;zeit\n1;2\n")
    with pytest.raises(InputError, match="there is no column shot: there are: schuss, zeit"):
        fetched(mapping)
    (tmp_path / "none" / "a.csv").rename(tmp_path / "none" / "a.parquet")
    mapping.write_text(mapping.read_text().replace("kind: csv", "kind: parquet"))
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        fetched(mapping)
