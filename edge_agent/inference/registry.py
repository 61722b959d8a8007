"""The model directory: versions of models, which one is used, which one is being compared.

    var/models/pour/3/model.onnx      the file that runs
                     manifest.yaml    its hash, what it is, how good it was, where it comes from
                     report.html, report.md, baseline.parquet
               pour/state.yaml        {promoted: 3, shadow: null, earlier: [1, 2]}

A version is never changed. A state is replaced whole, so whoever reads it sees the old or the new.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from broker.timestamps import Timestamp
from edge_agent.errors import StoreError, disk_hint
from twin_core.checked_yaml import parse, read_yaml
from twin_core.errors import InputError, ModelError
from twin_core.plain_files import FileRefused, read_bytes
from twin_core.yaml_text import dump_yaml

if TYPE_CHECKING:
    from twin_core.learning.inference import Model

MODEL, MANIFEST, STATE = "model.onnx", "manifest.yaml", "state.yaml"
NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,31}$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Version = Annotated[int, Field(ge=1)]


class Manifest(BaseModel):
    """Manifest of a version, beside its file."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Name
    version: Version
    trained_at: Timestamp
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of ``model.onnx``."""
    bytes_count: Annotated[int, Field(gt=0)]
    known_at: Literal["pour", "live", "demold"]
    physics_hash: str
    feature_schema: str
    git_commit: str
    simulated_share: float
    """Share of the shots learned from that a simulator made."""
    metrics: dict[str, Any] = {}
    """Scores by part of the test and target."""

    @property
    def label(self) -> str:
        """Name as in a prediction: ``pour/3``."""
        return f"{self.name}/{self.version}"


class State(BaseModel):
    """Versions of a model that are in use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    promoted: Version | None = None
    shadow: Version | None = None
    """A candidate that answers too, for comparison only."""
    earlier: list[Version] = []
    """What was promoted before, oldest first: where ``rollback`` goes."""


class ModelRegistry:
    """A model directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Models that have a version or a state, sorted."""
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if path.is_dir())

    def versions(self, name: str) -> list[int]:
        """Versions of a model, oldest first."""
        folder = self.folder / name
        if not folder.is_dir():
            return []
        return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())

    def state(self, name: str) -> State:
        """Which versions are in use.

        Raises:
            InputError: the file is damaged.
        """
        path = self.folder / name / STATE
        return parse(State, read_yaml(path), str(path)) if path.exists() else State()

    def manifest(self, name: str, version: int) -> Manifest:
        """Manifest of a version.

        Raises:
            InputError: there is none, or it is damaged.
        """
        path = self.folder / name / str(version) / MANIFEST
        if not path.exists():
            known = ", ".join(map(str, self.versions(name))) or "none"
            raise InputError(f"{self.folder}: no version {version} of {name} (there are: {known})")
        return parse(Manifest, read_yaml(path), str(path))

    def content(self, name: str, version: int) -> bytes:
        """The file of a version, if it is the one that was put there.

        Raises:
            InputError, ModelError: it is missing, too large or another one.
        """
        from twin_core.learning.inference import BYTES_MAX

        manifest = self.manifest(name, version)
        path = self.folder / name / str(version) / MODEL
        try:
            content = read_bytes(path, BYTES_MAX)
        except FileRefused as error:
            raise ModelError(str(error)) from None
        if hashlib.sha256(content).hexdigest() != manifest.sha256:
            raise ModelError(f"{path}: is not the file that was put there: its hash differs")
        return content

    def load(self, name: str, version: int) -> Model:
        """A version, ready to answer.

        Raises:
            InputError, ModelError, MissingRuntime: why it cannot be used here.
        """
        from twin_core.learning.inference import Model

        model = Model(self.content(name, version))
        manifest = self.manifest(name, version)
        if manifest.known_at != model.card.known_at:
            raise ModelError(f"{manifest.label}: manifest and file differ in known_at")
        return model

    def add(
        self, name: str, content: bytes, trained_at: datetime, metrics: dict[str, Any]
    ) -> tuple[Manifest, Path]:
        """Put a new version there, not in use yet; returns its folder.

        Raises:
            ModelError: the file cannot be used here.
            StoreError: the folder cannot be written.
        """
        from twin_core.learning.inference import Model

        card = Model(content).card
        version = max(self.versions(name), default=0) + 1
        folder = self.folder / name / str(version)
        manifest = Manifest(
            name=name,
            version=version,
            trained_at=trained_at,
            sha256=hashlib.sha256(content).hexdigest(),
            bytes_count=len(content),
            known_at=card.known_at,
            physics_hash=card.physics_hash,
            feature_schema=card.feature_schema,
            git_commit=card.origin.git_hash,
            simulated_share=card.origin.simulated_share,
            metrics=metrics,
        )
        try:
            folder.mkdir(parents=True)
            (folder / MODEL).write_bytes(content)
            _replace(folder / MANIFEST, manifest)
        except OSError as error:
            raise StoreError(
                f"{folder}: cannot be written: {error.strerror}", hint=disk_hint(error)
            ) from None
        return manifest, folder

    def promote(self, name: str, version: int) -> State:
        """Use this version from now on; agents take it up by themselves.

        Raises:
            InputError, ModelError: it cannot be used here, and nothing was changed.
        """
        self.load(name, version)
        old = self.state(name)
        if old.promoted == version:
            return old
        earlier = [*old.earlier, *([] if old.promoted is None else [old.promoted])]
        shadow = None if old.shadow == version else old.shadow
        return self._write(name, State(promoted=version, shadow=shadow, earlier=earlier))

    def rollback(self, name: str) -> State:
        """Use what was used before; after the first version that is physics alone.

        Raises:
            InputError: nothing is in use.
        """
        old = self.state(name)
        if old.promoted is None:
            raise InputError(f"{self.folder}: no version of {name} is in use")
        if old.earlier:
            self.load(name, old.earlier[-1])
        promoted = old.earlier[-1] if old.earlier else None
        return self._write(
            name, State(promoted=promoted, shadow=old.shadow, earlier=old.earlier[:-1])
        )

    def shadow(self, name: str, version: int | None) -> State:
        """Let a candidate answer too, for comparison; None ends that.

        Raises:
            InputError, ModelError: it cannot be used here, or is in use already.
        """
        old = self.state(name)
        if version is not None:
            self.load(name, version)
            if version == old.promoted:
                raise InputError(f"version {version} of {name} is in use: nothing to compare")
        return self._write(name, old.model_copy(update={"shadow": version}))

    def manifests(self) -> Iterator[Manifest | InputError]:
        """Every version of every model, or what is wrong with it."""
        for name in self.names():
            for version in self.versions(name):
                try:
                    yield self.manifest(name, version)
                except InputError as error:
                    yield error

    def _write(self, name: str, state: State) -> State:
        path = self.folder / name / STATE
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, state)
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be written: {error.strerror}", hint=disk_hint(error)
            ) from None
        return state


def check_name(name: str) -> str:
    """The name of a model, if it may be one.

    Raises:
        InputError: it may not.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise InputError(f"model name {name!r}: small letters, digits, - and _, 32 at most")
    return name


def _replace(path: Path, content: BaseModel) -> None:
    """Write a file whole: a reader, or a power cut, sees the old one or the new one."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(dump_yaml(content.model_dump(mode="json"), allow_unicode=True))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
