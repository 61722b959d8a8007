"""Messages through ``decode``, and what came of them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from broker.messages import (
    DeadLetter,
    TelemetryFrame,
)
from broker.topics import PressAddress, TopicSpace
from edge_agent.links.publish_packet import Incoming
from edge_agent.pipeline.decode import Decoded, decode

TOPICS, PRESS = TopicSpace(), PressAddress("s", "p1")
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
REGULAR_EXPRESSION = re.compile(r"\^\[|\]\{|\[A-Z|\\x00|\)\?")


def read(message: Incoming) -> Decoded | DeadLetter:
    return decode(message, TOPICS, PRESS, NOW, 300.0)


def sent(
    document: Any, channel: str = "telemetry", content_type: str | None = None
) -> Decoded | DeadLetter:
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read(Incoming(f"pur/v1/s/p1/{channel}", payload, content_type, 1, 1))


def accepted(found: Decoded | DeadLetter) -> Decoded:
    assert isinstance(found, Decoded), found
    return found


def refused(found: Decoded | DeadLetter) -> DeadLetter:
    assert isinstance(found, DeadLetter), found
    assert not REGULAR_EXPRESSION.search(found.detail), found.detail
    return found


def frame(found: Decoded | DeadLetter) -> TelemetryFrame:
    message = accepted(found).message
    assert isinstance(message, TelemetryFrame)
    return message


def said(found: Decoded | DeadLetter) -> dict[str, str]:
    """Code of each remark by its field."""
    return {remark.field: remark.code for remark in accepted(found).remarks}
