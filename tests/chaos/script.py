"""What a press sends: shots in two molds at once, frames between, now and then a bad payload."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from broker.codec import encode
from broker.messages import Recipe, ShotEvent, TelemetryFrame

SITE = "test"
HOSTILE_PRESS = "p9"
"""A press of the agent whose certificate is in hostile hands."""
MOLDS = ("PANEL_A", "PANEL_B")
POISON_EVERY = 97
"""One message in so many is a payload that nobody can read."""


@dataclass(slots=True)
class Sent:
    """A message of a press, and what became of it at the broker."""

    topic: str
    message: TelemetryFrame | ShotEvent | bytes
    attempts: int = 0
    """How often it was sent."""
    first_acked: int | None = None
    """The first attempt that the broker acknowledged."""

    def payload(self) -> bytes:
        """The bytes, the same in every attempt: other content would be another message."""
        return self.message if isinstance(self.message, bytes) else encode(self.message)

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
            yield Sent(f"pur/v1/{SITE}/{press}/telemetry", _poison(press, number, rng))


def _shots(
    press: str, mold: str, rng: random.Random, now: Callable[[], datetime]
) -> Iterator[Sent]:
    """Shots of one mold, one after the other: started, readings, poured, cure, demolded."""
    topic, seq, shot = f"pur/v1/{SITE}/{press}", 0, 0

    def frame(**sensors: float) -> Sent:
        nonlocal seq
        seq += 1
        message = TelemetryFrame(
            ts=now(), device_id=f"d-{mold}", seq=seq, mold_id=mold, sensors=sensors
        )
        return Sent(f"{topic}/telemetry", message)

    def event(kind: str, **more: Any) -> Sent:
        fields = {"ts": now(), "shot_id": f"{press}-{mold}-{shot}", "mold_id": mold, "event": kind}
        return Sent(f"{topic}/shot", ShotEvent.model_validate(fields | more))

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


def _poison(press: str, number: int, rng: random.Random) -> bytes:
    """A payload that must become a dead letter; each is another."""
    bad: dict[str, Any] = {"v": 99, "press": press, "number": number}
    match rng.randrange(3):
        case 0:
            return json.dumps(bad).encode()[:-1]
        case 1:
            return json.dumps(bad).encode()
        case _:
            return json.dumps(bad | {"v": 1, "ts": "yesterday", "device_id": "d"}).encode()
