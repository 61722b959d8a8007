"""Topics of Sparkplug 3.0, all below `spBv1.0`.

    spBv1.0/{group}/{NBIRTH|NDATA|NDEATH|NCMD}/{edge_node}             of an edge node
    spBv1.0/{group}/{DBIRTH|DDATA|DDEATH|DCMD}/{edge_node}/{device}    of a device of it
    spBv1.0/STATE/{host_id}                                           of a host application

Upper and lower case are different; ids that differ in nothing else confuse people.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from broker.sparkplug.errors import SparkplugError

NAMESPACE = "spBv1.0"

ID_BYTES_MAX = 1024
"""Bytes of an id: what is left keeps every topic far below MQTT's 65,535."""


class MessageKind(StrEnum):
    """Kind of a message: its level in the topic."""

    NBIRTH = "NBIRTH"
    NDATA = "NDATA"
    NDEATH = "NDEATH"
    NCMD = "NCMD"
    DBIRTH = "DBIRTH"
    DDATA = "DDATA"
    DDEATH = "DDEATH"
    DCMD = "DCMD"
    STATE = "STATE"


OF_DEVICES = frozenset(
    {MessageKind.DBIRTH, MessageKind.DDATA, MessageKind.DDEATH, MessageKind.DCMD}
)
"""Kinds whose topic names a device."""
OF_NODES = frozenset(MessageKind) - OF_DEVICES - {MessageKind.STATE}
"""Kinds whose topic ends with the edge node."""
_KINDS = {kind.value: kind for kind in OF_NODES | OF_DEVICES}


@dataclass(frozen=True, slots=True)
class SparkplugTopic:
    """Topic of an edge node or of a device of it.

    Raises:
        SparkplugError: an id cannot be a level of a topic, or the kind wants a device and there is
            none, or the other way round.
    """

    kind: MessageKind
    group: str
    edge_node: str
    device: str | None = None

    def __post_init__(self) -> None:
        check_id("group", self.group)
        check_id("edge node", self.edge_node)
        if self.kind in OF_DEVICES:
            if self.device is None:
                raise SparkplugError(f"a topic of {self.kind} names a device")
            check_id("device", self.device)
        elif self.kind not in OF_NODES:
            raise SparkplugError(f"{self.kind} is of a host: see state_topic")
        elif self.device is not None:
            raise SparkplugError(f"a topic of {self.kind} names no device")

    def __str__(self) -> str:
        levels = [NAMESPACE, self.group, self.kind.value, self.edge_node]
        return "/".join(levels if self.device is None else [*levels, self.device])


def state_topic(host_id: str) -> str:
    """Topic on which a host application says whether it is online. Raises SparkplugError."""
    check_id("host", host_id)
    return f"{NAMESPACE}/{MessageKind.STATE}/{host_id}"


def parse_topic(text: str) -> SparkplugTopic:
    """The topic of an edge node or device in a text.

    Raises:
        SparkplugError: it is none; a topic of STATE is read by `parse_state_topic`.
    """
    levels = text.split("/")
    kind = _KINDS.get(levels[2]) if len(levels) > 2 else None
    if kind is None or levels[0] != NAMESPACE or len(levels) != (5 if kind in OF_DEVICES else 4):
        raise SparkplugError(
            f"{text[:200]!r} is no topic of Sparkplug: "
            f"{NAMESPACE}/GROUP/KIND/EDGE_NODE, and a device where the kind begins with D"
        )
    return SparkplugTopic(kind, levels[1], *levels[3:])


def parse_state_topic(text: str) -> str:
    """Id of the host in a topic of STATE. Raises SparkplugError if it is none."""
    levels = text.split("/")
    if len(levels) != 3 or levels[:2] != [NAMESPACE, MessageKind.STATE]:
        raise SparkplugError(f"{text[:200]!r} is not {NAMESPACE}/{MessageKind.STATE}/HOST_ID")
    check_id("host", levels[2])
    return levels[2]


def check_id(kind: str, text: str) -> None:
    """Check that `text` can be an id of its `kind` ("group", "host").

    Raises:
        SparkplugError: it is empty, too long, no Unicode, or has `+`, `/`, `#` or U+0000 in it.
    """
    wrong = next((one for one in text if one in "+/#\x00"), None)
    if not text or wrong is not None:
        words = "is empty" if not text else f"has {wrong!r} in it"
        raise SparkplugError(f"{kind} {text[:80]!r} {words}: not empty, and without + / #")
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise SparkplugError(f"{kind} {text[:80]!r} is no Unicode: a lone surrogate") from None
    if length > ID_BYTES_MAX:
        raise SparkplugError(f"{kind} {text[:40]!r}… has {length} bytes: at most {ID_BYTES_MAX}")
