"""Recordings of tests/cases: what a press sent, as it sent it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from edge_agent.links.publish_packet import Incoming

CASES = Path(__file__).parents[1] / "cases"


def case(number: str) -> Path:
    """The folder of a case, by its number."""
    (folder,) = CASES.glob(f"{number}-*")
    return folder


def recorded(path: Path) -> list[Incoming]:
    """The messages of a recording, in their order."""
    return [
        Incoming(line["topic"], _payload(line), None, at + 1, 1)
        for at, line in enumerate(map(json.loads, path.read_text().splitlines()))
    ]


def _payload(line: dict[str, str]) -> bytes:
    if "payload_base64" in line:
        return base64.b64decode(line["payload_base64"])
    return line["payload"].encode()
