"""Reading of a logger's folder: which files have grown, and their new rows as samples."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO

from edge_agent.clock import Clock
from edge_agent.config.gateway_sources import FolderSource
from edge_agent.errors import LinkError, disk_hint
from edge_agent.links.logger_file import FilePlace, end_of_known_lines, end_of_lines
from edge_agent.links.logger_places import FilePlaces, FoundFile, found_files
from edge_agent.links.logger_rows import RowReader, mark_of
from edge_agent.links.tag_source import Sample
from edge_agent.logs import get_logger
from twin_core.errors import InputError
from twin_core.log_files.growing import GrowingTable

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


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that were added to a file, and the place after them."""

    name: str
    samples: list[Sample]
    place: FilePlace
    more: bool
    """There is more to be read now."""


class FolderReading:
    """Files of a folder from the start of a run on. Its methods wait for the disk."""

    def __init__(self, settings: FolderSource, position: Mapping[str, Any], clock: Clock) -> None:
        """Take up a position; without one, ``start_at_ends`` makes it.

        Args:
            settings: where the files are, and their columns.
            position: as ``position`` gave it.
            clock: gives the times of rows that have none.
        """
        self._settings, self._clock = settings, clock
        self._places = FilePlaces(position)
        self._known = [settings.time_column, *(tag.column for tag in settings.tags.values())]
        self._seen: dict[str, tuple[FoundFile, float]] = {}
        """As a file was when it was looked at last, and since when; 0: long enough."""
        self._unreadable: dict[str, str] = {}
        self._newest = ""

    def start_at_ends(self) -> None:
        """Begin with what comes now: what stands there is history. The newest row counts.

        Raises:
            LinkError: the folder cannot be read.
        """
        files = self._places.leave_out(self._files())
        for found in files:
            try:
                with self._open(found.name) as file:
                    self._start_at_end(found.name, file, found == files[-1])
            except OSError as error:
                self._tell(found.name, error.strerror or str(error))

    def _start_at_end(self, name: str, file: BinaryIO, with_last_row: bool) -> None:
        newline = b"\n"
        with suppress(InputError):  # told when it is read
            newline = self._table(name, file).newline
        ends, count = end_of_lines(file, newline)
        if with_last_row and count > 1:
            place = FilePlace().moved(file, ends[0], 0, line=count - 1)
        else:
            length = ends[-1] - ends[0] + len(newline)
            place = FilePlace().moved(file, ends[-1], length, line=count)
        self._places.put(name, place)

    def changed(self) -> list[str]:
        """Files that may have something new, the oldest first.

        Raises:
            LinkError: the folder cannot be read.
        """
        names, now_s = [], monotonic()
        files = self._files()
        self._places.keep_few(files)
        files = [file for file in files if not self._places.is_done(file)]
        self._newest = files[-1].name if files else ""
        before = self._seen
        self._seen = {}
        for file in files:
            last, since_s = before.get(file.name, (None, 0.0))
            if file != last:
                since_s = now_s
                names.append(file.name)
            elif since_s and now_s - since_s >= LAST_LINE_S:
                since_s = 0.0
                if file.size > self._places.get(file.name).offset:
                    names.append(file.name)
            self._seen[file.name] = file, since_s
        self._unreadable = {
            name: why for name, why in self._unreadable.items() if name in self._seen
        }
        return names

    def is_quiet(self, name: str) -> bool:
        """Has nobody written to a file for a while?"""
        return name in self._seen and self._seen[name][1] == 0.0

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
            self._tell(name, error.strerror or str(error))
            self._seen.pop(name, None)  # and is tried again
            return None
        self._unreadable.pop(name, None)
        return part

    def keep(self, part: Part) -> None:
        """Note that a part is safe."""
        self._places.put(part.name, part.place)

    def position(self, part: Part | None = None) -> dict[str, Any]:
        """The position when a part is safe, too."""
        if part is None:
            return self._places.document()
        return self._places.document(part.name, part.place)

    def _files(self) -> list[FoundFile]:
        try:
            return found_files(self._settings.path, self._settings.pattern)
        except OSError as error:
            raise folder_lost(self._settings.path, error) from error

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
        own = self._places.get(name)
        if own.offset > header and own.is_in(file, size):
            return own
        all_places = self._places.newest()
        others = [one for one in all_places if one.offset > header and one.is_in(file, size)]
        place = max(others, key=lambda one: one.offset, default=FilePlace())
        if not place.offset:
            at, line, length = end_of_known_lines(file, table.newline, all_places[:RECENT])
            if at:
                place = place.moved(file, at, length, line=line)
        self._places.put(name, place)
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
            lines = table.first_lines(lines, stop)
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


def folder_lost(folder: Path, error: OSError) -> LinkError:
    """The error of a folder that cannot be read."""
    hint = disk_hint(error) or "look at the network drive"
    return LinkError(f"{folder}: {error.strerror}", hint=hint)
