"""MQTT topics of others, in any shape: each message becomes samples, and is acknowledged after.

The broker keeps the session while we are away, so what was sent with QoS 1 comes later, marked
historical. A message that comes again because the broker did not hear that it was safe is known
by its packet id and content, which travel in the position.
"""

from __future__ import annotations

import asyncio
import struct
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from time import monotonic
from zlib import crc32

from edge_agent.clock import Clock
from edge_agent.config.gateway_sources import MqttSource
from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import NotAuthorized
from edge_agent.links.arrival_times import ArrivalTimes
from edge_agent.links.foreign_filters import (
    covers,
    number_of,
    some_overlap,
    subscriptions,
)
from edge_agent.links.foreign_messages import MessageReader
from edge_agent.links.foreign_topics import found_tags
from edge_agent.links.mqtt import Session, connect, passing_id
from edge_agent.links.publish_packet import Incoming
from edge_agent.links.tag_source import Deliver, FoundTag, Position, Sample, SampleBatch
from edge_agent.links.told_once import ToldOnce
from edge_agent.logs import get_logger

AT_ONCE = 500
"""Messages that are delivered together."""
GATHER_S = 0.03
"""How long a message waits for others, so that they are made safe together."""
IN_FLIGHT = 20
"""Messages that a broker has under way at least, before the first is acknowledged."""
WHOLE = 1_000_000
"""More messages than ever wait here: the broker stops at the receive maximum."""
SILENCE_LOOK_S = 0.5
"""How often tags are looked at that may be silent, at most."""
_KNOWN = struct.Struct(">HI")


class ForeignMqttLink:
    """Topics of a broker as a source of tags.

    Attributes:
        listen_s: how long ``browse`` listens [s].
    """

    listen_s = 3.0

    def __init__(
        self,
        name: str,
        settings: MqttSource,
        broker: BrokerSettings,
        client_id: str,
        clock: Clock,
    ) -> None:
        """Make a link; nothing is opened yet.

        Args:
            name: of the source in the configuration.
            settings: topics and tags.
            broker: that of the gateway, used if the source names none.
            client_id: names the session that the broker keeps: the same at every start, and
                nobody else's.
            clock: gives the times of arrival.
        """
        self.name = name
        self._settings, self._broker = settings, settings.broker or broker
        self._client_id, self._clock = client_id, clock

    async def run(self, deliver: Deliver, position: Position) -> None:
        """Receive until the link is lost: see ``TagSource.run``."""
        async with connect(self._broker, self._client_id, keep=True) as session:
            await _Reception(self._settings, session, self._broker, self._clock).run(
                deliver, position, f"{self._client_id}/nothing"
            )

    async def browse(self) -> AsyncIterator[FoundTag]:
        """What stands in the messages of the configured topics within some seconds.

        Raises:
            LinkError: the broker cannot be asked.
        """
        async with connect(self._broker, passing_id("gateway-browse")) as session:
            await session.subscribe(topics_of(self._settings))
            end = monotonic() + self.listen_s
            seen: set[str] = set()
            while (left_s := end - monotonic()) > 0.0:
                batch: Sequence[Incoming] = ()
                with suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        batch = await session.next_batch(AT_ONCE)
                session.acknowledge(batch)
                for message in batch:
                    for found in found_tags(message.topic, message.payload, seen):
                        yield found


def topics_of(settings: MqttSource) -> list[str]:
    """Filters to which a source subscribes."""
    return subscriptions(tag.topic for tag in settings.tags.values())


class _Reception:
    """Messages of one connection, from the first to the loss of the link."""

    def __init__(
        self, settings: MqttSource, session: Session, broker: BrokerSettings, clock: Clock
    ) -> None:
        self._settings, self._session, self._clock = settings, session, clock
        self._broker = broker
        self._reader = MessageReader(settings)
        self._told = ToldOnce(unchanged=True)
        self._safe: deque[bytes] = deque(maxlen=broker.receive_maximum)
        """Packet id and check sum of what is safe with us, and may come again."""
        session.gather(lambda _message: True, broker.receive_maximum // 2, GATHER_S)
        self._topics = topics_of(settings)
        self._numbered = session.numbers_subscriptions and some_overlap(self._topics)
        """Two of the topics may match one message, which comes with their numbers."""
        self._granted: list[str] = []
        self._arrivals = ArrivalTimes(clock)
        self._heard_s = dict.fromkeys(settings.tags, monotonic())

    async def run(self, deliver: Deliver, position: Position, nothing: str) -> None:
        """Deliver what comes; ``nothing`` is a topic to which nobody has subscribed."""
        refused = await self._subscribe(position)
        await deliver(SampleBatch(refused, self._position()))
        if self._session.present:
            await self._read_backlog(deliver, nothing)
        while True:
            await self._deliver(await self._next(), deliver, backlog=False)

    async def _read_backlog(self, deliver: Deliver, nothing: str) -> None:
        """Read what the broker kept, until it has no more.

        It sends as many as it may have under way, and again as many as were acknowledged; its
        answer to the end of a subscription comes after them. So fewer than that are the last.
        """
        acknowledged = IN_FLIGHT
        while True:
            await self._session.unsubscribe([nothing])
            batch = self._session.here(WHOLE)
            window = max(len(batch), self._broker.receive_maximum)  # brokers send more than that
            self._safe = deque(self._safe, maxlen=window)
            for at in range(0, len(batch), AT_ONCE):
                await self._deliver(batch[at : at + AT_ONCE], deliver, backlog=True)
            if len(batch) < acknowledged:
                return
            acknowledged = len(batch)

    async def _subscribe(self, position: Position) -> list[Sample]:
        """Subscribe, unless the broker still has us as we were; tags whose topic it refuses.

        Who subscribes again gets every retained message again.
        """
        before = set(position.get("topics", ()))
        if self._session.present:
            known = b64decode(position.get("safe", ""))
            self._safe.extend(part for (part,) in struct.iter_unpack(f"{_KNOWN.size}s", known))
            same = self._numbered is position.get("numbered", False)
            if same and before == set(self._topics):
                self._granted = self._topics
                return []
            if stale := sorted(before - set(self._topics)):
                await self._session.unsubscribe(stale)
        if not self._numbered:
            with suppress(NotAuthorized):
                await self._session.subscribe(self._topics)
                self._granted = self._topics
                return []
        return [sample for topic in self._topics for sample in await self._try(topic)]

    async def _try(self, topic: str) -> list[Sample]:
        try:
            await self._session.subscribe([topic], number_of(topic) if self._numbered else None)
        except NotAuthorized as error:
            now = self._clock.now()
            return [
                Sample(name, now, fault=str(error), of_arrival=True)
                for name, tag in self._settings.tags.items()
                if tag.topic == topic or covers(topic, tag.topic)
            ]
        self._granted = [*self._granted, topic]
        return []

    async def _next(self) -> list[Incoming]:
        """The next messages; none if tags may have become silent."""
        silent_s = self._settings.silent_s
        if silent_s is None:
            return await self._session.next_batch(AT_ONCE)
        with suppress(TimeoutError):
            async with asyncio.timeout(min(silent_s, SILENCE_LOOK_S)):
                return await self._session.next_batch(AT_ONCE)
        return []

    async def _deliver(self, batch: list[Incoming], deliver: Deliver, *, backlog: bool) -> None:
        samples = [sample for message in batch for sample in self._samples(message, backlog)]
        samples += self._silent()
        if news := [sample for sample in samples if self._told.worth_telling(sample)]:
            await deliver(SampleBatch(news, self._position()))
        self._session.acknowledge(batch)

    def _samples(self, message: Incoming, backlog: bool) -> Iterable[Sample]:
        if message.unreadable is not None:
            get_logger().warning("message_unreadable", reason=message.unreadable)
            return []
        if message.qos:
            content = crc32(message.payload, crc32(message.topic.encode()))
            known = _KNOWN.pack(message.mid, content)
            if message.repeated and known in self._safe:
                return []
            self._safe.append(known)
        arrived = self._arrivals.of(message)
        samples = list(self._reader.read(message, arrived, backlog=backlog))
        for sample in samples:
            self._heard_s[sample.tag] = monotonic()
        return samples

    def _silent(self) -> list[Sample]:
        silent_s, now_s = self._settings.silent_s, monotonic()
        if silent_s is None:
            return []
        now, words = self._clock.now(), f"no message for {silent_s:g} s"
        return [
            Sample(tag, now, fault=words, of_arrival=True)
            for tag, heard_s in self._heard_s.items()
            if now_s - heard_s >= silent_s
        ]

    def _position(self) -> Position:
        numbered = {"numbered": True} if self._numbered else {}
        safe = b64encode(b"".join(self._safe)).decode()
        return numbered | {"topics": self._granted, "safe": safe}
