"""Kind 12: names that nobody knows, and numbers of YAML 1.1. All commands refuse or read alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.learning.tables import read_table
from edge_agent.logged_shots.bundle import load_bundle
from tests.support.file_commands import (
    FILES,
    MEASURED,
    SERIES,
    bundle,
    closed_port,
    refused_by_all,
    run,
)

META, PROCESS = FILES["meta.yaml"], FILES["process.yaml"]
SYSTEM = "R11_BASER_KHAKHAR_1994"

REFUSED: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "the British mould": ({"meta.yaml": META.replace("mold_id", "mould_id")}, ("mould_id: is mold_id meant",)),
    "a field with a hyphen": ({"meta.yaml": META.replace("mold_id", "mold-id")}, ("mold-id: is mold_id meant",)),
    "a start without a zone": (
        {"meta.yaml": META.replace("10:00:00Z", "10:00:00")}, ("timestamp_start", "has no zone: write"),
    ),
    "a German date as start": (
        {"meta.yaml": META.replace("2026-11-20T10:00:00Z", "20.11.2026 10:00")}, ("timestamp_start", "is no time"),
    ),
    "an id of digits that is no text": (
        {"meta.yaml": META.replace("20-SHOT", "20261120100000101")}, ("shot_id: is a text: put it in quotes",),
    ),
    "a set point of a mould": (
        {"process.yaml": PROCESS.replace("T_mold_init_C", "T_mould_init_C")}, ("T_mould_init_C: is T_mold_init_C meant",),
    ),
    "fahrenheit in a name": (
        {"process.yaml": PROCESS.replace("T_mold_init_C", "T_mold_init_F")}, ("another unit than T_mold_init_C",),
    ),
    "digits in groups": ({"process.yaml": PROCESS.replace("640", "6_40")}, ("6_40 is a number for some readers",)),
    "minutes and seconds": ({"process.yaml": PROCESS.replace("640", "10:40")}, ("t_demold_actual_s",)),
    "a decimal comma": ({"process.yaml": PROCESS.replace("0.05", "0,05")}, ("process.yaml", "m_polyol")),
    "grams for kilograms": ({"process.yaml": PROCESS.replace("m_iso: 0.05", "m_iso: 5000")}, ("m_iso_kg: 5000", "grams")),
    "a result in the American spelling": ({"qc.yaml": "rho_molded: 62.1\n"}, ("qc.yaml", "rho_molded: is rho_moulded meant")),
    "a hardness with its scale": ({"qc.yaml": "H_demold: 38 Shore A\n"}, ("qc.yaml", "H_demold", "38 Shore A")),
    "no defect by its name": ({"qc.yaml": "defects: [keine]\n"}, ("qc.yaml", "'keine' is no defect")),
    "a file in the singular": ({"sensor_pressure.csv": "time_s,p_total_bar\n1,1\n"}, ("sensor_pressure.csv", "is sensors_pressure.csv meant")),
    "a result under another ending": ({"qc.yml": "H_demold: 40\n"}, ("qc.yml", "is qc.yaml meant")),
    "a field twice": ({"process.yaml": PROCESS + "m_iso: 0.06\n"}, ("'m_iso' stands twice",)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_all_commands_alike(name: str, tmp_path: Path) -> None:
    files, words = REFUSED[name]
    refused_by_all(bundle(tmp_path / "b", files), tmp_path / "f.csv", *words)


NUMBERS = {
    "045": 45.0, "0045.5": 45.5, "4.5e1": 45.0, "+45": 45.0, "08": 8.0, "0o55": 45.0, "0x2D": 45.0, "45.": 45.0,
    "!!float 45": 45.0, "0009": 9.0,
}  # fmt: skip


@pytest.mark.parametrize("written", NUMBERS)
def test_a_number_is_that_of_yaml_1_2(written: str, tmp_path: Path) -> None:
    process = PROCESS.replace("T_mold_init_C: 23.85", f"T_mold_init_C: {written}")
    folder, out = bundle(tmp_path / "b", {"process.yaml": process}), tmp_path / "f.csv"
    assert load_bundle(folder).recipe.T_mold_C == NUMBERS[written]
    done = run("build-features", "--bundles", folder, "-o", out)
    assert done.exit_code == 0, done.output
    assert read_table(out)["proc_T_mold_init_C"].tolist() == [NUMBERS[written]]


def test_names_that_nothing_resembles_are_told(tmp_path: Path) -> None:
    files = {"meta.yaml": META + "shift_leader: N.N.\n", "thermography.csv": SERIES}
    folder, page = bundle(tmp_path / "b", files), tmp_path / "r.md"
    done = run("build-features", "--bundles", folder, "-o", tmp_path / "f.csv", "--report", page)
    assert done.exit_code == 0, done.output
    assert "name_unknown" in done.output
    assert all(name in page.read_text() for name in ("shift_leader", "thermography.csv"))
    done = run("replay", folder, "--port", closed_port())
    assert all(name in done.output for name in ("note: ", "shift_leader", "thermography.csv"))


def test_a_mold_or_system_that_is_not_that_of_the_bundle_is_told(tmp_path: Path) -> None:
    """As a ``form_id``, which nothing knows: an open cup stands in."""
    meta = META.replace("mold_id: CUP", "form_id: PANEL_A").replace(SYSTEM, "SYSTEM_R1")
    folder, page = bundle(tmp_path / "b", {"meta.yaml": meta}), tmp_path / "r.md"
    done = run("replay", folder, "--port", closed_port())
    assert "no mold_id: CUP, an open cup, stands in" in " ".join(done.output.split())
    run("build-features", "--bundles", folder, "-o", tmp_path / "f.csv", "--report", page)
    assert "no mold_id: CUP" in page.read_text()
    done = run("calibrate", "--measured", folder, *MEASURED)
    assert f"system_id: SYSTEM_R1 in the log, {SYSTEM} in the scenario" in done.stderr
    assert "no mold_id: CUP" in done.stderr
