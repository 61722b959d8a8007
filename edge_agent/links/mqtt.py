"""The MQTT link: one session per press, acknowledged by hand, refusals seen.

The only module that knows aiomqtt. It goes past it in three places, each for a measured reason:
a message is acknowledged when the caller says so (aiomqtt acknowledges on receipt and a crash then
loses it), a refused publish raises (aiomqtt drops the reason code), and a broker that does not
answer MQTT 5 is asked again in 3.1.1.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from broker.codec import CONTENT_TYPES, detect_format
from edge_agent.errors import LinkError, PublishRefused
from edge_agent.settings import BrokerSettings

QOS = 1
"""QoS 1 with acknowledgement after the commit and unique keys: QoS 2 loses messages in paho."""
V5, V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311
CONNECT_V5_TIMEOUT_S = 2.0
"""How long MQTT 5 is tried in ``auto``: amqtt does not answer such a connect at all."""
TIMEOUT_S = 10.0
NEVER_ACCEPTED = {"Topic name invalid", "Packet too large", "Payload format invalid"}
"""Reason codes of a publish that trying again cannot change."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we vanish, retained."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that is not acknowledged yet."""

    topic: str
    payload: bytes
    content_type: str | None
    mid: int
    qos: int


class _Client(aiomqtt.Client):
    """aiomqtt with manual acknowledgement and publish results."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._client.manual_ack_set(True)
        self._results: dict[int, asyncio.Future[ReasonCode]] = {}

    def _on_publish(
        self,
        client: Any,
        userdata: Any,
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,
    ) -> None:
        waiting = self._results.pop(mid, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(reason_code)

    async def publish_checked(
        self, topic: str, payload: bytes, retain: bool, properties: Properties | None
    ) -> None:
        """Publish with QoS 1 and wait for the broker's word.

        Raises:
            PublishRefused: it will never take this message.
            LinkError: not now: the link is down, or the broker asks to wait.
        """
        try:
            info = self._client.publish(topic, payload, QOS, retain, properties)
        except ValueError as error:  # topic or payload beyond what MQTT can carry
            raise PublishRefused(f"{topic}: {error}") from None
        if info.rc != MQTT_ERR_SUCCESS:
            raise LinkError(f"{topic}: cannot publish: paho error {info.rc}")
        result: asyncio.Future[ReasonCode] = asyncio.get_running_loop().create_future()
        self._results[info.mid] = result
        try:
            waiting: set[asyncio.Future[Any]] = {result, self._disconnected}
            await asyncio.wait(
                waiting,
                timeout=TIMEOUT_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self._results.pop(info.mid, None)
        if not result.done():
            raise LinkError(f"{topic}: the broker did not acknowledge a publish")
        code = result.result()
        if code.is_failure:
            kind = PublishRefused if code.getName() in NEVER_ACCEPTED else LinkError
            raise kind(f"{topic}: the broker refused a publish: {code.getName()}")


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
            raise LinkError(f"cannot subscribe: {error}") from error
        answers: list[ReasonCode | int] = list(codes)
        for topic, code in zip(topics, answers, strict=True):
            value = code.value if isinstance(code, ReasonCode) else int(code)
            if value >= 0x80:
                raise LinkError(f"{topic}: the broker refused the subscription (code {value})")

    async def next_batch(self, limit: int) -> list[Incoming]:
        """The next messages: at least one, at most ``limit``, in order of arrival."""
        messages = self._client.messages
        try:
            batch = [_incoming(await anext(messages))]
            while len(batch) < limit and len(messages):
                batch.append(_incoming(await anext(messages)))
        except aiomqtt.MqttError as error:
            raise LinkError(f"connection lost: {error}") from error
        return batch

    def acknowledge(self, batch: Sequence[Incoming]) -> None:
        """Tell the broker that these are safe with us. Only valid in the session they came in."""
        for message in batch:
            if message.qos > 0:
                self._client._client.ack(message.mid, message.qos)

    async def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, historical: bool = False
    ) -> None:
        """Publish and wait until the broker has accepted.

        Args:
            historical: mark the message as a backlog (user property, MQTT 5).

        Raises:
            PublishRefused, LinkError: see there.
        """
        properties = None
        if self.version == "5":
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ContentType = CONTENT_TYPES[detect_format(payload)]
            if historical:
                properties.UserProperty = [("historical", "true")]
        await self._client.publish_checked(topic, payload, retain, properties)


@asynccontextmanager
async def connect(
    settings: BrokerSettings, client_id: str, will: Will | None = None
) -> AsyncIterator[Session]:
    """Open a session: with a will, one that the broker keeps while we are away; else a passing one.

    Raises:
        LinkError: the broker cannot be reached, or refuses us.
    """
    client, version = await _open(settings, client_id, will)
    try:
        yield Session(client, version)
    finally:
        with suppress(aiomqtt.MqttError):  # it was lost already
            await client.__aexit__(None, None, None)


async def _open(settings: BrokerSettings, client_id: str, will: Will | None) -> tuple[_Client, str]:
    versions = {"auto": ("5", "3.1.1"), "5": ("5",), "3.1.1": ("3.1.1",)}[settings.protocol]
    password = None
    if settings.password_file is not None:
        try:
            password = settings.password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise LinkError(f"broker.password_file: {error}") from None
    problem = ""
    for version in versions:
        timeout = CONNECT_V5_TIMEOUT_S if version == "5" and len(versions) > 1 else TIMEOUT_S
        client = _client(settings, client_id, will, version, password, timeout)
        try:
            await client.__aenter__()
        except (aiomqtt.MqttError, OSError) as error:
            problem = f"{settings.host}:{settings.port}: {error}"
            if isinstance(error.__cause__, OSError) and not isinstance(error, TimeoutError):
                break  # nobody listens there: another version changes nothing
            continue
        client.timeout = TIMEOUT_S
        return client, version
    raise LinkError(f"cannot connect to {problem}")


def _client(
    settings: BrokerSettings,
    client_id: str,
    will: Will | None,
    version: str,
    password: str | None,
    timeout: float,
) -> _Client:
    options: dict[str, Any] = {"protocol": V311, "clean_session": will is None}
    if version == "5":
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = settings.session_expiry_s if will else 0
        properties.ReceiveMaximum = settings.receive_maximum
        options = {"protocol": V5, "clean_start": will is None, "properties": properties}
    client = _Client(
        settings.host,
        settings.port,
        identifier=client_id,
        username=settings.username,
        password=password,
        keepalive=settings.keepalive_s,
        will=aiomqtt.Will(will.topic, will.payload, qos=QOS, retain=True) if will else None,
        timeout=timeout,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        **options,
    )
    client.pending_calls_threshold = 1000
    return client


def _incoming(message: aiomqtt.Message) -> Incoming:
    payload = message.payload if isinstance(message.payload, bytes) else b""
    content_type = getattr(message.properties, "ContentType", None)
    return Incoming(str(message.topic), payload, content_type, message.mid, message.qos)
