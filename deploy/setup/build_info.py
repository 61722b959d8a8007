"""Hatch's hook that puts commit and date of a build into the wheel: `GET /version` shows them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BuildInfoHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds ``edge_agent/build_info.json`` to a wheel; a checkout says it by itself."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the file beside the sources and have it packed."""
        if version == "editable":
            return
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        now = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
        info = {"git_hash": self._git_hash(), "build_date": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name, "build_info.json")
        file.write_text(json.dumps(info) + "\n")
        build_data["force_include"][str(file)] = "edge_agent/build_info.json"

    def finalize(self, _version: str, _build_data: dict[str, Any], _artifact_path: str) -> None:
        """Remove what was written."""
        folder = getattr(self, "_folder", None)
        if folder is not None:
            folder.cleanup()

    def _git_hash(self) -> str:
        command = ["git", "-C", self.root, "rev-parse", "--short=16", "HEAD"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return "unknown"
        return done.stdout.strip() if done.returncode == 0 else "unknown"
