"""Kind 11: files that are nothing of what was asked for: words and an exit code, no traceback."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

from edge_agent.logged_shots.measured_series import from_file
from tests.support.file_commands import CASES, MEASURED, SERIES, bundle, readers_of, run
from tests.support.processes import ROOT
from twin_core.errors import InputError

BAD: dict[str, bytes] = {
    "nothing": b"",
    "blank lines": b"\r\n" * 20,
    "a block of NUL": b"\0" * 4096,
    "noise": bytes(range(128, 256)) * 8,
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "a packed file": gzip.compress(SERIES.encode()),
    "text in UTF-32": SERIES.encode("utf-32"),
    "the page of a proxy": b"<html><body>407 Proxy Authentication Required</body></html>\n",
    "a document of another program": b'{"time_s": [1, 2], "T_core_C": [24, 25]}\n',
    "one line of two megabytes": b"1," * 1_000_000,
    "a quotation mark that nobody closes": b'time_s,T_core_C,shot_id\n1,"24,1\n2,25,2\n',
    "names without a row": b"a,b,c\n",
}


@pytest.mark.parametrize("name", BAD)
def test_a_series(name: str, tmp_path: Path) -> None:
    folder = bundle(tmp_path / "b", {"sensors_core_temp.csv": BAD[name]})
    for command, arguments in readers_of(folder, tmp_path / "f.csv").items():
        done = run(*arguments)
        assert done.exit_code == 2, (command, done.output)
        assert "sensors_core_temp.csv" in done.output


@pytest.mark.parametrize("file", ["meta.yaml", "process.yaml", "qc.yaml"])
@pytest.mark.parametrize("name", BAD)
def test_a_yaml_of_a_bundle(name: str, file: str, tmp_path: Path) -> None:
    folder = bundle(tmp_path / "b", {file: BAD[name]})
    page = tmp_path / "r.md"
    done = run("build-features", "--bundles", folder, "-o", tmp_path / "f.csv", "--report", page)
    if (name, file) == ("a document of another program", "qc.yaml"):  # it has no results, then
        assert "name_unknown" in done.output
        return
    assert done.exit_code == 2, done.output
    assert file in done.output


@pytest.mark.parametrize("name", BAD)
def test_a_table(name: str, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(BAD[name])
    baseline = CASES["68"] / "baseline.csv"
    for arguments in (
        ("train-ml", "--features", table, "--out", tmp_path),
        ("check-drift", "--baseline", baseline, "--current", table),
        ("build-features", "-m", table, "-s", baseline, "-o", tmp_path / "f.csv"),
    ):
        done = run(*arguments)
        assert done.exit_code in {2, 3}, (arguments[0], done.output)
        assert "t.csv" in done.output, arguments[0]


@pytest.mark.parametrize("file", ["rise_23C.yaml", "rise_23C.csv"])
@pytest.mark.parametrize("name", BAD)
def test_a_rise_test(name: str, file: str, tmp_path: Path) -> None:
    for suffix in (".yaml", ".csv"):
        shutil.copy(ROOT / "examples" / "rise_tests" / f"rise_23C{suffix}", tmp_path)
    (tmp_path / file).write_bytes(BAD[name])
    done = run("calibrate", "--rise-test", tmp_path / "rise_23C.yaml", "--dry-run")
    assert done.exit_code == 2, done.output
    assert file in done.output


def test_a_folder_where_a_file_belongs(tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    for arguments in (
        ("train-ml", "--features", tmp_path / "t.csv", "--out", tmp_path),
        ("calibrate", "--series", tmp_path / "t.csv", *MEASURED),
    ):
        done = run(*arguments)
        assert done.exit_code == 2
        assert "t.csv" in done.output


@pytest.mark.parametrize("time", ["1763632800", "1763632800000", "3e8", "1e300", "389310"])
def test_a_time_that_would_fill_the_memory(time: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(f"time_s,T_core_C\n1,24\n{time},25\n")
    done = run("calibrate", "--series", tmp_path / "s.csv", *MEASURED)
    assert done.exit_code == 2
    assert f"s.csv: line 3, column time_s: {time}" in done.output


def test_two_quantities_in_a_series_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("time_s,T_core_C,p_total_bar\n1,24,1\n2,25,1\n")
    with pytest.raises(InputError, match="give each in a file of its own"):
        from_file(tmp_path / "s.csv", {}, print)


@pytest.mark.parametrize("rows", ["", "5,30\n", "5,3276.7\n6,3276.7\n", "5,\n6,NaN\n"])
def test_too_few_readings_to_fit_to(rows: str, tmp_path: Path) -> None:
    folder = tmp_path / "shot"
    shutil.copytree(CASES["20"], folder)
    (folder / "sensors_core_temp.csv").write_text("time_s,T_core_C\n" + rows)
    done = run("calibrate", "--measured", folder, *MEASURED)
    assert done.exit_code == 2
    assert f"{folder}: holds " in done.output
