"""Node ids of OPC UA as people write them: ``ns=2;s=Press.MoldTemp``, ``nsu=http://vendor/;i=7``.

Pure text: nothing here needs asyncua.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.config.gateway_sources import OpcUaSource

NAMESPACE_MAX, NUMBER_MAX = 0xFFFF, 0xFFFF_FFFF
FORM = "ns=2;s=Name, ns=2;i=1234, or with the namespace's URI nsu=http://vendor/ns;s=Name"
_BEFORE = re.compile(
    r"(?:(?P<key>nsu|ns)=(?P<namespace>[^;]*);)?(?P<kind>[a-z])=(?P<identifier>.*)", re.S
)
_ESCAPES = (("%", "%25"), (";", "%3B"))
"""In the URI of a node id, which ends at a semicolon."""


class NodeIdError(ValueError):
    """A text that is no node id; it says what is wrong and how one is written."""


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """A node id before the server's namespaces are known."""

    namespace: int | str
    """Its index, or its URI."""
    identifier: int | str | bytes | uuid.UUID


def parse_node(text: str) -> NodeAddress:
    """A node id from its text.

    Raises:
        NodeIdError: it is none.
    """
    found = _BEFORE.fullmatch(text.strip())
    if found is None:
        raise NodeIdError(f"{text[:100]!r} is no node id: write {FORM}")
    identifier = _identifier(text, found["kind"], found["identifier"])
    if found["key"] is None:
        return NodeAddress(0, identifier)
    if found["key"] == "nsu":
        if not found["namespace"]:
            raise NodeIdError(f"{text[:100]!r}: the namespace's URI is missing: write {FORM}")
        return NodeAddress(found["namespace"], identifier)
    namespace = _number(found["namespace"], NAMESPACE_MAX)
    if namespace is None:
        raise NodeIdError(
            f"{text[:100]!r}: ns={found['namespace'][:20]} is no number up to {NAMESPACE_MAX}; "
            "with a URI it is nsu="
        )
    return NodeAddress(namespace, identifier)


def node_text(uri: str, identifier: int | str | bytes | uuid.UUID) -> str:
    """A node id with the URI of its namespace, as ``parse_node`` reads it."""
    for plain, escaped in _ESCAPES:
        uri = uri.replace(plain, escaped)
    if isinstance(identifier, int):
        words = f"i={identifier}"
    elif isinstance(identifier, str):
        words = f"s={identifier}"
    elif isinstance(identifier, bytes):
        words = f"b={base64.b64encode(identifier).decode()}"
    else:
        words = f"g={identifier}"
    return f"nsu={uri};{words}"


def index_of(namespace: str, uris: Sequence[str]) -> int | None:
    """Index of a namespace on a server, by its URI as written or with ``%3B`` and ``%25`` read."""
    plain = namespace
    for char, escaped in reversed(_ESCAPES):
        plain = plain.replace(escaped, char)
    for uri in (namespace, plain):
        if uri in uris:
            return uris.index(uri)
    return None


def node_problems(source: OpcUaSource) -> dict[str, str]:
    """Tags whose node id is none, and why; a check before anything is asked of the server."""
    problems = {}
    for tag, settings in source.tags.items():
        try:
            parse_node(settings.node)
        except NodeIdError as error:
            problems[tag] = str(error)
    return problems


def _identifier(text: str, kind: str, words: str) -> int | str | bytes | uuid.UUID:
    if kind == "s" and words:
        return words
    if kind == "i" and (number := _number(words, NUMBER_MAX)) is not None:
        return number
    try:
        if kind == "g":
            return uuid.UUID(words)
        if kind == "b" and words:
            return base64.b64decode(words, validate=True)
    except (ValueError, binascii.Error):
        pass
    names = {"s": "a text", "i": f"a number up to {NUMBER_MAX}", "g": "a GUID", "b": "base64"}
    if kind not in names:
        raise NodeIdError(f"{text[:100]!r}: {kind}= is no kind of node id: write {FORM}")
    raise NodeIdError(f"{text[:100]!r}: after {kind}= must stand {names[kind]}")


def _number(words: str, limit: int) -> int | None:
    if not re.fullmatch(r"[0-9]{1,10}", words):
        return None
    number = int(words)
    return number if number <= limit else None
