"""Record of one shot: what is known of it, from its start until it is forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from broker.messages import Outcome, Recipe
from broker.timestamps import Timestamp
from broker.topics import PressAddress
from edge_agent.shots.cure_readings import CureReadings
from edge_agent.shots.shot_key import key_of_older


class Reading(BaseModel):
    """One value of a signal."""

    model_config = ConfigDict(frozen=True)

    ts: Timestamp
    value: float


class Shot(BaseModel):
    """Everything known about one shot; survives a restart as JSON."""

    site: str
    press: str
    shot_id: str
    mold_id: str
    shot_key: str = ""
    """Its identity, made of its first event; shots of older spools get one when they are read."""
    system_id: str | None = None
    recipe: Recipe | None = None
    started_at: Timestamp | None = None
    poured_at: Timestamp | None = None
    closed_at: Timestamp | None = None
    outcome: Outcome | None = None
    inputs: dict[str, Reading] = {}
    """Last reading of each input signal at the pour, or the first after it."""
    latest: dict[str, Reading] = {}
    T_core_max_C: float | None = None
    p_cavity_max_bar: float | None = None
    cure: CureReadings = CureReadings()
    """What a learned model may ask of it; empty once it is finished."""
    frames_count: int = 0
    simulated: bool = False
    revision: int = 0
    """Of its last prediction; 0 before the first. One counter of the press gives the numbers."""
    live_at: Timestamp | None = None
    """Time of the press at the last prediction."""
    predicted_inputs: str | None = None
    """What the last simulation started from; when it changes the shot is simulated again."""
    finished: bool = False
    """The final result is out."""

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
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
        return self

    @property
    def address(self) -> PressAddress:
        """Its press."""
        return PressAddress(self.site, self.press)

    @property
    def begun_at(self) -> datetime | None:
        """Start, or pour where no start was reported."""
        return self.started_at or self.poured_at

    def contains(self, ts: datetime) -> bool:
        """True if a reading of this mold at this time belongs to the shot."""
        begun = self.begun_at
        return (
            begun is not None and begun <= ts and (self.closed_at is None or ts <= self.closed_at)
        )
