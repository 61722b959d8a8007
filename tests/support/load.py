"""A load that costs little: prebuilt MQTT 3.1.1 packets through a bare socket, each acknowledged.

``python -m tests.support.load PORT COUNT [RATE]`` publishes COUNT telemetry frames of 12 sensors
with QoS 1, at RATE a second or as fast as the broker takes them, and prints the rate it reached.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from datetime import UTC, datetime, timedelta

MOLD = "PANEL_500x500x50"
WINDOW = 1000
"""Messages sent and not yet acknowledged."""
PUBACK_BYTES = 4


def frame(seq: int, ts: datetime) -> bytes:
    """A frame as a press sends it."""
    sensors = {"T_core_C": 40.1 + seq % 60, "T_mold_C": 45.2, "T_mold_C.1": 45.3}
    sensors |= {"T_polyol_C": 23.1, "T_iso_C": 23.2, "T_ambient_C": 22.5, "RH_ambient_pct": 48.0}
    sensors |= {"p_cavity_bar": 1.25, "p_mix_bar": 145.3, "m_polyol_kg": 0.501}
    sensors |= {"m_iso_kg": 0.533, "power_W": 1520.5}
    document = {"v": 1, "ts": ts.isoformat(), "device_id": "d1", "seq": seq, "mold_id": MOLD}
    return json.dumps(document | {"sensors": sensors}).encode()


def _packet(kind: int, body: bytes) -> bytes:
    length, rest = b"", len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length += bytes([digit | (0x80 if rest else 0)])
        if not rest:
            return bytes([kind]) + length + body


def _text(text: str) -> bytes:
    return struct.pack("!H", len(text)) + text.encode()


def publish(port: int, count: int, rate: float | None = None, press: str = "p1") -> float:
    """Publish frames, a tenth of a second apart by their own clock; messages a second."""
    topic = _text(f"pur/v1/test/{press}/telemetry")
    start = datetime.now(UTC) - timedelta(seconds=count * 0.1)
    packets = [
        _packet(
            0x32,
            topic
            + struct.pack("!H", seq % 65_535 + 1)
            + frame(seq, start + timedelta(seconds=0.1 * seq)),
        )
        for seq in range(count)
    ]
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(_packet(0x10, _text("MQTT") + b"\x04\x02\x00\x3c" + _text("load")))
        if link.recv(4) != b"\x20\x02\x00\x00":
            raise ConnectionError("the broker does not take the load")
        began, sent, received = time.perf_counter(), 0, 0
        while received < count * PUBACK_BYTES:
            room = min(count - sent, WINDOW - (sent - received // PUBACK_BYTES))
            if rate is not None:
                room = min(room, int((time.perf_counter() - began) * rate) - sent)
            if room > 0:
                link.sendall(b"".join(packets[sent : sent + room]))
                sent += room
            elif rate is not None and received == sent * PUBACK_BYTES:
                time.sleep(0.002)
                continue
            received += len(link.recv(65_536))
        return count / (time.perf_counter() - began)


if __name__ == "__main__":
    arguments = [float(text) for text in sys.argv[1:]]
    port, count = int(arguments[0]), int(arguments[1])
    print(f"{publish(port, count, *arguments[2:3]):.0f} messages/s")
