"""Shots for a calibration out of folders of log bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_agent.calibration.calibration_shot import ShotsFound
from edge_agent.calibration.shots_from_bundles import shots_of_bundles
from edge_agent.config.catalogue import read_catalogue
from edge_agent.config.settings import CatalogueSettings
from edge_agent.shots.shot_query import ShotQuery

CATALOGUE = read_catalogue(CatalogueSettings())
CORE = "time_s,T_core_C\n1,24\n100,90\n200,120\n300,110\n"


def write(folder: Path, number: int, qc: str = "rho_moulded: 62\n", **meta: Any) -> None:
    place = folder / f"shot{number}"
    place.mkdir(parents=True)
    said = {
        "shot_id": f"B{number}", "system_id": "SYSTEM_R1", "mold_id": "PANEL_A", "line_id": "p1",
        "timestamp_start": f"2026-05-{number:02d}T06:00:00Z", "lot_polyol": "P-1",
    } | meta  # fmt: skip
    text = "".join(f"{name}: {value}\n" for name, value in said.items() if value is not None)
    (place / "meta.yaml").write_text(text)
    (place / "process.yaml").write_text(
        "m_polyol: 0.4\nm_iso: 0.45\nT_polyol_in_C: 24\nT_iso_in_C: 24\nt_demold_actual_s: 320\n"
    )
    (place / "sensors_core_temp.csv").write_text(CORE)
    if qc:
        (place / "qc.yaml").write_text(qc)


def found_in(folder: Path, most: int = 100, **query: Any) -> ShotsFound:
    return shots_of_bundles(folder, ShotQuery(**query), most, CATALOGUE)


def test_bundles_are_chosen_by_their_meta_and_reduced(tmp_path: Path) -> None:
    for number in range(1, 5):
        write(tmp_path, number, mold_id="PANEL_A" if number < 4 else "PANEL_B")
    found = found_in(tmp_path, most=3)
    assert [shot.name for shot in found.shots] == ["B2", "B3", "B4"]
    assert dict(found.left_out) == {"older": 1}
    assert found.fitting_count == 4
    first = found.shots[0]
    assert first.lot == "polyol P-1"
    assert first.results == {"rho_moulded_kg_per_m3": 62.0}
    assert first.series["T_core_C"].shape == (4, 2)


def test_filters(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2, line_id="p2", lot_polyol="P-2")
    write(tmp_path, 3, system_id="SYSTEM_M1")
    write(tmp_path, 4, qc="rho_moulded: 62\ndefects: [void]\n")
    for query, names in (
        ({"press": "p2"}, ["B2"]),
        ({"lot": "P-2"}, ["B2"]),
        ({"system_id": "SYSTEM_M1"}, ["B3"]),
        ({"quality_status": "FAIL"}, ["B4"]),
        ({"mold_id": "PANEL_B"}, []),
    ):
        found = found_in(tmp_path, **query)
        assert [shot.name for shot in found.shots] == names
        assert found.fitting_count == len(names)


def test_what_cannot_be_used_is_counted(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2, timestamp_start=None)
    write(tmp_path, 3, mold_id="CUP")
    write(tmp_path, 4)
    (tmp_path / "shot4" / "process.yaml").write_text("m_polyol: x\n")
    write(tmp_path, 5)
    (tmp_path / "shot5" / "meta.yaml").write_text("[")
    write(tmp_path, 6, shot_id="B1", timestamp_start="2026-05-01T06:00:00Z")
    found = found_in(tmp_path)
    assert [shot.name for shot in found.shots] == ["B1"]
    assert dict(found.left_out) == {
        "not_read": 2, "not_poured": 1, "open_cup": 1, "repeated": 1
    }  # fmt: skip
