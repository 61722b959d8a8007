"""A disk that can be full and have room again: a real small one for root, else a limit on files."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

DISK_BYTES = 3_000_000
FILE_BYTES = 64_000
"""The limit of a file: less than the journal of the spool, more than the log."""


class SmallDisk(Protocol):
    """Where the spool lies."""

    folder: Path

    def fill(self, pid: int) -> None:
        """From now on the process ``pid`` cannot write more."""
        ...

    def clear(self, pid: int) -> None:
        """There is room again."""
        ...


class Tmpfs:
    """A filesystem of a few megabytes, filled by a large file: ENOSPC, as in a plant."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, pid: int) -> None:
        """See ``SmallDisk``."""
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass

    def clear(self, pid: int) -> None:
        """See ``SmallDisk``."""
        self._ballast.unlink()


class FileLimit:
    """The files of the process may not grow (``RLIMIT_FSIZE``): any user can have that."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, pid: int) -> None:
        """See ``SmallDisk``."""
        self._limit(pid, FILE_BYTES)

    def clear(self, pid: int) -> None:
        """See ``SmallDisk``."""
        self._limit(pid, resource.RLIM_INFINITY)

    def _limit(self, pid: int, limit: int) -> None:
        with suppress(ProcessLookupError):  # it was killed
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, hard))


@contextmanager
def tmpfs(folder: Path) -> Iterator[Tmpfs | None]:
    """A small disk mounted at ``folder``; None where we may not."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield Tmpfs(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
