"""Imported shots beside the catalogue: a wrong unit and an unknown system are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.file_commands import run
from tests.support.foreign_logs import Logs, shot, sqlite_source


@pytest.mark.parametrize(
    ("change", "others", "kind", "words"),
    [
        (
            ("m_polyol_kg: {column: Polyol_g, unit: g}", "m_polyol_kg: Polyol_g"),
            {"Polyol_g": 30.0},
            ("implausible", "m_polyol_kg"),
            "31.2 kg in the cavity of PANEL_B are 2496 kg/m³: are the masses in another",
        ),
        (
            ("", ""),
            {"Dichte": 25.0},
            ("contradictory", "rho_moulded_kg_per_m3"),
            "are 176.1 kg/m³, and the part has 25: is one in another unit?",
        ),
        (
            ("SYSTEM_R1", "NOBODY_S"),
            {},
            ("missing", "system_id"),
            "NOBODY_S is not there in the catalogue: its shots cannot be simulated",
        ),
    ],
)
def test_a_shot_that_does_not_fit_is_told_with_its_row(
    change: tuple[str, str],
    others: dict[str, float],
    kind: tuple[str, str],
    words: str,
    tmp_path: Path,
) -> None:
    rows = [shot(1, **others), shot(3, **others)]
    mapping = sqlite_source(Logs(rows), tmp_path)
    mapping.write_text(mapping.read_text("utf-8").replace(*change), "utf-8")
    done = run("import-logs", "-s", mapping, "-o", tmp_path / "out", "--output", "json")
    assert done.exit_code == 3, done.output
    report = json.loads(done.stdout)
    assert report["shots"]["imported"] == 2
    (problem,) = report["problems"]
    assert (problem["kind"], problem["column"]) == kind
    assert problem["count"] == (1 if kind[0] == "missing" else 2)
    assert report["examples"][0].startswith("table schuesse: row 1 (shot 0001)")
    assert words in report["examples"][0]
