"""The MQTT session of the pages: it hears presses and twin, and comes back by itself."""

from __future__ import annotations

import asyncio

from broker.codec import decode
from broker.errors import PayloadError
from edge_agent.config.settings import Settings
from edge_agent.errors import LinkError
from edge_agent.links.mqtt import Session, connect, passing_id
from edge_agent.links.publish_packet import Incoming
from edge_agent.logs import get_logger
from edge_agent.web.live.state import LiveState

BATCH = 256
RETRY_FIRST_S, RETRY_MAX_S = 0.5, 5.0


def topics_of(settings: Settings) -> list[str]:
    """Topic filters of what the pages show, without overlap."""
    site = "+" if settings.web.every_site else settings.site
    return settings.topics.shown(site)


class Listener:
    """Keeps the live state in step with the broker while ``run`` runs."""

    def __init__(self, settings: Settings, live: LiveState) -> None:
        self._settings, self._live = settings, live
        self.session: Session | None = None
        """The open session, for what the pages send."""

    async def run(self) -> None:
        """Listen until cancelled; a session that is lost is opened again."""
        pause = RETRY_FIRST_S
        while True:
            try:
                async with connect(self._settings.broker, passing_id("web")) as session:
                    await session.subscribe(topics_of(self._settings))
                    self.session = session
                    self._live.set_broker(None)
                    get_logger().info("web_link_connected")
                    pause = RETRY_FIRST_S
                    await self._listen(session)
            except LinkError as error:
                if self._live.broker is None or self._live.broker.words != str(error):
                    get_logger().warning("web_link_lost", error=str(error), hint=error.hint)
                self._live.set_broker(str(error))
            except Exception as error:  # whatever it is: never silently deaf
                get_logger().exception("web_listener_failed", error=repr(error))
                self._live.set_broker(repr(error))
            finally:
                self.session = None
            await asyncio.sleep(pause)
            pause = min(2 * pause, RETRY_MAX_S)

    async def _listen(self, session: Session) -> None:
        while True:
            batch = await session.next_batch(BATCH)
            for message in batch:
                self._take(message)
            session.acknowledge(batch)

    def _take(self, came: Incoming) -> None:
        try:
            at = self._settings.topics.parse(came.topic)
            message = decode(at.channel, came.payload, came.content_type)
        except PayloadError:
            return  # the agent makes the dead letter
        self._live.hear(at, message, retained=came.retained)
