"""The build that runs: from the wheel, or from the checkout it runs in."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import edge_agent

UNKNOWN = "unknown"
_PACKAGE = Path(edge_agent.__file__).parent


@dataclass(frozen=True)
class Build:
    """A build of the program."""

    version: str
    git_hash: str
    date: str
    """When the wheel was built; of a checkout, when the commit was made."""


def _build() -> Build:
    version = edge_agent.__version__
    try:
        info = json.loads((_PACKAGE / "build_info.json").read_text(encoding="utf-8"))
        return Build(version, str(info["git_hash"]), str(info["build_date"]))
    except (OSError, ValueError, KeyError):
        pass
    form = "--format=%h %cd"
    command = ["git", "-C", str(_PACKAGE), "log", "-1", "--abbrev=16", form, "--date=iso-strict"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return Build(version, UNKNOWN, UNKNOWN)
    git_hash, _, date = done.stdout.strip().partition(" ")
    return Build(version, git_hash or UNKNOWN, date or UNKNOWN)


BUILD = _build()
"""Read at the start of the server: later the checkout may be another one."""
