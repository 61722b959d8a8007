"""Files that hold a secret: read when it is used, so that it can be exchanged in a running agent.

A path ``credentials:NAME`` is the file NAME in ``$CREDENTIALS_DIRECTORY``: of systemd, or of the
secrets of a container. ``LoadCredential=pur:FOLDER`` gives its files the prefix ``pur_``, which a
path leaves out.
"""

from __future__ import annotations

import os
from pathlib import Path

from twin_core.plain_files import FileRefused, read_text

BYTES_MAX = 1_000_000
"""The authorities of the whole world, as Debian ships them, have a quarter of it."""
SCHEME = "credentials:"
PREFIX = "pur_"
"""Of the unit's ``LoadCredential=pur:/etc/pur-mold-twin/credentials``."""


class SecretFileError(Exception):
    """The file cannot be used; the text names field, file and the way out."""


def read_secret(field: str, path: Path) -> str:
    """The text of a file.

    Raises:
        SecretFileError: it cannot be read.
    """
    try:
        return read_text(resolved(field, path), BYTES_MAX)
    except FileRefused as error:
        raise SecretFileError(
            f"{field}: {path}: {error.problem}: the user that runs this (id {os.geteuid()}) must "
            "find a text file it may read"
        ) from None


def resolved(field: str, path: Path) -> Path:
    """Place of the file.

    Raises:
        SecretFileError: it is a credential of systemd, and there are none.
    """
    if not str(path).startswith(SCHEME):
        return path
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder is None:
        raise SecretFileError(
            f"{field}: {path}: $CREDENTIALS_DIRECTORY is not set: run as a systemd unit "
            "with LoadCredential=, or give the path of a file"
        )
    name = str(path).removeprefix(SCHEME)
    prefixed = Path(folder, PREFIX + name)
    return prefixed if prefixed.exists() else Path(folder, name)
