"""Quality records of one shot, as rows of a history: which of them count, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broker.timestamps import parse_timestamp
from edge_agent.shots.named_shots import Pour, newest_before

Row = Mapping[str, Any]
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


def replaced_by_later(rows: Sequence[Row]) -> list[bool]:
    """Does a later record correct this one, for each row?

    A record says in ``corrects`` which earlier one it replaces: by its number, or its time.

    Args:
        rows: of one shot, ``in_order``.
    """
    documents = [row["document"] if isinstance(row["document"], Mapping) else {} for row in rows]
    return [
        any(_names(later.get("corrects"), row, document) for later in documents[number + 1 :])
        for number, (row, document) in enumerate(zip(rows, documents, strict=True))
    ]


def merged(rows: Sequence[Row]) -> dict[str, Any]:
    """Values of all records of a shot: of each field the newest that is not corrected.

    A defect that somebody found stays, unless its record is corrected.

    Args:
        rows: of one shot, in any order.
    """
    known = in_order(rows)
    found: dict[str, Any] = {}
    for row, replaced in zip(known, replaced_by_later(known), strict=True):
        if replaced:
            continue
        document = row["document"] if isinstance(row["document"], Mapping) else row
        found |= {name: document[name] for name in NUMBERS if document.get(name) is not None}
        defects = found.get("defects", []) + list(document.get("defects") or [])
        found["defects"] = list(dict.fromkeys(defects))
    return found


def _names(corrects: Any, row: Row, document: Mapping[str, Any]) -> bool:
    """Is this the record that ``corrects`` names?"""
    if not isinstance(corrects, Mapping):
        return False
    if corrects.get("record_id") is not None:
        return bool(corrects["record_id"] == document.get("record_id"))
    try:
        return parse_timestamp(corrects.get("ts")) == parse_timestamp(row["ts"])
    except ValueError:
        return False
