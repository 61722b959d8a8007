"""Frames as most devices send them, read in one go, with less work than the codec's usual way.

A frame is plain when that way would read it without changing, leaving out or refusing anything.
Whoever is in doubt takes the usual way, which has the words for what is wrong.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from broker.json_values import INT_MAX
from broker.messages import TelemetryFrame
from broker.messages.left_out import all_in_known_units

_PLAIN: Final = frozenset(
    {"v", "ts", "device_id", "seq", "mold_id", "shot_id", "sensors", "metrics", "status"}
)
_TEXT_AS_TS: Final = (b'"ts":"', b'"ts": "')
_INTEGER_AS_V: Final = (b'{"v":1,', b'{"v": 1,')
"""At the beginning: a metric may have that name, too."""
_read = TelemetryFrame.__pydantic_validator__.validate_json


def plain_frame(payload: bytes) -> TelemetryFrame | None:
    """Read a plain frame of JSON; None when it may be anything else."""
    if b"\\" in payload or not any(start in payload for start in _TEXT_AS_TS):
        return None
    try:
        frame: TelemetryFrame = _read(payload)
    except ValidationError:
        return None
    sensors, fields = frame.sensors, frame.model_fields_set
    if not (fields <= _PLAIN and all_in_known_units(sensors)):
        return None
    if "ts" in frame.status or ("v" in fields and not payload.startswith(_INTEGER_AS_V)):
        return None
    numbers = [*sensors.values(), *frame.metrics.values()]
    names = len(fields) + len(numbers) + len(frame.status)
    texts = 2 + (frame.mold_id is not None) + (frame.shot_id is not None)
    for state in frame.status.values():
        if type(state) is str:
            texts += 1
        else:
            numbers.append(float(state))
    if numbers and not -INT_MAX < min(numbers) <= max(numbers) < INT_MAX:
        return None  # maybe an integer of more than 64 bit
    # No text holds a quote, and ts is a text: a name that comes twice makes more quotes than these.
    return frame if payload.count(b'"') == 2 * (names + texts) else None
