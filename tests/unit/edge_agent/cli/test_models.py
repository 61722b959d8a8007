"""``models``: what people do with the model directory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.inference.manifest import MODEL
from edge_agent.inference.registry import ModelRegistry
from tests.support.models import NOW, model_file, registry_with

pytestmark = pytest.mark.xdist_group("training")  # models are trained once


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    registry = registry_with(tmp_path / "models", {"pour": model_file()})
    registry.add("pour", model_file(seed=1), NOW, {"apart": {"rho_moulded": {"ratio": 0.2}}})
    return registry


def run(registry: ModelRegistry, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["models", *arguments, "--models", str(registry.folder)])


def test_from_promotion_to_rollback(registry: ModelRegistry) -> None:
    found = json.loads(run(registry, "list", "--output", "json").output)
    assert [(row["version"], row["use"]) for row in found] == [(1, "promoted"), (2, "")]
    assert "in shadow: 2" in run(registry, "shadow", "pour", "2").output
    assert "in shadow" not in run(registry, "shadow", "pour", "--off").output
    assert run(registry, "promote", "pour", "2").output == "pour: in use: 2\n"
    assert run(registry, "rollback", "pour").output == "pour: in use: 1\n"
    assert "the physics alone" in run(registry, "rollback", "pour").output
    assert run(registry, "rollback", "pour").exit_code == 2


def test_tables(registry: ModelRegistry) -> None:
    table = run(registry, "list")
    assert table.exit_code == 0
    assert "promoted" in table.output
    shown = run(registry, "show", "pour", "2")
    assert shown.exit_code == 0
    assert "rho_moulded" in shown.output
    assert json.loads(run(registry, "show", "pour", "1", "--output", "json").output)["version"] == 1


def test_no_models(tmp_path: Path) -> None:
    assert "no models" in run(ModelRegistry(tmp_path / "none"), "list").output


@pytest.mark.parametrize("name", ["../pour", "Pour", "", "a" * 33, "-x"])
def test_names_are_names(registry: ModelRegistry, name: str) -> None:
    found = run(registry, "promote", "--", name, "1")
    assert found.exit_code == 2


def test_what_cannot_be_used_is_not_promoted(registry: ModelRegistry) -> None:
    (registry.folder / "pour" / "2" / MODEL).write_bytes(b"something else")
    found = run(registry, "promote", "pour", "2")
    assert found.exit_code == 1
    assert "its hash differs" in found.output
    assert registry.state("pour").promoted == 1
    assert run(registry, "show", "pour", "2").exit_code == 1
    assert run(registry, "promote", "pour", "9").exit_code == 2
    assert run(registry, "shadow", "pour").exit_code == 2
    (registry.folder / "pour" / "state.yaml").write_text("promoted: [")
    assert run(registry, "list").exit_code == 2


def test_what_is_really_served(registry: ModelRegistry) -> None:
    """Promoted and usable, promoted and refused, a copy that is neither."""
    run(registry, "shadow", "pour", "2")
    found = json.loads(run(registry, "list", "--output", "json").stdout)
    assert [(row["use"], row["answers_at"], row["refused"]) for row in found] == [
        ("promoted", ["pour", "live", "demold"], None),
        ("shadow", ["pour", "live", "demold"], None),
    ]
    (registry.folder / "pour" / "1" / MODEL).write_bytes(b"something else")
    refused = run(registry, "list")
    assert refused.exit_code == 1
    assert "refused" in refused.stdout
    assert "pour/1 is refused: " in refused.stderr
    assert "its hash differs" in refused.stderr
    shutil.copytree(registry.folder / "pour", registry.folder / "backup")
    copied = run(registry, "list")
    assert copied.exit_code == 2
    assert "name: is pour, but it lies in backup/1" in copied.stderr


def test_signed(registry: ModelRegistry, tmp_path: Path) -> None:
    key = str(tmp_path / "models.key")
    made = CliRunner().invoke(main, ["models", "keygen", key])
    assert made.exit_code == 0
    assert CliRunner().invoke(main, ["models", "keygen", key]).exit_code == 2
    public = f"{key}.pub"
    assert run(registry, "verify", "pour/1", "--key", public).exit_code == 1
    assert run(registry, "promote", "pour", "2", "--trusted-key", public).exit_code == 1
    assert run(registry, "sign", "pour/1", "--key", key).exit_code == 0
    assert run(registry, "sign", "pour/x", "--key", key).exit_code == 2
    assert run(registry, "verify", "pour/1", "--key", public).exit_code == 0
    assert "signed" in run(registry, "show", "pour", "1").output
    shown = json.loads(run(registry, "show", "pour", "1", "--output", "json").output)
    assert len(shown["signature"]["key"]) == 64
    assert run(registry, "list", "--trusted-key", public).exit_code == 0
    (registry.folder / "pour" / "1" / "report.md").write_text("more")
    unsigned = run(registry, "list", "--trusted-key", public)
    assert unsigned.exit_code == 1
    assert "report.md: is not signed" in unsigned.stderr
