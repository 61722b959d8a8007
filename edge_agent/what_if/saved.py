"""Scenarios that people have saved: YAML files in a folder, which ``run-sim`` takes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from tempfile import NamedTemporaryFile

from edge_agent.errors import StoreError, disk_hint
from twin_core.errors import InputError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SAVED_MAX = 500


class SavedScenarios:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Names of what is saved, sorted."""
        return sorted(
            path.stem for path in self._folder.glob("*.yaml") if NAME.fullmatch(path.stem)
        )

    def save(self, name: str, text: str) -> Path:
        """Keep a scenario; one of this name is replaced.

        Raises:
            InputError: the name cannot be that of a file, or there are too many.
            StoreError: the disk refuses.
        """
        path = self._path(name)
        known = self.names()
        if name not in known and len(known) >= SAVED_MAX:
            raise InputError(f"{SAVED_MAX} scenarios are saved: delete some of {self._folder}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile("w", dir=self._folder, delete=False, encoding="utf-8") as file:
                file.write(text)
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be written: {error.strerror}", hint=disk_hint(error)
            ) from error
        return path

    def read(self, name: str) -> str:
        """A saved scenario.

        Raises:
            InputError: there is none of this name.
        """
        try:
            return self._path(name).read_text(encoding="utf-8")
        except OSError:
            raise InputError(f"no scenario {name} is saved") from None

    def _path(self, name: str) -> Path:
        if NAME.fullmatch(name) is None:
            raise InputError(
                f"name {name[:64]!r}: letters, digits, point, dash and underscore, at most 64"
            )
        return self._folder / f"{name}.yaml"
