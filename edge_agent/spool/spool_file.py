"""The place of a spool on disk: one process has it, and nobody else may read it.

Two locks are held as long as the process lives, and end with it, however it ends. That of the lock
file says who holds it. If somebody deletes that file, the lock on the spool itself still keeps a
second agent out. Neither collides with SQLite's own locks.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import struct
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from typing import Any

from edge_agent.errors import SettingsError, StoreError
from edge_agent.spool.sqlite_files import PRIVATE, make_folder, part, place_of, tighten

LOCK = ".lock"
WRITTEN_BYTES = 4096
LOCKED_BYTE = 1 << 62
"""Far behind every byte that SQLite locks or writes."""
FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True)
class Words:
    """Words for a file in messages."""

    noun: str
    """``spool``."""
    field: str
    """The setting that names it."""
    owner: str
    """The program that has one: ``agent``."""


SPOOL = Words("spool", "spool.path", "agent")


class SpoolInUse(SettingsError):
    """Error: another process has the spool."""

    usual_hint = "give every agent a spool.path of its own, or stop the other one"


class SpoolFile:
    """A spool's file, held by this process until ``close``."""

    def __init__(self, path: Path, agent_id: str = "", words: Words = SPOOL) -> None:
        """Lock the spool at ``path``; an empty file is made when there is none.

        Args:
            agent_id: what the lock file says of its holder.
            words: for the file, if it is no spool and is kept like one.

        Raises:
            SpoolInUse: another process holds it; the message says which.
            StoreError: there cannot be a spool here.
        """
        self.path, self.words = path, words
        self.place = place_of(path)
        self.fresh = False
        """Nothing was here: a new spool begins."""
        self.lost: str | None = None
        """A spool was here, and is empty or gone: in words."""
        self.unfinished: str | None = None
        """The damaged spool that the last holder had just set aside when it was killed."""
        self._file: int | None = None
        with ExitStack() as opened:
            opened.callback(self._release)
            try:
                self._refuse_what_is_no_file()
                make_folder(self.place.parent)
                self._lock = os.open(part(self.place, LOCK), FLAGS, PRIVATE)
                opened.callback(os.close, self._lock)
                os.fchmod(self._lock, PRIVATE)
                before = self._take_lock()
                self.fresh, self.lost = self._found(known=bool(before))
                self.unfinished = _read(before).get("aside")
                self.claim()
                self._who = {
                    "pid": os.getpid(),
                    "agent_id": agent_id,
                    "host": gethostname(),
                    "owner": words.owner,
                }
                self.note(self.unfinished)
            except OSError as error:
                words_of = f"the {words.noun} cannot be opened"
                raise StoreError(f"{path}: {words_of}: {error}") from error
            self._opened = opened.pop_all()

    def claim(self) -> None:
        """Hold the file that lies there now; an empty one is made when there is none.

        To be called again when the file was set aside.

        Raises:
            SpoolInUse, OSError: another process has it; the disk refuses.
        """
        self._release()
        self._file = os.open(self.place, FLAGS, PRIVATE)
        byte = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, LOCKED_BYTE, 1, 0)
        try:
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, byte)
        except (BlockingIOError, PermissionError):
            raise self._in_use("another process, whose lock file was deleted") from None
        tighten(self.place)

    def is_at(self, identity: tuple[int, int]) -> bool:
        """True if this is the file that we hold."""
        assert self._file is not None
        held = os.fstat(self._file)
        return (held.st_dev, held.st_ino) == identity

    def close(self) -> None:
        """Let others have it. Every connection to the file must be closed before."""
        self._opened.close()

    def note(self, aside: str | None) -> None:
        """Say in the lock file who we are, and which damaged spool is being saved just now."""
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, json.dumps(self._who | {"aside": aside}).encode(), 0)
        os.fsync(self._lock)

    def _take_lock(self) -> bytes:
        """Lock the lock file; gives what the holder before us wrote into it."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = _read(os.pread(self._lock, WRITTEN_BYTES, 0))
            raise self._in_use(_words_on(who)) from None
        except OSError as error:
            noun, field = self.words.noun, self.words.field
            raise StoreError(
                f"{self.path}: cannot be locked: {error.strerror}: the {noun} belongs on a local "
                "disk",
                hint=f"set {field} to a file on a disk of this machine, not of the network",
            ) from error
        return os.pread(self._lock, WRITTEN_BYTES, 0)

    def _in_use(self, by: str) -> SpoolInUse:
        field, owner = self.words.field, self.words.owner
        return SpoolInUse(
            f"{field}: {self.path} is in use by {by}",
            hint=f"give every {owner} {'an' if field[0] in 'aeiou' else 'a'} {field} of its own, "
            "or stop the other one",
        )

    def _refuse_what_is_no_file(self) -> None:
        try:
            mode = self.place.stat().st_mode
        except FileNotFoundError:
            if self.path.is_symlink():
                raise StoreError(
                    f"{self.path}: a link to {self.place}, which is not there: is a disk not "
                    "mounted? Remove the link, or make the file it names"
                ) from None
            return
        if not stat.S_ISREG(mode):
            words = f"{self.words.field} names the file of the {self.words.noun}"
            raise StoreError(f"{self.path}: not a file: {words}")

    def _found(self, *, known: bool) -> tuple[bool, str | None]:
        """Find out whether this is the beginning, and if not, what is missing."""
        wal = part(self.place, "-wal")
        if self.place.exists():
            empty = self.place.stat().st_size == 0
            return False, f"the {self.words.noun} is empty: 0 bytes" if empty else None
        if known or (wal.exists() and wal.stat().st_size > 0):
            return False, f"the {self.words.noun} is gone: there was one"
        return True, None

    def _release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def holder_of(path: Path) -> str | None:
    """Process that has a spool, in words; None without one. Nothing is locked or changed.

    To be called before this process opens the file otherwise: closing it here ends SQLite's locks.
    """
    place = place_of(path)
    file = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        byte = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, LOCKED_BYTE, 1, 0)
        (kind, *_) = struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_OFD_GETLK, byte))
    finally:
        os.close(file)
    if kind == fcntl.F_UNLCK:
        return None
    try:
        return _words_on(_read(part(place, LOCK).read_bytes()[:WRITTEN_BYTES]))
    except OSError:
        return "another process"


def _words_on(who: dict[str, Any]) -> str:
    owner = who.get("owner", SPOOL.owner)
    agent = f"{owner} {who['agent_id']}" if who.get("agent_id") else "a program"
    return f"{agent}, process {who['pid']} on {who['host']}" if who else "another process"


def _read(written: bytes) -> dict[str, Any]:
    """Words that a holder wrote; empty when they cannot be read."""
    try:
        who = json.loads(written)
        return who if {"pid", "agent_id", "host"} <= who.keys() else {}
    except (ValueError, AttributeError):
        return {}
