"""``models``: what people do with the model directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.inference.registry import MODEL, ModelRegistry
from tests.support.models import NOW, model_file, shelf_with


@pytest.fixture
def shelf(tmp_path: Path) -> ModelRegistry:
    shelf = shelf_with(tmp_path / "models", {"pour": model_file()})
    shelf.add("pour", model_file(seed=1), NOW, {"apart": {"rho_moulded": {"ratio": 0.2}}})
    return shelf


def run(shelf: ModelRegistry, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["models", *arguments, "--models", str(shelf.folder)])


def test_from_promotion_to_rollback(shelf: ModelRegistry) -> None:
    found = json.loads(run(shelf, "list", "--output", "json").output)
    assert [(row["version"], row["use"]) for row in found] == [(1, "promoted"), (2, "")]
    assert "in shadow: 2" in run(shelf, "shadow", "pour", "2").output
    assert "in shadow" not in run(shelf, "shadow", "pour", "--off").output
    assert run(shelf, "promote", "pour", "2").output == "pour: in use: 2\n"
    assert run(shelf, "rollback", "pour").output == "pour: in use: 1\n"
    assert "the physics alone" in run(shelf, "rollback", "pour").output
    assert run(shelf, "rollback", "pour").exit_code == 2


def test_tables(shelf: ModelRegistry) -> None:
    table = run(shelf, "list")
    assert table.exit_code == 0
    assert "promoted" in table.output
    shown = run(shelf, "show", "pour", "2")
    assert shown.exit_code == 0
    assert "rho_moulded" in shown.output
    assert json.loads(run(shelf, "show", "pour", "1", "--output", "json").output)["version"] == 1


def test_no_models(tmp_path: Path) -> None:
    assert "no models" in run(ModelRegistry(tmp_path / "none"), "list").output


@pytest.mark.parametrize("name", ["../pour", "Pour", "", "a" * 33, "-x"])
def test_names_are_names(shelf: ModelRegistry, name: str) -> None:
    found = run(shelf, "promote", "--", name, "1")
    assert found.exit_code == 2


def test_what_cannot_be_used_is_not_promoted(shelf: ModelRegistry) -> None:
    (shelf.folder / "pour" / "2" / MODEL).write_bytes(b"something else")
    found = run(shelf, "promote", "pour", "2")
    assert found.exit_code == 1
    assert "its hash differs" in found.output
    assert shelf.state("pour").promoted == 1
    assert run(shelf, "show", "pour", "2").exit_code == 1
    assert run(shelf, "promote", "pour", "9").exit_code == 2
    assert run(shelf, "shadow", "pour").exit_code == 2
    (shelf.folder / "pour" / "state.yaml").write_text("promoted: [")
    assert run(shelf, "list").exit_code == 2
