"""``optimize`` with a plant: calibration, what was learned, every mold at once, the review."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.config.new_parameter_set import write_new
from edge_agent.config.parameter_set_store import promote
from edge_agent.history.sqlite import SqliteHistory
from tests.support.parameter_sets import made_set
from tests.support.processes import ROOT
from tests.support.scenarios import CONFIGS
from twin_core import PHYSICS_HASH, load_systems
from twin_core.files import load_mold

MOLD, OTHER, UNUSED, SYSTEM = "PANEL_500x500x50", "PANEL_2", "PANEL_3", "RIGID_PANEL"
FEW = (
    *("--draws", 1, "--samples", 1, "--candidates", 1, "--confirm-draws", 2, "--violations", 0.4),
    *("--vary", "T_mold_C=38:42"),
)


def twin(*arguments: object, exit_code: int = 0) -> Result:
    found = CliRunner().invoke(main, ["optimize", *map(str, arguments)])
    assert found.exit_code == exit_code, found.output
    assert "Traceback" not in found.output
    return found


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A plant of three like molds: one with many shots, one with a few, one with none."""
    for name in ("systems", "molds"):
        (tmp_path / name).mkdir()
    system = (CONFIGS / "systems" / f"{SYSTEM}.yaml").read_text()
    (tmp_path / "systems" / f"{SYSTEM}.yaml").write_text(system)
    mold = (CONFIGS / "molds" / f"{MOLD}.yaml").read_text()
    for mold_id in (MOLD, OTHER, UNUSED):
        text = mold.replace(f"mold_id: {MOLD}", f"mold_id: {mold_id}")
        (tmp_path / "molds" / f"{mold_id}.yaml").write_text(text)
    write_history(tmp_path / "history.db", {MOLD: 30, OTHER: 2})
    return written(tmp_path, {})


def written(folder: Path, more: dict[str, Any]) -> Path:
    catalogue = {name: str(folder / name) for name in ("systems", "molds", "parameter_sets")}
    quality = {"p_max_allowable_bar": 6.0, "t_cycle_max_s": 900.0}
    content = {
        "site": "s", "agent_id": "a", "presses": ["p"], "catalogue": catalogue, "quality": quality,
        "history": {"path": str(folder / "history.db")},
    }  # fmt: skip
    file = folder / "agent.yaml"
    file.write_text(json.dumps(content | more))
    return file


def write_history(path: Path, molds: dict[str, int]) -> None:
    """Shots whose recipes scatter."""
    rng = np.random.default_rng(5)
    asyncio.run(SqliteHistory(path).close())
    columns = (
        "site, press, shot_key, shot_id, mold_id, system_id, outcome, poured_at, closed_at, "
        "t_demold_actual_s, recipe"
    )
    with sqlite3.connect(path) as file:
        for mold_id, count in molds.items():
            for i in range(count):
                recipe = {
                    "m_polyol_kg": 0.191 * (1.0 + rng.normal(0.0, 0.005)),
                    "m_iso_kg": 0.341 * (1.0 + rng.normal(0.0, 0.005)),
                    "T_polyol_C": 23.0, "T_iso_C": 23.0, "T_mold_C": rng.normal(40.0, 1.0),
                    "T_ambient_C": 23.0, "RH_ambient_pct": 50.0,
                }  # fmt: skip
                key, at = f"{mold_id}-{i}", f"2026-05-01T06:{i:02}:00.000Z"
                ends = f"2026-05-01T06:{i:02}:30.000Z"
                row = (
                    *("s", "p", key, key, mold_id, SYSTEM, "demolded", at, ends, 500.0),
                    json.dumps(recipe),
                )
                file.execute(f"INSERT INTO shot ({columns}) VALUES ({','.join('?' * 11)})", row)
    file.close()


def learn(path: Path, mold_id: str, count: int, parameters_hash: str) -> None:
    """Predictions that a model corrected by a tenth."""
    columns = (
        "site, press, shot_key, shot_id, mold_id, system_id, revision, basis, status, poured_at, "
        "issued_at, document"
    )
    document = {
        "t_demold_min_s": 300.0,
        "correction": {"values": {"t_demold_min_s": 330.0}},
        "versions": {"physics_hash": PHYSICS_HASH, "parameters_hash": parameters_hash},
    }
    with sqlite3.connect(path) as file:
        for i in range(count):
            key, at = f"{mold_id}-{i}", f"2026-05-01T06:{i:02}:00.000Z"
            row = ("s", "p", key, key, mold_id, SYSTEM, 1, "pour", "predicted", at, at)
            marks = ",".join("?" * 12)
            file.execute(
                f"INSERT INTO prediction ({columns}) VALUES ({marks})", (*row, json.dumps(document))
            )
    file.close()


def test_calibration_and_what_was_learned_count(config: Path, tmp_path: Path) -> None:
    systems = load_systems(tmp_path / "systems")
    molds = {MOLD: load_mold(tmp_path / "molds" / f"{MOLD}.yaml")}
    made = made_set(0.8, {MOLD: {"T_mold_offset_C": 4.0}}, system=systems[SYSTEM])
    write_new(tmp_path / "parameter_sets", made)
    promote(tmp_path / "parameter_sets", SYSTEM, 1, systems, molds)
    learn(tmp_path / "history.db", MOLD, 10, made.parameters_hash())
    ask = ("--config", config, "--mold", MOLD, *FEW, "--output", "json")
    found = json.loads(twin(*ask).stdout)
    assert found["parameter_set"] == f"{SYSTEM}-c1"
    assert found["memory_factor"] == pytest.approx(1.1)
    assert found["memory_source"] == f"median of 10 corrected predictions of {MOLD}"
    assert found["scatter_source"].startswith(f"measured on 30 shots of {MOLD}")
    assert found["today"]["process"]["T_mold_C"] == pytest.approx(40.0, abs=4.0)  # as reported
    assert found["today"]["t_open_s"] == 500.0


@pytest.mark.peers
def test_a_scenario_of_the_plant(config: Path, tmp_path: Path) -> None:
    hashed = load_systems(tmp_path / "systems")[SYSTEM].parameters_hash()
    learn(tmp_path / "history.db", MOLD, 10, hashed)
    scenario = twin("-s", "rigid_panel", "--config", config, *FEW)
    assert "+10.0 %, as learned: median of 10" in scenario.stdout
    other = tmp_path / "other.yaml"
    text = (CONFIGS / "scenarios/rigid_panel.yaml").read_text()
    own = (CONFIGS / f"molds/{MOLD}.yaml").read_text().replace("mass_kg: 40.0", "mass_kg: 41.0")
    inline = "".join(f"  {line}\n" for line in own.splitlines())
    other.write_text(text.replace(f"mold: {MOLD}", f"mold:\n{inline}"))
    found = twin("-s", other, "--config", config, *FEW)
    assert f"what was learned does not count: mold {MOLD} of the scenario is not" in found.stderr
    assert "as learned" not in found.stdout
    assert "the physics: nothing of the plant counts: mold" in found.stdout


def test_every_mold_in_one_table(config: Path, tmp_path: Path) -> None:
    saved = tmp_path / "all.json"
    found = twin("--config", config, "--all-molds", *FEW, "--save-json", saved)
    lines = [line.split() for line in found.stdout.splitlines()]
    rows = {line[0]: line for line in lines if line and line[0].startswith("PANEL")}
    assert rows.keys() == {MOLD, OTHER}
    assert rows[MOLD][1:3] == [SYSTEM, "500"]
    assert f"left out: {UNUSED}: " in found.stderr
    assert "no shot with a system and a recipe" in found.stderr
    data = json.loads(saved.read_text())
    assert not data["partial"]
    assert data["left_out"].keys() == {UNUSED}
    few = data["molds"][OTHER]["result"]
    assert "2 shots of mold PANEL_2 with RIGID_PANEL and a recipe" in few["scatter_source"]
    assert found.stdout.count("+") >= 1


def test_what_is_not_safe_or_not_confirmed_is_marked_in_the_table(
    config: Path, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "history.db") as file:
        file.execute("UPDATE shot SET t_demold_actual_s = 100 WHERE mold_id = ?", (MOLD,))
    file.close()
    found = twin("--config", config, "--all-molds", *FEW, "--confirm-draws", 0).stdout
    assert "100 !" in found
    assert "% *" in found
    assert "!: opened then, more draws miss a limit than are allowed" in found
    assert "*: on the draws of the search, not confirmed on fresh ones" in found


def test_all_molds_ends_with_a_code(config: Path, tmp_path: Path) -> None:
    found = twin("--config", config, "--all-molds", *FEW, "--t-cycle-max", 20, exit_code=3)
    assert "nothing is feasible: cycle" in found.stdout
    assert "give --config" in twin("--all-molds", exit_code=2).stderr
    assert (
        "of one mold" in twin("--config", config, "--all-molds", "--mold", "A", exit_code=2).stderr
    )
    (tmp_path / "history.db").unlink()
    assert "no mold can be optimised" in twin(
        "--config", config, "--all-molds", exit_code=2
    ).stderr  # fmt: skip
    assert "is not in the catalogue" in twin("--config", config, "--mold", "A", exit_code=2).stderr


def test_one_calibration_counts(config: Path, tmp_path: Path) -> None:
    made = made_set(0.8, {MOLD: {}}, system=load_systems(tmp_path / "systems")[SYSTEM])
    task = tmp_path / "task.json"
    task.write_text(json.dumps({"parameter_set": made.model_dump(mode="json")}))
    ask = ("--config", config, "--mold", MOLD, "--task", task)
    assert "parameter_set: the task has one" in twin(*ask, exit_code=2).stderr


def test_the_review_is_that_of_advice(config: Path) -> None:
    found = twin("--config", config, "--review", exit_code=1)
    assert "no advice is in this history" in found.stderr
    unknown = twin("--config", config, "--review", "--mold", "NOPE", exit_code=1)
    assert "no advice for mold NOPE is in this history" in unknown.stderr


def test_a_history_of_a_newer_program_is_refused(config: Path, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "history.db") as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    found = twin("-s", "rigid_panel", *FEW, "--history", tmp_path / "history.db", exit_code=1)
    assert "history of version 99, this program knows" in found.stderr
    assert "update the program" in found.stderr


@pytest.mark.peers
def test_a_killed_program_leaves_what_it_found(config: Path, tmp_path: Path) -> None:
    saved = tmp_path / "out.json"
    for more in (("--mold", MOLD), ("--all-molds",)):
        saved.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "edge_agent", "optimize", "--config", str(config), *more),
            *("--candidates", "20000", "--samples", "20000", "--save-json", str(saved)),
        ]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ.copy()
        ) as process:
            until = time.monotonic() + 300.0
            while not saved.exists() and process.poll() is None and time.monotonic() < until:
                time.sleep(0.2)
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        kept = json.loads(saved.read_text())
        assert kept["partial"]
        result = kept if more[0] == "--mold" else next(iter(kept["molds"].values()))["result"]
        assert result["chosen"]["settings"].keys() == {"T_polyol_C", "T_iso_C", "T_mold_C"}
        assert len(result["history"]) > 1
