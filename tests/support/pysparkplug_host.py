"""A Sparkplug host built on pysparkplug's ``Client``, run by the interpreter that has pysparkplug.

    .twin/pysparkplug/bin/python tests/support/pysparkplug_host.py PORT GROUP HOST_ID

It writes one JSON document a line: what it heard of edge nodes, and each ``problem``. It reads
commands, one a line: ``rebirth NODE``, ``go`` (says that it is offline, then ends) and ``end``.
It imports nothing of this project: what it understands, somebody else's library understands.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from pysparkplug import (
    Client,
    DataType,
    DBirth,
    DData,
    DDeath,
    Message,
    MessageType,
    Metric,
    NBirth,
    NCmd,
    NData,
    NDeath,
    QoS,
    State,
    Topic,
    get_current_timestamp,
)

REBIRTH, BD_SEQ = "Node Control/Rebirth", "bdSeq"
ASK_AGAIN_S = 1.0


def say(**what: Any) -> None:
    """Write one document."""
    print(json.dumps(what, default=repr), flush=True)


class Host(Client):
    """Knows of each node whether it is online, its bdSeq and the last sequence number."""

    def __init__(self, group: str, host_id: str) -> None:
        super().__init__(client_id=f"pysparkplug-{host_id}")
        self.group, self.host_id = group, host_id
        self.nodes: dict[str, dict[str, int]] = {}
        self.asked: dict[str, float] = {}
        self.sent_at = get_current_timestamp()

    def state(self, online: bool) -> Message:
        """STATE of this session."""
        topic = Topic(message_type=MessageType.STATE, sparkplug_host_id=self.host_id)
        payload = State(timestamp=self.sent_at, online=online)
        return Message(topic=topic, payload=payload, qos=QoS.AT_LEAST_ONCE, retain=True)

    def start(self, port: int) -> None:
        """Connect with a will, subscribe, say that it is online."""
        self.set_will(self.state(online=False))
        kinds = [one for one in MessageType if one is not MessageType.STATE]
        for kind in kinds:
            device = "+" if kind.value.startswith("D") else None
            topic = Topic(
                group_id=self.group, message_type=kind, edge_node_id="+", device_id=device
            )
            self.subscribe(topic, QoS.AT_LEAST_ONCE, heard)

        def connected(_client: Client) -> None:
            self.nodes.clear()
            self.publish(self.state(online=True))
            say(connected=True)

        self.connect("127.0.0.1", port=port, callback=connected)

    def rebirth(self, node: str) -> None:
        """Ask a node for its births."""
        metric = Metric(
            timestamp=get_current_timestamp(), name=REBIRTH, datatype=DataType.BOOLEAN, value=True
        )
        topic = Topic(group_id=self.group, message_type=MessageType.NCMD, edge_node_id=node)
        payload = NCmd(timestamp=get_current_timestamp(), metrics=(metric,))
        message = Message(topic=topic, payload=payload, qos=QoS.AT_MOST_ONCE, retain=False)
        self.publish(message, include_dtypes=True)

    def ask(self, node: str) -> None:
        """Ask a node whose birth was not heard, not all the time."""
        if time.monotonic() - self.asked.get(node, -ASK_AGAIN_S) > ASK_AGAIN_S:
            self.asked[node] = time.monotonic()
            self.rebirth(node)

    def _handle_message(self, mqtt_message: Any) -> Any:
        try:
            return super()._handle_message(mqtt_message)
        except Exception as error:
            node = mqtt_message.topic.split("/")[3]
            if node in self.nodes:
                say(problem=f"{mqtt_message.topic}: {error!r}")
            else:
                self.ask(node)  # it has no birth to read the message by
            return None


def heard(host: Any, message: Message | None) -> None:
    """Follow the sessions of nodes, and write down what they say."""
    if message is None:
        return
    topic, payload = message.topic, message.payload
    node, device = str(topic.edge_node_id), topic.device_id
    if isinstance(payload, NCmd) or topic.message_type is MessageType.DCMD:
        return
    if isinstance(payload, NDeath):
        known = host.nodes.get(node)
        if known is None or known["bd_seq"] == payload.bd_seq_metric.value:
            host.nodes.pop(node, None)
            say(kind="NDEATH", node=node, bd_seq=payload.bd_seq_metric.value)
        return
    if isinstance(payload, NBirth):
        values = {metric.name: metric.value for metric in payload.metrics}
        if payload.seq != 0:
            say(problem=f"NBIRTH of {node}: seq {payload.seq}")
        if values.get(REBIRTH) is not False or not isinstance(values.get(BD_SEQ), int):
            say(problem=f"NBIRTH of {node}: {REBIRTH} or bdSeq is not right")
        host.nodes[node] = {"seq": 0, "bd_seq": values.get(BD_SEQ)}
    elif node not in host.nodes:
        host.ask(node)
        return
    elif isinstance(payload, DBirth | NData | DData | DDeath):
        expected = (host.nodes[node]["seq"] + 1) % 256
        if payload.seq != expected:
            say(problem=f"{topic}: seq {payload.seq}, not {expected}")
        host.nodes[node]["seq"] = payload.seq
    metrics = [
        [one.name, one.value, one.timestamp, one.is_historical]
        for one in getattr(payload, "metrics", ())
    ]
    say(kind=str(topic.message_type), node=node, device=device, seq=payload.seq, metrics=metrics)


def main() -> None:
    """Run until standard input ends or says so."""
    host = Host(sys.argv[2], sys.argv[3])
    host.start(int(sys.argv[1]))
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "rebirth":
            host.rebirth(rest)
        elif word == "go":
            host.publish(host.state(online=False))
            host.disconnect()
            break
        elif word == "end":
            break
    os._exit(0)  # without a word to the broker, but after "go"


if __name__ == "__main__":
    main()
