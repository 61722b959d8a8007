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
from edge_agent.report.validation_directions import exceptions
from edge_agent.report.validation_panels import shipped
from edge_agent.report.validation_runs import load_published, pufoam, pufoam_excess_K
from edge_agent.report.validation_window import COMPARED, measured_section
from tests.support.quoted import NUMBER, differences
from tests.support.scenarios import ROOT
from twin_core import InputError

pytestmark = pytest.mark.xdist_group("validation")  # the page is computed once
DOCS = ROOT / "docs"
AGAIN = "run: pur-mold-twin validate --out docs/validation.md"


@cache
def page() -> Page:
    """Computed once for this file: it takes many seconds."""
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
        kinds = r"PEER \(simulated, NOT measured\)|INDUSTRY CORRELATION|SUPPLIER VALUES|MEASURED: "
        assert re.match(kinds, head), file
        assert re.search(r"recipe: |source: |Recipe: ", head), file


def test_a_missing_file_has_words() -> None:
    with pytest.raises(InputError, match=r"nothing\.csv: no such file"):
        load_published("nothing.csv")


@pytest.mark.peers
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


def test_every_exception_of_the_directions_has_a_reason() -> None:
    found = exceptions()
    text = computed()
    for name, output, system, decides, count, why in found:
        assert why != "not explained", (name, output, system, decides, count)
        assert f"| {name}: {output} | {system} |" in text
    # moulded density and swell by thickness and packing have none
    assert not [f for f in found if f[1] == "swell"]
    assert not [f for f in found if f[0] in {"thickness", "packing"}]


HEAD = "# MEASURED: test\n# source: nobody\n# system: WATER_CYCLOPENTANE\n"
OTHER = HEAD.replace("WATER_CYCLOPENTANE", "X")


def measured_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> str:
    folder = tmp_path / "validation"
    folder.mkdir(exist_ok=True)
    (folder / "measured_window_test.csv").write_text(text)
    monkeypatch.setattr("edge_agent.report.validation_runs.configs_folder", lambda: tmp_path)
    monkeypatch.setattr("edge_agent.report.validation_window.configs_folder", lambda: tmp_path)
    shipped()  # from where it is
    section = measured_section()
    return markdown(Page("test", (), (section,)), lambda _plot: "")


def test_measured_panels_are_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file as configs/validation/README.md describes it."""
    rows = (
        "thickness_mm,density_kg_m3,wall_C,opened_s,swell_mm,p_max_bar\n55,29.9,40,240,1.38,nan\n"
    )
    text = measured_file(tmp_path, monkeypatch, HEAD + rows)
    row = re.search(
        r"\| `measured_window_test.csv` \| 1 \| swell, mm \| 1.38 \| (\S+) \| (\S+) \|", text
    )
    assert row is not None, text
    assert float(row[1]) == pytest.approx(0.61, abs=0.05)  # the table of sizes has it, too
    assert row[2] == "-56"
    assert "peak pressure" not in text  # the paper gives none


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (OTHER + "thickness_mm,swell_mm\n1,1\n", "must name one of"),
        (HEAD + "thickness_mm,density_kg_m3,wall_C,swell_mm\n5,3,4,1\n", "the column opened_s"),
        (HEAD + "thickness_mm,density_kg_m3,wall_C\n5,3,4\n", "lacks the column one of swell_mm"),
        (HEAD + "thickness_mm,swell_mm\n1,x\n", "cannot be read as a table of numbers"),
    ],
)  # fmt: skip
def test_a_measured_file_that_is_wrong_has_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        measured_file(tmp_path, monkeypatch, text)


def test_the_readme_describes_the_form() -> None:
    text = (ROOT / "configs" / "validation" / "README.md").read_text()
    for column in COMPARED:
        assert f"`{column}`" in text
    for file in (ROOT / "configs" / "validation").glob("*.csv"):
        assert file.name in text
