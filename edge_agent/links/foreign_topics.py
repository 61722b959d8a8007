"""Values in foreign messages, for people who look for tags."""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.config.json_path import kind_of, path_text
from edge_agent.links.foreign_messages import parse_payload
from edge_agent.links.tag_source import FoundTag

ENTRIES_SHOWN = 10
"""Of an array, or as often as ten of an object."""
DEPTH_MAX = 8
FOUND_MAX = 5000
VALUE_SHOWN = 60


def found_tags(topic: str, payload: bytes, seen: set[str]) -> Iterator[FoundTag]:
    """Tags that a message could be read as.

    Args:
        topic: on which it came.
        payload: its bytes.
        seen: addresses that were told; those of this message are added.
    """
    document = parse_payload(payload)
    if not isinstance(document, dict | list | str | int | float | None):
        shown = payload[:VALUE_SHOWN].decode("utf-8", "replace")
        yield from _told(FoundTag(topic, topic, "text", value=shown), seen)
        return
    for steps, value in _leaves(document, (), DEPTH_MAX):
        path = path_text(steps)
        address = f"{topic} {path}" if path else topic
        name = str(steps[-1]) if steps and isinstance(steps[-1], str) else topic.rpartition("/")[2]
        kind = kind_of(value).removeprefix("a ")
        yield from _told(FoundTag(address, name, kind, value=str(value)[:VALUE_SHOWN]), seen)


def _told(found: FoundTag, seen: set[str]) -> Iterator[FoundTag]:
    if found.address not in seen and len(seen) < FOUND_MAX:
        seen.add(found.address)
        yield found


def _leaves(
    value: object, steps: tuple[str | int, ...], depth: int
) -> Iterator[tuple[tuple[str | int, ...], object]]:
    if depth and isinstance(value, dict):
        for name, item in list(value.items())[: 10 * ENTRIES_SHOWN]:
            yield from _leaves(item, (*steps, name), depth - 1)
    elif depth and isinstance(value, list):
        for at, item in enumerate(value[:ENTRIES_SHOWN]):
            yield from _leaves(item, (*steps, at), depth - 1)
    elif not isinstance(value, dict | list):
        yield steps, value
