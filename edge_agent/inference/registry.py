"""The model directory: versions of models, which one is used, which one is being compared.

    var/models/pour/3/model.onnx      the file that runs
                     manifest.yaml    its hash, what it is, how good it was, where it comes from
                     signature.yaml   who answers for it, where a site demands that
                     report.html, report.md, baseline.parquet
               pour/state.yaml        {promoted: 3, shadow: null, earlier: [1, 2]}

A version is never changed. A state is replaced whole, so whoever reads it sees the old or the new.
A manifest names its own folder: a copy of a version elsewhere is none.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from edge_agent.errors import StoreError, disk_hint
from edge_agent.inference.manifest import (
    MANIFEST,
    MANIFEST_BYTES_MAX,
    MODEL,
    NAME_PATTERN,
    STATE,
    VERSION_MAX,
    VERSION_PATTERN,
    Manifest,
    State,
    manifest_of,
    read_state,
)
from edge_agent.inference.signature import verify
from twin_core.errors import InputError, ModelError
from twin_core.plain_files import FileRefused, read_bytes
from twin_core.yaml_text import dump_yaml

if TYPE_CHECKING:
    from twin_core.learning.inference import Model

NAMES_MAX = 100
"""Of models in a directory; a plant has one to three."""
EARLIER_MAX = 1000
"""So many promotions a rollback remembers."""


class ModelRegistry:
    """A model directory."""

    def __init__(self, folder: Path, trusted: Sequence[Path] = ()) -> None:
        """Open it.

        Args:
            folder: the directory; it need not exist.
            trusted: public keys, PEM files: one of them must have signed what is used; empty: no
                signature is asked for.
        """
        self.folder, self.trusted = folder, tuple(trusted)

    def names(self) -> list[str]:
        """Models that have a version or a state, sorted.

        Raises:
            InputError: the directory cannot be read, or holds too many.
        """
        found = [name for name in self._folders() if re.fullmatch(NAME_PATTERN, name)]
        if len(found) > NAMES_MAX:
            raise InputError(f"{self.folder}: {len(found)} models, more than {NAMES_MAX}")
        return found

    def odd_names(self) -> list[str]:
        """Folders with a state that cannot be models for their name; nobody looks into them."""
        odd = [name for name in self._folders() if not re.fullmatch(NAME_PATTERN, name)]
        return [name for name in odd[:NAMES_MAX] if os.path.lexists(self.folder / name / STATE)]

    def _folders(self) -> list[str]:
        try:
            with os.scandir(self.folder) as found:
                return sorted(item.name for item in found if item.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FileRefused(self.folder, f"cannot be read: {error.strerror}") from None

    def versions(self, name: str) -> list[int]:
        """Versions of a model, oldest first."""
        try:
            names = os.listdir(self.folder / name)
        except OSError:
            return []
        return sorted(int(one) for one in names if re.fullmatch(VERSION_PATTERN, one))

    def state(self, name: str) -> State:
        """Which versions are in use.

        Raises:
            InputError: the file is damaged.
        """
        path = self.folder / name / STATE
        return read_state(path, self.folder) if os.path.lexists(path) else State()

    def manifest(self, name: str, version: int) -> Manifest:
        """Manifest of a version.

        Raises:
            InputError: there is none, or it is damaged, or of another version.
        """
        return self._manifest(name, version)[0]

    def _manifest(self, name: str, version: int) -> tuple[Manifest, bytes]:
        path = self.folder / name / str(version) / MANIFEST
        if not os.path.lexists(path):
            known = ", ".join(map(str, self.versions(name))) or "none"
            raise InputError(f"{self.folder}: no version {version} of {name} (there are: {known})")
        content = read_bytes(path, MANIFEST_BYTES_MAX, self.folder)
        return manifest_of(content, path), content

    def content(self, name: str, version: int) -> bytes:
        """The file of a version, if it is the one that was put there, signed where that is asked.

        Raises:
            InputError, ModelError: it is missing, too large or another one, or nobody who is
                trusted has signed it.
        """
        manifest, text = self._manifest(name, version)
        content = self.file(name, version)
        folder, sha256 = self.folder / name / str(version), hashlib.sha256(content).hexdigest()
        if sha256 != manifest.sha256:
            raise ModelError(
                f"{folder / MODEL}: is not the file that was put there: its hash differs from the "
                f"manifest's sha256: {manifest.sha256[:16]}…: put it back, or train anew"
            )
        if self.trusted:
            files = verify(name, version, folder, self.folder, self.trusted).files
            for file, read in ((MODEL, sha256), (MANIFEST, hashlib.sha256(text).hexdigest())):
                if files.get(file) != read:
                    raise ModelError(f"{folder / file}: was exchanged while it was being checked")
        return content

    def file(self, name: str, version: int) -> bytes:
        """The file of a version, whatever it is.

        Raises:
            ModelError: it is missing, too large, or elsewhere.
        """
        from twin_core.learning.inference import BYTES_MAX

        try:
            return read_bytes(self.folder / name / str(version) / MODEL, BYTES_MAX, self.folder)
        except FileRefused as error:
            raise ModelError(str(error)) from None

    def load(self, name: str, version: int) -> Model:
        """A version, ready to answer.

        Raises:
            InputError, ModelError, MissingRuntime: why it cannot be used here.
        """
        from twin_core.learning.inference import Model

        manifest = self.manifest(name, version)
        model = Model(self.content(name, version))
        if manifest.known_at != model.card.known_at:
            raise ModelError(
                f"{self.folder / name / str(version) / MANIFEST}: known_at: is "
                f"{manifest.known_at}, but the model's is {model.card.known_at}: train anew"
            )
        return model

    def add(
        self, name: str, content: bytes, trained_at: datetime, metrics: dict[str, Any]
    ) -> tuple[Manifest, Path]:
        """Put a new version there, not in use yet; returns its folder.

        Raises:
            ModelError: the file cannot be used here.
            InputError: no version can follow those that there are.
            StoreError: the folder cannot be written.
        """
        from twin_core.learning.inference import Model

        card = Model(content).card
        version = max(self.versions(name), default=0) + 1
        if version > VERSION_MAX:
            raise InputError(f"{self.folder / name}: version {version - 1} is the last: remove it")
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
        earlier = [*old.earlier, *([] if old.promoted is None else [old.promoted])][-EARLIER_MAX:]
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


def _replace(path: Path, content: BaseModel) -> None:
    """Write a file whole: a reader, or a power cut, sees the old one or the new one."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)  # it may be a link to a file elsewhere
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(os.open(part, flags, 0o666), "w", encoding="utf-8") as file:
        file.write(dump_yaml(content.model_dump(mode="json"), allow_unicode=True))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
