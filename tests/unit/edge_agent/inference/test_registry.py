"""The model directory: nothing is used that is not what was put there."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from edge_agent.inference.manifest import MANIFEST, MODEL, STATE
from edge_agent.inference.registry import ModelRegistry
from tests.support.feature_sets import feature_set
from twin_core.errors import InputError, ModelError
from twin_core.learning.training.fit import TrainConfig
from twin_core.learning.training.train import train

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def content() -> bytes:
    config = TrainConfig(learners=["ridge"], targets=["rho_moulded"], defects=False)
    return train(feature_set(300, 3), config).content


@pytest.fixture
def registry(tmp_path: Path, content: bytes) -> ModelRegistry:
    registry = ModelRegistry(tmp_path / "models")
    for _ in range(3):
        registry.add("pour", content, NOW, {"apart": {"rho_moulded": {"ratio": 0.2}}})
    return registry


def test_versions_count_up_and_none_is_in_use(registry: ModelRegistry) -> None:
    assert registry.versions("pour") == [1, 2, 3]
    assert registry.state("pour").promoted is None
    manifest = registry.manifest("pour", 3)
    assert manifest.label == "pour/3"
    assert manifest.metrics["apart"]["rho_moulded"]["ratio"] == 0.2
    assert manifest.simulated_share == 1.0


def test_promote_and_roll_back(registry: ModelRegistry) -> None:
    for version in (1, 3, 3, 2):
        registry.promote("pour", version)
    assert registry.state("pour").earlier == [1, 3]
    assert registry.rollback("pour").promoted == 3
    assert registry.rollback("pour").promoted == 1
    assert registry.rollback("pour").promoted is None, "physics alone"
    with pytest.raises(InputError, match="no version of pour is in use"):
        registry.rollback("pour")


def test_a_shadow_that_is_promoted_is_none_any_more(registry: ModelRegistry) -> None:
    registry.promote("pour", 1)
    assert registry.shadow("pour", 2).shadow == 2
    with pytest.raises(InputError, match="version 1 of pour is in use"):
        registry.shadow("pour", 1)
    assert registry.promote("pour", 2).shadow is None
    assert registry.shadow("pour", None).promoted == 2


def test_another_file_in_its_place_is_refused(registry: ModelRegistry) -> None:
    path = registry.folder / "pour" / "2" / MODEL
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="its hash differs"):
        registry.promote("pour", 2)
    assert registry.state("pour").promoted is None
    path.unlink()
    with pytest.raises(ModelError, match=r"model\.onnx: no such file"):
        registry.load("pour", 2)


def test_what_is_damaged_is_named(registry: ModelRegistry) -> None:
    with pytest.raises(InputError, match=r"no version 7 of pour \(there are: 1, 2, 3\)"):
        registry.promote("pour", 7)
    with pytest.raises(InputError, match=r"no version 1 of other \(there are: none\)"):
        registry.promote("other", 1)
    (registry.folder / "pour" / STATE).write_text("promoted: [")
    with pytest.raises(InputError, match=r"state.yaml: cannot be read"):
        registry.state("pour")
    manifest = registry.folder / "pour" / "1" / MANIFEST
    document = yaml.safe_load(manifest.read_text())
    manifest.write_text(yaml.safe_dump(document | {"sha256": "x"}))
    found = list(registry.manifests())
    assert [isinstance(item, InputError) for item in found] == [True, False, False]
    assert "sha256" in str(found[0])


def test_a_folder_that_is_not_there_is_an_empty_shelf(tmp_path: Path) -> None:
    assert ModelRegistry(tmp_path / "none").names() == []


def test_a_manifest_names_its_folder(registry: ModelRegistry) -> None:
    shutil.copytree(registry.folder / "pour", registry.folder / "backup")
    shutil.copytree(registry.folder / "pour" / "1", registry.folder / "pour" / "04")
    shutil.copytree(registry.folder / "pour" / "1", registry.folder / "pour" / "4")
    assert registry.versions("pour") == [1, 2, 3, 4], "04 is no name of a version"
    with pytest.raises(InputError, match=r"manifest\.yaml: name: is pour, but it lies in backup/1"):
        registry.promote("backup", 1)
    with pytest.raises(InputError, match=r"manifest\.yaml: version: is 1, but it lies in pour/4"):
        registry.promote("pour", 4)


def test_nothing_is_written_through_a_link(registry: ModelRegistry, tmp_path: Path) -> None:
    """Who may write into the directory must not write elsewhere with the rights of who promotes."""
    other = tmp_path / "other"
    other.write_text("precious")
    (registry.folder / "pour" / "state.part").symlink_to(other)
    registry.promote("pour", 1)
    assert registry.state("pour").promoted == 1
    assert other.read_text() == "precious"


def test_the_last_version(registry: ModelRegistry, content: bytes) -> None:
    (registry.folder / "pour" / "999999999").mkdir()
    with pytest.raises(InputError, match="version 999999999 is the last: remove it"):
        registry.add("pour", content, NOW, {})
