"""Quality records of one shot, as rows of a history: which of them count, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from broker.timestamps import parse_timestamp
from edge_agent.shots.named_shots import Pour, newest_before

Row = Mapping[str, Any]
ById = tuple[str, str, str]
"""Site, press and ``shot_id``."""
NUMBERS = (
    *("rho_moulded_kg_per_m3", "rho_free_rise_kg_per_m3", "H_demold_shore", "H_24h_shore"),
    *("t_demold_safe_s", "defect_risk_operator"),
)
"""Fields of a record that a later one may bring, or correct."""


def known_at(row: Row) -> str:
    """When a record became known: when it arrived, or its own time where an older program kept it.

    Args:
        row: of the table ``quality``.
    """
    return str(row["received_at"] or row["ts"])


def pours_by_id(shots: Iterable[Row]) -> dict[ById, list[Pour]]:
    """Pours of shots, by their id.

    Args:
        shots: rows of the table ``shot``; those that were not poured are left out.
    """
    found: dict[ById, list[Pour]] = {}
    for row in shots:
        if row["poured_at"] is not None:
            pour = Pour(
                shot_key=row["shot_key"],
                mold_id=row["mold_id"] or "",
                poured_at=parse_timestamp(row["poured_at"]),
            )
            found.setdefault((row["site"], row["press"], row["shot_id"]), []).append(pour)
    return found


def key_of_record(row: Row, pours: Sequence[Pour]) -> str | None:
    """Key of the shot of a record: its own, or that of the newest shot poured before it.

    None where there is none, and where several molds have one: nobody knows which.

    Args:
        row: of the table ``quality``.
        pours: of the shots of its site, press and ``shot_id``.
    """
    if row["shot_key"] is not None:
        return str(row["shot_key"])
    before = newest_before(pours, row["mold_id"], parse_timestamp(row["ts"]))
    return before[0].shot_key if len(before) == 1 else None


def key_of_early_record(row: Row, pours: Sequence[Pour]) -> str | None:
    """Key of the first shot of the id that a record precedes, to tell of it; it is not to be used.

    Args:
        row, pours: as in ``key_of_record``.
    """
    fitting = [pour for pour in pours if row["mold_id"] in (None, pour.mold_id)]
    first = min(fitting, key=lambda pour: pour.poured_at, default=None)
    if first is None or first.poured_at <= parse_timestamp(row["ts"]):
        return None
    return first.shot_key


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Records in the order in which they became known."""
    return sorted(rows, key=lambda row: (parse_timestamp(known_at(row)), str(row["ts"])))


class Said(NamedTuple):
    """Names of a quality record: its own, and that of the one it corrects."""

    known_at: datetime
    ts: datetime
    record_id: str | None = None
    corrects_id: str | None = None
    corrects_ts: datetime | None = None

    def names(self, other: Said) -> bool:
        """Is the other the record that this one corrects?"""
        if self.corrects_id is not None:
            return self.corrects_id == other.record_id
        return self.corrects_ts is not None and self.corrects_ts == other.ts


def replaced_at(records: Sequence[Said]) -> list[datetime | None]:
    """When a record became known that replaces this one, for each; None where none does.

    A record says in ``corrects`` which one it replaces, by its number or its time, whichever came
    first. Of several with one ``record_id`` the last word counts, and of two that name each other.

    Args:
        records: of one shot, in the order in which they became known.
    """
    found = list[datetime | None]()
    for number, record in enumerate(records):
        times = [
            other.known_at
            for place, other in enumerate(records)
            if place != number and _replaces(other, record, later=place > number)
        ]
        found.append(min(times, default=None))
    return found


def _replaces(other: Said, record: Said, *, later: bool) -> bool:
    if record.record_id is not None and record.record_id == other.record_id:
        return later
    return other.names(record) and (later or not record.names(other))


def said(row: Row) -> Said:
    """Names of a record of the table ``quality``."""
    document = row["document"] if isinstance(row["document"], Mapping) else {}
    corrects = document.get("corrects")
    corrects = corrects if isinstance(corrects, Mapping) else {}
    try:
        corrects_ts = parse_timestamp(corrects["ts"])
    except (KeyError, ValueError, TypeError):
        corrects_ts = None
    known, ts = parse_timestamp(known_at(row)), parse_timestamp(row["ts"])
    return Said(known, ts, document.get("record_id"), corrects.get("record_id"), corrects_ts)


def that_count(rows: Sequence[Row]) -> list[Row]:
    """Records that no other replaces, in the order in which they became known.

    Args:
        rows: of one shot, in any order.
    """
    known = in_order(rows)
    times = replaced_at([said(row) for row in known])
    return [row for row, replaced in zip(known, times, strict=True) if replaced is None]


def merged(rows: Sequence[Row]) -> dict[str, Any]:
    """Values of all records of a shot: of each field the newest that is not corrected.

    A defect that somebody found stays, unless its record is corrected.

    Args:
        rows: of one shot, in any order.
    """
    found: dict[str, Any] = {}
    for row in that_count(rows):
        document = row["document"] if isinstance(row["document"], Mapping) else row
        found |= {name: document[name] for name in NUMBERS if document.get(name) is not None}
        defects = found.get("defects", []) + list(document.get("defects") or [])
        found["defects"] = list(dict.fromkeys(defects))
        if document.get("left_out"):
            found["left_out"] = found.get("left_out", {}) | document["left_out"]
    return found
