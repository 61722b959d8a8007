"""Sparkplug B edge nodes of others as a source of tags.

Their data is QoS 0: no broker keeps it for us, and none hears from us that it is safe. What was
delivered is; what a kill, or a lost link, takes away between the broker and the disk shows as a
jump in ``seq``, or as a birth that is missing, and is asked for again as a rebirth, if that is
allowed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from time import monotonic

from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.topics import NAMESPACE, MessageKind, SparkplugTopic, parse_topic
from edge_agent.clock import Clock
from edge_agent.config.gateway_sources import SparkplugSource
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.arrival_times import ArrivalTimes
from edge_agent.links.bounded_inbox import BoundedInbox
from edge_agent.links.heard_edge_node import HeardEdgeNode
from edge_agent.links.left_out import LeftOut
from edge_agent.links.mqtt import Session, connect, passing_id
from edge_agent.links.publish_packet import Incoming
from edge_agent.links.rebirth_requests import RebirthRequests, rebirth_command
from edge_agent.links.sample_runs import runs_of
from edge_agent.links.sparkplug_browse import browse_births
from edge_agent.links.tag_source import Deliver, FoundTag, Position, Sample, SampleBatch
from edge_agent.links.told_once import ToldOnce
from edge_agent.logs import get_logger

LOOK_S = 0.25
"""How often it is looked at whether a birth is missing."""
SETTLE_S = 0.3
"""So long after the connection a birth is waited for before one is asked for."""
GATHER_COUNT, GATHER_S = 200, 0.03
"""Messages that wait for others, and how long, so that they are made safe together."""
TOLD_EVERY_S = 60.0
"""A reason is told in the log at most so often."""
_OF_NODE = (MessageKind.NBIRTH, MessageKind.NDATA, MessageKind.NDEATH)
_OF_DEVICES = (MessageKind.DBIRTH, MessageKind.DDATA, MessageKind.DDEATH)


class SparkplugLink:
    """An edge node, and the devices behind it, as a source of tags.

    Attributes:
        left_out: messages and values that were not used, since the start, by ``LeftOut``.
        listen_s: how long ``browse`` listens at most [s].
        quiet_s: births of devices follow that of their edge node within so long [s].
        waiting_bytes: of messages that wait while the disk refuses, at most.
    """

    listen_s, quiet_s = 5.0, 1.0
    waiting_bytes = 32_000_000

    def __init__(
        self,
        name: str,
        settings: SparkplugSource,
        broker: BrokerSettings,
        client_id: str,
        clock: Clock,
    ) -> None:
        """Make a link; nothing is opened yet.

        Args:
            name: of the source in the configuration.
            settings: edge node and tags.
            broker: that of the gateway, used if the source names none.
            client_id: nobody else's.
            clock: gives the times of arrival.
        """
        self.name = name
        self.left_out: Counter[str] = Counter()
        self._settings, self._broker = settings, settings.broker or broker
        self._client_id, self._clock = client_id, clock
        self._requests = RebirthRequests()
        self._told: dict[str, tuple[int, float]] = {}
        """Count of each reason when it was last told in the log, and when."""

    async def run(self, deliver: Deliver, position: Position) -> None:
        """Receive until the link is lost: see ``TagSource.run``.

        Raises:
            SettingsError: the edge node is one of the twin's own.
        """
        async with connect(self._broker, self._client_id, keep=False) as session:
            session.gather(lambda _message: True, GATHER_COUNT, GATHER_S)
            inbox = BoundedInbox(session, self.waiting_bytes)
            async with inbox.open():
                await session.subscribe(topics_of(self._settings))
                await deliver(SampleBatch([]))
                await self._read(session, inbox, deliver)

    async def browse(self) -> AsyncIterator[FoundTag]:
        """The metrics of the births of the edge node and its devices.

        Raises:
            LinkError: the broker cannot be asked, or no birth comes within some seconds.
            SettingsError: the edge node is one of the twin's own.
        """
        settings = self._settings
        async with connect(self._broker, passing_id("gateway-browse")) as session:
            await session.subscribe(topics_of(settings))
            if settings.rebirth:
                self._ask(session)
            async for found in browse_births(session, settings, self.listen_s, self.quiet_s):
                yield found

    async def _read(self, session: Session, inbox: BoundedInbox, deliver: Deliver) -> None:
        node = HeardEdgeNode(self._settings, self.left_out, monotonic())
        told, arrivals = ToldOnce(unchanged=True), ArrivalTimes(self._clock)
        may_ask_s, dropped_count = monotonic() + SETTLE_S, 0
        while True:
            batch = await inbox.next_batch(LOOK_S)
            if inbox.dropped_count > dropped_count:
                self.left_out[LeftOut.TOO_MANY] += inbox.dropped_count - dropped_count
                dropped_count = inbox.dropped_count
                node.doubt(monotonic())
            samples: list[Sample] = []
            for message in batch:
                samples += self._samples(node, message, arrivals)
            samples += node.look(self._clock.now(), monotonic())
            for run in runs_of(sample for sample in samples if told.worth_telling(sample)):
                await deliver(SampleBatch(run))
            wanted = node.wants_birth and self._settings.rebirth and monotonic() >= may_ask_s
            if wanted and self._requests.may_ask(monotonic()):
                self._ask(session)
            self._tell()

    def _samples(
        self, node: HeardEdgeNode, message: Incoming, arrivals: ArrivalTimes
    ) -> Iterable[Sample]:
        if message.retained:
            self.left_out[LeftOut.RETAINED] += 1
            return []
        try:
            if message.unreadable is not None:
                raise SparkplugError(message.unreadable)
            topic = parse_topic(message.topic)
            return node.take(topic, message.payload, arrivals.of(message), monotonic())
        except SparkplugError as error:
            self.left_out[LeftOut.UNREADABLE] += 1
            get_logger().debug("message_unreadable", reason=str(error))
            return []

    def _ask(self, session: Session) -> None:
        """Ask the edge node to be born again."""
        settings, now = self._settings, self._clock.now()
        command = rebirth_command(settings.group, settings.edge_node, round(now.timestamp() * 1000))
        session.post(*command)
        self.left_out[LeftOut.REBIRTH_ASKED] += 1

    def _tell(self) -> None:
        """Tell in the log what is left out, when it begins, and once and again."""
        now_s = monotonic()
        for reason, count in self.left_out.items():
            told_count, told_s = self._told.get(reason, (0, -TOLD_EVERY_S))
            if count > told_count and now_s - told_s >= TOLD_EVERY_S:
                self._told[reason] = count, now_s
                get_logger().warning(
                    "sparkplug_left_out", source=self.name, reason=str(reason), count=count
                )


def topics_of(settings: SparkplugSource) -> list[str]:
    """Filters to which a source subscribes."""
    group, node = settings.group, settings.edge_node
    of_node = [str(SparkplugTopic(kind, group, node)) for kind in _OF_NODE]
    return of_node + [f"{NAMESPACE}/{group}/{kind}/{node}/+" for kind in _OF_DEVICES]
