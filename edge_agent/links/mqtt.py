"""The MQTT link: sessions that are acknowledged by hand and see what the broker refuses.

A broker that does not answer MQTT 5 is asked again in 3.1.1.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from broker.codec import CONTENT_TYPES, detect_format
from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import LinkError, NotAuthorized, PacketError
from edge_agent.links.mqtt_client import BROKER_LOG, QOS, Client
from edge_agent.links.publish_packet import Incoming
from edge_agent.links.tls import (
    connect_hint,
    password_of,
    tls_context,
    why_no_answer,
    why_no_tls,
)

V5, V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311
CONNECT_V5_TIMEOUT_S = 2.0
"""How long MQTT 5 is tried in ``auto``: amqtt does not answer such a connect at all."""
TIMEOUT_S = 10.0
SUBSCRIBE_FORBIDDEN = {0x80, 0x87}
"""Those of a subscription; 0x80 is all that MQTT 3.1.1 says of any refusal."""


@dataclass(frozen=True, slots=True)
class Will:
    """A message that the broker publishes when the link is lost."""

    topic: str
    payload: bytes
    retain: bool = True


class SendOptions(TypedDict, total=False):
    """Options of a message that is sent; by default none."""

    retain: bool
    historical: bool
    """It is a backlog (a user property, MQTT 5)."""
    unsaved: bool
    """It was made from memory while the disk refuses (a user property, MQTT 5)."""
    expires_s: int | None
    """The broker forgets it then (MQTT 5)."""
    heard: bool
    """That nobody subscribes is an error, ``NobodySubscribes``, if the broker says so (MQTT 5)."""


MARKS = ("historical", "unsaved")
"""Options that travel as user properties."""


class Session:
    """An open connection; it ends with ``LinkError`` in whatever waits on it."""

    def __init__(self, client: Client, version: str) -> None:
        self._client = client
        self.version = version

    async def subscribe(self, topics: Sequence[str], number: int | None = None) -> None:
        """Subscribe with QoS 1.

        Args:
            topics: filters.
            number: comes with each message of these; only if ``numbers_subscriptions``.

        Raises:
            LinkError: the broker does not grant a topic.
        """
        properties = None
        if number is not None:
            properties = Properties(PacketTypes.SUBSCRIBE)  # type: ignore[no-untyped-call]
            properties.SubscriptionIdentifier = number
        try:
            pairs = [(topic, QOS) for topic in topics]
            codes = await self._client.subscribe(pairs, properties=properties)
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

    def gather(
        self, may_wait: Callable[[Incoming], bool], count_max: int, time_max_s: float
    ) -> None:
        """Let messages that are in no hurry wait for some more: see ``Client.gather``."""
        self._client.gather(may_wait, count_max, time_max_s)

    async def next_batch(self, limit: int) -> list[Incoming]:
        """The next messages: at least one, at most ``limit``, in order of arrival."""
        return await self._client.received(limit)

    def acknowledge(self, batch: Sequence[Incoming]) -> None:
        """Tell the broker that these are safe with us. Only valid in the session they came in."""
        self._client.paho.acknowledge(message.mid for message in batch if message.qos)

    async def publish(self, topic: str, payload: bytes, **options: Unpack[SendOptions]) -> None:
        """Publish and wait until the broker has accepted.

        Raises:
            PublishRefused: it will never take this message.
            NotAuthorized: nor this one, unless its rules are changed.
            PublishDeferred: it does not take it now.
            LinkError: the link is down.
        """
        outcome = self.send(topic, payload, **options)
        try:
            while not outcome.done():
                await asyncio.wait({outcome}, timeout=max(0.1, TIMEOUT_S - self.owes_s))
                if not outcome.done() and self.owes_s >= TIMEOUT_S:
                    words = f"{topic}: the broker did not acknowledge a publish"
                    raise LinkError(words, hint=BROKER_LOG)
            outcome.result()
        finally:
            outcome.cancel()  # nobody asks for it any more

    def send(
        self, topic: str, payload: bytes, **options: Unpack[SendOptions]
    ) -> asyncio.Future[None]:
        """Publish, and have the broker's word later: see ``publish`` for what it may be.

        Raises:
            PublishRefused, LinkError: it cannot be sent at all.
        """
        properties = None
        if self.version == "5":
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ContentType = CONTENT_TYPES[detect_format(payload)]
            if (expires_s := options.get("expires_s")) is not None:
                properties.MessageExpiryInterval = expires_s
            if marks := [(mark, "true") for mark in MARKS if options.get(mark)]:
                properties.UserProperty = marks
        retain, heard = options.get("retain", False), options.get("heard", False)
        return self._client.send(topic, payload, retain, properties, heard)

    def post(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 0, as Sparkplug asks: whether it arrives is not known.

        Raises:
            LinkError: the link is down.
        """
        self._client.post(topic, payload)

    def flush(self) -> None:
        """Write to the socket now what was sent, before the event loop comes to it."""
        self._client.paho.flush()

    @property
    def owes_s(self) -> float:
        """How long the broker has owed its answer to the oldest publish [s]."""
        return self._client.owes_s

    @property
    def numbers_subscriptions(self) -> bool:
        """Can the broker say for which subscription a message comes (MQTT 5)?"""
        return self.version == "5" and self._client.numbers_subscriptions

    @property
    def present(self) -> bool:
        """True if the broker still had this session when it was opened."""
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
    client, version = await open_client(settings, client_id, will, keep)
    try:
        yield Session(client, version)
    finally:
        try:
            with suppress(aiomqtt.MqttError):  # it was lost already
                await client.__aexit__(None, None, None)
        finally:
            client.abandon()


async def open_client(
    settings: BrokerSettings, client_id: str, will: Will | None, keep: bool
) -> tuple[Client, str]:
    """A client that is connected, and its version of MQTT.

    Raises:
        LinkError, CredentialsError: as ``connect``.
    """
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
) -> Client:
    options: dict[str, Any] = {"protocol": V311, "clean_session": not keep}
    if version == "5":
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = settings.session_expiry_s if keep else 0
        properties.ReceiveMaximum = settings.receive_maximum
        options = {"protocol": V5, "clean_start": not keep, "properties": properties}
    client = Client(
        settings.host,
        settings.port,
        identifier=client_id,
        username=settings.username,
        password=password,
        tls_context=tls,
        keepalive=settings.keepalive_s,
        will=aiomqtt.Will(will.topic, will.payload, QOS, will.retain) if will else None,
        timeout=timeout,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        **options,
    )
    client.pending_calls_threshold = 1000
    return client


def passing_id(purpose: str) -> str:
    """A client id for a passing session, which no other session has."""
    return f"{purpose}-{uuid.uuid4().hex}"


def public(topic: str) -> str:
    """A topic filter without the name of a shared subscription, which is secret."""
    return topic.split("/", 2)[2] if topic.startswith("$share/") else topic
