"""Commands to an edge node: rebirth, and the acknowledgement of an alert. Nothing moves a machine.

What cannot be understood is a dead letter, of a flood only the first; what is meant for a device
that there is not is ignored, as Sparkplug says.
"""

from __future__ import annotations

import json
from time import monotonic

from broker.dead_letter_reasons import BAD_COMMAND
from broker.messages import DeadLetter
from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.metric_specs import ACKNOWLEDGE, REBIRTH
from broker.sparkplug.mold_metrics import acknowledgement
from broker.sparkplug.node_session import NodeSession, Write
from broker.sparkplug.topics import MessageKind, SparkplugTopic, parse_topic
from broker.timestamps import format_timestamp
from broker.topics import Channel
from edge_agent.clock import Clock
from edge_agent.links.publish_packet import Incoming
from edge_agent.logs import get_logger
from edge_agent.monitoring.metrics import Metrics
from edge_agent.pipeline.edge_node import EdgeNode
from edge_agent.pipeline.node_sender import NodeSender
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.pipeline.receive import Inlet

COMMANDS_PER_S = 20.0
"""What comes faster than this for long is dropped, and counted."""
COMMANDS_AT_ONCE = 100.0
HOST = "sparkplug-host"
"""Who acknowledged, where the host does not say."""


class NodeCommands:
    """Takes the commands of one session."""

    def __init__(
        self,
        node: EdgeNode,
        session: NodeSession,
        pipeline: Pipeline,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        """Take none yet."""
        self._node, self._session, self._pipeline = node, session, pipeline
        self._metrics, self._clock = metrics, clock
        self._sender: NodeSender | None = None
        self._inlet = Inlet(node.press)
        self._room, self._room_at = COMMANDS_AT_ONCE, monotonic()

    def has_room(self) -> bool:
        """May one more command be taken? What is not is counted."""
        if self._has_room():
            return True
        self._count("dropped")
        return False

    def open(self, sender: NodeSender) -> None:
        """Take commands from now on: the node is born."""
        self._sender = sender
        self._pipeline.open(self._inlet)

    def close(self) -> None:
        """Take no more."""
        self._sender = None
        self._pipeline.close(self._inlet)

    def take(self, message: Incoming) -> None:
        """Do what a message asks for."""
        if self._sender is None or message.retained:
            self._count("ignored")  # before the birth nobody knows what there is; nor is it of now
            return
        if not self.has_room():
            return
        try:
            topic = parse_topic(message.topic)
            if not self._is_ours(topic):
                self._count("ignored")
                return
            command = self._session.command(topic, message.payload)
        except SparkplugError as error:
            self.refuse(message, error.detail)
            return
        for write in command.writes:
            self._do(write)
        if not command.writes and not command.faults:
            self._count("ignored")  # it asks for nothing
        if command.faults:
            self.refuse(message, "; ".join(command.faults))

    def _is_ours(self, topic: SparkplugTopic) -> bool:
        of_node = topic.group == self._session.group and topic.edge_node == self._session.node
        if topic.kind is MessageKind.DCMD:
            return of_node and self._session.lives(topic.device)
        return of_node and topic.kind is MessageKind.NCMD

    def _do(self, write: Write) -> None:
        name = write.kept.spec.name
        if name == REBIRTH:
            if write.value is True and self._sender is not None:
                self._sender.ask_rebirth()
                self._count("rebirth")
            else:
                self._count("ignored")
        elif name == ACKNOWLEDGE:
            self._acknowledge(str(write.value))

    def _acknowledge(self, text: str) -> None:
        """Hand it to the pipeline as if a page had sent it: it is checked and kept in the same way.

        An alert that is not open is a dead letter there.
        """
        ack = {"ts": format_timestamp(self._clock.now()), "by": HOST} | acknowledgement(text)
        topic = f"{self._pipeline.topics.prefix}/{self._node.press}/{Channel.ALERT_ACK}"
        self._inlet.put([Incoming(topic, json.dumps(ack).encode(), None, 0, 0)])
        self._count("acknowledge")

    def refuse(self, message: Incoming, detail: str) -> None:
        """A message that cannot be understood is a dead letter."""
        self._count("refused")
        get_logger().warning("command_refused", press=self._node.press.press, detail=detail)
        letter = DeadLetter.of(
            message.payload,
            reason=BAD_COMMAND,
            detail=detail,
            press=self._node.press,
            topic=message.topic,
            ts=self._clock.now(),
        )
        self._pipeline.dead_letter(letter)

    def _has_room(self) -> bool:
        now = monotonic()
        more = (now - self._room_at) * COMMANDS_PER_S
        self._room, self._room_at = min(COMMANDS_AT_ONCE, self._room + more), now
        if self._room < 1.0:
            return False
        self._room -= 1.0
        return True

    def _count(self, outcome: str) -> None:
        self._metrics.sparkplug_commands.labels(outcome).inc()
