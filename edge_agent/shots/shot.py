"""Record of one shot: what is known of it, from its start until it is forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal, Self

from pydantic import BaseModel, model_validator

from broker.messages import Outcome, Recipe, ShotEvent
from broker.timestamps import Timestamp
from broker.topics import PressAddress
from edge_agent.shots.cure_readings import CureReadings
from edge_agent.shots.shot_key import key_of_older
from edge_agent.shots.steps import ENDS, Group, fingerprint, step

_NO_OFFSET = timedelta()


@dataclass(slots=True)  # a dozen a frame: frozen, or a model, would cost three times as much
class Reading:
    """One value of a signal; never changed."""

    ts: Timestamp
    value: float
    stands_in: bool = False
    """Later readings before the pour were impossible."""


class Shot(BaseModel):
    """Everything known about one shot; survives a restart as JSON."""

    site: str
    press: str
    shot_id: str
    mold_id: str
    shot_key: str = ""
    """Its identity, made of its first event; shots of older spools get one when they are read."""
    events: list[ShotEvent] = []
    """Events that it is made of, in order of time (``edge_agent.shots.steps``)."""
    origin: str = ""
    """Fingerprint of the event that the key is made of."""
    system_id: str | None = None
    recipe: Recipe | None = None
    started_at: Timestamp | None = None
    poured_at: Timestamp | None = None
    closed_at: Timestamp | None = None
    outcome: Outcome | None = None
    given_up_at: Timestamp | None = None
    """End of a shot that nobody ended; a real end takes its place."""
    given_up_as: Outcome | None = None
    superseded_by: str | None = None
    """Key of the next shot of its mold, with which it ended."""
    inputs: dict[str, Reading] = {}
    """Last reading of each input signal at the pour, or the first after it."""
    latest: dict[str, Reading] = {}
    T_core_max_C: float | None = None
    p_cavity_max_bar: float | None = None
    cure: CureReadings = CureReadings()
    """What a learned model may ask of it; empty once it is finished."""
    clock_offset_s: float = 0.0
    """Of the press's clock against the agent's at its last event, when that is wrong."""
    frames_count: int = 0
    newest_us: int = -(2**62)
    """Time of its newest frame [µs]."""
    heard_us: dict[str, tuple[int, int]] = {}
    """Times of the first and last frame by device [µs]; after a restart what lies between them
    counts as a repeat."""
    readings_left_out: dict[str, dict[str, int]] = {}
    """Impossible readings by channel and reason."""
    probe: Literal["unknown", "hot", "good"] = "unknown"
    probe_C: float = 0.0
    """Does the core's probe still hold the heat of the part before?"""
    simulated: bool = False
    revision: int = 0
    """Of its last prediction; 0 before the first. One counter of the press gives the numbers."""
    heard_revision: int = 0
    """Of a later prediction, by another agent of the group that may not have kept it."""
    live_at: Timestamp | None = None
    """Time of the press at the last prediction."""
    predicted_inputs: str | None = None
    """What the last simulation started from; when it changes the shot is simulated again."""
    finished: bool = False
    """The final result is out."""
    final_of: str | None = None
    """What the final result was made of; when it changes the result is corrected."""
    corrected: list[str] = []
    """Why the final result was corrected."""

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        if not self.events:
            self.events = self._events_of_older()
        if not self.shot_key:
            self.shot_key = key_of_older(
                self.address,
                self.mold_id,
                self.shot_id,
                poured_at=self.poured_at,
                started_at=self.started_at,
                closed_at=self.closed_at,
                outcome=self.outcome,
            )
        known = self.origin and self.origin in map(fingerprint, self.events)
        if self.events and not known:
            self.origin = fingerprint(self.events[0])  # none, or that of an older program
        return self

    def _events_of_older(self) -> list[ShotEvent]:
        """Events of a shot that an older program kept, which did not keep them."""
        steps: list[tuple[str, datetime | None]] = [("started", self.started_at)]
        if self.system_id is not None and self.recipe is not None:
            steps.append(("poured", self.poured_at))
        if self.outcome in ENDS:
            steps.append((self.outcome, self.closed_at))
        elif self.closed_at is not None and self.given_up_at is None:
            self.given_up_at, self.given_up_as = self.closed_at, self.outcome
        common = {"shot_id": self.shot_id, "mold_id": self.mold_id, "simulated": self.simulated}
        poured = {"system_id": self.system_id, "recipe": self.recipe}
        return [
            ShotEvent.model_validate(
                common | {"event": kind, "ts": ts} | (poured if kind == "poured" else {})
            )
            for kind, ts in steps
            if ts is not None
        ]

    def follow(self, events: Group) -> bool:
        """Be what these events say; false when nothing but their number changes.

        The pour decides on mold, system and recipe, then the start, then the end.
        """
        before = self._said()
        self.events = list(events)
        started, poured, end = step(events, "started"), step(events, "poured"), step(events, *ENDS)
        decides = [event for event in (poured, started, end) if event is not None]
        self.mold_id = decides[0].mold_id
        self.system_id = next((e.system_id for e in decides if e.system_id is not None), None)
        self.recipe = next((e.recipe for e in decides if e.recipe is not None), None)
        self.simulated = any(event.simulated for event in events)
        self.started_at = started.ts if started is not None else None
        self.poured_at = poured.ts if poured is not None else None
        self._end(end)
        return self._said() != before

    @property
    def key_event(self) -> ShotEvent | None:
        """The event that the key is made of; None once it is another shot's."""
        return next((event for event in self.events if fingerprint(event) == self.origin), None)

    @property
    def is_ended(self) -> bool:
        """Did the press say that it ended?"""
        return self.outcome in ENDS

    def give_up(
        self, at: datetime | None, outcome: Outcome | None, superseded_by: str | None = None
    ) -> bool:
        """Nobody ended it: it counts as ended, or with None as open; false when that is known."""
        before = self._said()
        self.given_up_at, self.given_up_as, self.superseded_by = at, outcome, superseded_by
        self._end(step(self.events, *ENDS))
        return self._said() != before

    def _end(self, end: ShotEvent | None) -> None:
        if end is None:
            self.closed_at, self.outcome = self.given_up_at, self.given_up_as
        else:
            self.closed_at = end.ts
            self.outcome = "demolded" if end.event == "demolded" else "aborted"

    def _said(self) -> tuple[object, ...]:
        return (
            *(self.mold_id, self.system_id, self.recipe, self.simulated),
            *(self.started_at, self.poured_at, self.closed_at, self.outcome),
        )

    @cached_property
    def address(self) -> PressAddress:
        """Its press."""
        return PressAddress(self.site, self.press)

    @property
    def begun_at(self) -> datetime | None:
        """Start, or pour where no start was reported."""
        return self.started_at or self.poured_at

    @property
    def clock_offset(self) -> timedelta:
        """Press's clock minus the agent's; 0 when nothing is wrong."""
        return timedelta(seconds=self.clock_offset_s) if self.clock_offset_s else _NO_OFFSET

    @property
    def is_behind(self) -> bool:
        """True if another agent had a later word on it than ours: ours must be said anew."""
        return self.revision < self.heard_revision

    def accepts(self, mold_id: str | None) -> bool:
        """Whether readings that name the shot may name this mold, or none."""
        if mold_id is None or mold_id == self.mold_id:
            return True
        return any(event.mold_id == mold_id for event in self.events)

    def facts(self) -> str:
        """What a final result is made of, as text to compare."""
        return self.model_dump_json(
            include={"mold_id", "system_id", "recipe", "started_at", "poured_at", "closed_at"}
            | {"outcome", "T_core_max_C", "p_cavity_max_bar", "frames_count", "inputs"}
            | {"readings_left_out"}
        )

    def contains(self, ts: datetime) -> bool:
        """True if a reading of this mold at this time belongs to the shot."""
        begun = self.begun_at
        return (
            begun is not None and begun <= ts and (self.closed_at is None or ts <= self.closed_at)
        )
