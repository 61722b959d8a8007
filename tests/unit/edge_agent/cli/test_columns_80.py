"""Tables on the terminal: they fit 80 columns and keep what tells rows apart."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from broker.timestamps import format_timestamp
from edge_agent.calibration.text import say
from edge_agent.cli import main
from edge_agent.cli.demo import print_board
from edge_agent.cli.history import print_shots
from edge_agent.demo import Board, Row
from edge_agent.inference.manifest import MANIFEST
from tests.support.models import NOW, model_file, registry_with
from tests.support.predictions import final_kpis, prediction
from tests.support.shots import rows_of, write_history
from twin_core.shipped_files import configs_folder

LONG_NAME = "a-name-of-thirty-two-characters1"
LONG_MOLD = "PANEL_500x500x50"


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(main, [*arguments])
    assert done.exit_code == 0, done.output
    assert max(map(len, done.output.splitlines())) <= 80, done.output
    return done.output


def score(ratio: float) -> dict[str, object]:
    by_mold = {f"press{number}/PANEL_{number}": 0.9 for number in range(200)}
    return {"shots_count": 900, "ratio": ratio, "coverage": 0.91, "coverage_by_mold": by_mold}


@pytest.mark.xdist_group("training")
def test_models_list_and_show(tmp_path: Path) -> None:
    registry = registry_with(tmp_path / "models", {"pour": model_file()})
    scores = {name: score(0.42) for name in ("rho_moulded", "t_demold")}
    metrics = {"other_presses": scores, "test": {"later": scores}}
    metrics["unseen"] = {"plant_201": {"shots_count": 500, "scores": scores}}
    folder = registry.folder / LONG_NAME / "1"
    shutil.copytree(registry.folder / "pour" / "1", folder)
    manifest = yaml.safe_load((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(
        yaml.safe_dump(manifest | {"name": LONG_NAME, "metrics": metrics})
    )
    where = ("--models", str(registry.folder))
    listed = run("models", "list", *where)
    (row,) = [line for line in listed.splitlines() if "pour/1" in line]
    for words in ("promoted", "pour", "2026-05-04", registry.manifest("pour", 1).physics_hash[:8]):
        assert words in row
    page = run("models", "show", LONG_NAME, "1", *where)
    assert len(page) < 4000
    assert "{" not in page
    for words in ("known at the pour", "2026-05-04 08:00 UTC", "other_presses", "test, later"):
        assert words in page
    (row,) = [line for line in page.splitlines() if "unseen" in line and "rho_moulded" in line]
    assert row.split()[-5:] == ["900", "0.42", "-", "0.91", "-"]
    assert "scored on" not in run("models", "show", "pour", "1", *where)


def test_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poured = datetime.now(UTC) - timedelta(minutes=5)
    long = {
        "shot_id": "virtual-12345",
        "mold_id": LONG_MOLD,
        "outcome": "superseded",
        "poured_at": format_timestamp(poured),
        "t_demold_min_s": 1234.5,
        "t_demold_opt_s": 1300.4,
        "quality_status": "MARGINAL",
        "simulated": True,
    }
    old = {"shot_id": "S2", "poured_at": "2001-05-04T06:00:00Z", "t_demold_min_s": None}
    print_shots([long, long | old | {"simulated": False, "mold_id": "M" * 64}])
    output = capsys.readouterr().out
    assert max(map(len, output.splitlines())) <= 80, output
    (row,) = [line for line in output.splitlines() if "virtual-12345" in line]
    for words in (f"{poured:%m-%d %H:%M}", "superseded", "1234/1300", "MARGINAL", "sim."):
        assert words in row
    (row,) = [line for line in output.splitlines() if "S2" in line]
    for words in ("2001-05-04", "-/1300", "press"):
        assert words in row
    path = tmp_path / "history.db"
    asyncio.run(write_history(path, rows_of(1)))
    run("history", "--history", str(path), "--since", "9000d")
    assert "outcome=demolded" in run("history", "--history", str(path), "--shot", "S1")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--shot", "S99"), "no shot S99"),
        (("--mold", "M99", "--since", "1h"), "no shot of mold M99 was poured after 2"),
    ],
)
def test_an_empty_answer_says_what_was_looked_for(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    path = tmp_path / "history.db"
    asyncio.run(write_history(path, rows_of(1)))
    done = CliRunner().invoke(main, ["history", "--history", str(path), *options])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"nothing found: {words}")


def test_notes_of_a_calibration(capsys: pytest.CaptureFixture[str]) -> None:
    say("note", "no rate of the water reaction gives the sheet's rise time " * 5)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_systems_list_names_them_whole() -> None:
    listed = run("systems", "list")
    names = [line.split()[0] for line in listed.splitlines() if "in use" in line]
    known = sorted(path.stem for path in (configs_folder() / "systems").glob("*.yaml"))
    assert sorted(names) == known
    for name in known:
        assert f"{name}.yaml" in listed


def test_the_board_of_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    board = Board()
    for number, mold in enumerate(("CUP", "PANEL_A", "PANEL_B")):
        shot_id = "BK1994-R11-L0155" if mold == "CUP" else f"virtual-{number}"
        said = prediction(
            shot_id=shot_id,
            mold_id=mold,
            t_demold_min_s=1200.0,
            t_demold_opt_s=1234.0,
            demold_opt_at=NOW,
            quality_status="MARGINAL",
            pressure_status="NEAR_LIMIT",
            simulated=mold != "CUP",
        )
        board.rows[shot_id] = Row(said, 139.14, final_kpis(said, outcome="superseded"))
    print_board(board, None)
    output = capsys.readouterr().out
    assert max(map(len, output.splitlines())) <= 80, output
    for words in ("PANEL_A", "PANEL_B", "BK1994-R11-L0155", "superseded", "139.1", "at 1234 s"):
        assert words in output
    for words in ("MARGINAL", "near", "simulated", "measured"):
        assert words in output


def test_a_cup_on_the_board_shows_its_peak(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody opens a cup: no time, no countdown, and no alarm of a hold."""
    kpis = {
        "rho_moulded_kg_per_m3": 24.0, "p_max_bar": 1.01, "T_core_max_C": 142.3, "t_rise_s": 220.0,
        "fill_ratio": 1.0, "nco_oh_index": 1.0, "water_from_polyol_kg": 0.0,
        "water_from_rh_kg": 0.0, "water_effective_kg": 0.0,
    }  # fmt: skip
    board = Board()
    said = prediction(shot_id="c", mold_id="CUP", status="hold", window="none", kpis=kpis)
    board.rows["c"] = Row(said, 139.14, final_kpis(said, outcome="superseded"))
    print_board(board, None)
    output = capsys.readouterr().out
    assert max(map(len, output.splitlines())) <= 80, output
    assert "peak 142" in output
    assert "hold" not in output
