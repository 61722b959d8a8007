"""``run-sim --with-ml``: the physics and the correction side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.models import model_file, registry_with
from tests.unit.edge_agent.cli.test_run_sim import PANEL, run_sim

pytestmark = pytest.mark.xdist_group("training")  # models are trained once


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return registry_with(tmp_path / "models", {"pour": model_file()}).folder


def test_json_has_both(models: Path) -> None:
    alone = json.loads(run_sim("-s", PANEL, "--output", "json").stdout)
    options = ("--with-ml", "--models", models, "--output", "json")
    both = json.loads(run_sim("-s", PANEL, *options).stdout)
    assert alone.items() <= both.items()
    assert both["ml_status"] == "ok"
    assert both["ml_model_metadata"] == {"model": "pour/1"}
    correction = both["correction"]
    interval = correction["intervals"]["rho_moulded_kg_per_m3"]
    assert interval["low"] < correction["values"]["rho_moulded_kg_per_m3"] < interval["high"]
    assert both["defect_risk_pred"] == correction["defect_risk"]
    assert "Earlier shots of this mold are not known" in both["ml_words"]


def test_without_models_the_physics_answers(tmp_path: Path) -> None:
    printed = run_sim("-s", PANEL, "--with-ml", "--models", tmp_path / "none").stdout
    assert "missing-ml-models" in printed
    assert "no model for the pour is promoted" in " ".join(printed.split())


def test_table_and_report(models: Path, tmp_path: Path) -> None:
    page = tmp_path / "shot.md"
    printed = run_sim("-s", PANEL, "--with-ml", "--models", models, "--report", page).stdout
    for words in ("learned correction", "corrected", "earliest opening", "(90 %)", "model pour/1"):
        assert words in printed
    text = page.read_text()
    assert "## Learned correction" in text
    assert "Model pour/1" in text
