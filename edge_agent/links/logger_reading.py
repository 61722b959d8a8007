"""Reading of a logger's folder: which files have grown, and their new rows as samples."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO

from edge_agent.clock import Clock
from edge_agent.config.gateway_sources import FolderSource
from edge_agent.errors import LinkError, disk_hint
from edge_agent.links.logger_file import FilePlace, end_of_known_lines, end_of_lines
from edge_agent.links.logger_rows import RowReader, mark_of
from edge_agent.links.tag_source import Sample
from edge_agent.logs import get_logger
from twin_core.errors import InputError
from twin_core.log_files.growing import GrowingTable

FILES_MAX = 2000
"""Files of a folder that are looked at; their places travel with each batch."""
RECENT = 50
"""Files that were read last: their last lines are looked for in a file that is not known."""
HEAD_MAX = 65_536
"""Bytes in which the header must be."""
PART = 65_536
"""Bytes that are read together."""
LAST_LINE_S = 30.0
"""A last line without an end counts if nobody has written on for so long."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Stamp = tuple[int, int, int]
"""Size, time of change and number of a file."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that were added to a file, and the place after them."""

    name: str
    samples: list[Sample]
    place: FilePlace
    more: bool
    """There is more to be read now."""


class FolderReading:
    """Files of a folder from the start of a run on. Its methods wait for the disk.

    Attributes:
        places: how far each file is safe, those last that were read last.
    """

    def __init__(self, settings: FolderSource, places: Mapping[str, Any], clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self.places = {name: FilePlace.of(place) for name, place in places.items()}
        self._known = [settings.time_column, *(tag.column for tag in settings.tags.values())]
        self._seen: dict[str, tuple[Stamp, float]] = {}
        """As a file was when it was looked at last, and since when."""
        self._unreadable: dict[str, str] = {}
        self._newest = ""

    def start_at_ends(self) -> None:
        """Begin with what comes now: what stands there is history. The newest row counts."""
        files = self._files()
        for name, _stamp in files:
            with self._open(name) as file:
                newline = b"\n"
                with suppress(InputError):  # told when it is read
                    newline = self._table(name, file).newline
                ends, count = end_of_lines(file, newline)
                if name == files[-1][0] and count > 1:
                    self.places[name] = FilePlace().moved(file, ends[0], 0, line=count - 1)
                else:
                    length = ends[-1] - ends[0] + len(newline)
                    self.places[name] = FilePlace().moved(file, ends[-1], length, line=count)

    def changed(self) -> list[str]:
        """Files that may have something new, the oldest first.

        Raises:
            LinkError: the folder cannot be read.
        """
        names, now_s = [], monotonic()
        files = self._files()
        self._newest = files[-1][0] if files else ""
        for name, stamp in files:
            before, since_s = self._seen.get(name, (None, 0.0))
            if stamp != before:
                self._seen[name] = stamp, now_s
                names.append(name)
            elif since_s and now_s - since_s >= LAST_LINE_S:
                self._seen[name] = stamp, 0.0
                if stamp[0] > self.places.get(name, FilePlace()).offset:
                    names.append(name)
        return names

    def is_quiet(self, name: str) -> bool:
        """Has nobody written to a file for a while?"""
        return self._seen[name][1] == 0.0

    def faults(self) -> list[Sample]:
        """A fault of all tags while the newest file cannot be read."""
        words = self._unreadable.get(self._newest)
        if words is None:
            return []
        now = self._clock.now()
        tags = self._settings.tags
        return [Sample(name, now, fault=words, of_arrival=True) for name in tags]

    def read(self, name: str, *, backlog: bool) -> Part | None:
        """The next rows of a file; None if there are none.

        Args:
            name: of the file.
            backlog: it stood there before we looked.

        Raises:
            LinkError: the file cannot be read.
        """
        try:
            with self._open(name) as file:
                table = self._table(name, file)
                if not table.is_whole:
                    return None
                rows = RowReader(name, table.names, self._settings)
                part = self._part(name, file, table, rows, backlog)
        except FileNotFoundError:
            return None  # renamed meanwhile: it is found under its new name
        except InputError as error:
            self._tell(name, str(error))
            return None
        except OSError as error:
            raise self._lost(error) from error
        self._unreadable.pop(name, None)
        return part

    def newest_cells(self) -> list[tuple[str, str]]:
        """Columns of the newest file, and the cell of each in its last row.

        Raises:
            LinkError: the folder cannot be read, or its newest file.
        """
        files = self._files()
        if not files:
            raise LinkError(
                f"{self._settings.path}: no file fits {self._settings.pattern}",
                hint="is the path right, and has the logger written yet?",
            )
        name = files[-1][0]
        try:
            with self._open(name) as file:
                table = self._table(name, file)
                ends, _ = end_of_lines(file, table.newline)
                file.seek(max(ends[0], len(table.header)))
                rows = list(table.rows(file.read(PART), 1))
        except InputError as error:
            raise LinkError(f"{self._settings.path}: {error}", hint="correct the file") from None
        except OSError as error:
            raise self._lost(error) from error
        cells = rows[-1].cells if rows else []
        return [
            (column, cells[at] if at < len(cells) else "")
            for at, column in enumerate(table.names)
            if column
        ]

    def keep(self, part: Part) -> None:
        """Note that a part is safe."""
        self._put(part.name, part.place)

    def position(self, part: Part | None = None) -> dict[str, Any]:
        """The position when a part is safe, too."""
        places = self.places if part is None else self.places | {part.name: part.place}
        return {"files": {name: place.document() for name, place in places.items()}}

    def _put(self, name: str, place: FilePlace) -> None:
        self.places.pop(name, None)
        self.places[name] = place
        while len(self.places) > 2 * FILES_MAX:
            del self.places[next(one for one in self.places if one not in self._seen)]

    def _files(self) -> list[tuple[str, Stamp]]:
        found = []
        try:
            with os.scandir(self._settings.path) as entries:
                for entry in entries:
                    if fnmatch(entry.name, self._settings.pattern) and entry.is_file():
                        stat = entry.stat()
                        found.append((entry.name, (stat.st_size, stat.st_mtime_ns, stat.st_ino)))
        except OSError as error:
            raise self._lost(error) from error
        if len(found) > FILES_MAX:
            raise LinkError(
                f"{self._settings.path}: {len(found)} files fit {self._settings.pattern}, more "
                f"than {FILES_MAX}",
                hint="move old files away, or make the pattern narrower",
            )
        return sorted(found, key=lambda one: (one[1][1], one[0]))

    def _lost(self, error: OSError) -> LinkError:
        hint = disk_hint(error) or "look at the network drive"
        return LinkError(f"{self._settings.path}: {error.strerror}", hint=hint)

    def _open(self, name: str) -> BinaryIO:
        return Path(self._settings.path, name).open("rb")

    def _table(self, name: str, file: BinaryIO) -> GrowingTable:
        file.seek(0)
        return GrowingTable(name, file.read(HEAD_MAX), self._known)

    def _tell(self, name: str, words: str) -> None:
        if self._unreadable.get(name) != words:
            hint = "it is read when it has been corrected; make the pattern narrower to leave it"
            get_logger().warning("file_unreadable", path=name, reason=words, hint=hint)
        self._unreadable[name] = words

    def _place(self, name: str, file: BinaryIO, table: GrowingTable) -> FilePlace:
        """The place in a file, which may have been renamed, copied or written anew."""
        size, header = os.fstat(file.fileno()).st_size, len(table.header)
        own = self.places.get(name, FilePlace())
        if own.offset > header and own.is_in(file, size):
            return own
        others = [one for one in self.places.values() if one.offset > header]
        others = [one for one in others if one.is_in(file, size)]
        place = max(others, key=lambda one: one.offset, default=FilePlace())
        if not place.offset:
            recent = [*self.places.values()][-RECENT:]
            at, line, length = end_of_known_lines(file, table.newline, recent)
            if at:
                place = place.moved(file, at, length, line=line)
        self._put(name, place)
        return place

    def _part(
        self, name: str, file: BinaryIO, table: GrowingTable, rows: RowReader, backlog: bool
    ) -> Part | None:
        place = self._place(name, file, table)
        start = max(place.offset, len(table.header))
        line = place.line if place.offset >= len(table.header) else table.header_lines
        file.seek(start)
        content = file.read(PART)
        end = table.whole_lines(content)
        while not end and len(content) >= PART and (more := file.read(PART)).strip(b"\0"):
            content += more
            end = table.whole_lines(content)
        begin = 0
        if place.open_line and end:
            begin = content.find(table.newline) + len(table.newline)
            self._tell_left_out(name, line, content[: begin - len(table.newline)])
        open_line = False
        if not end and self.is_quiet(name) and not place.open_line:
            end = len(content.rstrip(b"\0"))
            open_line = end > 0
        if not end:
            return None
        lines = content[begin:end]
        samples, after, stop = self._samples(table, rows, lines, line, place, backlog)
        if open_line and any(sample.fault and sample.of_arrival for sample in samples):
            return None  # it is cut
        if stop:
            lines = b"".join(lines.splitlines(keepends=True)[:stop])
        count = lines.count(table.newline) + open_line
        last = len(table.newline) + len(lines) - (lines.rstrip(b"\r\n\0").rfind(b"\n") + 1)
        end = start + begin + len(lines)
        moved = after.moved(file, end, last, line=line + count, open_line=open_line)
        return Part(name, samples, moved, more=end < os.fstat(file.fileno()).st_size)

    def _tell_left_out(self, name: str, line: int, rest: bytes) -> None:
        """Tell of what was added to a line after it was read without its end."""
        if rest := rest.strip(b"\r\0"):
            words = f"{rest[:40]!r} was added to line {line} after it was read"
            get_logger().warning("line_left_out", path=name, reason=words)

    def _samples(
        self,
        table: GrowingTable,
        rows: RowReader,
        lines: bytes,
        line: int,
        place: FilePlace,
        backlog: bool,
    ) -> tuple[list[Sample], FilePlace, int]:
        """Samples, the place with what they showed, and how many lines count; 0: all."""
        samples: list[Sample] = []
        arrived = self._clock.now()
        for row in table.rows(lines, line + 1):
            if rows.is_same_header(row):
                continue
            if rows.is_header(row):
                if row.line > line + 1:
                    return samples, place, row.line - line - 1
                raise InputError(
                    f"line {row.line}: another header within the file: a logger with other "
                    "columns needs a new file"
                )
            if row.line == table.header_lines + 1 and rows.is_units(row):
                continue
            if not place.mark and not row.problem:
                place = replace(place, mark=mark_of(row, table.delimiter))
            last = None if place.last_us is None else _EPOCH + place.last_us * _MICROSECOND
            found = list(rows.samples(row, place.mark or ".", last, arrived, backlog))
            samples += found
            if not found[0].of_arrival:
                place = replace(place, last_us=(found[0].ts - _EPOCH) // _MICROSECOND)
        return samples, place, 0
