"""Checkpoint of a fit that takes minutes: a file beside its result, bound to what is fitted."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.calibration.calibration_shot import CalibrationShot
from edge_agent.config.kept_files import remove_left
from edge_agent.errors import StoreError, disk_hint
from twin_core import PHYSICS_HASH
from twin_core.errors import InputError
from twin_core.plain_files import read_text

VERSION = 1
BYTES_MAX = 64 * 2**20


class Checkpoint:
    """State of a fit on disk; a fit of other shots or with other options begins anew."""

    def __init__(self, path: Path, binding: str, told: Callable[[str], None]) -> None:
        """Name it; nothing is written yet.

        Args:
            path: the file.
            binding: hash of what is fitted, and how.
            told: called with words on what is done with an earlier one.
        """
        self.path, self._binding, self._told = path, binding, told

    def load(self) -> Mapping[str, Any] | None:
        """State of an earlier run of the same fit; None if there is none."""
        self._clear()
        if not self.path.exists():
            return None
        try:
            content = json.loads(read_text(self.path, BYTES_MAX))
            fits = content["version"] == VERSION and content["binding"] == self._binding
            state: Mapping[str, Any] = dict(content["state"])
        except (InputError, ValueError, KeyError, TypeError):
            self._told(f"{self.path}: damaged: the fit begins anew")
            return None
        if not fits:
            self._told(
                f"{self.path}: of a fit of other shots or with other options: this one begins anew"
            )
            return None
        self._told(f"{self.path}: the fit goes on where it was stopped")
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Write the state, whole or not at all.

        Raises:
            StoreError: the folder cannot be written.
        """
        content = {"version": VERSION, "binding": self._binding, "state": dict(state)}
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("w", encoding="utf-8") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise StoreError(
                f"{self.path}: cannot be written: {error.strerror or error}", hint=disk_hint(error)
            ) from None

    def remove(self) -> None:
        """Forget it: the fit is done. That of another fit, which runs at the same time, stays."""
        self._clear()
        with suppress(InputError, ValueError, KeyError, TypeError):
            if json.loads(read_text(self.path, BYTES_MAX))["binding"] != self._binding:
                return
        self.path.unlink(missing_ok=True)

    def _clear(self) -> None:
        """Remove what a run that was killed while it saved has left."""
        remove_left(self.path.parent, f"{self.path.name}.*.part")


def binding_of(shots: Sequence[CalibrationShot], options: Mapping[str, Any]) -> str:
    """Hash of shots, with all that was measured of them, and of the options of a fit."""
    digest = hashlib.sha256(f"{PHYSICS_HASH} {json.dumps(options, sort_keys=True)}".encode())
    for shot in shots:
        digest.update(f"{shot.key} {shot.lot} {shot.poured_at.isoformat()}".encode())
        digest.update(json.dumps(dict(shot.results), sort_keys=True).encode())
        digest.update(shot.scenario.model_dump_json().encode())
        for sensor, rows in sorted(shot.series.items()):
            digest.update(sensor.encode())
            digest.update(np.ascontiguousarray(rows).tobytes())
    return digest.hexdigest()


def shots_hash(keys: Sequence[str]) -> str:
    """SHA-256 over the sorted keys of shots."""
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()
