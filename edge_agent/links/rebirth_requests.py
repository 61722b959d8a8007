"""Rebirths that are asked for: at once, and later and later while that does not help."""

from __future__ import annotations

from broker.sparkplug.data_types import DataType
from broker.sparkplug.payload import Metric, Payload, encode
from broker.sparkplug.topics import MessageKind, SparkplugTopic

FIRST_S, LONGEST_S = 10.0, 600.0
"""Pause after a request: at first, at last. Without one for the longest, it begins anew."""
REBIRTH = "Node Control/Rebirth"


class RebirthRequests:
    """Pace of the requests to one edge node, over all connections.

    Attributes:
        count: how many were made.
    """

    def __init__(self) -> None:
        self.count = 0
        self._pause_s = FIRST_S
        self._last_s: float | None = None

    def may_ask(self, now_s: float) -> bool:
        """May one be made now? True counts as made.

        Args:
            now_s: time of the monotonic clock [s].
        """
        if self._last_s is not None:
            for_s = now_s - self._last_s
            if for_s < self._pause_s:
                return False
            self._pause_s = FIRST_S if for_s >= LONGEST_S else min(2 * self._pause_s, LONGEST_S)
        self._last_s = now_s
        self.count += 1
        return True


def rebirth_command(group: str, edge_node: str, now_ms: int) -> tuple[str, bytes]:
    """Topic and payload of the command that asks an edge node to be born again.

    Args:
        group: of the edge node.
        edge_node: its name.
        now_ms: milliseconds since 1970 in UTC.
    """
    metric = Metric(REBIRTH, None, DataType.BOOLEAN, value=True, timestamp_ms=now_ms)
    topic = SparkplugTopic(MessageKind.NCMD, group, edge_node)
    return str(topic), encode(Payload(now_ms, (metric,)))
