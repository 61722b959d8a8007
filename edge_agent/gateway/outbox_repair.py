"""A damaged outbox is set aside, what can be read is saved into a new one, and the gateway goes on.

The new one has another suffix: its devices count anew, under other ids.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from broker.codec import Format
from broker.timestamps import parse_timestamp
from edge_agent.errors import StoreError
from edge_agent.gateway.outbox import Outbox
from edge_agent.gateway.outbox_tables import OUTBOX, OUTBOX_TABLES
from edge_agent.spool.damaged_file import (
    is_damage,
    problems_of_file,
    put_back,
    readable,
    replaced,
)
from edge_agent.spool.packed_state import unpack_state
from edge_agent.spool.spool_file import SpoolFile

_TYPES: dict[str, tuple[type, ...]] = {
    "id": (int,),
    "seq": (int,),
    "next_seq": (int,),
    "historical": (int,),
    "may_try_again": (int,),
    "payload": (bytes,),
    "value": (str, bytes),
    "taken_at": (str, type(None)),
    "refused": (str, type(None)),
    "earliest_ts": (str, type(None)),
}
"""Types of columns that are not text."""
_TIMES = ("created_at", "ts", "taken_at", "earliest_ts")


@dataclass(frozen=True)
class Repaired:
    """Result of the repair of a damaged outbox."""

    damaged: Path | None
    """Where it lies now, untouched; None when nothing was there."""
    problems: list[str]
    saved: dict[str, int]
    """Rows saved by table."""


def open_outbox(
    path: Path, now: datetime, gateway_id: str = "", payload_format: Format = "json"
) -> tuple[Outbox, Repaired | None]:
    """Open an outbox; a damaged one is set aside first, what is readable goes into a new one.

    Raises:
        SpoolInUse: another process has it.
        StoreError: the disk cannot be used.
    """
    file = SpoolFile(path, gateway_id, OUTBOX)
    try:
        if put_back(file):
            problems = problems_of(path)
        elif file.fresh:
            problems = []
        else:
            problems = [file.lost] if file.lost is not None else problems_of(path)
        if not problems:
            try:
                return Outbox(path, file, payload_format), None
            except StoreError as error:
                if not isinstance(error.__cause__, sqlite3.Error) or not is_damage(error.__cause__):
                    raise
                problems = [str(error.__cause__)]

        def begin(damaged: Path | None) -> tuple[Outbox, dict[str, int]]:
            outbox = Outbox(file.path, file, payload_format)
            try:
                rows = {} if damaged is None else readable(damaged, OUTBOX_TABLES, _is_whole)
                return outbox, outbox.restore(rows)
            except BaseException:
                outbox.close()
                raise

        (outbox, saved), damaged = replaced(file, now, begin)
        return outbox, Repaired(damaged, problems, saved)
    except OSError as error:
        file.close()
        words = f"{path}: the damaged outbox cannot be set aside: {error}"
        raise StoreError(words) from error
    except BaseException:
        file.close()
        raise


def problems_of(path: Path) -> list[str]:
    """Problems of an outbox, in words; empty when it is sound or does not exist.

    Raises:
        StoreError: the file cannot be opened at all (rights, disk).
    """
    return problems_of_file(path, OUTBOX.noun, OUTBOX.owner, OUTBOX_TABLES)


def _is_whole(columns: tuple[str, ...], row: list[object]) -> bool:
    """True if a row reads as it was written: damage may leave one that SQLite still accepts."""
    values = dict(zip(columns, row, strict=True))
    try:
        if "value" in values:
            unpack_state(values["value"])  # type: ignore[arg-type]
        for name in _TIMES:
            if values.get(name) is not None:
                parse_timestamp(values[name])
        if values.get("kind", "shot") not in {"telemetry", "shot"}:
            return False
    except (ValueError, TypeError, RecursionError):
        return False
    return all(isinstance(value, _TYPES.get(name, (str,))) for name, value in values.items())
