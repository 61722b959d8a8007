"""Topic filters (MQTT 5.0 section 4.7): which to subscribe to, so that no message comes twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from zlib import crc32

NUMBER_MAX = 268_435_455
"""Of a subscription (MQTT 5.0 section 3.8.2.1.2)."""


def matches(levels: Sequence[str], topic: Sequence[str]) -> bool:
    """Does a filter match a topic? Both by their levels."""
    if topic[0].startswith("$") and levels[0] in {"+", "#"}:
        return False
    if levels[-1] == "#":
        levels = levels[:-1]
        if len(topic) < len(levels):
            return False
    elif len(topic) != len(levels):
        return False
    return all(level in {"+", one} for level, one in zip(levels, topic, strict=False))


def covers(wide: str, narrow: str) -> bool:
    """Does a filter match all that another one matches, and more?"""
    if wide == narrow:
        return False
    levels, others = wide.split("/"), narrow.split("/")
    if others[-1] == "#":
        if levels[-1] != "#" or len(others) < len(levels):
            return False
        others = others[:-1]
    return matches(levels, others) if others else levels == ["#"]


def overlap(one: str, other: str) -> bool:
    """Is there a topic that both filters match?"""
    levels, others = one.split("/"), other.split("/")
    for at in range(max(len(levels), len(others)) + 1):
        first = levels[at] if at < len(levels) else None
        second = others[at] if at < len(others) else None
        if "#" in {first, second} or first is second is None:
            return True
        if first is None or second is None:
            return (levels, others)[first is None][at:] == ["#"]
        if first != second and "+" not in {first, second}:
            return False
    return True


def subscriptions(filters: Iterable[str]) -> list[str]:
    """Filters to subscribe to: without those that another one covers."""
    known = sorted(set(filters))
    return [one for one in known if not any(covers(other, one) for other in known)]


def subscription_of(one: str, subscribed: Iterable[str]) -> str:
    """The subscription by which messages of a filter come."""
    return next(other for other in subscribed if other == one or covers(other, one))


def some_overlap(subscribed: Iterable[str]) -> bool:
    """Can a message come for two of these subscriptions? The broker may then send it twice."""
    return any(overlap(one, other) for one, other in combinations(subscribed, 2))


def number_of(subscription: str) -> int:
    """The number by which the broker names a subscription: the same at every start."""
    return crc32(subscription.encode()) % NUMBER_MAX + 1
