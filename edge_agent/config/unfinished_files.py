"""Unfinished files that a killed run has left beside those that it wrote."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

WRITTEN_S = 60.0
"""A file of some kilobytes is written by then; the process of an older one has ended."""


def remove_left(folder: Path, pattern: str) -> None:
    """Remove unfinished files that are old; what another run is just writing is younger.

    Args:
        folder: the folder; it need not be there.
        pattern: of their names, as ``SYSTEM_R1-c.*.part``.
    """
    for part in folder.glob(pattern):
        with suppress(OSError):  # removed meanwhile, or not ours to remove
            if time.time() - part.stat().st_mtime > WRITTEN_S:
                part.unlink()
