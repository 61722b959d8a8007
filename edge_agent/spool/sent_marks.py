"""Marks of what was sent lately, beside the spool: they outlive SIGKILL, and cost no sync.

A transaction says what is settled, up to a second later. An agent that is killed before it would
send the same again; so each message is marked when it is handed to the broker, and when the broker
has worked on it. The marks are written to the page cache alone: a power cut may lose the newest,
and what they speak of is then sent once more.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

SLOTS = 8192
"""Messages that are remembered: more than a second of them, and of a backlog."""
SENT, WORKED_ON = 1, 2
_MARK = struct.Struct("<QB7x")


class SentMarks:
    """A ring of marks in a file of its own."""

    def __init__(self, path: Path | None) -> None:
        """Read what an earlier process left; a file that cannot be had is done without.

        Args:
            path: None for marks that nobody keeps.
        """
        self._file: int | None = None
        self._slot = 0
        self._before: dict[int, int] = {}
        if path is not None:
            with suppress(OSError):
                self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                self._read(os.pread(self._file, SLOTS * _MARK.size, 0))

    def before(self, key: str) -> int:
        """What an earlier process noted of a message: 0, ``SENT`` or ``WORKED_ON``."""
        return self._before.get(_number(key), 0) if self._before else 0

    def sent(self, key: str) -> int:
        """Note that a message is handed over now; gives its slot."""
        slot = self._slot
        self._slot = (slot + 1) % SLOTS
        self._write(slot, _number(key), SENT)
        return slot

    def worked_on(self, slot: int, key: str) -> None:
        """Note that the broker has worked on it."""
        self._write(slot, _number(key), WORKED_ON)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _read(self, content: bytes) -> None:
        whole = len(content) - len(content) % _MARK.size
        newest = 0
        for slot, (number, state) in enumerate(_MARK.iter_unpack(content[:whole])):
            if state in (SENT, WORKED_ON):
                self._before[number] = state
                newest = slot + 1
        self._slot = newest % SLOTS

    def _write(self, slot: int, number: int, state: int) -> None:
        if self._file is not None:
            with suppress(OSError):  # the disk is full: what it would say is sent once more
                os.pwrite(self._file, _MARK.pack(number, state), slot * _MARK.size)


def _number(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")
