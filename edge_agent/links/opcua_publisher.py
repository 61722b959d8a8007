"""Publish requests: some are always open, and what is safe is acknowledged with the next one."""

from __future__ import annotations

import asyncio
import math
from collections import deque

from asyncua import ua

from edge_agent.errors import LinkError
from edge_agent.links.opcua_decoding import Notification, notification_message, publish_response
from edge_agent.links.opcua_session import OpcUaSession

OPEN_COUNT = 4
"""Requests that the server has: it needs one for each message, while we write the last one."""
_AGAIN = {ua.StatusCodes.BadTimeout, ua.StatusCodes.BadRequestTimeout}
_TOO_MANY = ua.StatusCodes.BadTooManyPublishRequests
_GONE = {ua.StatusCodes.BadNoSubscription, ua.StatusCodes.BadSubscriptionIdInvalid}


class Publisher:
    """Notifications of a session, in their order."""

    def __init__(self, session: OpcUaSession, where: str) -> None:
        """Open the requests.

        Args:
            session: one that has a subscription.
            where: source and address, for errors.
        """
        self._session, self._where = session, where
        self.silence_s = math.inf
        """Longest time without a word from the server [s]; then the link is lost."""
        self._waited_s = 0.0
        self._acknowledgements: list[ua.SubscriptionAcknowledgement] = []
        self._open: deque[asyncio.Task[bytes]] = deque()
        for _ in range(OPEN_COUNT):
            self._send()

    async def next(self, timeout_s: float) -> list[Notification]:
        """The next notifications, all that are here; none after ``timeout_s``.

        Raises:
            LinkError: the link is lost, or nothing came for too long.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.wait({self._open[0]}, timeout=timeout_s)
        if not self._open[0].done():
            self._waited_s += loop.time() - began
            if self._waited_s > self.silence_s:
                raise LinkError(
                    f"{self._where}: silent for {self._waited_s:.1f} s: the link is half open",
                    hint="look at the network and the server",
                )
            return []
        self._waited_s = 0.0
        found = []
        while self._open and self._open[0].done():
            if (notification := self._answer(self._open.popleft())) is not None:
                found.append(notification)
        return found

    def acknowledge(self, notification: Notification) -> None:
        """Tell the server with the next request that a notification is safe with us."""
        self._acknowledgements.append(
            ua.SubscriptionAcknowledgement(notification.subscription, notification.sequence)
        )

    def refill(self) -> None:
        """Send requests for those that were answered."""
        while len(self._open) < OPEN_COUNT:
            self._send()

    async def again(self, subscription: int, sequence: int) -> Notification | None:
        """A message that the server still has because it was not acknowledged; else None."""
        request = ua.RepublishRequest()
        request.Parameters.SubscriptionId = subscription
        request.Parameters.RetransmitSequenceNumber = sequence
        try:
            message = notification_message(subscription, await self._session.raw(request))
        except ua.UaStatusCodeError:
            return None
        return message if message.sequence == sequence and not message.is_keep_alive else None

    def close(self) -> None:
        """End the requests on our side."""
        for task in self._open:
            task.cancel()
            task.add_done_callback(_seen)

    def _send(self) -> None:
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = self._acknowledgements
        self._acknowledgements = []
        self._open.append(asyncio.create_task(self._session.raw(request, 0)))

    def _answer(self, task: asyncio.Task[bytes]) -> Notification | None:
        try:
            return publish_response(task.result())
        except ua.UaStatusCodeError as error:
            if error.code == _TOO_MANY and self._open:
                return None
            if error.code in _AGAIN:
                self._send()
                return None
            if error.code in _GONE:
                raise LinkError(f"{self._where}: the server has ended our subscription") from None
            raise


def _seen(task: asyncio.Task[bytes]) -> None:
    if not task.cancelled():
        task.exception()
