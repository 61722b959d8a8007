"""The rules of Sparkplug 3.0 that one edge node has to keep, as a host sees its messages.

A host that listens from the start sees every message; one that comes later has no birth of a node,
and what it hears before one is counted, not judged.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from broker.sparkplug import sparkplug_b_pb2 as wire
from broker.sparkplug.data_types import DataType
from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.payload import Metric, Payload, decode, typed
from broker.sparkplug.topics import OF_DEVICES, MessageKind, SparkplugTopic
from tests.support.sparkplug_findings import Findings
from tests.support.sparkplug_metric_rules import (
    judge_birth,
    judge_name,
    judge_order,
    judge_quality,
    judge_time,
)
from tests.support.sparkplug_samples import Samples

CLOCK_MS = 60_000
"""A time of sending that is further off is not UTC, or not that of sending."""
REBIRTH, BD_SEQ = "Node Control/Rebirth", "bdSeq"
BIRTHS = {MessageKind.NBIRTH, MessageKind.DBIRTH}
DATA = {MessageKind.NDATA, MessageKind.DDATA}

SEQ = {
    MessageKind.NBIRTH: "payloads-nbirth-seq topics-nbirth-seq-num "
    "payloads-sequence-num-req-nbirth payloads-sequence-num-zero-nbirth "
    "message-flow-edge-node-birth-publish-nbirth-payload-seq",
    MessageKind.DBIRTH: "payloads-dbirth-seq payloads-dbirth-seq-inc topics-dbirth-seq "
    "message-flow-device-birth-publish-dbirth-payload-seq",
    MessageKind.NDATA: "payloads-ndata-seq payloads-ndata-seq-inc topics-ndata-seq-num",
    MessageKind.DDATA: "payloads-ddata-seq payloads-ddata-seq-inc topics-ddata-seq-num",
    MessageKind.DDEATH: "payloads-ddeath-seq payloads-ddeath-seq-inc payloads-ddeath-seq-number "
    "topics-ddeath-seq-num",
}
SENT = {
    MessageKind.NBIRTH: "payloads-nbirth-timestamp topics-nbirth-timestamp",
    MessageKind.DBIRTH: "payloads-dbirth-timestamp topics-dbirth-timestamp",
    MessageKind.NDATA: "payloads-ndata-timestamp topics-ndata-timestamp",
    MessageKind.DDATA: "payloads-ddata-timestamp topics-ddata-timestamp",
    MessageKind.DDEATH: "payloads-ddeath-timestamp",
}
PROTOBUF = {
    MessageKind.NBIRTH: "message-flow-edge-node-birth-publish-nbirth-payload",
    MessageKind.DBIRTH: "message-flow-device-birth-publish-dbirth-payload",
}


@dataclass
class Device:
    """Metrics of a node (name "") or of one of its devices, as its last birth gave them."""

    types: dict[str, DataType] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    """By alias."""
    values: dict[str, Metric] = field(default_factory=dict)
    """The present state: historical values change nothing here."""
    online: bool = False


class Node:
    """One edge node as a host knows it.

    Args:
        findings: what is wrong goes there.
        samples: values go there.
        name: of group and node, in sentences.
        exact_bd_seq: each connection brought a death, so bdSeq goes up by one at each; not so where
            a CONNECT may be lost on its way.
    """

    def __init__(
        self, findings: Findings, samples: Samples, name: str, *, exact_bd_seq: bool = True
    ) -> None:
        self.name, self.online, self.bd_seq = name, False, -1
        self.births = self.deaths = self.before_birth = self.old_deaths = self.unborn = 0
        self.devices: dict[str, Device] = {}
        self._findings, self._samples, self._exact = findings, samples, exact_bd_seq
        self._seq = -1
        self._data_since_birth = False
        self._dead_bd_seq: int | None = None
        """Of the last death, until a birth follows."""
        self._ever_born: set[str] = set()
        self._died: set[str] = set()
        """Devices that a DDEATH took away in this session."""

    def hear(self, topic: SparkplugTopic, data: bytes, now_ms: int) -> None:
        """Judge one message of the node, in order of arrival."""
        check, kind = self._findings.check, topic.kind
        where = f"{kind} of {self.name}{'/' + topic.device if topic.device else ''}"
        try:
            payload = decode(data)
        except SparkplugError as error:
            check(False, PROTOBUF.get(kind, "topics-ndata-payload"), f"{where}: {error}")
            return
        check(True, PROTOBUF.get(kind, "topic-structure"), where)
        for one in payload.metrics:
            check(not one.fault, "payloads-metric-datatype-value", f"{where}: {one}")
        if kind is MessageKind.NDEATH:
            self._death(payload, where)
            return
        sent = payload.timestamp_ms
        ids = f"payloads-timestamp-in-UTC {SENT[kind]}"
        near = sent is not None and abs(sent - now_ms) < CLOCK_MS
        check(near, ids, f"{where}: sent at {sent}, heard at {now_ms}")
        if kind is MessageKind.NBIRTH:
            self._birth(payload, wire.Payload.FromString(data), where, now_ms)
            return
        if not self.online:
            self.before_birth += 1
            if self.births:
                self.unborn += 1
                ids = "principles-birth-certificates-order payloads-dbirth-order"
                check(False, ids, f"{where}: the node is not born")
            return
        self._next_seq(payload, kind, where)
        device = topic.device or ""
        if kind is MessageKind.DBIRTH:
            self._device_birth(device, wire.Payload.FromString(data), payload, where, now_ms)
        elif kind is MessageKind.DDEATH:
            born = device in self.devices and self.devices[device].online
            check(born, "operational-behavior-device-ddeath", f"{where}: it is not born")
            if born:
                self.devices[device].online = False
                self._died.add(device)
        else:
            self._data(device, payload, where, kind, now_ms)

    def lost(self) -> None:
        """Forget what was heard: the host was away. The next birth is taken as it comes."""
        self.online, self._dead_bd_seq, self.bd_seq = False, None, -1
        self.births = 0

    def _birth(self, payload: Payload, message: wire.Payload, where: str, now_ms: int) -> None:
        check = self._findings.check
        check(payload.seq == 0, SEQ[MessageKind.NBIRTH], f"{where}: seq {payload.seq}, not 0")
        metrics = {one.name: one for one in payload.metrics}
        self._judge_bd_seq(metrics.get(BD_SEQ), where)
        rebirth = metrics.get(REBIRTH)
        good = rebirth is not None and rebirth.type is DataType.BOOLEAN and rebirth.value is False
        ids = (
            "payloads-nbirth-rebirth-req topics-nbirth-rebirth-metric "
            "operational-behavior-data-commands-rebirth-name "
            "operational-behavior-data-commands-rebirth-datatype "
            "operational-behavior-data-commands-rebirth-value"
        )
        check(good, ids, f"{where}: {REBIRTH} is {rebirth}")
        ids = "operational-behavior-data-commands-rebirth-name-aliases"
        check(rebirth is None or rebirth.alias is None, ids, f"{where}: {REBIRTH} has an alias")
        self.births += 1
        self.online, self._seq, self._data_since_birth = True, 0, False
        self.devices = {}
        self._died = set()
        self.devices[""] = self._metrics("", message, payload, where, now_ms)

    def _judge_bd_seq(self, metric: Metric | None, where: str) -> None:
        check = self._findings.check
        ids = (
            "payloads-nbirth-bdseq topics-nbirth-bdseq-included "
            "message-flow-edge-node-birth-publish-nbirth-payload-bdSeq"
        )
        good = metric is not None and metric.type is DataType.INT64
        value = metric.value if metric is not None else None
        if not check(good and isinstance(value, int), ids, f"{where}: bdSeq is {metric}"):
            return
        assert isinstance(value, int)
        check(0 <= value <= 255, ids, f"{where}: bdSeq {value} is beyond 0 to 255")
        ids = "topics-nbirth-bdseq-increment"
        if self._dead_bd_seq is not None:
            steps = (value - self._dead_bd_seq) % 256
            good = steps == 1 if self._exact else steps > 0
            check(good, ids, f"{where}: bdSeq {value} after a death with {self._dead_bd_seq}")
        elif self.online:
            ids = "operational-behavior-data-commands-rebirth-action-3"
            check(value == self.bd_seq, ids, f"{where}: bdSeq {value}, was {self.bd_seq}, no death")
        self.bd_seq, self._dead_bd_seq = value, None

    def _death(self, payload: Payload, where: str) -> None:
        check = self._findings.check
        ids = "payloads-ndeath-seq topics-ndeath-seq"
        check(payload.seq is None, ids, f"{where}: seq {payload.seq}, not none")
        only = len(payload.metrics) == 1 and payload.metrics[0].name == BD_SEQ
        if not check(only, "topics-ndeath-payload", f"{where}: not bdSeq alone"):
            return
        metric = payload.metrics[0]
        ids = "payloads-ndeath-bdseq"
        if not check(metric.type is DataType.INT64, ids, f"{where}: bdSeq is {metric}"):
            return
        assert isinstance(metric.value, int)
        if self.online and metric.value != self.bd_seq:
            self.old_deaths += 1  # of an earlier connection: a host passes over it
            return
        check(True, f"{ids} topics-nbirth-bdseq-matching payloads-nbirth-bdseq-repeat", where)
        self.deaths += self.online
        self.online, self._dead_bd_seq = False, metric.value
        for device in self.devices.values():
            device.online = False

    def _next_seq(self, payload: Payload, kind: MessageKind, where: str) -> None:
        expected = (self._seq + 1) % 256
        ids = (
            f"{SEQ[kind]} payloads-sequence-num-always-included payloads-sequence-num-incrementing"
        )
        words = f"{where}: seq {payload.seq} after {self._seq}"
        self._findings.check(payload.seq == expected, ids, words)
        self._seq = expected if payload.seq is None else payload.seq

    def _device_birth(
        self, device: str, message: wire.Payload, payload: Payload, where: str, now_ms: int
    ) -> None:
        check = self._findings.check
        ids = (
            "message-flow-device-birth-publish-nbirth-wait payloads-dbirth-order "
            "message-flow-device-birth-publish-dbirth-match-edge-node-topic"
        )
        known = device in self._ever_born and device not in self._died
        late = self._data_since_birth and known and device not in self.devices
        check(not late, ids, f"{where}: a known device, born after data")
        twins = [one for one in self.devices if one != device and one.lower() == device.lower()]
        check(not twins, "case-sensitivity-sparkplug-ids", f"{where}: beside {twins}")
        self.devices.pop(device, None)
        self.devices[device] = self._metrics(device, message, payload, where, now_ms)
        self._ever_born.add(device)

    def _metrics(
        self, device: str, message: wire.Payload, payload: Payload, where: str, now_ms: int
    ) -> Device:
        """Metrics of a birth, judged."""
        found = Device(online=True)
        taken = {alias for one in self.devices.values() for alias in one.names}
        side = "dbirth" if device else "nbirth"
        for metric, raw in zip(payload.metrics, message.metrics, strict=True):
            place, name = f"{where}, {metric.name!r}", metric.name or ""
            judge_name(self._findings, name, found.types, side, place)
            judge_birth(self._findings, metric, raw, side, place)
            judge_time(self._findings, metric, place, now_ms)
            if name not in {REBIRTH, BD_SEQ}:
                ids = "payloads-alias-birth-requirement"
                self._findings.check(metric.alias is not None, ids, f"{place}: no alias")
            if metric.alias is not None:
                fresh, ids = metric.alias not in taken, "payloads-alias-uniqueness"
                self._findings.check(fresh, ids, f"{place}: alias {metric.alias} twice")
                taken.add(metric.alias)
                found.names[metric.alias] = name
            if metric.type is not None:
                found.types[name] = metric.type
            found.values[name] = metric
            self._samples.at_birth(self.name, device, name, metric)
        judge_order(self._findings, payload.metrics, side, where)
        return found

    def _data(
        self, device: str, payload: Payload, where: str, kind: MessageKind, now_ms: int
    ) -> None:
        check, self._data_since_birth = self._findings.check, True
        known = self.devices.get(device)
        ids = "payloads-ddata-order" if kind in OF_DEVICES else "payloads-ndata-order"
        if not check(known is not None and known.online, ids, f"{where}: it is not born"):
            return
        assert known is not None
        ids = "topics-ddata-payload" if kind in OF_DEVICES else "topics-ndata-payload"
        check(bool(payload.metrics), ids, f"{where}: without a metric")
        side = "dbirth" if kind in OF_DEVICES else "nbirth"
        judge_order(self._findings, payload.metrics, side, where)
        for bare in payload.metrics:
            ids = "payloads-alias-data-cmd-requirement"
            good = bare.alias is not None and bare.name is None
            check(good, ids, f"{where}: {bare.name!r} has alias {bare.alias}")
            check(bare.type is None, "payloads-metric-datatype-not-req", f"{where}: {bare}")
            name = known.names.get(-1 if bare.alias is None else bare.alias, bare.name)
            ids = f"topics-{side}-metric-reqs operational-behavior-data-publish-{side}"
            if not check(name in known.types, ids, f"{where}: {bare} is not in its birth"):
                continue
            assert name is not None
            metric = typed(bare, known.types[name])
            place = f"{where}, {name!r}"
            ids = "payloads-metric-datatype-value"
            check(not metric.fault, ids, f"{place}: {metric.fault}")
            judge_time(self._findings, metric, place, now_ms)
            judge_quality(self._findings, bare, place)
            if not metric.historical:
                known.values[name] = metric
            self._samples.of_data(self.name, device, name, metric)
