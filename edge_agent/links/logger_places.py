"""Places in all files of a logger's folder, few enough to travel with each batch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

from edge_agent.links.logger_file import FilePlace

FILES_KEPT = 500
"""Files that are there, and as many that were, whose places are kept."""


class FoundFile(NamedTuple):
    """A file of a folder, as it is now."""

    changed_ns: int
    """When it was written to last."""
    name: str
    size: int
    number: int
    """By which the file system knows it."""


def found_files(folder: Path, pattern: str) -> list[FoundFile]:
    """Files whose names fit a pattern, those last that were written to last; each file once.

    Raises:
        OSError: the folder cannot be read.
    """
    found: dict[object, tuple[bool, FoundFile]] = {}
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            if not (fnmatch(entry.name, pattern) and entry.is_file()):
                continue
            stat = entry.stat()
            file = FoundFile(stat.st_mtime_ns, entry.name, stat.st_size, stat.st_ino)
            same = (stat.st_dev, stat.st_ino) if stat.st_ino else entry.name
            if same not in found or (found[same][0] and not entry.is_symlink()):
                found[same] = entry.is_symlink(), file
    return sorted(file for _, file in found.values())


class FilePlaces:
    """How far each file is safe, by its name.

    Of more than ``FILES_KEPT`` files the oldest, once they are read, are known by their time alone.
    """

    def __init__(self, position: Mapping[str, Any]) -> None:
        """Take up a position, or begin without one."""
        self._documents: dict[str, Sequence[Any]] = dict(position.get("files", {}))
        self._places = {name: FilePlace(*parts) for name, parts in self._documents.items()}
        self._done_ns: int = position.get("done_ns", -1)
        """Files that were written to last until then, and are not known by name, are read."""

    def get(self, name: str) -> FilePlace:
        """The place in a file; its beginning if it is not known."""
        return self._places.get(name) or FilePlace()

    def put(self, name: str, place: FilePlace) -> None:
        """Set the place in a file."""
        for table in (self._places, self._documents):
            table.pop(name, None)
        self._places[name], self._documents[name] = place, astuple(place)

    def newest(self) -> list[FilePlace]:
        """All places, those first that were set last."""
        return list(self._places.values())[::-1]

    def is_done(self, file: FoundFile) -> bool:
        """Is a file known as read by its time alone?"""
        return file.changed_ns <= self._done_ns and file.name not in self._places

    def leave_out(self, files: Sequence[FoundFile]) -> list[FoundFile]:
        """The newest of these files; the older ones count as read."""
        if len(files) > FILES_KEPT:
            self._done_ns = files[-FILES_KEPT - 1].changed_ns
        return list(files[-FILES_KEPT:])

    def keep_few(self, files: Sequence[FoundFile]) -> None:
        """Forget the places of old files that are read, and of files that are long gone.

        Args:
            files: that are there, oldest first.
        """
        known = [file for file in files if file.name in self._places]
        for file in known[: max(0, len(known) - FILES_KEPT)]:
            if self._places[file.name].offset < file.size:
                break
            self._done_ns = file.changed_ns
            self._forget(file.name)
        names = {file.name for file in files}
        gone = [name for name in self._places if name not in names]
        for name in gone[: max(0, len(gone) - FILES_KEPT)]:
            self._forget(name)

    def document(self, name: str = "", place: FilePlace | None = None) -> dict[str, Any]:
        """The position, with another place for one of the files."""
        files = dict(self._documents)
        if place is not None:
            files[name] = astuple(place)
        return {"files": files} | ({"done_ns": self._done_ns} if self._done_ns >= 0 else {})

    def _forget(self, name: str) -> None:
        del self._places[name], self._documents[name]
