"""While the disk refuses the spool: predictions go out from memory, marked, and people are told.

Nothing of it is kept or acknowledged. What was held is processed for good when there is room, with
the same revisions; a prediction published here is then published again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Literal

from broker.codec import encode
from broker.errors import printable
from broker.messages import Alert
from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.errors import LinkError
from edge_agent.links.mqtt import Session
from edge_agent.pipeline.publish import PREDICTION_EXPIRES_S
from edge_agent.ports import Envelope, Outgoing

Preview = Callable[[Sequence[Envelope]], Awaitable[list[Outgoing]]]
REFUSED = (
    "spool-refused",
    "the disk refuses the spool: nothing is acknowledged; predictions go on from memory, unsaved",
)
WORDS = 2000
"""Characters of an alert."""
TAKEN = ("spool-takes-again", "the disk takes the spool again: everything is being saved")


class Unsaved:
    """Past the spool, on whatever session there is; see ``pipeline.hold.Fallback``."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        preview: Preview,
        problem: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Nothing is said yet.

        Args:
            problem: why the spool's file is not the right one any more, if that is the trouble.
        """
        self._settings, self._clock, self._preview = settings, clock, preview
        self._problem = problem
        self.sessions: dict[str, Session] = {}
        """The open session of each press."""
        self._said: set[str] | None = None
        """Keys of what went out since the disk refuses; None while it does not."""

    async def refused(self, held: Sequence[Envelope]) -> None:
        """Messages that the disk does not take: publish what they would lead to."""
        await self.unwritten(await self._preview(held))

    async def unwritten(self, messages: Sequence[Outgoing]) -> None:
        """Results that the disk does not take: publish the predictions among them."""
        if self._said is None:
            self._said = set()
            code, words = REFUSED
            await self._alert((code, printable(self._problem() or words, WORDS)), "critical")
        said = self._said
        for message in messages:
            session = self.sessions.get(message.press)
            if message.retain and message.key not in said and session is not None:
                said.add(message.key)
                with suppress(LinkError):
                    await session.publish(
                        message.topic,
                        message.payload,
                        retain=True,
                        unsaved=True,
                        expires_s=PREDICTION_EXPIRES_S,
                    )

    async def taken(self) -> None:
        """The disk takes everything again."""
        if self._said is not None:
            self._said = None
            await self._alert(TAKEN, "info")

    async def _alert(self, news: tuple[str, str], severity: Literal["info", "critical"]) -> None:
        code, words = news
        for press in self._settings.addresses():
            alert = Alert(
                ts=self._clock.now(),
                site=press.site,
                press=press.press,
                code=code,
                severity=severity,
                words=words,
            )
            await self._publish(press, encode(alert, self._settings.broker.payload_format))

    async def _publish(self, press: PressAddress, payload: bytes) -> None:
        session = self.sessions.get(str(press))
        if session is not None:
            with suppress(LinkError):
                await session.publish(self._settings.topics.alert(press), payload, unsaved=True)
