"""What a press sends: shots in two molds at once, frames between, now and then a bad payload."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from broker.messages import Recipe, ShotEvent, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.gateway.numbered import payload_of
from edge_agent.gateway.outbox_entry import Draft, Kind

SITE = "test"
HOSTILE_PRESS = "p9"
"""A press of the agent whose certificate is in hostile hands."""
MOLDS = ("PANEL_A", "PANEL_B")
POISON_EVERY = 97
"""One message in so many is a payload that nobody can read."""


CUT = "cut"
"""Field of a document whose payload loses its last byte on its way into the outbox."""


@dataclass(slots=True)
class Sent:
    """A message of a press, and what became of it at the broker."""

    draft: Draft
    model: TelemetryFrame | ShotEvent | None
    """As it was said, with a number that is not its own; None for what nobody can read."""
    device_id: str = ""
    seq: int = -1
    """Its place in the count, when it has one."""
    attempts: int = 0
    """How often it was sent."""
    first_acked: int | None = None
    """The first attempt that the broker acknowledged."""

    def number(self, device_id: str, seq: int) -> None:
        """Note the place that the outbox gives it."""
        self.device_id, self.seq = device_id, seq

    @property
    def message(self) -> TelemetryFrame | ShotEvent | bytes:
        """As it travels."""
        if self.model is None:
            return self.payload()
        return self.model.model_copy(update={"device_id": self.device_id, "seq": self.seq})

    def payload(self) -> bytes:
        """The bytes, the same in every attempt: other content would be another message."""
        whole = payload_of(self.draft.document, self.device_id, self.seq, "json")
        return whole[:-1] if self.draft.document.get(CUT) else whole

    @property
    def digest(self) -> str:
        """What a dead letter calls it."""
        return hashlib.sha256(self.payload()).hexdigest()


def script(
    press: str, rng: random.Random, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[Sent]:
    """Messages without end, each dated when it is asked for."""
    running = [_shots(press, mold, rng, now) for mold in MOLDS]
    number = 0
    while True:
        number += 1
        yield next(running[rng.randrange(len(running))])
        if number % POISON_EVERY == 0:
            poison = _poison(press, number, rng)
            yield Sent(
                Draft(PressAddress(SITE, press), "d-poison", "telemetry", now(), poison), None
            )


def _shots(
    press: str, mold: str, rng: random.Random, now: Callable[[], datetime]
) -> Iterator[Sent]:
    """Shots of one mold, one after the other: started, readings, poured, cure, demolded."""
    address, shot = PressAddress(SITE, press), 0

    def said(kind: Kind, message: TelemetryFrame | ShotEvent) -> Sent:
        left_out = {"device_id", "seq"}
        document = message.model_dump(mode="json", exclude=left_out, exclude_none=True)
        return Sent(Draft(address, f"d-{mold}", kind, message.ts, document), message)

    def frame(**sensors: float) -> Sent:
        message = TelemetryFrame(ts=now(), device_id="d", seq=0, mold_id=mold, sensors=sensors)
        return said("telemetry", message)

    def event(kind: str, **more: Any) -> Sent:
        fields = {"ts": now(), "shot_id": f"{press}-{mold}-{shot}", "mold_id": mold, "event": kind}
        return said("shot", ShotEvent.model_validate(fields | more))

    while True:
        shot += 1
        yield event("started")
        yield frame(T_polyol_C=round(rng.gauss(23.0, 1.0), 2), T_iso_C=23.0)
        yield frame(T_mold_C=round(rng.gauss(42.0, 1.0), 2))
        recipe = Recipe(m_polyol_kg=round(rng.gauss(0.5, 0.01), 4), m_iso_kg=0.53)
        yield event("poured", system_id="SYSTEM_R1", recipe=recipe)
        for _ in range(rng.randrange(40, 120)):
            yield frame(T_core_C=round(rng.uniform(30.0, 120.0), 2), p_cavity_bar=1.2)
        yield event("demolded")


def _poison(press: str, number: int, rng: random.Random) -> dict[str, Any]:
    """A message that must become a dead letter; each is another."""
    bad: dict[str, Any] = {"v": 99, "press": press, "number": number}
    match rng.randrange(3):
        case 0:
            return bad | {CUT: True}
        case 1:
            return bad
        case _:
            return bad | {"v": 1, "ts": "yesterday"}
