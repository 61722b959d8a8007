"""The MQTT link: one session per press, acknowledged by hand, refusals seen.

The only module that knows aiomqtt. It goes past it in four places, each for a measured reason:
a message is acknowledged when the caller says so (aiomqtt acknowledges on receipt and a crash then
loses it), a refused publish raises (aiomqtt drops the reason code), a broker that does not answer
MQTT 5 is asked again in 3.1.1, and received messages take a shorter way (``quick_paho``).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self, cast

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from broker.codec import CONTENT_TYPES, detect_format
from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import (
    LinkError,
    NotAuthorized,
    PacketError,
    PublishDeferred,
    PublishRefused,
)
from edge_agent.links.paho_batches import QuickPaho
from edge_agent.links.publish_packet import Incoming
from edge_agent.links.tls import (
    connect_hint,
    password_of,
    tls_context,
    why_no_answer,
    why_no_tls,
)

QOS = 1
"""QoS 1 with acknowledgement after the commit and unique keys: QoS 2 loses messages in paho."""
V5, V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311
CONNECT_V5_TIMEOUT_S = 2.0
"""How long MQTT 5 is tried in ``auto``: amqtt does not answer such a connect at all."""
TIMEOUT_S = 10.0
HUNG_UP = "the broker hung up before it answered"
BROKER_LOG = "the broker's log says why"
TOO_LARGE = "raise the broker's limit (Mosquitto: max_packet_size, message_size_limit)"
NEVER_ACCEPTED = {
    0x90: "the broker's rules for topics must let it pass; see topic_prefix",
    0x95: TOO_LARGE,
    0x99: "set broker.payload_format to what the broker lets pass",
    0x9A: "let the broker retain messages",
    0x9B: "let the broker take QoS 1",
}
"""Reason codes of a publish that trying again cannot change, and what to do about each."""
NOT_AUTHORIZED = 0x87
"""The reason code of a publish that the access rules forbid."""
CODE_NAMES = {
    0x80: "Unspecified error",
    0x83: "Implementation specific error",
    NOT_AUTHORIZED: "Not authorized",
    0x89: "Server busy",
    0x90: "Topic name invalid",
    0x91: "Packet identifier in use",
    0x95: "Packet too large",
    0x97: "Quota exceeded",
    0x99: "Payload format invalid",
    0x9A: "Retain not supported",
    0x9B: "QoS not supported",
}
"""Words of MQTT 5 for reason codes of a publish."""
PACKET_OVERHEAD = 9
"""Bytes of a PUBLISH beside topic, properties and payload, at most."""
SUBSCRIBE_FORBIDDEN = {0x80, 0x87}
"""Those of a subscription; 0x80 is all that MQTT 3.1.1 says of any refusal."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we vanish, retained."""

    topic: str
    payload: bytes


class _Client(aiomqtt.Client):
    """aiomqtt with manual acknowledgement and publish results."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._client.__class__ = QuickPaho
        self.paho = cast(QuickPaho, self._client)
        self.paho.manual_ack_set(True)
        self.paho.on_incoming = self._take
        self._results: dict[int, tuple[str, asyncio.Future[None]]] = {}
        """Topic and outcome of what the broker has not acknowledged, by packet id."""
        self.session_present = False
        self._packet_bytes_max: int | None = None
        """A broker hangs up on a larger packet."""
        self._received: deque[Incoming] = deque()
        self._arrival: asyncio.Future[None] | None = None
        self._abandoned = False

    def abandon(self) -> None:
        """Nobody wants this connection (any more): close it, now or as soon as it is there."""
        self._abandoned = True
        self.paho.drop()

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        if self._abandoned:  # while a thread was connecting
            sock.close()
            raise ConnectionAbortedError("given up while it was being opened")
        super()._on_socket_open(client, userdata, sock)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        """As aiomqtt's, unless the socket is closed by then: its number may be another's."""

        def write() -> None:
            try:
                client.loop_write()
            except Exception as error:
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)
                    self._disconnected.exception()  # taken note of by whoever waits for messages

        def watch() -> None:
            if sock.fileno() > -1 and client.want_write():  # else it was flushed meanwhile
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(watch)

    def _take(self, message: Incoming) -> None:
        self._received.append(message)
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

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
        """What has come in, without waiting."""
        return [self._received.popleft() for _ in range(min(limit, len(self._received)))]

    def _on_publish(
        self,
        client: Any,
        userdata: Any,
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,
    ) -> None:
        topic, outcome = self._results.pop(mid, ("", None))
        if outcome is None or outcome.done():
            return
        if reason_code.is_failure:
            outcome.set_exception(refusal(topic, self.paho.puback_code))
        else:
            outcome.set_result(None)

    def _on_connect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        self.session_present = bool(flags.session_present)
        self._packet_bytes_max = getattr(properties, "MaximumPacketSize", None)
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
        for topic, outcome in self._results.values():
            if not outcome.done():
                outcome.set_exception(self.lost(f"{topic}: not acknowledged, connection lost"))
                outcome.exception()
        self._results.clear()

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
        self, topic: str, payload: bytes, retain: bool, properties: Properties | None
    ) -> asyncio.Future[None]:
        """Publish with QoS 1; the future has the broker's word, or the error of a refusal.

        Raises:
            PublishRefused: MQTT cannot carry this message.
            LinkError: the link is down.
        """
        limit = self._packet_bytes_max
        if limit is not None and _packet_bytes(topic, payload, properties, limit) > limit:
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
        self._results[info.mid] = topic, outcome
        return outcome


class Session:
    """An open connection; it ends with ``LinkError`` in whatever waits on it."""

    def __init__(self, client: _Client, version: str) -> None:
        self._client = client
        self.version = version

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe with QoS 1.

        Raises:
            LinkError: the broker does not grant a topic.
        """
        try:
            codes = await self._client.subscribe([(topic, QOS) for topic in topics])
        except aiomqtt.MqttError as error:
            raise self._client.lost(f"cannot subscribe: {error}") from error
        answers: list[ReasonCode | int] = list(codes)
        if len(answers) != len(topics):
            raise PacketError(f"the SUBACK has {len(answers)} answers for {len(topics)} topics")
        for topic, code in zip(topics, answers, strict=True):
            value = code.value if isinstance(code, ReasonCode) else int(code)
            if value >= 0x80:
                words = f"{public(topic)}: the broker refused the subscription (code {value})"
                if value in SUBSCRIBE_FORBIDDEN:
                    raise NotAuthorized(words)
                raise LinkError(words, hint=BROKER_LOG)

    async def unsubscribe(self, topics: Sequence[str]) -> None:
        """End subscriptions; those that there are not are no matter.

        When it returns, all that the broker sent before its answer has come in.

        Raises:
            LinkError: the session is over.
        """
        try:
            await self._client.unsubscribe(list(topics))
        except aiomqtt.MqttError as error:
            raise LinkError(f"cannot unsubscribe: {error}", hint=BROKER_LOG) from error

    def here(self, limit: int) -> list[Incoming]:
        """Messages that have come in already; perhaps none."""
        return self._client.here(limit)

    async def next_batch(self, limit: int) -> list[Incoming]:
        """The next messages: at least one, at most ``limit``, in order of arrival."""
        return await self._client.received(limit)

    def acknowledge(self, batch: Sequence[Incoming]) -> None:
        """Tell the broker that these are safe with us. Only valid in the session they came in."""
        self._client.paho.acknowledge(message.mid for message in batch if message.qos)

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        historical: bool = False,
        unsaved: bool = False,
        expires_s: int | None = None,
    ) -> None:
        """Publish and wait until the broker has accepted; arguments as of ``send``.

        Raises:
            PublishRefused: it will never take this message.
            NotAuthorized: nor this one, unless its rules are changed.
            PublishDeferred: it does not take it now.
            LinkError: the link is down.
        """
        outcome = self.send(
            topic,
            payload,
            retain=retain,
            historical=historical,
            unsaved=unsaved,
            expires_s=expires_s,
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await outcome
        except TimeoutError:
            words = f"{topic}: the broker did not acknowledge a publish"
            raise LinkError(words, hint=BROKER_LOG) from None

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
        """Publish, and have the broker's word later: see ``publish`` for what it may be.

        Args:
            historical: mark the message as a backlog (user property, MQTT 5).
            unsaved: mark it as made from memory while the disk refuses (the same).
            expires_s: the broker forgets it then (MQTT 5).

        Raises:
            PublishRefused, LinkError: it cannot be sent at all.
        """
        properties = None
        if self.version == "5":
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ContentType = CONTENT_TYPES[detect_format(payload)]
            if expires_s is not None:
                properties.MessageExpiryInterval = expires_s
            marks = {"historical": historical, "unsaved": unsaved}
            if any(marks.values()):
                properties.UserProperty = [(mark, "true") for mark in marks if marks[mark]]
        return self._client.send(topic, payload, retain, properties)

    def flush(self) -> None:
        """Write to the socket now what was sent, before the event loop comes to it."""
        self._client.paho.flush()

    @property
    def present(self) -> bool:
        """Did the broker still have this session when it was opened?"""
        return self._client.session_present


@asynccontextmanager
async def connect(
    settings: BrokerSettings, client_id: str, will: Will | None = None, *, keep: bool | None = None
) -> AsyncIterator[Session]:
    """Open a session: with a will, one that the broker keeps while we are away; else a passing one.

    Args:
        keep: whether the broker keeps it, if that does not follow from the will. A passing session
            ends one that was kept under this id.

    Raises:
        LinkError: the broker cannot be reached, or refuses us.
        CredentialsError: a certificate, key or password file cannot be used.
    """
    keep = will is not None if keep is None else keep
    client, version = await _open(settings, client_id, will, keep)
    try:
        yield Session(client, version)
    finally:
        try:
            with suppress(aiomqtt.MqttError):  # it was lost already
                await client.__aexit__(None, None, None)
        finally:
            client.abandon()


async def _open(
    settings: BrokerSettings, client_id: str, will: Will | None, keep: bool
) -> tuple[_Client, str]:
    versions = {"auto": ("5", "3.1.1"), "5": ("5",), "3.1.1": ("3.1.1",)}[settings.protocol]
    password, tls = password_of(settings), tls_context(settings.tls)
    problem = hint = ""
    for version in versions:
        timeout = CONNECT_V5_TIMEOUT_S if version == "5" and len(versions) > 1 else TIMEOUT_S
        client = _client(settings, client_id, will, keep, version, password, tls, timeout)
        try:
            await client.__aenter__()
        except BaseException as error:
            client.abandon()
            if not isinstance(error, aiomqtt.MqttError | OSError | ValueError):
                raise
            problem = f"{settings.host}:{settings.port}: {error}"
            below = error.__context__
            hint = connect_hint(settings, error, below)
            if isinstance(below, OSError) and not isinstance(below, TimeoutError):
                problem += why_no_tls(settings, below)
                break  # nobody listens there, or not so: another version changes nothing
            if not isinstance(error, aiomqtt.MqttCodeError) and client.paho.trouble is None:
                problem += f"; {why_no_answer(settings)}"
            continue
        client.timeout = TIMEOUT_S
        return client, version
    raise LinkError(f"cannot connect to {problem}", hint=hint)


def _client(
    settings: BrokerSettings,
    client_id: str,
    will: Will | None,
    keep: bool,
    version: str,
    password: str | None,
    tls: ssl.SSLContext | None,
    timeout: float,
) -> _Client:
    options: dict[str, Any] = {"protocol": V311, "clean_session": not keep}
    if version == "5":
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = settings.session_expiry_s if keep else 0
        properties.ReceiveMaximum = settings.receive_maximum
        options = {"protocol": V5, "clean_start": not keep, "properties": properties}
    client = _Client(
        settings.host,
        settings.port,
        identifier=client_id,
        username=settings.username,
        password=password,
        tls_context=tls,
        keepalive=settings.keepalive_s,
        will=aiomqtt.Will(will.topic, will.payload, qos=QOS, retain=True) if will else None,
        timeout=timeout,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        **options,
    )
    client.pending_calls_threshold = 1000
    return client


def refusal(topic: str, code: int) -> LinkError:
    """Error of a publish that the broker answered with a reason code of 0x80 or more."""
    words = f"{topic}: the broker refused a publish: {CODE_NAMES.get(code, f'code 0x{code:02x}')}"
    if code == NOT_AUTHORIZED:
        return NotAuthorized(words)
    never = NEVER_ACCEPTED.get(code)
    return PublishRefused(words, hint=never) if never else PublishDeferred(words)


def _packet_bytes(topic: str, payload: bytes, properties: Properties | None, limit: int) -> int:
    """Length of a PUBLISH; of a payload that is far below the limit its own will do."""
    if len(payload) < limit // 2 or properties is None:
        return len(payload)
    packed: bytes = properties.pack()  # type: ignore[no-untyped-call]
    return PACKET_OVERHEAD + len(topic.encode()) + len(packed) + len(payload)


def public(topic: str) -> str:
    """A topic filter without the name of a shared subscription, which is secret."""
    return topic.split("/", 2)[2] if topic.startswith("$share/") else topic
