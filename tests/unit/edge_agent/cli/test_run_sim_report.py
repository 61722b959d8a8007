"""``run-sim --report``, ``--measured`` and ``--dimension``: files, table, errors."""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path

import pytest

from tests.support.scenarios import CONFIGS
from tests.unit.edge_agent.cli.test_run_sim import PANEL, USE_CASE_1, run_sim
from tests.unit.edge_agent.report.test_pages import from_markdown, read
from twin_core.extras import how_to_install

R11 = CONFIGS / "scenarios" / "baser_khakhar_1994_r11.yaml"
BUNDLE = CONFIGS / "bundles" / "baser_khakhar_1994_r11"


def test_html_is_one_file_with_its_pictures(tmp_path: Path) -> None:
    file = tmp_path / "shot.HTML"
    printed = run_sim("-s", R11, "--report", file, "--measured", BUNDLE)
    text = file.read_text()
    found = read(text)
    assert found.tags.count("img") == 5
    assert text.count('src="data:image/svg+xml;base64,') == 5
    assert not re.search(r'(src|href)="(?!data:)', text)
    for words in ("Shot report: baser_khakhar_1994_r11", "core temperature", "simulated"):
        assert any(words in part for part in found.words)
    line = " ".join(printed.stdout.split())
    assert "Log BK1994-R11-L0155, measured: core temperature: RMSE" in line
    assert "over 37 points; peak 139.1 °C measured" in line


def test_markdown_is_one_file_with_its_pictures(tmp_path: Path) -> None:
    file = tmp_path / "shot.md"
    run_sim("-s", USE_CASE_1, "--report", file)
    pictures = re.findall(r"!\[[^]]*\]\(data:image/png;base64,([^)]*)\)", file.read_text())
    assert len(pictures) == 9  # over time, through the thickness, against the opening
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures)
    assert from_markdown(file.read_text()).tags.count("h2") == 10


def test_the_same_run_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        run_sim("-s", PANEL, "--report", tmp_path / name, "--output", "json")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_what_a_user_gave_is_escaped(tmp_path: Path) -> None:
    scenario = tmp_path / "nasty.yaml"
    nasty = "<img src=x onerror=alert(1)> $\\\\frac{1}$ | `x`"
    scenario.write_text(
        Path(PANEL)
        .read_text()
        .replace("scenario_id: panel_packed", f'scenario_id: "{nasty}"')
        .replace("source: reference", f'source: "{nasty}" #')
    )
    for suffix in ("html", "md"):
        file, plain = tmp_path / f"shot.{suffix}", tmp_path / f"plain.{suffix}"
        run_sim("-s", scenario, "--report", file)
        run_sim("-s", PANEL, "--report", plain)
        found, without = (
            read(text) if suffix == "html" else from_markdown(text)
            for text in (file.read_text(), plain.read_text())
        )
        assert found.tags.count("img") == without.tags.count("img") > 4
        assert any(nasty.replace("\\\\", "\\") in part for part in found.words)


def test_another_suffix_is_an_error(tmp_path: Path) -> None:
    for name in ("shot.txt", "shot", "shot.pdf"):
        file = tmp_path / name
        error = run_sim("-s", PANEL, "--report", file, exit_code=2).stderr
        assert (
            error
            == f"error: {file}: a report ends in .html or .md, not {file.suffix!r}: rename it\n"
        )
        assert not file.exists()


def test_reports_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "no").touch()
    file = tmp_path / "no" / "shot.html"
    error = run_sim("-s", PANEL, "--report", file, exit_code=2).stderr
    assert error.startswith(f"error: {file}: cannot be written: ")


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # type: ignore[arg-type]
    result = run_sim("-s", PANEL, "--report", tmp_path / "shot.html", exit_code=1)
    assert result.stderr.splitlines() == [
        "error: plots need matplotlib, which is not installed",
        f"hint: {how_to_install('report')}",
    ]
    run_sim("-s", PANEL)  # nothing else needs it


def test_measured_must_be_a_log(tmp_path: Path) -> None:
    error = run_sim("-s", PANEL, "--measured", tmp_path, exit_code=2).stderr
    assert error == f"error: {tmp_path}: no meta.yaml: not the folder of a logged shot\n"


def test_json_and_the_operators_answer_are_not_touched_by_a_log() -> None:
    for options in (("--output", "json"), ("--mode", "operator")):
        plain = run_sim("-s", R11, *options).stdout
        assert run_sim("-s", R11, *options, "--measured", BUNDLE).stdout == plain
    plain = run_sim("-s", R11, "--output", "json").stdout
    assert run_sim("-s", R11, "--output", "json", "--mode", "operator").stdout == plain


def test_dimension_is_checked_like_the_scenario() -> None:
    default = run_sim("-s", PANEL, "--output", "json").stdout
    assert run_sim("-s", PANEL, "--dimension", "1d", "--output", "json").stdout == default
    quick = run_sim("-s", PANEL, "--dimension", "0d", "--output", "json").stdout
    assert '"window": "quick"' in quick
    assert '"window": "layered"' in default
    error = run_sim("-s", PANEL, "--dimension", "7d", exit_code=2).stderr
    assert error.startswith("error: --dimension 7d: dimension: Input should be '0d'")
    assert "(found '7d')" in error


def test_help_has_an_example() -> None:
    text = run_sim("--help").stdout
    assert "run-sim -s shot.yaml --report shot.html --measured logs/17" in text
