"""A strict host application for tests: it says STATE, listens to a group, and judges each message.

It subscribes so that the broker passes on the flags as they were published, and what it finds goes
to ``Findings`` and ``Samples``, which several hosts may share.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from broker.local.loopback import HOST
from broker.sparkplug.data_types import DataType
from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.host_state import HostState, decode_state, encode_state
from broker.sparkplug.payload import Metric, Payload, encode
from broker.sparkplug.topics import (
    NAMESPACE,
    MessageKind,
    SparkplugTopic,
    parse_topic,
    state_topic,
)
from tests.support.sparkplug_findings import Findings
from tests.support.sparkplug_rules import REBIRTH, Node
from tests.support.sparkplug_samples import Samples
from tests.support.waiting import until

RETRY_S = 0.1
DYING_S = 5.0
ASK_AGAIN_S = 1.0
"""A rebirth is asked for so often where a node speaks whose birth was not heard."""
COMMANDS = {MessageKind.NCMD, MessageKind.DCMD}
OF = {
    MessageKind.NBIRTH: "payloads-nbirth-{} topics-nbirth-mqtt "
    "message-flow-edge-node-birth-publish-nbirth-{}",
    MessageKind.DBIRTH: "payloads-dbirth-{} topics-dbirth-mqtt "
    "message-flow-device-birth-publish-dbirth-{}",
    MessageKind.NDATA: "payloads-ndata-{} topics-ndata-mqtt",
    MessageKind.DDATA: "payloads-ddata-{} topics-ddata-mqtt",
    MessageKind.DDEATH: "topics-ddeath-mqtt",
    MessageKind.NDEATH: "payloads-ndeath-will-message-{}",
}
"""Assertions on QoS and retain flag; the last word differs."""
TOPICS = {
    MessageKind.NBIRTH: "topics-nbirth-topic message-flow-edge-node-birth-publish-nbirth-topic",
    MessageKind.DBIRTH: "topics-dbirth-topic message-flow-device-birth-publish-dbirth-topic",
    MessageKind.NDATA: "topics-ndata-topic",
    MessageKind.DDATA: "topics-ddata-topic",
    MessageKind.DDEATH: "topics-ddeath-topic",
    MessageKind.NDEATH: "topics-ndeath-topic",
}


class StrictHost:
    """A host that listens and judges inside ``async with``; it connects again when it must.

    Args:
        port: of the broker, or of a proxy before it.
        group: whose nodes it listens to.
        host_id: its name in STATE.
        exact_bd_seq: see ``Node``.
        says_state: it is online and offline for all to see; False for one that only listens.
    """

    def __init__(
        self,
        port: int,
        group: str,
        host_id: str = "scada",
        *,
        findings: Findings | None = None,
        exact_bd_seq: bool = True,
        says_state: bool = True,
    ) -> None:
        self.findings = findings or Findings()
        self.samples = Samples()
        self.nodes: dict[str, Node] = {}
        self.kinds: list[tuple[MessageKind, str, str]] = []
        """Kind, node and device of every message, in order."""
        self.rebirths_asked = self.sessions = 0
        self.may_come: Callable[[], bool] = lambda: True
        """Asked before it connects, and connects again."""
        self.answers_offline = True
        """It says that it is online where somebody else says that it is not."""
        self.on_message: Callable[[SparkplugTopic, bytes], None] = lambda _topic, _data: None
        self._port, self._group, self.host_id = port, group, host_id
        self._exact, self._says_state = exact_bd_seq, says_state
        self._client: aiomqtt.Client | None = None
        self._running: asyncio.Task[None] | None = None
        self._asked: dict[str, float] = {}
        self._dying = False
        self.going_s = 0.0
        """How long it waits for deaths when it goes, at most [s]."""
        self.timestamp_ms = 0
        """Of the present session."""

    async def __aenter__(self) -> Self:
        await self.come()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.go()

    @property
    def online(self) -> bool:
        """It is connected and has said so."""
        return self._client is not None

    def node(self, name: str) -> Node:
        """What it knows of an edge node of its group."""
        if name not in self.nodes:
            self.nodes[name] = Node(self.findings, self.samples, name, exact_bd_seq=self._exact)
        return self.nodes[name]

    async def come(self) -> None:
        """Connect, subscribe and say that it is online; return when that is so."""
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await until(lambda: self.online, f"host {self.host_id} to be online")

    async def go(self) -> None:
        """Say that it goes, hear the deaths of its nodes for a while, and go."""
        if self._client is not None and self._says_state:
            self.answers_offline = False
            with suppress(aiomqtt.MqttError):
                await self._say(HostState(False, now_ms()))
            with suppress(AssertionError):
                quiet = "no node to be online"
                await until(
                    lambda: not any(one.online for one in self.nodes.values()), quiet, self.going_s
                )
            self.answers_offline = True
        await self._end()

    async def die(self) -> None:
        """Go without a word: the broker publishes its will."""
        if self._client is not None and (sock := self._client._client.socket()) is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
            self._dying = True
            assert self._running is not None
            await asyncio.wait([self._running], timeout=DYING_S)
            self._dying = False
        await self._end()

    async def rebirth(self, node: str) -> None:
        """Ask a node for its births."""
        metric = Metric(REBIRTH, None, DataType.BOOLEAN, True, now_ms())
        self.rebirths_asked += 1
        await self.command(SparkplugTopic(MessageKind.NCMD, self._group, node), [metric])

    async def command(self, topic: SparkplugTopic, metrics: Sequence[Metric]) -> None:
        """Send a command."""
        await self.send(str(topic), encode(Payload(now_ms(), tuple(metrics))))

    async def send(self, topic: str, data: bytes) -> None:
        """Send any bytes at QoS 0."""
        assert self._client is not None, "the host is away"
        await self._client.publish(topic, data, qos=0)

    async def _end(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
        self._running, self._client = None, None
        for node in self.nodes.values():
            node.lost()

    async def _run(self) -> None:
        while not self._dying:
            if self.may_come():
                with suppress(aiomqtt.MqttError):
                    await self._session()
            self._client = None
            for node in self.nodes.values():
                node.lost()
            await asyncio.sleep(RETRY_S)

    async def _session(self) -> None:
        self.timestamp_ms = max(now_ms(), self.timestamp_ms + 1)
        own, will = state_topic(self.host_id), None
        if self._says_state:
            dead = encode_state(HostState(False, self.timestamp_ms))
            will = aiomqtt.Will(own, dead, qos=1, retain=True)
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 0
        client = aiomqtt.Client(
            HOST,
            self._port,
            identifier=f"host-{self.host_id}",
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            properties=session,
            will=will,
            timeout=5,
            keepalive=5,
        )
        async with client:
            options = SubscribeOptions(qos=1, retainAsPublished=True)
            await client.subscribe(own, options=options)
            await client.subscribe(f"{NAMESPACE}/{self._group}/#", options=options)
            self._client, self.sessions = client, self.sessions + 1
            if self._says_state:
                await self._say(HostState(True, self.timestamp_ms))
            async for message in client.messages:
                await self._hear(message)

    async def _say(self, state: HostState) -> None:
        assert self._client is not None
        await self._client.publish(
            state_topic(self.host_id), encode_state(state), qos=1, retain=True
        )

    async def _hear(self, message: aiomqtt.Message) -> None:
        data = message.payload
        assert isinstance(data, bytes)
        if message.topic.matches(state_topic(self.host_id)):
            with suppress(SparkplugError):
                if self._says_state and self.answers_offline and not decode_state(data).online:
                    await self._say(HostState(True, self.timestamp_ms))
            return
        try:
            topic = parse_topic(str(message.topic))
        except SparkplugError as error:
            self.findings.check(False, "topic-structure", str(error))
            return
        if topic.kind in COMMANDS:
            return
        self.findings.check(True, f"topic-structure topic-structure-namespace-a "
                            f"{TOPICS[topic.kind]}", str(topic))  # fmt: skip
        self._judge_flags(topic, message.qos, bool(message.retain))
        node = self.node(topic.edge_node)
        self.kinds.append((topic.kind, topic.edge_node, topic.device or ""))
        node.hear(topic, data, now_ms())
        self.on_message(topic, data)
        if not node.online and topic.kind is not MessageKind.NDEATH:
            await self._ask(topic.edge_node)

    def _judge_flags(self, topic: SparkplugTopic, qos: int, retain: bool) -> None:
        check, ids = self.findings.check, OF[topic.kind]
        wanted = 1 if topic.kind is MessageKind.NDEATH else 0
        if topic.kind is not MessageKind.NDEATH:  # one that the node itself publishes may be QoS 0
            check(qos == wanted, ids.format("qos", "qos"), f"{topic}: QoS {qos}, not {wanted}")
        check(not retain, ids.format("retain", "retained"), f"{topic}: retained")

    async def _ask(self, node: str) -> None:
        """Ask for a rebirth of a node that was heard before its birth."""
        if time.monotonic() - self._asked.get(node, -ASK_AGAIN_S) >= ASK_AGAIN_S:
            self._asked[node] = time.monotonic()
            await self.rebirth(node)


def now_ms() -> int:
    """Milliseconds since 1970 in UTC."""
    return time.time_ns() // 1_000_000
