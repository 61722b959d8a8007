"""An edge node whose messages are handed to a HeardEdgeNode by hand: no broker, no clock."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from broker.sparkplug.data_types import DataType
from broker.sparkplug.payload import Metric, Payload, encode
from broker.sparkplug.topics import MessageKind, SparkplugTopic
from edge_agent.config.gateway_sources import SparkplugSource
from edge_agent.links.heard_edge_node import HeardEdgeNode
from edge_agent.links.tag_source import Sample

NBIRTH, NDATA, NDEATH = MessageKind.NBIRTH, MessageKind.NDATA, MessageKind.NDEATH
DBIRTH, DDATA, DDEATH = MessageKind.DBIRTH, MessageKind.DDATA, MessageKind.DDEATH
T0 = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
TAGS = {
    "hall": {"metric": "Hall/Humidity"},
    "mold": {"metric": "Mold", "device": "press"},
    "pouring": {"metric": "Pouring", "device": "press"},
    "weight": {"metric": "Weight", "device": "scale"},
}
TYPES = {bool: DataType.BOOLEAN, int: DataType.INT32, float: DataType.DOUBLE, str: DataType.STRING}
NODE = {"Hall/Humidity": 41.0}
PRESS = {"Mold": 40.5, "Pouring": False}


def ms(second: float) -> int:
    return round((T0 + timedelta(seconds=second)).timestamp() * 1000)


def metric(name: str | None, value: Any, second: float = 0.0, **more: Any) -> Metric:
    alias, kind = more.pop("alias", None), more.pop("type", TYPES.get(type(value)))
    return Metric(name, alias, kind, value, ms(second), **more)


class Node:
    """An edge node that sends to a HeardEdgeNode, by hand."""

    def __init__(self, **settings: Any) -> None:
        given_ = {
            "kind": "sparkplug",
            "group": "plant",
            "edge_node": "line",
            "tags": TAGS,
            "backlog_s": 0,
        }
        self.settings = SparkplugSource.model_validate(given_ | settings)
        self.counts: Counter[str] = Counter()
        self.heard = HeardEdgeNode(self.settings, self.counts, 0.0)
        self.second, self.seq, self.bd_seq = 0.0, 0, 0

    def send(self, kind: MessageKind, device: str | None, *metrics: Metric, **more: Any):
        """A message with the next ``seq``."""
        seq = more.pop("seq", self.seq % 256)
        if seq is not None:
            self.seq = seq + 1
        data = encode(Payload(ms(self.second), metrics, seq), types=more.pop("types", True))
        return self.take(kind, device, data)

    def take(self, kind: MessageKind, device: str | None, data: bytes) -> list[Sample]:
        topic = SparkplugTopic(kind, "plant", "line", device)
        return self.heard.take(topic, data, T0 + timedelta(seconds=self.second), self.second)

    def born(self, *more: Metric, aliases: dict[str, int] | None = None, **values: Any):
        """NBIRTH, and DBIRTH of the press; all with aliases from 1 on."""
        self.seq = 0
        aliases = aliases or {"Hall/Humidity": 1, "Mold": 2, "Pouring": 3}
        bd_seq = metric("bdSeq", self.bd_seq, type=DataType.INT64)
        of_node = [metric(name, value, alias=aliases[name]) for name, value in NODE.items()]
        found = self.send(NBIRTH, None, bd_seq, *of_node, *more)
        press = {**PRESS, **values}
        of_press = [metric(name, value, alias=aliases[name]) for name, value in press.items()]
        return found + self.send(DBIRTH, "press", *of_press)

    def death(self, bd_seq: int) -> list[Sample]:
        return self.send(NDEATH, None, metric("bdSeq", bd_seq, type=DataType.INT64), seq=None)

    def look(self, second: float) -> dict[str, str]:
        """Faults that are told at a time, by tag."""
        self.second = second
        found = self.heard.look(T0 + timedelta(seconds=second), second)
        return {one.tag: one.fault for one in found}


def told(samples: list[Sample]) -> list[tuple[str, Any]]:
    return [(one.tag, one.value if not one.fault else one.fault) for one in samples]
