"""docs/log-files.md: its examples are read as it says."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from edge_agent.learning import tables
from edge_agent.logged_shots.bundle import SENSOR_FILES, load_bundle
from edge_agent.logged_shots.bundle_names import FOR_PEOPLE
from tests.support.processes import ROOT
from twin_core.learning.columns import IDS
from twin_core.log_files import series, shot_table
from twin_core.log_files.cells import SENTINELS
from twin_core.log_files.text_form import LINE_MAX

PAGE = (ROOT / "docs" / "log-files.md").read_text(encoding="utf-8")
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"(?:^    .*\n)+", PAGE, re.MULTILINE)]
TEXT = " ".join(PAGE.split())


def test_every_block_is_tried_here() -> None:
    heads = [block.splitlines()[0] for block in BLOCKS]
    assert [head for head in heads if head.startswith("#")] == [
        "# series: sensors_core_temp.csv", "# bundle: meta.yaml", "# table: measured.csv",
    ]  # fmt: skip
    assert len(BLOCKS) == 5


def test_the_series(tmp_path: Path) -> None:
    path = tmp_path / "sensors_core_temp.csv"
    path.write_text(BLOCKS[0], encoding="utf-8")
    found = series.read_series(path, {"T_core_C": (-50.0, 350.0)})
    np.testing.assert_array_equal(found.time_s, [0.5, 1.0, 1.5, 2.0])
    np.testing.assert_array_equal(found.columns["T_core_C"], [24.1, np.nan, np.nan, 26.0])
    told = sorted(gap.words.removeprefix(f"{path}: ") for gap in found.gaps)
    assert told == BLOCKS[1].splitlines()


def test_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "meta.yaml").write_text(BLOCKS[2], encoding="utf-8")
    (tmp_path / "process.yaml").write_text("m_polyol: 0.05\nm_iso: 0.05\n")
    found = load_bundle(tmp_path)
    assert not found.notes
    assert (found.meta.shot_id, found.meta.timestamp_start.hour) == ("0001", 9)  # type: ignore[union-attr]


def test_the_table(tmp_path: Path) -> None:
    path = tmp_path / "measured.csv"
    path.write_text(BLOCKS[3].partition("\n")[2], encoding="utf-8")
    told: list[shot_table.LeftOut] = []
    found = tables.read_table(path, told.append)
    assert found["shot_id"].tolist() == ["0001", "0002", "0003"]
    assert [cells.words(path.name) for cells in told] == BLOCKS[4].splitlines()


@pytest.mark.parametrize(
    "words",
    [
        f"{LINE_MAX:,} characters",
        f"{series.BYTES_MAX // 10**6} MB and {series.NUMBERS_MAX:,} numbers",
        f"{shot_table.BYTES_MAX // 10**6} MB and {shot_table.NUMBERS_MAX:,} numbers",
        f"{tables.CELLS_MAX:,} cells",
        *(f"`{name}`" for name in SENSOR_FILES),
        *(f"`{name}`" for columns in SENSOR_FILES.values() for name in columns),
        *(f"`{name}`" for name in sorted(FOR_PEOPLE)),
        *sorted(IDS),
        *sorted(tables.NUMBERS),
    ],
)
def test_limits_and_names_of_the_code_are_on_the_page(words: str) -> None:
    assert words in TEXT


def test_numbers_that_stand_for_no_reading() -> None:
    sentence = TEXT.partition("numbers that devices give where they measured nothing: ")[2]
    for number in re.findall(r"-?[0-9.]+(?:E[0-9]+)?", sentence.partition("infinity")[0]):
        value = float(number.rstrip("."))
        assert value in SENTINELS or value > 1e30
