"""Edge node of Sparkplug as it is heard: births, order, deaths; samples of its mapped metrics.

Nothing is read without a birth: an alias, a type and the twin's own mark stand there alone. When
messages are missing, among them may have been a birth that gave aliases another meaning. So what
comes after is held, and read when the next birth says that all means the same; otherwise it is left
out and counted. After a first birth, or one after a death, values wait a little: what the edge node
stored while it was away comes behind its birth, and is to be used before it.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from math import inf

from broker.sparkplug.own_node import is_own
from broker.sparkplug.payload import Payload, decode
from broker.sparkplug.topics import MessageKind, SparkplugTopic
from edge_agent.config.gateway_sources import SparkplugSource
from edge_agent.errors import SettingsError
from edge_agent.links.left_out import LeftOut
from edge_agent.links.sparkplug_births import Birth
from edge_agent.links.sparkplug_part import GRACE_S, NodePart
from edge_agent.links.sparkplug_readings import MetricReader
from edge_agent.links.tag_source import Sample

HELD_BYTES = 8_000_000
"""Of messages that wait for a birth; beyond it the oldest are left out, and counted."""
SEQ_COUNT = 256
BD_SEQ = "bdSeq"


class HeardEdgeNode:
    """One edge node over one connection.

    Attributes:
        wants_birth: a birth is missing, or is not certain any more.
    """

    def __init__(self, settings: SparkplugSource, counts: Counter[str], now_s: float) -> None:
        """Nothing is heard yet.

        Args:
            settings: the edge node, and the tags that are read.
            counts: takes what is left out, by ``LeftOut``.
            now_s: time of the monotonic clock [s].
        """
        self._settings, self._counts = settings, counts
        self._readers = {
            device: MetricReader(device, settings, counts)
            for device in {tag.device for tag in settings.tags.values()} | {None}
        }
        self._parts = {device: NodePart(device, now_s) for device in self._readers}
        self._node = self._parts[None]
        self._expected: int | None = None
        self._bd_seq: object = None
        self.wants_birth = True

    @property
    def name(self) -> str:
        """Group and edge node, for people."""
        return f"{self._settings.group}/{self._settings.edge_node}"

    def take(
        self, topic: SparkplugTopic, data: bytes, arrived: datetime, now_s: float
    ) -> list[Sample]:
        """Samples that follow from a message.

        Args:
            topic: its topic, of this edge node.
            data: its payload.
            arrived: when it came.
            now_s: time of the monotonic clock [s].

        Raises:
            SettingsError: it is an edge node of the twin itself.
            SparkplugError: it cannot be read.
        """
        payload = decode(data)
        match topic.kind:
            case MessageKind.NDEATH:
                return self._death(payload, arrived)
            case MessageKind.NBIRTH:
                return self._birth(payload, arrived, now_s)
            case MessageKind.DBIRTH | MessageKind.DDEATH:
                return self._of_device(topic, payload, arrived, now_s)
            case MessageKind.NDATA | MessageKind.DDATA:
                return self._data(topic.device, payload, data, arrived, now_s)
        return []

    def _of_device(
        self, topic: SparkplugTopic, payload: Payload, arrived: datetime, now_s: float
    ) -> list[Sample]:
        """Birth or death of a device; one that nobody mapped counts for the order alone."""
        is_behind = self._is_behind(payload.seq, now_s)
        part = self._parts.get(topic.device)
        if part is None:
            return []
        if self._node.birth is None:
            self._without_birth()
            return []
        if is_behind:  # a newer birth or death may have come before it
            part.doubt(now_s)
            self.wants_birth = True
            return []
        if topic.kind is MessageKind.DBIRTH:
            return self._born(part, payload, arrived, now_s)
        words = f"device {part.device} of {self.name} is dead (DDEATH)"
        return self._dies(part, words, arrived)

    def _data(
        self, device: str | None, payload: Payload, data: bytes, arrived: datetime, now_s: float
    ) -> list[Sample]:
        self._is_behind(payload.seq, now_s)
        part = self._parts.get(device)
        if part is None:
            return []
        if self._node.birth is None or part.birth is None:
            self._without_birth()
            return []
        if not part.is_sure:
            part.hold(data, arrived)
            self._in_vain(part.shorten(HELD_BYTES))
            return []
        return part.in_order(self._read(part, payload, arrived), now_s)

    def look(self, now: datetime, now_s: float) -> list[Sample]:
        """Values that have waited for a backlog, and faults of tags whose birth has been missing.

        Args:
            now: our time.
            now_s: the same by the monotonic clock [s].
        """
        found: list[Sample] = []
        for part in self._parts.values():
            found += part.after_backlog(now_s, self._settings.backlog_s)
            if not part.is_sure and not part.is_told and now_s - part.since_s >= GRACE_S:
                part.is_told = True
                found += self._faults(part, self._why(part), now)
                if not part.is_asked:  # lost, perhaps; or the device is away
                    part.is_asked = self.wants_birth = True
        return found

    def doubt(self, now_s: float) -> None:
        """Messages are missing: births may be among them.

        Args:
            now_s: time of the monotonic clock [s].
        """
        for part in self._parts.values():
            part.doubt(now_s)
        self.wants_birth = True

    def _why(self, part: NodePart) -> str:
        if part.birth is not None and not self._node.is_sure:
            words = f"messages of {self.name} are missing, so its next birth is waited for"
        elif self._node.birth is None:
            words = f"no birth of {self.name} has come since the gateway listens"
        else:
            words = f"no birth of device {part.device} has come since {self.name} was born"
        if not self._settings.rebirth:
            return f"{words}; with rebirth: true it is asked for"
        return f"{words}; {self._counts[LeftOut.REBIRTH_ASKED]} times it was asked to be born again"

    def _in_vain(self, count: int) -> None:
        if count:
            self._counts[LeftOut.HELD_IN_VAIN] += count

    def _without_birth(self) -> None:
        self._counts[LeftOut.NO_BIRTH] += 1
        self.wants_birth = True

    def _is_behind(self, seq: int | None, now_s: float) -> bool:
        """Has a message come behind a later one? Messages that are missing before it are noted."""
        if seq is None:
            self._counts[LeftOut.NO_SEQ] += 1
            return False
        expected, self._expected = self._expected, (seq + 1) % SEQ_COUNT
        if expected is None or seq == expected:
            return False
        if (seq - expected) % SEQ_COUNT >= SEQ_COUNT // 2:
            self._expected = expected
            self._counts[LeftOut.OUT_OF_ORDER] += 1
            return True
        self._counts[LeftOut.MISSING] += 1
        self.doubt(now_s)
        return False

    def _birth(self, payload: Payload, arrived: datetime, now_s: float) -> list[Sample]:
        if is_own(payload):
            raise own_node_error(self._settings)
        self._expected = None if payload.seq is None else (payload.seq + 1) % SEQ_COUNT
        if payload.seq is None:
            self._counts[LeftOut.NO_SEQ] += 1
        self._bd_seq = _bd_seq(payload)
        self.wants_birth = False
        for part in self._parts.values():
            if part is not self._node:
                part.doubt(now_s)
                part.revive(now_s)
        return self._born(self._node, payload, arrived, now_s)

    def _born(
        self, part: NodePart, payload: Payload, arrived: datetime, now_s: float
    ) -> list[Sample]:
        """Samples of what was held for a birth, if it means the same as before, and of itself."""
        birth, before = Birth(payload.metrics), part.birth
        held, since_s = part.born(birth), part.since_s
        samples: list[Sample] = []
        reader = self._readers[part.device]
        if before is None and self._settings.backlog_s:
            part.await_backlog(now_s)
        if before is not None:
            reader.note_changes(before, birth)
        if before is not None and before.means_the_same(birth):
            late = now_s - since_s > GRACE_S
            for data, came in held:
                samples += self._read(part, decode(data), came, late=late)
        else:
            self._in_vain(len(held))
        samples += reader.of_birth(birth, payload, arrived)
        return part.in_order(samples, now_s)

    def _read(
        self, part: NodePart, payload: Payload, arrived: datetime, *, late: bool = False
    ) -> list[Sample]:
        assert part.birth is not None
        reader = self._readers[part.device]
        samples, is_known = reader.of_data(part.birth, payload, arrived, late=late)
        self.wants_birth = self.wants_birth or not is_known
        return samples

    def _death(self, payload: Payload, arrived: datetime) -> list[Sample]:
        """All is dead, if it is the death of the birth that is known."""
        said = _bd_seq(payload)
        is_known = self._node.birth is not None and None not in {said, self._bd_seq}
        if is_known and said != self._bd_seq:
            self._counts[LeftOut.OLD_DEATH] += 1
            return []
        self._expected, self.wants_birth = None, False
        words = f"{self.name} is dead (NDEATH)"
        return [s for part in self._parts.values() for s in self._dies(part, words, arrived)]

    def _dies(self, part: NodePart, words: str, arrived: datetime) -> list[Sample]:
        self._in_vain(part.die())
        return part.after_backlog(inf, 0.0) + self._faults(part, words, arrived)

    def _faults(self, part: NodePart, words: str, now: datetime) -> list[Sample]:
        return self._readers[part.device].faults(words, now)


def own_node_error(settings: SparkplugSource) -> SettingsError:
    """Error of a source that is one of the twin's own edge nodes."""
    return SettingsError(
        f"{settings.group}/{settings.edge_node} is an edge node of the twin itself: what it says "
        "is no reading of a machine",
        hint="name the edge node of the machine",
    )


def _bd_seq(payload: Payload) -> object:
    return next((one.value for one in payload.metrics if one.name == BD_SEQ), None)
