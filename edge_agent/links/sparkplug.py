"""The connection of a Sparkplug edge node: clean, with its death as will, data at QoS 0.

QoS 0 has no acknowledgement, so each message has a PINGREQ behind it: a broker works on the packets
of a connection in their order, and its answer says that it has worked on the message.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from broker.codec import CONTENT_TYPES
from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import PublishRefused
from edge_agent.links.mqtt import Session, Will, open_client
from edge_agent.links.mqtt_client import Client

DISCONNECT_WITH_WILL = 0x04
DEATH_TIMEOUT_S = 5.0
HEADER_BYTES = 10
"""Of a packet beside topic and payload, at most."""
BIRTH_BYTES_MAX = 1_000_000
"""Of a packet with a birth, where the broker does not say what it takes."""


class NodeConnection(Session):
    """An open connection of an edge node."""

    def __init__(self, client: Client, version: str) -> None:
        super().__init__(client, version)
        self.answered: Callable[[int], None] = lambda _number: None
        """Called with the number of the last message that the broker has worked on."""
        self._owed: deque[float] = deque()
        """When each ping was sent that is not answered."""
        client.paho.on_ping_answered = self._answered
        if version == "5":
            client.paho.farewell = ReasonCode(
                PacketTypes.DISCONNECT, identifier=DISCONNECT_WITH_WILL
            )

    def send_once(self, topic: str, payload: bytes) -> int:
        """Publish with QoS 0; gives a number, which ``answered`` names when it is done.

        Raises:
            LinkError: the link is down.
            PublishRefused: the broker does not take so large a packet.
        """
        limit = self._client.packet_bytes_max
        if limit is not None and len(topic.encode()) + len(payload) + HEADER_BYTES > limit:
            raise PublishRefused(
                f"{topic}: {len(payload)} bytes, the broker takes packets of {limit}",
                hint="raise the packet size of the broker",
            )
        paho = self._client.paho
        if paho.socket() is None:
            raise self._client.lost(f"{topic}: cannot publish")
        if not self._owed:
            self._owed.append(monotonic())
        return paho.publish_and_ping(topic, payload)

    def reply(self, topic: str, payload: bytes, correlation: bytes | None) -> None:
        """Answer whoever asked, with QoS 1; nobody waits for the broker's word.

        Raises:
            LinkError: the link is down, or MQTT cannot carry it.
        """
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = CONTENT_TYPES["json"]
        if correlation is not None:
            properties.CorrelationData = correlation
        self._client.send(topic, payload, False, properties).add_done_callback(_noted)

    @property
    def birth_bytes_max(self) -> int:
        """Topic and payload of a birth that the broker takes."""
        limit = self._client.packet_bytes_max
        return (BIRTH_BYTES_MAX if limit is None else limit) - HEADER_BYTES

    @property
    def owes_ping_s(self) -> float:
        """How long the broker has owed the answer to a ping [s]."""
        return monotonic() - self._owed[0] if self._owed else 0.0

    async def say_death(self, death: Will) -> None:
        """Publish the death before the connection is ended, if the broker takes it in time."""
        with suppress(Exception):  # then the broker publishes the will
            async with asyncio.timeout(DEATH_TIMEOUT_S):
                await self._client.send(death.topic, death.payload, False, None)

    def _answered(self) -> None:
        paho = self._client.paho
        self._owed.clear()
        if paho.pings_answered < paho.pings_sent:
            self._owed.append(monotonic())
        self.answered(paho.pings_answered)


def _noted(outcome: asyncio.Future[None]) -> None:
    """Take note of a refusal, so that nobody is told of an error that was not looked at."""
    if not outcome.cancelled():
        outcome.exception()


@asynccontextmanager
async def connect_node(
    settings: BrokerSettings, client_id: str, death: Will
) -> AsyncIterator[NodeConnection]:
    """Open a clean session with a will; it is ended so that the broker publishes the will (MQTT 5).

    Raises:
        LinkError: the broker cannot be reached, or refuses us.
        CredentialsError: a certificate, key or password file cannot be used.
    """
    client, version = await open_client(settings, client_id, death, keep=False)
    try:
        yield NodeConnection(client, version)
    finally:
        try:
            with suppress(aiomqtt.MqttError):  # it was lost already
                await client.__aexit__(None, None, None)
        finally:
            client.abandon()
