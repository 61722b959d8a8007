"""Small files that a disk keeps, and unfinished ones that a killed run has left beside them."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from twin_core.yaml_text import dump_yaml

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


def write_kept(file: Path, header: str, content: dict[str, Any]) -> None:
    """Write YAML that everybody may read, and have the disk keep it.

    Args:
        file: the file.
        header: a comment above.
        content: of the YAML.

    Raises:
        OSError: the disk refuses.
    """
    with file.open("w", encoding="utf-8") as out:
        out.write(header)
        out.write(dump_yaml(content, default_flow_style=None, allow_unicode=True, width=100))
        out.flush()
        os.fsync(out.fileno())
    file.chmod(0o644)


def keep_names(folder: Path) -> None:
    """Have the disk keep the names of new files, too, when the power fails."""
    with suppress(OSError):  # not every file system can
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
