"""Rebirths that are asked for: at once, and later and later while that does not help."""

from __future__ import annotations

from broker.sparkplug.data_types import DataType
from broker.sparkplug.payload import Metric, Payload, encode
from broker.sparkplug.topics import MessageKind, SparkplugTopic

PAUSES_S = (1.0, 1.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0)
"""Pause after each request; the last is also that of all later ones."""
ANEW_S = 1800.0
"""After so long without a request it begins anew."""
REBIRTH = "Node Control/Rebirth"


class RebirthRequests:
    """Pace of the requests to one edge node, over all connections."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._last_s = 0.0

    def may_ask(self, now_s: float) -> bool:
        """May one be made now? True counts as made.

        Args:
            now_s: time of the monotonic clock [s].
        """
        if self._in_a_row:
            for_s = now_s - self._last_s
            if for_s < PAUSES_S[min(self._in_a_row, len(PAUSES_S)) - 1]:
                return False
            if for_s >= ANEW_S:
                self._in_a_row = 0
        self._last_s = now_s
        self._in_a_row += 1
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
