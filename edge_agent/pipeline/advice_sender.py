"""Keeps the advice of a press at the broker, during one session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from broker.messages import Advice
from broker.topics import PressAddress, TopicSpace
from edge_agent.errors import NotAuthorized, PublishDeferred, PublishRefused
from edge_agent.links.mqtt import Session
from edge_agent.logs import get_logger
from edge_agent.pipeline.advised import AdviceBook

PAUSE_S = 1.0
"""Between two looks."""


class AdviceSender:
    """Retains every advice of a press: at the beginning of a session, and when one has changed.

    It does not expire as a prediction does: an advice counts until its material goes.
    """

    def __init__(
        self,
        book: AdviceBook,
        press: PressAddress,
        session: Session,
        topics: TopicSpace,
        payload: Callable[[Advice], bytes],
    ) -> None:
        """Nothing is sent yet."""
        self._book, self._press, self._session = book, press, session
        self._topics, self._payload = topics, payload
        self._sending = asyncio.Lock()
        self._sent: dict[str, Advice] = {}
        """By mold, as the broker has it."""

    async def run(self) -> None:
        """Send what there is, then what changes.

        Raises:
            LinkError: the session is over; the next one begins with all of it.
        """
        news = self._book.news(self._press)
        while True:
            news.clear()
            if await self.send():
                await news.wait()
            else:
                await asyncio.sleep(PAUSE_S)

    async def send(self) -> bool:
        """Send what the broker does not have as it is; false when it has not taken all of it.

        Raises:
            LinkError: the session is over.
        """
        all_taken = True
        async with self._sending:
            for advice in self._book.of_press(self._press):
                if self._sent.get(advice.mold_id) == advice:
                    continue
                topic = self._topics.advice(self._press, advice.mold_id)
                taken = False
                with suppress(PublishDeferred):
                    try:
                        await self._session.publish(topic, self._payload(advice), retain=True)
                    except (PublishRefused, NotAuthorized) as error:  # the rules may be changed
                        get_logger().error(
                            "publish_refused",
                            stage="publish",
                            press=self._press.press,
                            error=str(error),
                        )
                    taken = True
                if taken:
                    self._sent[advice.mold_id] = advice
                all_taken &= taken
        return all_taken
