"""Results of one press: its molds, shots that wait for something, and what was done to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from twin_core.learning.ledger import Ledger
from twin_core.learning.memory import Memory
from twin_core.learning.residual_features import NAN, NO_INPUTS


class Measured(NamedTuple):
    """Values by target, when they became known, and when a later record corrected them [s]."""

    at_s: float
    values: dict[str, float]
    until_s: float = math.inf


@dataclass
class Waiting:
    """A shot of which something is still to come."""

    physics: dict[str, float] = field(default_factory=dict)
    """Computed value of each target."""
    inputs: tuple[float, ...] = NO_INPUTS
    """How it was poured, see ``columns.INPUTS``."""
    poured_at_s: float = NAN
    basis: str = ""
    """What the physics rests on."""
    is_odd: bool = False
    """Its inputs are in another unit: nothing about it is to be learned."""
    shot_id: str = ""
    measured: list[Measured] = field(default_factory=list)
    """Measurements that came before the physics."""


class Event(NamedTuple):
    """Something that was done to a press, one of its molds, or its material."""

    at_s: float
    """When it was done [s]."""
    known_s: float
    """When that became known [s]."""
    site: str
    press: str
    mold_id: str = ""
    """Empty: all molds of the press."""
    kind: str = ""
    """``lot_change``, ``maintenance``, ``cleaning``, ``sensor_replaced``."""
    sensor: str = ""
    """The channel of a sensor that was replaced."""

    @property
    def address(self) -> str:
        """Its press, as one text."""
        return f"{self.site}/{self.press}"

    def concerns(self, mold_id: str, target: str) -> bool:
        """May it change the residuals of a target on a mold?

        Cleaning is routine, of each shift or even each shot: the speeds follow what it changes.
        """
        if self.kind == "cleaning":
            return False
        of_target = {"p_max": "p_cavity", "T_core_max": "T_core"}
        only = [name for name, head in of_target.items() if self.sensor.startswith(head)]
        return self.mold_id in ("", mold_id) and (not only or target in only)


@dataclass
class PressResults:
    """Results of one press."""

    molds: dict[str, Ledger] = field(default_factory=dict)
    waiting: dict[str, dict[str, Waiting]] = field(default_factory=dict)
    """By mold and shot, in order of the pours."""
    events: list[Event] = field(default_factory=list)
    """What was done, in order of time."""

    def events_of(self, mold_id: str, target: str, at_s: float) -> list[float]:
        """When something was done that concerns a target on a mold, known before a moment [s]."""
        return sorted(
            event.at_s
            for event in self.events
            if event.at_s < at_s and event.known_s < at_s and event.concerns(mold_id, target)
        )

    def memories(self, address: str, name: str, at_s: float, basis: str) -> dict[str, Memory]:
        """The memory of each mold for a target, by press and mold."""
        return {
            f"{address}/{mold}": ledger.memory(name, at_s, basis, self.events_of(mold, name, at_s))
            for mold, ledger in self.molds.items()
        }
