"""Document of remembered shots, as an agent of a group leaves it at the broker.

Rows of other versions of this program are read as far as they fit: what they do not say is not
known, and a row that does not fit is left out and logged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from edge_agent.inference.earlier_rows import POURED, Earlier
from edge_agent.logged_shots.logged_event import LoggedEvent
from edge_agent.logs import get_logger


class MemoryDocument(BaseModel):
    """Rows of shots, and what was done to the press."""

    columns: list[str] = []
    """Names of the numbers in each ``poured``."""
    shots: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    intervals: dict[str, Any] = {}
    """What was seen of corrections of the mold, by target: with the results of these shots, so
    that none counts twice."""


def packed(
    rows: Iterable[Earlier] = (),
    events: Iterable[LoggedEvent] = (),
    intervals: Mapping[str, Any] | None = None,
) -> str:
    """Pack rows and events into a document.

    Args:
        rows: of shots.
        events: of the press.
        intervals: what was seen of corrections of the mold.
    """
    shots = []
    for row in rows:
        document = row.model_dump(mode="json", exclude_defaults=True)
        poured = document.pop("poured", None)
        if poured is not None:
            document["poured"] = [poured.get(name) for name in POURED]
        shots.append(document)
    found = MemoryDocument(
        columns=list(POURED) if shots else [],
        shots=shots,
        events=[event.model_dump(mode="json", exclude_defaults=True) for event in events],
        intervals=dict(intervals or {}),
    )
    return json.dumps(found.model_dump(exclude_defaults=True), separators=(",", ":"))


def shots_of(document: MemoryDocument) -> Iterator[Earlier]:
    """Rows of a document."""
    for packed_row in document.shots:
        row, values = dict(packed_row), packed_row.get("poured")
        if isinstance(values, list):
            named = zip(document.columns, values, strict=False)
            row["poured"] = {name: value for name, value in named if value is not None}
        try:
            yield Earlier.model_validate(row)
        except ValidationError as error:
            get_logger().warning("earlier_shot_unreadable", error=str(error)[:500])


def events_of(document: MemoryDocument) -> Iterator[LoggedEvent]:
    """Events of a document."""
    for event in document.events:
        try:
            yield LoggedEvent.model_validate(event)
        except ValidationError as error:
            get_logger().warning("press_events_unreadable", error=str(error)[:500])
