"""Look whether a history file has shots at all, without the libraries that questions need."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

BUSY_S = 1.0


def any_shots(path: Path, site: str, presses: Iterable[str]) -> bool | None:
    """Whether a shot of one of these presses is in a history file; None where nobody can tell.

    Args:
        path: the file, read only.
        site: site of the presses.
        presses: names of presses.
    """
    names = list(presses)
    question = f"SELECT 1 FROM shot WHERE site = ? AND press IN ({','.join('?' * len(names))})"
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_S)) as db:
            return db.execute(f"{question} LIMIT 1", (site, *names)).fetchone() is not None
    except sqlite3.Error:  # no such file, no such table, busy
        return None
