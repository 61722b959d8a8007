"""A session at a broker that answers when the test says so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(eq=False)
class Sent:
    """A publish, and the broker's word on it."""

    topic: str
    payload: bytes
    retain: bool
    historical: bool
    unsaved: bool
    expires_s: int | None
    outcome: asyncio.Future[None]

    def accept(self) -> None:
        """The broker has it."""
        self.outcome.set_result(None)

    def refuse(self, error: Exception) -> None:
        """It refuses it, or the link is lost."""
        self.outcome.set_exception(error)


class PlayedSession:
    """As ``links.mqtt.Session`` publishes; ``accepts`` at once, or when it is told to."""

    def __init__(self, *, present: bool = True, accepts: bool = False) -> None:
        self.present, self.accepts = present, accepts
        self.sent: list[Sent] = []
        self.flushes = 0

    @property
    def payloads(self) -> list[bytes]:
        """All that was published, in order."""
        return [sent.payload for sent in self.sent]

    def send(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        historical: bool = False,
        unsaved: bool = False,
        expires_s: int | None = None,
    ) -> asyncio.Future[None]:
        """See ``Session.send``."""
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sent = Sent(topic, payload, retain, historical, unsaved, expires_s, outcome)
        self.sent.append(sent)
        if self.accepts:
            sent.accept()
        return outcome

    def flush(self) -> None:
        """See ``Session.flush``."""
        self.flushes += 1

    def answer_all(self) -> None:
        """Accept what is not answered yet."""
        for sent in self.sent:
            if not sent.outcome.done():
                sent.accept()
