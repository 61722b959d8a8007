"""``train-ml``: from files to a version in the registry, with a report that says how good it is."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.inference.registry import ModelRegistry
from edge_agent.learning.tables import write_table
from tests.support.feature_sets import feature_set
from tests.support.models import NOW
from twin_core.extras import how_to_install


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


pytestmark = pytest.mark.xdist_group("training")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A model of two files, judged by a third."""
    folder = tmp_path_factory.mktemp("train")
    for number, options in enumerate(({"seed": 0}, {"seed": 1}, {"seed": 2, "presses": 5})):
        write_table(folder / f"{number}.parquet", feature_set(shots=400, **options))
    config = folder / "config.yaml"
    config.write_text("learners: [ridge]\ntargets: [rho_moulded, p_max]\n")
    files = ["--features", folder / "0.parquet", "--features", folder / "1.parquet"]
    judged = ["--unseen", folder / "2.parquet", "--config", config]
    return folder, run("train-ml", *files, *judged, "--out", folder / "models")


def test_a_version_with_its_report(trained: tuple[Path, Result]) -> None:
    folder, done = trained
    assert done.exit_code == 0, done.output
    assert "2: rho_moulded: error" in done.output
    assert "models promote pour 1" in done.output
    version = folder / "models" / "pour" / "1"
    html = (version / "report.html").read_text()
    for words in (
        "Unseen: 2",
        "simulated, not measured",
        "EWMA + ridge",
        "any_defect: ROC",
        "calibration",
    ):
        assert words in html
    assert "missing features take the median" in (version / "report.md").read_text()
    manifest = yaml.safe_load((version / "manifest.yaml").read_text())
    assert set(manifest["metrics"]) == {"other_presses", "test", "unseen"}
    assert manifest["metrics"]["unseen"]["2"]["scores"]["p_max"]["ratio"] < 0.5
    assert (version / "baseline.parquet").is_file()
    assert ModelRegistry(folder / "models").state("pour").promoted is None


def test_two_models_of_the_shelf_are_compared(trained: tuple[Path, Result]) -> None:
    folder, _ = trained
    where = ("--features", folder / "2.parquet", "--models", folder / "models")
    done = run("models", "compare", "physics", "pour/1", *where, "--output", "json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)["targets"]
    assert set(found) == {"rho_moulded", "p_max", "risk of any_defect", "risk of void"}
    assert found["rho_moulded"]["better"] == "second"
    for baseline in ("ewma", "memory"):  # the bar, and what the file stands on
        done = run("models", "compare", baseline, "pour/1", *where, "--output", "json")
        assert json.loads(done.output)["targets"]["rho_moulded"]["better"] == "second"
    done = run("models", "compare", "pour/1", "pour/1", *where)
    assert "no difference that chance would not make" in done.output
    assert run("models", "compare", "pour", "pour/1", *where).exit_code == 2
    assert run("models", "compare", "pour/1", "pour/9", *where).exit_code == 2


def test_promoted_only_if_it_is_better(trained: tuple[Path, Result], tmp_path: Path) -> None:
    folder, _ = trained
    registry = ModelRegistry(folder / "models")
    where = ("--models", folder / "models", "--if-better", folder / "2.parquet")
    done = run("models", "promote", "pour", "1", *where)
    assert done.exit_code == 0, done.output
    assert "rho_moulded: the second is better" in done.output
    for baseline in ("physics", "mean", "last value", "EWMA", "EWMA + ridge", "memory", "model"):
        assert f"{baseline} " in done.output
    again, _ = registry.add("pour", registry.content("pour", 1), NOW, {})
    done = run("models", "promote", "pour", again.version, *where)
    assert done.exit_code == 3
    assert "pour/2 is not promoted: not better than pour/1 in any target" in done.output
    assert registry.state("pour").promoted == 1


def test_not_promoted_if_its_intervals_do_not_hold(
    trained: tuple[Path, Result], tmp_path: Path
) -> None:
    """Shots with another scatter, one to three or three to one: the share inside is off, and said
    with the figure. The same file, the same errors as before."""
    folder, _ = trained
    registry = ModelRegistry(folder / "models")
    content = registry.content("pour", 1)
    fresh = ModelRegistry(tmp_path / "models")
    fresh.add("pour", content, NOW, {})
    columns = feature_set(shots=150, seed=2, presses=5)
    columns["lab_known_at"] = columns["poured_at"] + np.timedelta64(400, "D")  # nothing adapts
    columns["end_known_at"] = columns["lab_known_at"]
    for name in ("rho_moulded", "p_max"):
        columns[f"prev_{name}_error"] = 0.3 * columns[f"prev_{name}_error"]
    write_table(tmp_path / "t.parquet", columns)
    where = ("--models", tmp_path / "models", "--if-better", tmp_path / "t.parquet")
    done = run("models", "promote", "pour", "1", *where)
    assert done.exit_code == 3
    assert re.search(r"pour/1 is not promoted: p_max: \d\d\.\d% inside \(87% to 93%\)", done.output)
    assert fresh.state("pour").promoted is None


def test_a_file_that_holds_the_memory_alone_says_so(tmp_path: Path) -> None:
    """Where residuals follow nothing but their mold there is nothing to learn beside the memory."""
    write_table(tmp_path / "t.parquet", feature_set(shots=400, slope=0.0))
    config = tmp_path / "c.yaml"
    config.write_text("learners: [ridge]\ntargets: [p_max]\ndefects: false\n")
    where = ("--features", tmp_path / "t.parquet", "--config", config)
    done = run("train-ml", *where, "--out", tmp_path / "models")
    assert done.exit_code == 0, done.output
    assert "(the memory alone)" in done.output
    assert "p_max: the memory alone: no learner was better beyond chance (ridge" in done.output
    report = (tmp_path / "models" / "pour" / "1" / "report.md").read_text()
    assert "no learner was better beyond chance" in report
    write_table(tmp_path / "new.parquet", feature_set(shots=400, slope=0.0, seed=3))
    where = ("--models", tmp_path / "models", "--if-better", tmp_path / "new.parquet")
    promoted = run("models", "promote", "pour", "1", *where)
    assert promoted.exit_code == 0, promoted.output  # far better than the physics, which is in use


def test_what_cannot_be_trained_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "t.parquet"
    assert run("train-ml", "--features", table).exit_code == 2
    columns = feature_set(shots=300)
    write_table(table, {k: v for k, v in columns.items() if k != "prev_p_max_expected"})
    done = run("train-ml", "--features", table, "--out", tmp_path / "models")
    assert done.exit_code == 2
    assert "column prev_p_max_expected is missing: make it with build-features" in done.output
    write_table(tmp_path / "all.parquet", columns)
    done = run("train-ml", "--features", tmp_path / "all.parquet", "--features", table)
    assert done.exit_code == 2
    assert "all.parquet and " in done.output
    assert "t.parquet differ in column prev_p_max_expected: build them anew" in done.output
    config = tmp_path / "c.yaml"
    config.write_text("learners: [forest]\n")
    done = run("train-ml", "--features", table, "--config", config)
    assert done.exit_code == 2
    assert "c.yaml: learners.0" in done.output
    done = run("train-ml", "--features", table, "--name", "../x", "--out", tmp_path)
    assert done.exit_code == 2
    assert "model name" in done.output
    monkeypatch.setitem(sys.modules, "sklearn.compose", None)
    for name in [name for name in sys.modules if name.startswith("twin_core.learning.training.")]:
        monkeypatch.delitem(sys.modules, name)
    done = run("train-ml", "--features", table)
    assert done.exit_code == 1
    assert how_to_install("learn") in done.output


def test_shots_outside_its_range_are_not_made_worse(trained: tuple[Path, Result]) -> None:
    """A hall 25 K warmer than any it knew: the learner is silent, the memory answers, so that it is
    no worse than the memory (before, it was the physics that stood)."""
    folder, _ = trained
    write_table(folder / "hot.parquet", feature_set(shots=200, seed=5, shift=25.0))
    where = ("--features", folder / "hot.parquet", "--models", folder / "models")
    for before, most in (("physics", 1.05), ("memory", 1.0 + 1e-9)):
        done = run("models", "compare", before, "pour/1", *where, "--output", "json")
        for found in json.loads(done.output)["targets"].values():
            assert found["ratio"] <= most
            assert np.isfinite(found["p_value"])


def test_shots_without_a_time_are_left_out_and_counted(tmp_path: Path) -> None:
    table = tmp_path / "t.parquet"
    columns = feature_set(shots=105)
    columns["poured_at"] = columns["poured_at"].copy()
    columns["poured_at"][:6] = np.datetime64("NaT")
    write_table(table, columns)
    done = run("train-ml", "--features", table, "--out", tmp_path / "models")
    assert done.exit_code == 2
    assert "t.parquet: 6 shots without poured_at are left out" in done.stderr
    assert "99 shots are too few: 100 at least" in done.stderr
    columns["poured_at"][:] = np.datetime64("NaT")
    write_table(table, columns)
    done = run("train-ml", "--features", table, "--out", tmp_path / "models")
    assert done.exit_code == 2
    assert "column poured_at: no shot has a time: training needs it" in done.stderr
