"""Record of one thing that was done to a press: what may change the shots after it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict

from broker.messages import PressEvent
from broker.messages.events import EventKind
from broker.timestamps import parse_timestamp
from broker.topics import PressAddress
from twin_core.learning.past_results import PastResults
from twin_core.learning.press_results import Event

EVENT_KINDS = frozenset(get_args(EventKind))
"""Kinds of the table ``event`` that are such a thing; the others are steps of shots, and orders."""


class LoggedEvent(BaseModel):
    """Maintenance, cleaning, another lot, another sensor."""

    model_config = ConfigDict(frozen=True)

    site: str
    press: str
    mold_id: str = ""
    """Mold that it concerns; empty for the whole press."""
    kind: str
    """Of ``EVENT_KINDS``."""
    part: str = ""
    """Sensor that was replaced, or component whose lot, line or pump it concerns."""
    ts: AwareDatetime
    known_at: AwareDatetime
    """When it became known."""

    @classmethod
    def of(cls, press: PressAddress, event: PressEvent, received_at: datetime) -> LoggedEvent:
        """Event as a press tells it.

        Args:
            press: the press.
            event: the event.
            received_at: when it arrived.
        """
        return cls(
            site=press.site,
            press=press.press,
            mold_id=event.mold_id or "",
            kind=event.event,
            part=event.sensor or event.component or "",
            ts=event.ts,
            known_at=received_at,
        )

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> LoggedEvent:
        """Event of a history.

        Args:
            row: of the table ``event``, with one of ``EVENT_KINDS``.
        """
        document = row["document"] if isinstance(row["document"], Mapping) else {}
        ts = parse_timestamp(row["ts"])
        known = row["received_at"]
        return cls(
            site=row["site"],
            press=row["press"],
            mold_id=row["mold_id"] or "",
            kind=row["kind"],
            part=document.get("sensor") or document.get("component") or "",
            ts=ts,
            known_at=ts if known is None else parse_timestamp(known),
        )

    @property
    def address(self) -> str:
        """Its press, as one text."""
        return f"{self.site}/{self.press}"

    @property
    def known_s(self) -> float:
        """When it became known [s]."""
        return self.known_at.timestamp()

    def is_as(self, other: LoggedEvent) -> bool:
        """True if another record tells of the same thing."""
        return self.model_copy(update={"known_at": other.known_at}) == other

    def report(self, past: PastResults) -> None:
        """Report it to past results, at its turn in time."""
        sensor = self.part if self.kind == "sensor_replaced" else ""
        where = self.site, self.press, self.mold_id
        past.happened(Event(self.ts.timestamp(), self.known_s, *where, self.kind, sensor))
