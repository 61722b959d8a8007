"""docs/validation.md says what ``pur-mold-twin validate`` computes now."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli.validate import command
from edge_agent.report.as_markdown import markdown
from edge_agent.report.content import Page
from edge_agent.report.validation import validation_page
from edge_agent.report.validation_runs import load_published, pufoam, pufoam_excess_K
from tests.support.quoted import NUMBER, differences
from tests.support.scenarios import ROOT
from twin_core import InputError

DOCS = ROOT / "docs"
AGAIN = "run: pur-mold-twin validate --out docs/validation.md"


@cache
def page() -> Page:
    """Computed once for this file: it takes seconds."""
    return validation_page()


def computed() -> str:
    return markdown(page(), lambda plot: f"figures/{plot.name}.svg")


def test_words_and_numbers_are_those_of_the_command() -> None:
    written, now = (DOCS / "validation.md").read_text(), computed()
    assert not differences(written, now, whole=1.0), AGAIN


def test_the_comparison_would_see_a_change() -> None:
    text = computed()
    assert len(NUMBER.findall(text)) > 100
    for words in ("10.6 K", "16.1 s", "36 K"):
        number, unit = words.split()
        wrong = text.replace(f" {words}", f" {1.1 * float(number):.1f} {unit}", 1)
        assert differences(text, wrong, whole=1.0), words


def test_every_figure_is_there_and_no_other() -> None:
    named = {f"{plot.name}.svg" for plot in page().plots()}
    assert {file.name for file in (DOCS / "figures").glob("validation_*.svg")} == named
    for file in named:
        assert "<svg" in (DOCS / "figures" / file).read_text()


def test_tests_and_links_that_it_names_exist() -> None:
    text = (DOCS / "validation.md").read_text()
    for name in re.findall(r"`((?:tests|configs)/[^`]+)`", text):
        assert (ROOT / name).is_file(), name
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (DOCS / target).is_file(), target


def test_the_published_peer_contradicts_itself() -> None:
    """The caveat of the page: PUFoam's foam is hotter than its own reactions can make it."""
    excess = pufoam_excess_K(pufoam())
    assert excess[0] == 0.0
    assert excess.max() == pytest.approx(36.3, abs=0.1)  # from the file and published heats only


def test_citations_travel_with_the_data() -> None:
    for file in sorted((ROOT / "configs" / "validation").glob("*.csv")):
        head = " ".join(load_published(file.name).head)
        assert re.match(r"PEER \(simulated, NOT measured\)|INDUSTRY CORRELATION", head), file


def test_a_missing_file_has_words() -> None:
    with pytest.raises(InputError, match=r"nothing\.csv: no such file"):
        load_published("nothing.csv")


def test_the_command_writes_page_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.report.validation.validation_page", page)
    out = tmp_path / "page.md"
    result = CliRunner().invoke(command, ["--out", str(out)])
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}: written, with {len(page().plots())} figures\n"
    assert out.read_text() == computed()
    assert len(list((tmp_path / "figures").iterdir())) == len(page().plots())


def test_the_command_says_what_it_cannot_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.report.validation.validation_page", page)
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "page.md"
    result = CliRunner().invoke(command, ["--out", str(out)])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {out.parent}/")
    assert ": cannot be written: " in result.stderr
    assert "validate --out docs/validation.md" in CliRunner().invoke(command, ["--help"]).stdout
