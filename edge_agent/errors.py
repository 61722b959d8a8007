"""Errors of the agent, in the tree of ``twin_core.errors``.

TwinError
├── InputError
│   ├── SettingsError   the configuration is wrong; every wrong field is named
│   │   └── NameTaken   another agent runs with this agent_id
│   └── TableError      a table of shots cannot be read, written or compared
├── MissingExtra        something was asked for that needs packages which are not installed
├── LinkError           the broker cannot be reached or refused us (retryable)
│   ├── PacketError       the broker sent what is not MQTT
│   ├── CredentialsError  a certificate, key or password file cannot be used just now
│   ├── NotAuthorized   the broker's access rules do not allow it
│   ├── PublishRefused  the broker will never take this message
│   └── PublishDeferred the broker does not take this message now
│       └── NobodySubscribes  it takes it, and nobody would get it
└── StoreError          spool or history cannot be written or read (retryable)
"""

from __future__ import annotations

import errno
import os
import socket
import sqlite3

from twin_core.errors import InputError, TwinError
from twin_core.extras import how_to_install


class SettingsError(InputError):
    """A configuration file or environment variable that cannot be used."""


class NameTaken(SettingsError):
    """Error: another agent with this site and agent_id was there before this one."""

    usual_hint = (
        "stop one of them, or give this one an agent_id, a certificate and a spool of its own; "
        "of a copied machine, remove the copied spool and session secret, too"
    )


class TableError(InputError):
    """A Parquet or CSV file of shots that cannot be used, or two that do not fit together."""


class MissingExtra(TwinError):
    """A package of an extra is not installed; ``hint`` says how to install it."""

    def __init__(self, message: str, extra: str) -> None:
        super().__init__(message, hint=how_to_install(extra))


class LinkError(TwinError):
    """The link to the broker is down or refused a request; tried again with back-off."""

    retryable = True


class PacketError(LinkError):
    """The broker sent a packet that cannot be read; the connection was given up."""

    usual_hint = "look at broker and proxies: what they sent is not what MQTT says"


class CredentialsError(LinkError):
    """A file of ``broker.tls`` or ``broker.password_file`` cannot be used; a new one may come."""

    usual_hint = "correct the named file or field; it is read again at every connect"


class NotAuthorized(LinkError):
    """The broker's access rules do not allow it: a result that it refuses is a dead letter.

    Rules may be changed, so subscriptions and statuses are tried again.
    """

    usual_hint = (
        "let the access rules of the broker allow it to this user: docs/broker.md has who may "
        "write and read what, `pur-mold-twin broker init` writes them"
    )


class PublishRefused(LinkError):
    """The broker refused a message for good (its topic or payload); it becomes a dead letter."""

    retryable = False


class PublishDeferred(LinkError):
    """The broker does not take a message now: it is busy, or a quota is used up."""

    usual_hint = "look at the broker's limits and load: its log may say more"


class NobodySubscribes(PublishDeferred):
    """The broker has no subscriber for a message, so it is not kept for anybody either."""

    usual_hint = "start the agent of this press, and see that site, press and topic_prefix are its"


class StoreError(TwinError):
    """The spool or the history cannot be used just now; nothing is acknowledged meanwhile.

    Raised from an error of the disk, its hint is that of ``disk_hint``.
    """

    retryable = True

    @property
    def hint(self) -> str:
        """Hint how to go on; empty where the message says it."""
        return super().hint or disk_hint(self.__cause__)


def disk_hint(error: BaseException | None) -> str:
    """Hint after an error of the disk or of SQLite, by its number; empty for others."""
    if isinstance(error, ConnectionError | TimeoutError | socket.gaierror):
        return ""
    if isinstance(error, OSError):
        words = _BY_ERRNO.get(error.errno or 0, _DISK)
    elif isinstance(error, sqlite3.Error):
        words = _BY_SQLITE_CODE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "")
    else:
        return ""
    return words.format(user=os.geteuid())


_DISK = "look at the disk: is it mounted, writable and not full?"
_FULL = "make room on this disk, or name a path on another one"
_RIGHT = "let the user with id {user}, who runs this, read and write the file and its folder"
_READ_ONLY = (
    "the file system is read-only: mount it writable (mount -o remount,rw), or name a path on "
    "another one; after a fault of the disk the kernel makes it so: dmesg says"
)
_FAILS = "the disk fails: dmesg says how; save what is on it, and replace it"
_NOT_THERE = "make the folder, or correct the path; is the disk mounted that should be there?"
_DAMAGED = (
    "the file is damaged, or no SQLite file: put a copy of it back, or move it away and a new one "
    "is made"
)
_LOCKED = "another program has the file locked: end it"
_BY_ERRNO = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "the quota of the user with id {user} is used up: raise it, or make room",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f, LimitFSIZE=)",
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _RIGHT,
    errno.EPERM: _RIGHT,
    errno.ENOENT: _NOT_THERE,
    errno.ENOTDIR: "a part of the path is a file, not a folder: correct the path",
    errno.EISDIR: "the path names a folder: name a file in it",
    errno.EIO: _FAILS,
    errno.EMFILE: "raise the limit on open files (ulimit -n, LimitNOFILE=)",
    errno.ENAMETOOLONG: "shorten the name",
    errno.ELOOP: "the path goes through a link that is not followed: name the file itself",
}
_BY_SQLITE_CODE = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: f"{_RIGHT}; or {_READ_ONLY}",
    sqlite3.SQLITE_CANTOPEN: f"{_RIGHT}; or {_NOT_THERE}",
    sqlite3.SQLITE_PERM: _RIGHT,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
}
