"""What a Sparkplug host sees of the demo: edge nodes, devices, and how many metrics they have."""

from __future__ import annotations

from dataclasses import dataclass, field

from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.payload import decode
from broker.sparkplug.topics import MessageKind, parse_topic
from edge_agent.config.settings import Settings
from edge_agent.links.mqtt import connect, passing_id

_BIRTHS = {MessageKind.NBIRTH, MessageKind.DBIRTH}
_DATA = {MessageKind.NDATA, MessageKind.DDATA}


@dataclass
class Seen:
    """Metrics of the births by node and device, and the messages of data."""

    metrics: dict[str, int] = field(default_factory=dict)
    data_count: int = 0

    def lines(self, where: str) -> list[str]:
        """Words for people."""
        found = [f"sparkplug: {self.data_count} messages of data, {where}"]
        return found + [
            f"  {name}: {count} metrics" for name, count in sorted(self.metrics.items())
        ]


async def watch(settings: Settings, seen: Seen) -> None:
    """Listen to all of the group until it is cancelled."""
    group = settings.sparkplug.group or settings.site
    async with connect(settings.broker, passing_id("demo-host")) as session:
        await session.subscribe([f"spBv1.0/{group}/#"])
        while True:
            for message in await session.next_batch(256):
                try:
                    topic = parse_topic(message.topic)
                    count = len(decode(message.payload).metrics)
                except SparkplugError:
                    continue
                name = "/".join(filter(None, (topic.group, topic.edge_node, topic.device)))
                if topic.kind in _BIRTHS:
                    seen.metrics[name] = count
                seen.data_count += topic.kind in _DATA
