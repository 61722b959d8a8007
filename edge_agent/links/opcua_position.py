"""Where an OPC UA source stands: its session and subscription, and the last value of each tag."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.links.tag_source import Position

SEQUENCE_MAX = 0xFFFF_FFFF


@dataclass(slots=True)
class Place:
    """Place of a source; read from a position and written into the next one.

    A subscription goes on where it was only for the same tags (``mapping``) and the same start of
    the server (``server``): a server that was started anew counts its subscriptions from the
    beginning, and the same number is somebody else's.
    """

    mapping: str
    server: str = ""
    session: dict[str, Any] = field(default_factory=dict)
    subscription: int = 0
    """0: none."""
    sequence: int = 0
    """Of the last message of the subscription that is safe."""
    silence_s: float = 0.0
    """The subscription says something at least so often."""
    missing: list[str] = field(default_factory=list)
    """Tags that are not in the subscription."""
    own_deadband: list[str] = field(default_factory=list)
    """Tags whose deadband the server does not know: it is ours."""
    namespaces: dict[int, str] = field(default_factory=dict)
    """URIs of the namespaces that tags name by their index."""
    certificate: str = ""
    """Fingerprint of the server's."""
    gap: bool = False
    """The history of the time before the subscription is not read to its end."""
    last: dict[str, int] = field(default_factory=dict)
    """Time of the last value by tag [100 ns since 1601]."""
    offset: int | None = None
    """How much later values arrived than they say [100 ns], when they last came as they happened.
    """

    @classmethod
    def read(cls, position: Position, settings: OpcUaSource) -> Self:
        """The place of a position; an empty one, or one of other tags, keeps less."""
        mapping = mapping_of(settings)
        if position.get("v") != 1:
            return cls(mapping)
        place = cls(
            str(position["mapping"]),
            str(position["server"]),
            dict(position["session"]),
            int(position["subscription"]),
            int(position["sequence"]),
            float(position["silence_s"]),
            list(position["missing"]),
            list(position["own_deadband"]),
            {int(index): str(uri) for index, uri in position["namespaces"].items()},
            str(position["certificate"]),
            bool(position["gap"]),
            _unpacked(position["last"], settings),
            position["offset"],
        )
        if place.mapping != mapping:
            place.namespaces, place.missing, place.own_deadband = {}, [], []
        return place

    def position(self, settings: OpcUaSource) -> dict[str, Any]:
        """The position that ``read`` reads."""
        return {
            "v": 1,
            "mapping": self.mapping,
            "server": self.server,
            "session": self.session,
            "subscription": self.subscription,
            "sequence": self.sequence,
            "silence_s": self.silence_s,
            "missing": self.missing,
            "own_deadband": self.own_deadband,
            "namespaces": {str(index): uri for index, uri in self.namespaces.items()},
            "certificate": self.certificate,
            "gap": self.gap,
            "last": _packed(self.last, settings),
            "offset": self.offset,
        }


def mapping_of(settings: OpcUaSource) -> str:
    """Fingerprint of the tags and of how they are subscribed."""
    text = f"{settings.subscription_ms} {settings.keep_s} " + "\n".join(
        f"{tag} {one.node} {one.deadband} {one.sampling_ms} {one.queue}"
        for tag, one in settings.tags.items()
    )
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def following(sequence: int) -> int:
    """The number after this one."""
    return sequence + 1 if sequence < SEQUENCE_MAX else 1


def _packed(last: Mapping[str, int], settings: OpcUaSource) -> dict[str, Any]:
    """Times of all tags in few characters: it is written with each batch."""
    newest = max(last.values(), default=0)
    behind = [newest - last[tag] if tag in last else None for tag in settings.tags]
    return {"tags": _tags_of(settings), "newest": newest, "behind": behind}


def _unpacked(packed: Mapping[str, Any], settings: OpcUaSource) -> dict[str, int]:
    """Times by tag; none of them where the tags are others."""
    if packed["tags"] != _tags_of(settings):
        return {}
    return {
        tag: packed["newest"] - behind
        for tag, behind in zip(settings.tags, packed["behind"], strict=True)
        if behind is not None
    }


def _tags_of(settings: OpcUaSource) -> str:
    return hashlib.sha256("\n".join(settings.tags).encode()).hexdigest()[:16]
