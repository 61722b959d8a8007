"""aiomqtt with acknowledgement by hand, the broker's word on each publish, and errors with reasons.

It goes past aiomqtt in three places, each for a measured reason: a message is acknowledged when the
caller says so (aiomqtt acknowledges on receipt and a crash then loses it), a refused publish raises
(aiomqtt drops the reason code), and received messages take a shorter way (``paho_batches``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import isinf
from time import monotonic
from typing import Any, Self, TypeVar, cast

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.errors import LinkError, NobodySubscribes, PacketError, PublishRefused
from edge_agent.links.paho_batches import QuickPaho
from edge_agent.links.publish_packet import Incoming
from edge_agent.links.refusals import NO_SUBSCRIBERS, TOO_LARGE, packet_bytes, refusal

T = TypeVar("T")
QOS = 1
"""QoS 1 with acknowledgement after the commit and unique keys: QoS 2 loses messages in paho."""
HUNG_UP = "the broker hung up before it answered"
BROKER_LOG = "the broker's log says why"


class Client(aiomqtt.Client):
    """aiomqtt with manual acknowledgement and publish results."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._client.__class__ = QuickPaho
        self.paho = cast(QuickPaho, self._client)
        self.paho.manual_ack_set(True)
        self.paho.on_incoming = self._take
        self._results: dict[int, tuple[str, asyncio.Future[None], bool]] = {}
        """Topic and outcome of what the broker has not acknowledged, and whether somebody must
        have subscribed, by packet id."""
        self._owes_since = 0.0
        """Since when the broker owes the next answer, by the monotonic clock."""
        self.session_present = False
        self.numbers_subscriptions = False
        self.packet_bytes_max: int | None = None
        """A broker hangs up on a larger packet."""
        self._received: deque[Incoming] = deque()
        self._arrival: asyncio.Future[None] | None = None
        self._may_wait: Callable[[Incoming], bool] = lambda _message: False
        self._gather_max, self._gather_s = 1, 0.0
        self._gathering: asyncio.TimerHandle | None = None
        self._abandoned = False

    def abandon(self) -> None:
        """Close a connection that is not needed (any more), now or as soon as it is there."""
        self._abandoned = True
        self.paho.drop()

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        """Watch a socket, as aiomqtt does, unless it is closed by then: nothing is to be read."""
        if self._abandoned:  # while a thread was connecting
            sock.close()
            raise ConnectionAbortedError("given up while it was being opened")

        def read() -> None:
            with self._ends_connection():
                client.loop_read()
                while (left := client.socket()) and hasattr(left, "pending") and left.pending():
                    client.loop_read()  # decoded already, so the event loop does not report it

        def watch() -> None:
            if sock.fileno() > -1:
                self._loop.add_reader(sock.fileno(), read)
                self._misc_task = self._loop.create_task(self._misc_loop())

        self._loop.call_soon_threadsafe(watch)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        """Watch a socket unless it is closed by then: its number may be another's."""

        def write() -> None:
            with self._ends_connection():
                client.loop_write()

        def watch() -> None:
            if sock.fileno() > -1 and client.want_write():  # else it was flushed meanwhile
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(watch)

    @contextmanager
    def _ends_connection(self) -> Iterator[None]:
        """Let an error end the connection; whoever waits for messages takes note of it."""
        try:
            yield
        except Exception as error:
            if not self._disconnected.done():
                self._disconnected.set_exception(error)
                self._disconnected.exception()

    def _take(self, message: Incoming) -> None:
        message.arrived_s = monotonic()
        self._received.append(message)
        if not (self._may_wait(message) and len(self._received) < self._gather_max):
            self._arrived()
        elif self._gathering is None:
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(self._gather_s, self._arrived)

    def _arrived(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def gather(
        self, may_wait: Callable[[Incoming], bool], count_max: int, time_max_s: float
    ) -> None:
        """Let some messages wait for more before they are received.

        Args:
            may_wait: says which; any other one is received at once, with all before it.
            count_max: so many are received at once.
            time_max_s: none waits longer [s].
        """
        self._may_wait, self._gather_max, self._gather_s = may_wait, count_max, time_max_s

    async def received(self, limit: int) -> list[Incoming]:
        """At least one message, at most ``limit``; they wait here without bound, but the broker
        sends no more than the receive maximum before an acknowledgement.

        Raises:
            LinkError: the connection is lost.
        """
        while not self._received:
            self._arrival = asyncio.get_running_loop().create_future()
            waiting: set[asyncio.Future[Any]] = {self._arrival, self._disconnected}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if self._disconnected.done():
                raise self.lost("connection lost")
        return self.here(limit)

    def here(self, limit: int) -> list[Incoming]:
        """Messages that have come in, without waiting."""
        return [self._received.popleft() for _ in range(min(limit, len(self._received)))]

    def _on_publish(
        self,
        client: Any,
        userdata: Any,
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,
    ) -> None:
        if mid == next(iter(self._results), None):
            self._owes_since = monotonic()
        topic, outcome, heard = self._results.pop(mid, ("", None, False))
        if outcome is None or outcome.done():
            return
        if reason_code.is_failure:
            outcome.set_exception(refusal(topic, self.paho.puback_code))
        elif heard and self.paho.puback_code == NO_SUBSCRIBERS:
            outcome.set_exception(NobodySubscribes(f"{topic}: nobody subscribes to it"))
        else:
            outcome.set_result(None)

    def _on_connect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        self.session_present = bool(flags.session_present)
        self.packet_bytes_max = getattr(properties, "MaximumPacketSize", None)
        available = getattr(properties, "SubscriptionIdentifierAvailable", 1)
        self.numbers_subscriptions = bool(available)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        """End everything that waits for an answer: aiomqtt would wait on, or nobody would look."""
        over = aiomqtt.MqttError(self.paho.trouble or HUNG_UP)
        pending: list[asyncio.Future[Any]] = [self._connected, *self._pending_subscribes.values()]
        for waiting in pending:
            if not waiting.done():
                waiting.set_exception(over)
                waiting.exception()  # taken note of, also if whoever waited has gone
        if not self._disconnected.done():
            if reason_code == MQTT_ERR_SUCCESS:
                self._disconnected.set_result(None)
            else:
                self._disconnected.set_exception(
                    aiomqtt.MqttCodeError(reason_code, "Unexpected disconnection")
                )
                self._disconnected.exception()
        for topic, outcome, _ in self._results.values():
            if not outcome.done():
                outcome.set_exception(self.lost(f"{topic}: not acknowledged, connection lost"))
                outcome.exception()
        self._results.clear()

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109
        """Wait as aiomqtt does, but never lose a cancellation.

        ``asyncio.wait_for`` of Python 3.11 does when the answer comes in the same moment: the task
        went on, and whoever ended the agent waited for it without end.
        """
        limit_s = self.timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(None if isinf(limit_s) else limit_s):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("Operation timed out") from None

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        if self.paho.socket() is None:  # lost while we woke up; aiomqtt has just forgotten it
            raise aiomqtt.MqttError(self.paho.trouble or HUNG_UP)
        return self

    def lost(self, what: str) -> LinkError:
        """The error of a connection that has ended, with the reason if there is one."""
        if self.paho.trouble is not None:
            return PacketError(f"{what}: {self.paho.trouble}")
        reason = self._disconnected.exception() if self._disconnected.done() else None
        return LinkError(f"{what}: {reason or 'closed'}", hint=BROKER_LOG)

    def send(
        self,
        topic: str,
        payload: bytes,
        retain: bool,
        properties: Properties | None,
        heard: bool = False,
    ) -> asyncio.Future[None]:
        """Publish with QoS 1; the future has the broker's word, or the error of a refusal.

        Args:
            heard: that nobody subscribes is an error, where the broker says so (MQTT 5).

        Raises:
            PublishRefused: MQTT cannot carry this message.
            LinkError: the link is down.
        """
        limit = self.packet_bytes_max
        if limit is not None and packet_bytes(topic, payload, properties, limit) > limit:
            words = f"{topic}: {len(payload)} bytes, the broker takes packets of {limit}"
            raise PublishRefused(words, hint=TOO_LARGE)
        try:
            info = self._client.publish(topic, payload, QOS, retain, properties)
        except ValueError as error:  # topic or payload beyond what MQTT can carry
            raise PublishRefused(
                f"{topic}: {error}", hint="shorten the topic, or send less at a time"
            ) from None
        if info.rc != MQTT_ERR_SUCCESS:
            raise self.lost(f"{topic}: cannot publish: paho error {info.rc}")
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._results:
            self._owes_since = monotonic()
        self._results[info.mid] = topic, outcome, heard
        return outcome

    def post(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 0.

        Raises:
            LinkError: the link is down.
        """
        info = self._client.publish(topic, payload, 0)
        if info.rc != MQTT_ERR_SUCCESS:
            raise self.lost(f"{topic}: cannot publish: paho error {info.rc}")

    @property
    def owes_s(self) -> float:
        """How long the broker has owed its answer to the oldest publish [s].

        A long queue that moves is no trouble: the time begins anew with each answer in turn.
        """
        return monotonic() - self._owes_since if self._results else 0.0
