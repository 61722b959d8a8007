"""A damaged spool is set aside, what can be read is saved into a new one, and the agent goes on."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from broker.timestamps import parse_timestamp
from edge_agent.errors import StoreError
from edge_agent.spool.damaged_file import (
    Row,
    is_damage,
    problems_of_file,
    put_back,
    readable,
    replaced,
)
from edge_agent.spool.packed_state import unpack_state
from edge_agent.spool.spool import Spool
from edge_agent.spool.spool_file import SPOOL, SpoolFile
from edge_agent.spool.tables import OLDER_TABLES, SPOOL_TABLES

_TYPES = {
    "id": int,
    "payload": bytes,
    "retain": int,
    "content_type": str | None,
    "value": str | bytes,
}
"""Types of columns that are not text."""


@dataclass(frozen=True)
class Repair:
    """Result of a repair of a damaged spool."""

    damaged: Path | None
    """Where it lies now, untouched; None when nothing was there."""
    problems: list[str]
    saved: dict[str, int]
    """Rows saved by table."""


def problems_of(path: Path, *, thorough: bool = False) -> list[str]:
    """Problems of a spool file, in words; empty when it is sound or does not exist.

    Nothing is changed or made.

    Args:
        thorough: also check every index against its table.

    Raises:
        StoreError: the file cannot be opened at all (rights, disk).
    """
    return problems_of_file(path, SPOOL.noun, SPOOL.owner, SPOOL_TABLES, thorough=thorough)


def open_spool(path: Path, now: datetime, agent_id: str = "") -> tuple[Spool, Repair | None]:
    """Open a spool; a damaged one is set aside first and what is readable goes into a new one.

    Raises:
        SpoolInUse: another process has it.
        StoreError: the disk cannot be used.
    """
    file = SpoolFile(path, agent_id)
    try:
        if put_back(file):
            problems = problems_of(path)
        elif file.fresh:
            problems = []
        else:
            problems = [file.lost] if file.lost is not None else problems_of(path)
        if not problems:
            try:
                return Spool(path, file), None
            except StoreError as error:
                if not isinstance(error.__cause__, sqlite3.Error) or not is_damage(error.__cause__):
                    raise
                problems = [str(error.__cause__)]
        return _salvaged(file, problems, now)
    except OSError as error:
        file.close()
        raise StoreError(f"{path}: the damaged spool cannot be set aside: {error}") from error
    except BaseException:
        file.close()
        raise


def _salvaged(file: SpoolFile, problems: list[str], now: datetime) -> tuple[Spool, Repair]:
    """Set a spool aside and open a new one with its rows: as a whole, or not at all."""

    def begin(damaged: Path | None) -> tuple[Spool, dict[str, int]]:
        spool = Spool(file.path, file)
        try:
            return spool, spool.restore({} if damaged is None else _rows(damaged))
        except BaseException:
            spool.close()
            raise

    (spool, saved), damaged = replaced(file, now, begin)
    return spool, Repair(damaged, problems, saved)


def _rows(damaged: Path) -> dict[str, list[Row]]:
    """Rows that can be read; of a table that older programs had otherwise, as they had it."""
    found = readable(damaged, SPOOL_TABLES, _is_whole)
    older = {table: columns for table, columns in OLDER_TABLES.items() if table not in found}
    return found | readable(damaged, older, _is_whole)


def _is_whole(columns: tuple[str, ...], row: list[object]) -> bool:
    """True if a row reads as it was written: damage may leave one that SQLite still accepts."""
    values = dict(zip(columns, row, strict=True))
    try:
        if "document" in values:
            json.loads(values["document"])  # type: ignore[arg-type]
        if "value" in values:
            unpack_state(values["value"])  # type: ignore[arg-type]
        for name in {"received_at", "created_at", "at"} & values.keys():
            parse_timestamp(values[name])
    except (ValueError, TypeError, RecursionError):
        return False
    return all(isinstance(value, _TYPES.get(name, str)) for name, value in values.items())
