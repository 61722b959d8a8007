"""Counts of a gateway's devices: each message gets the next number of its device."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from broker.timestamps import parse_timestamp
from edge_agent.gateway.outbox_entry import Draft

SUFFIX_BYTES = 3
DEVICE_CHARACTERS = 64 - 1 - 2 * SUFFIX_BYTES
"""Of a device's name in its id; an id has 64."""
Key = tuple[str, str]
"""Press and device as configured."""


@dataclass(slots=True)
class Count:
    """A count of messages."""

    device_id: str
    """As on the wire."""
    next_seq: int = 0
    earliest: datetime | None = None
    """Time of the earliest message of this count; nothing before it is about this count."""

    def number(self, ts: datetime) -> int:
        """Give the next number to a message of this time."""
        if self.earliest is None or ts < self.earliest:
            self.earliest = ts
        self.next_seq += 1
        return self.next_seq - 1


class DeviceCounts:
    """All counts, as the file has them."""

    def __init__(self, db: sqlite3.Connection, suffix: str) -> None:
        """Read the counts.

        Args:
            db: the outbox.
            suffix: what new devices have at the end of their ids.
        """
        self._suffix = suffix
        query = "SELECT press, device, device_id, next_seq, earliest_ts FROM device"
        self._counts = {
            (press, device): Count(device_id, seq, parse_timestamp(ts) if ts else None)
            for press, device, device_id, seq, ts in db.execute(query)
        }
        self._ids = set(db.execute("SELECT DISTINCT press, device_id FROM message"))
        self._ids |= {(press, one.device_id) for (press, _), one in self._counts.items()}

    def device_id(self, press: str, device: str) -> str:
        """The id of a device on the wire, or what it will be."""
        known = self._counts.get((press, device))
        return known.device_id if known is not None else _device_id(device, self._suffix)

    def is_own(self, press: str, device_id: str) -> bool:
        """True if this outbox has, or had, messages of this id."""
        return (press, device_id) in self._ids

    def of_id(self, press: str, device_id: str) -> tuple[Key, Count] | None:
        """The running count that has this id."""
        for key, count in self._counts.items():
            if key[0] == press and count.device_id == device_id:
                return key, count
        return None

    def anew(self, key: Key, suffix: str | None = None) -> Count:
        """A count of a device from 0 on, under an id that no other one of its press has."""
        press, device = key
        suffix = suffix or new_suffix()
        while (press, device_id := _device_id(device, suffix)) in self._ids:
            suffix = new_suffix()
        return Count(device_id)

    def keep(self, counts: dict[Key, Count]) -> None:
        """Counts that are on disk now."""
        self._counts |= counts
        self._ids |= {(press, one.device_id) for (press, _), one in counts.items()}

    def copy(self, draft: Draft, copies: dict[Key, Count]) -> Count:
        """The count of a draft's device among ``copies``, which are kept when they are on disk."""
        key = (str(draft.press), draft.device)
        count = copies.get(key)
        if count is None:
            known = self._counts.get(key)
            count = replace(known) if known is not None else self._first(key, copies)
            copies[key] = count
        return count

    def _first(self, key: Key, copies: dict[Key, Count]) -> Count:
        count = self.anew(key, self._suffix)
        given = {one.device_id for (press, _), one in copies.items() if press == key[0]}
        return count if count.device_id not in given else self.anew(key)


def new_suffix() -> str:
    """A suffix that nobody has."""
    return secrets.token_hex(SUFFIX_BYTES)


def rows_of(counts: dict[Key, Count]) -> Iterator[tuple[str, str, str, int, str | None]]:
    """Counts as rows of the table ``device``."""
    for (press, device), one in counts.items():
        earliest = None if one.earliest is None else one.earliest.isoformat()
        yield press, device, one.device_id, one.next_seq, earliest


def _device_id(device: str, suffix: str) -> str:
    return f"{device[:DEVICE_CHARACTERS]}-{suffix}"
