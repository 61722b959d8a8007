"""Where a logger's file was read to, and whether it is still that file.

A file is known by its content: its first bytes, and the last line that was read. So it may be
renamed, copied and cut (logrotate), or written anew with the old lines in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO
from zlib import crc32

HEAD_BYTES = 1024
TAIL_BYTES = 512
"""At most, of the last line that was read and the line's end before it."""
CHUNK = 1_000_000


@dataclass(frozen=True, slots=True)
class FilePlace:
    """How far a file was read, as it travels in the position."""

    offset: int = 0
    """Bytes that are safe."""
    line: int = 0
    """Lines of these."""
    head: int = 0
    """Check sum of the first bytes, at most ``HEAD_BYTES`` of what is safe."""
    tail: int = 0
    """Check sum of the last line that is safe, and of the line's end before it."""
    tail_size: int = 0
    """Bytes that it is made of."""
    mark: str = ""
    """Decimal mark; empty while no number has shown it."""
    last_us: int | None = None
    """Time of the last row, in microseconds since 1970."""
    open_line: bool = False
    """The last line had no end when it was read."""

    def is_in(self, file: BinaryIO, size: int) -> bool:
        """Is this file the one that was read so far?"""
        found = _sums(file, self.offset, self.tail_size)
        return size >= self.offset and (self.head, self.tail) == found

    def moved(self, file: BinaryIO, offset: int, tail_size: int, **more: Any) -> FilePlace:
        """The place after reading on.

        Args:
            file: the file.
            offset: where it was read to.
            tail_size: bytes of the last line before it, and of the line's end before that.
            more: other fields that change.
        """
        tail_size = min(offset, tail_size, TAIL_BYTES)
        head, tail = _sums(file, offset, tail_size)
        return replace(self, offset=offset, head=head, tail=tail, tail_size=tail_size, **more)


def end_of_known_lines(
    file: BinaryIO, newline: bytes, places: Iterable[FilePlace]
) -> tuple[int, int, int]:
    """Where what is new begins in a file that was written anew.

    A logger that keeps its newest lines only has the last one that was read at another offset.

    Args:
        file: the file.
        newline: bytes of a line's end.
        places: those whose last line may stand in it.

    Returns:
        Offset, lines before it, and bytes of the line that was found; zeros if none was.
    """
    tails: dict[int, set[int]] = {}
    for place in places:
        if place.tail_size:
            tails.setdefault(place.tail_size, set()).add(place.tail)
    found = (0, 0, 0)
    for at, line in _line_ends(file, newline) if tails else ():
        for size, sums in tails.items():
            if at >= size and (tail := _sum(file, at, size)) in sums:
                sums.remove(tail)
                found = (at, line, size)
    return found


def end_of_lines(file: BinaryIO, newline: bytes) -> tuple[list[int], int]:
    """Where the last two whole lines of a file end, and how many lines there are."""
    ends, lines = [0], 0
    for at, count in _line_ends(file, newline):
        ends, lines = [ends[-1], at], count
    return ends, lines


def _sums(file: BinaryIO, offset: int, tail_size: int) -> tuple[int, int]:
    """Check sums of the first bytes, and of the last ones before an offset."""
    return _sum(file, min(offset, HEAD_BYTES), HEAD_BYTES), _sum(file, offset, tail_size)


def _sum(file: BinaryIO, end: int, size: int) -> int:
    """Check sum of the bytes before an offset; the file stays where it is."""
    here = file.tell()
    file.seek(max(0, end - size))
    found = crc32(file.read(min(end, size)))
    file.seek(here)
    return found


def _line_ends(file: BinaryIO, newline: bytes) -> Iterator[tuple[int, int]]:
    """Offset behind each line's end, and how many lines that are."""
    file.seek(0)
    start = line = 0
    while chunk := file.read(CHUNK):
        at = chunk.find(newline)
        while at >= 0:
            if (start + at) % len(newline) == 0:
                line += 1
                yield start + at + len(newline), line
            at = chunk.find(newline, at + 1)
        start += len(chunk)
