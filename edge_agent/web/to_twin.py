"""To the twin: what people enter, published until the broker has taken it."""

from __future__ import annotations

from broker.codec import encode
from broker.messages import AdviceWord, AlertAck, QualityRecord
from broker.topics import PressAddress
from edge_agent.config.settings import Settings
from edge_agent.errors import LinkError
from edge_agent.logs import get_logger
from edge_agent.web.live.listener import Listener

AWAY = "the broker is away: nothing was sent"
AGAIN = "what was typed stays here: send it again when the lamp of the broker is green"


class ToTwin:
    """Sends in the session of the pages; a message is sent when the broker says so."""

    def __init__(self, settings: Settings, listener: Listener) -> None:
        """Nothing is sent.

        Args:
            settings: topics, and the form of payloads.
            listener: has the session while the broker is there.
        """
        self._settings, self._listener = settings, listener

    async def record(self, press: PressAddress, record: QualityRecord) -> None:
        """Send a quality record of a press.

        Raises:
            LinkError: the broker is away, or refuses it; the record was perhaps sent. Sent again
                under the same ``record_id`` it takes its own place.
        """
        await self._send(self._settings.topics.quality(press), record)

    async def acknowledge(self, press: PressAddress, ack: AlertAck) -> None:
        """Send an acknowledgement of an alert of a press.

        Raises:
            LinkError: as ``record``; an acknowledgement that comes twice counts once.
        """
        await self._send(self._settings.topics.alert_ack(press), ack)

    async def advise(self, press: PressAddress, word: AdviceWord) -> None:
        """Send a word about an advice for a mold of a press.

        Raises:
            LinkError: as ``record``; a word that comes twice counts once.
        """
        await self._send(self._settings.topics.advice_word(press), word)

    async def _send(self, topic: str, message: QualityRecord | AlertAck | AdviceWord) -> None:
        session = self._listener.session
        if session is None:
            raise LinkError(AWAY, hint=AGAIN)
        try:
            await session.publish(topic, encode(message, self._settings.broker.payload_format))
        except LinkError as error:
            get_logger().warning("message_not_sent", topic=topic, error=str(error))
            raise LinkError(f"not sent: {error}", hint=error.hint or AGAIN) from error
        get_logger().info("message_sent", topic=topic)
