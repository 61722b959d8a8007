"""Session of an edge node as Sparkplug 3.0 has it: births, numbers, deaths. Pure: no clock.

    session = NodeSession("demo", "press-1", book, bd_seq)
    connect(will=session.will(now))
    send(session.births(now))                      # NBIRTH with seq 0, then all DBIRTH
    send(session.data("mold-1", changed, at, now)) # seq + 1 mod 256
    send(session.births(now))                      # a rebirth: all again, the same bdSeq
    send(session.will(now)); disconnect()

A device or metric that is new makes a rebirth necessary: every DBIRTH follows its NBIRTH at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from broker.sparkplug import sparkplug_b_pb2 as wire
from broker.sparkplug.data_types import DataType
from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.metric_book import BD_SEQ_ALIAS, Kept, MetricBook
from broker.sparkplug.metric_specs import BD_SEQ
from broker.sparkplug.mold_metrics import Reading
from broker.sparkplug.payload import GOOD, QUALITY, Metric, Payload, decode, encode
from broker.sparkplug.topics import MessageKind, SparkplugTopic
from broker.sparkplug.values import to_wire

BD_SEQ_COUNT = SEQ_COUNT = 256


@dataclass(frozen=True, slots=True)
class NodeMessage:
    """A message as it is sent: QoS 0 but for the will, never retained."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Write:
    """A value that a host writes to a metric."""

    device: str | None
    kept: Kept
    value: object
    """Of the type of the metric."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a command asks for: writes, and what of it cannot be used, in words."""

    writes: tuple[Write, ...] = ()
    faults: tuple[str, ...] = ()


class NodeSession:
    """An edge node from its connect to its death."""

    def __init__(self, group: str, node: str, book: MetricBook, bd_seq: int) -> None:
        """Begin a session that is not born yet.

        Args:
            group: id of the group.
            node: id of the edge node.
            book: its metrics, which outlive the session.
            bd_seq: one more than that of the connect before, modulo 256.

        Raises:
            SparkplugError: an id cannot be a level of a topic.
        """
        self.group, self.node, self.book, self.bd_seq = group, node, book, bd_seq
        self.born: frozenset[str] | None = None
        """Devices of the last birth; None before it."""
        self.dead: set[str] = set()
        """Devices that have died since."""
        self.refused: frozenset[str] = frozenset()
        """Devices whose birth does not fit into a packet with a single metric: they do not live."""
        self.left_out: dict[str | None, int] = {}
        """Metrics for which the last births had no room, by device."""
        self._no_room: set[int] = set()
        """Their aliases."""
        self._aliases: set[int] = set()
        self._metrics_count = -1
        self._seq = 0
        self._topics: dict[tuple[MessageKind, str | None], str] = {}
        self._topic(MessageKind.NBIRTH)

    def commands(self) -> list[str]:
        """Topic filters of commands to this node and its devices."""
        head = self._topic(MessageKind.NCMD)
        return [head, head.replace(f"/{MessageKind.NCMD}/", f"/{MessageKind.DCMD}/") + "/+"]

    def will(self, now_ms: int) -> NodeMessage:
        """NDEATH: the will of the connection, and what is sent before it is ended."""
        bd_seq = Metric(BD_SEQ, None, DataType.INT64, self.bd_seq, now_ms)
        payload = encode(Payload(now_ms, (bd_seq,)))
        return NodeMessage(self._topic(MessageKind.NDEATH), payload)

    def births(
        self, now_ms: int, silent: Iterable[str] = (), bytes_max: int | None = None
    ) -> list[NodeMessage]:
        """NBIRTH and the DBIRTH of every device: at first, and again when somebody asks.

        The newest metrics of a birth that is too large are left out, and counted.

        Args:
            now_ms: the time.
            silent: devices that are not born: nothing is heard of them.
            bytes_max: of a topic with its payload; None for no limit.
        """
        silent = frozenset(silent)
        devices = [one for one in self.book.devices if one is not None and one not in silent]
        bd_seq = Metric(BD_SEQ, BD_SEQ_ALIAS, DataType.INT64, self.bd_seq, now_ms)
        self._seq, self._aliases, self._no_room, self.left_out = 0, set(), set(), {}
        metrics = (*self.book.birth_metrics(None, now_ms), bd_seq)
        birth = self._birth(MessageKind.NBIRTH, None, metrics, now_ms, bytes_max)
        messages = [] if birth is None else [birth]
        refused = set()
        for device in devices:
            metrics = tuple(self.book.birth_metrics(device, now_ms))
            message = self._birth(MessageKind.DBIRTH, device, metrics, now_ms, bytes_max)
            if message is None:
                refused.add(device)
            else:
                messages.append(message)
        self.born, self.dead = frozenset(devices) - refused, set()
        self.refused = frozenset(refused)
        self._metrics_count = self.book.metrics_count
        return messages

    @property
    def complete(self) -> bool:
        """Were all metrics that there are in the last birth?"""
        return self._metrics_count == self.book.metrics_count

    def knows(self, device: str | None, changed: Iterable[tuple[Kept, Reading]]) -> bool:
        """Were these metrics in the last births, or had these no room for them?"""
        return self.decided(device) and all(kept.alias in self._aliases for kept, _ in changed)

    def decided(self, device: str | None) -> bool:
        """Does the device live, or would another birth be refused as well?"""
        return self.lives(device) or device in self.refused

    def with_room(self, changed: Iterable[tuple[Kept, Reading]]) -> list[tuple[Kept, Reading]]:
        """What can be sent of this; metrics for which the births had no room are counted."""
        known = list(changed)
        if not self._no_room:
            return known
        found = [one for one in known if one[0].alias not in self._no_room]
        self.book.left_out_count += len(known) - len(found)
        return found

    def lives(self, device: str | None) -> bool:
        """Was the device born, and has it not died since? None: is the node born?"""
        if self.born is None:
            return False
        return device is None or (device in self.born and device not in self.dead)

    def data(
        self,
        device: str | None,
        changed: Iterable[tuple[Kept, Reading]],
        at_ms: int,
        now_ms: int,
        *,
        historical: bool = False,
    ) -> NodeMessage:
        """NDATA or DDATA of what has changed.

        Args:
            device: the device, None for the node.
            changed: metrics of the last birth with their values.
            at_ms: time of the values.
            now_ms: the time.
            historical: they are not the present values.
        """
        payload = _data(changed, at_ms, now_ms, self._take_seq(), historical=historical)
        return NodeMessage(self._data_topic(device), payload)

    def historical(self, device: str | None, stored: bytes, now_ms: int) -> NodeMessage | None:
        """NDATA or DDATA of a message that was `stored` and could not be sent when it was true.

        None if the births had no room for any of its metrics: these are counted.

        Raises:
            SparkplugError: the bytes are damaged, or speak of no metric of the births.
        """
        payload = wire.Payload()
        try:
            payload.ParseFromString(stored)
        except Exception as error:  # DecodeError, whose module only `payload` knows
            raise SparkplugError(f"stored data cannot be read: {error}") from None
        for metric in payload.metrics:
            if metric.alias not in self._aliases:
                raise SparkplugError(f"stored data: alias {metric.alias} is of no metric")
            metric.is_historical = True
        if self._no_room:
            found = [one for one in payload.metrics if one.alias not in self._no_room]
            self.book.left_out_count += len(payload.metrics) - len(found)
            if not found:
                return None
            del payload.metrics[:]
            payload.metrics.extend(found)
        payload.timestamp, payload.seq = now_ms, self._take_seq()
        return NodeMessage(self._data_topic(device), payload.SerializeToString())

    def device_death(self, device: str, now_ms: int) -> NodeMessage:
        """DDEATH: nothing is heard of a device any more."""
        self.dead.add(device)
        payload = encode(Payload(now_ms, (), self._take_seq()))
        return NodeMessage(self._topic(MessageKind.DDEATH, device), payload)

    def command(self, topic: SparkplugTopic, data: bytes) -> Command:
        """What an NCMD or DCMD asks for.

        Raises:
            SparkplugError: the bytes are no payload.
        """
        writes, faults = [], []
        for metric in decode(data).metrics[:COMMAND_METRICS_MAX]:
            label = metric.name if metric.name is not None else f"alias {metric.alias}"
            kept = self.book.find(topic.device, metric.name, metric.alias)
            if metric.fault:
                faults.append(f"{label!r}: {metric.fault}")
            elif kept is None:
                faults.append(f"{label!r} is no metric of {topic.device or topic.edge_node}")
            elif not kept.spec.writable:
                faults.append(f"{label!r} cannot be written")
            elif metric.type not in (None, kept.spec.type) or not _fits(metric.value, kept):
                faults.append(f"{label!r}: {kept.spec.type.name} expected")
            else:
                writes.append(Write(topic.device, kept, metric.value))
        return Command(tuple(writes), tuple(faults))

    def not_sent(self) -> None:
        """Take back the number of the last message: nobody sent it, and hosts see no gap."""
        self._seq = (self._seq - 1) % SEQ_COUNT

    def _birth(
        self,
        kind: MessageKind,
        device: str | None,
        metrics: tuple[Metric, ...],
        now_ms: int,
        bytes_max: int | None,
    ) -> NodeMessage | None:
        """A birth with the metrics that fit; None for a device without a single one."""
        topic = self._topic(kind, device)
        self._aliases.update(metric.alias for metric in metrics if metric.alias is not None)
        payload = encode(Payload(now_ms, metrics, self._seq))
        if bytes_max is not None and len(topic.encode()) + len(payload) > bytes_max:
            fitting = _fitting(metrics, now_ms, bytes_max - len(topic.encode()))
            left = {one.alias for one in fitting}
            gone = [one.alias for one in metrics if one.alias and one.alias not in left]
            self._no_room.update(gone)
            self.left_out[device] = len(gone)
            self.book.left_out_count += len(gone)
            if device is not None and not fitting:
                return None
            payload = encode(Payload(now_ms, fitting, self._seq))
        self._take_seq()
        return NodeMessage(topic, payload)

    def _take_seq(self) -> int:
        seq, self._seq = self._seq, (self._seq + 1) % SEQ_COUNT
        return seq

    def _data_topic(self, device: str | None) -> str:
        return self._topic(MessageKind.NDATA if device is None else MessageKind.DDATA, device)

    def _topic(self, kind: MessageKind, device: str | None = None) -> str:
        key = kind, device
        if key not in self._topics:
            self._topics[key] = str(SparkplugTopic(kind, self.group, self.node, device))
        return self._topics[key]


COMMAND_METRICS_MAX = 100
"""Metrics of one command that are looked at."""


def stored_form(changed: Iterable[tuple[Kept, Reading]], at_ms: int) -> bytes:
    """Bytes of a message that waits to be sent as historical."""
    return _data(changed, at_ms, at_ms, None)


def next_bd_seq(before: int | None) -> int:
    """The number of the next connect; 0 for the first."""
    return 0 if before is None else (before + 1) % BD_SEQ_COUNT


def _data(
    changed: Iterable[tuple[Kept, Reading]],
    at_ms: int,
    now_ms: int,
    seq: int | None,
    *,
    historical: bool = False,
) -> bytes:
    """Bytes of data: aliases, times and values. Without `Metric` for each: it takes a sixth."""
    payload = wire.Payload(timestamp=now_ms)
    if seq is not None:
        payload.seq = seq
    add = payload.metrics.add
    for kept, reading in changed:
        value, kind = reading.value, kept.spec.type
        if kind is DataType.DOUBLE and value is not None:
            metric = add(alias=kept.alias, timestamp=at_ms, double_value=value)
        else:
            metric = add(alias=kept.alias, timestamp=at_ms)
            if value is None:
                metric.is_null = True
            else:
                setattr(metric, *to_wire(value, kind))
        if historical:
            metric.is_historical = True
        if reading.quality != GOOD:
            metric.properties.keys.append(QUALITY)
            metric.properties.values.add(type=DataType.INT32, int_value=reading.quality)
    data: bytes = payload.SerializeToString()
    return data


def _fitting(metrics: tuple[Metric, ...], now_ms: int, bytes_max: int) -> tuple[Metric, ...]:
    """Metrics that fit into a birth: what the standard asks for, and then the oldest aliases."""
    room = bytes_max - len(encode(Payload(now_ms, (), SEQ_COUNT - 1)))
    empty = len(encode(Payload(now_ms, ())))
    needed = (None, BD_SEQ_ALIAS)
    kept: set[int | None] = set()
    for one in sorted(metrics, key=lambda one: one.alias or 0):
        room -= len(encode(Payload(now_ms, (one,)))) - empty
        if room < 0 and one.alias not in needed:
            break
        kept.add(one.alias)
    return tuple(one for one in metrics if one.alias in kept)


def _fits(value: object, kept: Kept) -> bool:
    return type(value) is (bool if kept.spec.type is DataType.BOOLEAN else str)
