"""Bytes and text of regular files, never more than a limit, and never waiting.

Opening a FIFO waits for its writer, ``/dev/zero`` has no end, and a program that was told to stop
would wait with them. So whatever a person or a folder names is opened here.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from twin_core.errors import InputError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO or a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


NO_FILE = "no such file"
UNREADABLE = "cannot be read"
_NO_TEXT = "is not text in UTF-8"
_SAVE = "save it as text in UTF-8"
_LIMIT = "the limit here"
_LESS = "leave out what is not needed"
_WHERE = "correct the path; a relative one starts at the working directory"


class FileRefused(InputError):
    """A file that is not read; ``problem`` says why, without the path."""

    usual_hint = "name a regular file that this user may read"

    def __init__(self, path: Path, problem: str) -> None:
        hints = ((NO_FILE, _WHERE), (_NO_TEXT, _SAVE), (_LIMIT, _LESS))
        hint = next((way_out for end, way_out in hints if problem.endswith(end)), None)
        super().__init__(f"{path}: {problem}", hint=hint)
        self.problem = problem


def read_bytes(path: Path, bytes_max: int, inside: Path | None = None) -> bytes:
    """The whole content of a regular file.

    Args:
        path: the file; a link to one will do.
        bytes_max: how large it may be, in bytes.
        inside: folder that it must lie in, with no other name (hard link) elsewhere.

    Raises:
        FileRefused: it is missing, unreadable, too large, elsewhere, or no regular file.
    """
    number = _opened(path, bytes_max, inside)
    try:
        with open(number, "rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise FileRefused(path, _words(error)) from None
    if len(content) > bytes_max:  # it grew, or is one of /proc, which all have size 0
        raise FileRefused(path, f"larger than {bytes_max} bytes, {_LIMIT}")
    return content


def read_text(path: Path, bytes_max: int, inside: Path | None = None) -> str:
    """The whole text of a regular file in UTF-8; a byte order mark is left out.

    Args:
        path: the file; a link to one will do.
        bytes_max: how large it may be, in bytes.
        inside: as for ``read_bytes``.

    Raises:
        FileRefused: as ``read_bytes``, or it is not UTF-8.
    """
    return text_of(read_bytes(path, bytes_max, inside), path)


def text_of(content: bytes, path: Path) -> str:
    """Text in UTF-8; a byte order mark is left out.

    Raises:
        FileRefused: it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileRefused(path, f"line {line}: {_NO_TEXT}") from None


def check_regular(path: Path, bytes_max: int) -> None:
    """Refuse what ``read_bytes`` would refuse, before a library opens the file itself.

    Args:
        path: the file; a link to one will do.
        bytes_max: how large it may be, in bytes.

    Raises:
        FileRefused: it is missing, unreadable, too large, or no regular file.
    """
    os.close(_opened(path, bytes_max))


def _opened(path: Path, bytes_max: int, inside: Path | None = None) -> int:
    """Number of the open file."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise FileRefused(path, _words(error)) from None
    try:
        status = os.fstat(number)
        _check(path, status, bytes_max)
        if inside is not None:
            _check_place(path, status, inside)
    except BaseException:
        os.close(number)
        raise
    return number


def _check(path: Path, status: os.stat_result, bytes_max: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((words for is_kind, words in _KINDS if is_kind(status.st_mode)), "no file")
        raise FileRefused(path, f"is {kind}, not a regular file")
    if status.st_size > bytes_max:
        raise FileRefused(path, f"{status.st_size} bytes, more than {bytes_max}, {_LIMIT}")


def _check_place(path: Path, status: os.stat_result, inside: Path) -> None:
    """Refuse a file that is open and lies, or is named, elsewhere."""
    try:
        found = path.resolve(strict=True)
        same = os.path.samestat(found.lstat(), status)
        is_inside = found.is_relative_to(inside.resolve(strict=True))
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a ring of links
        words = _words(error) if not isinstance(error, RuntimeError) else "a ring of links"
        raise FileRefused(path, words) from None
    if not is_inside:
        raise FileRefused(path, f"is a link to {found}, outside of {inside}: copy the file")
    if not same:
        raise FileRefused(path, "was exchanged while it was opened: look who writes there")
    if status.st_nlink > 1:
        raise FileRefused(
            path,
            f"has {status.st_nlink} names (hard links), and can be changed by another: copy it",
        )


def _words(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return NO_FILE
    if isinstance(error, OSError) and error.errno == errno.ENXIO:
        return "is a socket or a device without a driver, not a regular file"
    return f"{UNREADABLE}: {getattr(error, 'strerror', None) or error}"
