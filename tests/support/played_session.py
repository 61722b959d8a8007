"""A session at a broker that answers when the test says so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Unpack

from edge_agent.links.mqtt import SendOptions


@dataclass(eq=False, kw_only=True)
class Sent:
    """A publish with its options, and the broker's word on it."""

    topic: str
    payload: bytes
    outcome: asyncio.Future[None]
    retain: bool = False
    historical: bool = False
    unsaved: bool = False
    expires_s: int | None = None
    heard: bool = False

    def accept(self) -> None:
        """The broker has it."""
        self.outcome.set_result(None)

    def refuse(self, error: Exception) -> None:
        """Refuse it, or lose the link."""
        self.outcome.set_exception(error)


class PlayedSession:
    """A ``links.mqtt.Session`` that only publishes; ``accepts`` at once, or later."""

    def __init__(self, *, present: bool = True, accepts: bool = False) -> None:
        self.present, self.accepts = present, accepts
        self.sent: list[Sent] = []
        self.flushes = 0

    @property
    def payloads(self) -> list[bytes]:
        """All that was published, in order."""
        return [sent.payload for sent in self.sent]

    def send(
        self, topic: str, payload: bytes, **options: Unpack[SendOptions]
    ) -> asyncio.Future[None]:
        """Publish as ``Session.send`` does."""
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sent = Sent(topic=topic, payload=payload, outcome=outcome, **options)
        self.sent.append(sent)
        if self.accepts:
            sent.accept()
        return outcome

    owes_s = 0.0
    """How long the broker has owed its next answer, as the test says [s]."""

    def flush(self) -> None:
        """Count what ``Session.flush`` would write."""
        self.flushes += 1

    def answer_all(self) -> None:
        """Accept what is not answered yet."""
        for sent in self.sent:
            if not sent.outcome.done():
                sent.accept()
