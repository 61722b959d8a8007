"""STATE of a host application: the one payload of Sparkplug that is JSON.

A host retains `{"online": true, "timestamp": …}` on its topic; its will says `false` with the
timestamp of the same session. So an edge node tells the death of an earlier session from that of
the present one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from broker.sparkplug.errors import SparkplugError

BYTES_MAX = 4096
TIMESTAMP_MAX = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class HostState:
    """What a host says of itself.

    Attributes:
        online: whether it is there.
        timestamp_ms: when its session began, in milliseconds since 1970 in UTC.
    """

    online: bool
    timestamp_ms: int


def encode_state(state: HostState) -> bytes:
    """Payload of a STATE message."""
    return json.dumps({"online": state.online, "timestamp": state.timestamp_ms}).encode()


def decode_state(data: bytes) -> HostState:
    """State in the payload of a STATE message.

    Raises:
        SparkplugError: it is not JSON, or has no usable `online` and `timestamp`.
    """
    if len(data) > BYTES_MAX:
        raise SparkplugError(f"STATE of {len(data)} bytes: at most {BYTES_MAX} are read")
    try:
        said = json.loads(data.decode())
    except (ValueError, RecursionError):  # of both: no UTF-8, no JSON
        raise SparkplugError(
            f'STATE {data[:80]!r} is no JSON as {{"online": true, "timestamp": 1}}'
        ) from None
    online = said.get("online") if isinstance(said, dict) else None
    if not isinstance(online, bool):
        raise SparkplugError("STATE: 'online' has to be true or false")
    timestamp = said.get("timestamp")
    if isinstance(timestamp, bool) or not isinstance(timestamp, int):
        raise SparkplugError("STATE: 'timestamp' has to be milliseconds since 1970, a whole number")
    if not 0 <= timestamp <= TIMESTAMP_MAX:
        raise SparkplugError("STATE: 'timestamp' is beyond 0 to 2^63 - 1")
    return HostState(online, timestamp)
