"""A load that costs little: prebuilt MQTT 3.1.1 packets through a bare socket, each acknowledged.

``python -m tests.support.load PORT COUNT [RATE [PRESS [live]]]`` publishes COUNT telemetry frames
of 12 sensors with QoS 1, at RATE a second or as fast as the broker takes them, and prints the rate
it reached. ``live``: each is dated when it is sent, as a press does it.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import time
from collections.abc import Sequence
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


def publish(
    port: int, count: int, rate: float | None = None, press: str = "p1", *, live: bool = False
) -> float:
    """Publish frames, a tenth of a second apart by their own clock; messages a second.

    Args:
        live: as far apart as they are sent, beginning now.
    """
    step = timedelta(seconds=1 / rate if live and rate else 0.1)
    start = datetime.now(UTC) - (timedelta() if live else count * step)
    payloads = [frame(seq, start + seq * step) for seq in range(count)]
    return publish_all(port, f"pur/v1/test/{press}/telemetry", payloads, rate)


def publish_all(
    port: int, topic: str, payloads: Sequence[bytes], rate: float | None = None
) -> float:
    """Publish payloads on one topic, each acknowledged by the broker; messages a second."""
    head, count = _text(topic), len(payloads)
    packets = [
        _packet(0x32, head + struct.pack("!H", number % 65_535 + 1) + payload)
        for number, payload in enumerate(payloads)
    ]
    client_id = f"load-{os.getpid()}"
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(_packet(0x10, _text("MQTT") + b"\x04\x02\x00\x3c" + _text(client_id)))
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
    port, count, *more = sys.argv[1:]
    rate, press = (float(more[0]) if more else None), (more[1] if more[1:] else "p1")
    reached = publish(int(port), int(count), rate, press, live=more[2:] == ["live"])
    print(f"{reached:.0f} messages/s")
