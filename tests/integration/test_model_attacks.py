"""Attacks on the model directory: refused with the reason, others go on, the loop is never held."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.inference import entry, refresh, trial
from edge_agent.inference.entry import Entry, examined
from edge_agent.inference.manifest import MODEL
from edge_agent.inference.refresh import ModelRefresh
from edge_agent.inference.registry import ModelRegistry
from edge_agent.inference.serving import ModelDirectory
from edge_agent.monitoring.metrics import Metrics
from tests.support.loop_lag import loop_lag
from tests.support.model_attacks import ATTACKS, folder_of, put, with_one_more
from tests.support.models import NOW, model_file

pytestmark = pytest.mark.xdist_group("training")  # models are trained once

HELD_MAX_S = 0.020
IN_FULL = "a loop of 3 million"
"""Attack that is tried in a process of its own in the plain suite, too."""
LONG = {"15 MB of small fields", "a card of 10 MB"}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_one_more(tmp_path_factory.mktemp("untouched") / "models", model_file()).folder


@pytest.fixture
def registry(untouched: Path, tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(Path(shutil.copytree(untouched, tmp_path / "models")))


def said(models: refresh.ServingModels) -> str:
    return "\n".join([entry.words for entry in models.refused])


@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in LONG])
def test_refused_with_the_reason(name: str, registry: ModelRegistry) -> None:
    """In this process: what would hold or end it is refused before a library sees it."""
    directory = ModelDirectory(registry.folder)
    ATTACKS[name].make(registry)
    found = directory.refresh()
    assert ATTACKS[name].words in said(found)
    assert found.labels == ["rest/1"]
    after = found.serving("demold")
    assert after is not None
    assert after.label == "rest/1"


async def _attacked(name: str, registry: ModelRegistry) -> None:
    models = ModelRefresh(registry.folder, Metrics())
    await models.start()
    assert models.now.labels == ["pour/1", "rest/1"]
    ATTACKS[name].make(registry)
    async with loop_lag() as lag:
        await _refreshed(models)
    assert ATTACKS[name].words in said(models.now)
    assert models.now.labels == ["rest/1"]
    assert lag.worst_s < HELD_MAX_S


async def _refreshed(models: ModelRefresh) -> None:
    models.tick()
    assert models._running is not None
    await asyncio.wait([models._running])
    models.tick()


async def test_the_loop_is_not_held(registry: ModelRegistry) -> None:
    await _attacked(IN_FULL, registry)


@pytest.mark.peers
@pytest.mark.parametrize("name", [name for name in ATTACKS if name != IN_FULL])
async def test_the_loop_is_not_held_by_any(name: str, registry: ModelRegistry) -> None:
    await _attacked(name, registry)


@pytest.mark.peers
async def test_the_loop_is_not_held_by_a_good_model(registry: ModelRegistry) -> None:
    models = ModelRefresh(registry.folder, Metrics())
    await models.start()
    registry.add("pour", model_file(coverage=0.8), NOW, {})
    registry.promote("pour", 2)
    async with loop_lag() as lag:
        await _refreshed(models)
    assert models.now.labels == ["pour/2", "rest/1"]
    assert lag.worst_s < HELD_MAX_S


def test_a_copy_is_not_served_in_place_of_the_promoted_one(registry: ModelRegistry) -> None:
    """``cp -r pour backup``: the copy came first by name."""
    shutil.copytree(registry.folder / "pour", registry.folder / "backup")
    found = ModelDirectory(registry.folder).refresh()
    serving = found.serving("pour")
    assert serving is not None
    assert serving.label == "pour/1"
    assert "name: is pour, but it lies in backup/1" in said(found)


def test_a_name_that_is_none_is_told(registry: ModelRegistry) -> None:
    shutil.copytree(registry.folder / "pour", registry.folder / "роur")  # Cyrillic
    (registry.folder / "lost+found").mkdir()
    found = ModelDirectory(registry.folder).refresh()
    assert found.labels == ["pour/1", "rest/1"]
    assert [words.partition(": ")[2][:22] for words in found.warnings] == ["no name of a model (sm"]


def test_too_many_models(registry: ModelRegistry) -> None:
    for number in range(100):
        (registry.folder / f"more{number}").mkdir()
    assert "102 models, more than 100" in said(ModelDirectory(registry.folder).refresh())


def test_exchanged_between_the_trial_and_the_loading(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was tried is what is loaded, byte by byte."""

    def and_exchange(request: trial.Request) -> trial.Verdict:
        found = examined(registry, request.name, request.version)
        assert found.model is not None
        verdict = trial.Verdict(known_at=found.known_at, sha256=found.model.sha256)
        put(registry, model_file(coverage=0.8))
        return verdict

    monkeypatch.setattr(trial, "_apart", and_exchange)
    found = trial.tried(registry, "pour", 1)
    assert found.model is None
    assert "was exchanged while it was being tried" in found.words


def test_exchanged_while_it_is_opened(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = folder_of(registry) / MODEL, os.open

    def and_exchange(name: Path, *arguments: int) -> int:
        number = real(name, *arguments)
        if Path(name) == path:
            path.rename(path.with_suffix(".old"))
            path.write_bytes(b"other")
        return number

    monkeypatch.setattr(os, "open", and_exchange)
    assert "was exchanged while it was opened" in examined(registry, "pour", 1).words


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended a process with -11"),
        ("raise MemoryError('all of it')", "ended a process with 1: MemoryError: all of it"),
        ("while True: pass", "loading it took longer than"),
    ],
    ids=["crash", "memory", "no end"],
)
def test_a_file_that_ends_its_process(
    code: str, words: str, registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "COMMAND", [sys.executable, "-S", "-c", code])
    monkeypatch.setattr(trial, "TRIAL_MAX_S", 0.5 if "while" in code else 60.0)
    found = trial.tried(registry, "pour", 1)
    assert found.model is None
    assert words in found.words


def test_answers_that_take_too_long(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "ANSWER_MAX_S", 1e-9)
    found = examined(registry, "pour", 1)
    assert "predictions wait for it: train a smaller one" in found.words


def test_want_of_time_is_tried_again(registry: ModelRegistry) -> None:
    tries = list[str]()

    def slow(shelf: ModelRegistry, name: str, version: int) -> Entry:
        tries.append(name)
        if len(tries) == 1:
            return Entry(name, version, "pour", None, "ml-error", "no time", may_pass=True)
        return examined(shelf, name, version)

    directory = ModelDirectory(registry.folder, examine=slow)
    for _ in range(59):
        assert directory.refresh().labels == ["rest/1"]
    assert directory.refresh().labels == ["pour/1", "rest/1"]
    assert tries == ["pour", "rest", "pour"]


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder that everybody may enter, and this process without root's rights."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_without_permission(nobody: Path) -> None:
    registry = with_one_more(nobody / "models", model_file())
    (folder_of(registry) / MODEL).chmod(0)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    try:
        found = ModelDirectory(registry.folder).refresh()
    finally:
        if was_root:
            os.seteuid(0)
    assert "model.onnx: cannot be read: Permission denied" in said(found)
    assert found.labels == ["rest/1"]
