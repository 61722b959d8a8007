"""The rules of Sparkplug 3.0 that only the packets of an edge node show: see ``mqtt_tap``."""

from __future__ import annotations

from broker.sparkplug.data_types import DataType
from broker.sparkplug.payload import Payload, decode
from broker.sparkplug.topics import NAMESPACE, MessageKind, SparkplugTopic, parse_topic, state_topic
from tests.support.mqtt_tap import CONNECT, DISCONNECT, PUBLISH, SUBSCRIBE, MqttTap, Packet
from tests.support.sparkplug_findings import Findings
from tests.support.sparkplug_rules import BD_SEQ

DISCONNECT_WITH_WILL = 0x04
BIRTHS = {MessageKind.NBIRTH, MessageKind.DBIRTH}
HEAD = "message-flow-edge-node-birth-publish"


def judge_packets(
    tap: MqttTap,
    findings: Findings,
    group: str,
    node: str,
    primary_host: str | None = None,
    *,
    exact_bd_seq: bool = True,
) -> None:
    """Judge all connections of an edge node that a tap saw, in order.

    Args:
        exact_bd_seq: all of its connections went through this tap.
    """
    death = SparkplugTopic(MessageKind.NDEATH, group, node)
    connects = [one for one in tap.of(CONNECT) if one.topic == str(death)]
    findings.check(bool(connects), f"{HEAD}-will-message", f"{node}: no connection with a will")
    before: int | None = None
    for connect in connects:
        place = f"{node}, connection {connect.connection}"
        number = _judge_will(findings, connect, place)
        if before is not None and number is not None and exact_bd_seq:
            ids = f"{HEAD}-will-message-payload-bdSeq topics-nbirth-bdseq-increment"
            good = number == (before + 1) % 256
            findings.check(good, ids, f"{place}: bdSeq {number} after {before}")
        before = number
        own = [one for one in tap.packets if one.connection == connect.connection]
        _judge_session(findings, own, place, group, node, number, primary_host)
        _judge_goodbye(findings, own, place, str(death), connect.version)


def bd_seqs(tap: MqttTap, group: str, node: str) -> list[int]:
    """Numbers in the wills of a node, in order of its connects."""
    death = str(SparkplugTopic(MessageKind.NDEATH, group, node))
    return [_bd_seq(one.payload) for one in tap.of(CONNECT) if one.topic == death]


def published(tap: MqttTap, node: str) -> list[SparkplugTopic]:
    """Topics of what a node published, in order."""
    found = []
    for one in tap.of(PUBLISH):
        if one.topic.startswith(f"{NAMESPACE}/") and not one.topic.startswith(state_topic("")[:-1]):
            topic = parse_topic(one.topic)
            if topic.edge_node == node and not topic.kind.endswith("CMD"):
                found.append(topic)
    return found


def _bd_seq(data: bytes) -> int:
    value = decode(data).metrics[0].value
    assert isinstance(value, int)
    return value


def _judge_will(findings: Findings, connect: Packet, place: str) -> int | None:
    check = findings.check
    ids = (
        f"{HEAD}-will-message payloads-ndeath-will-message {HEAD}-will-message-topic "
        "topics-ndeath-topic"
    )
    check(True, ids, place)  # found by its topic
    ids = f"{HEAD}-will-message-qos payloads-ndeath-will-message-qos"
    check(connect.qos == 1, ids, f"{place}: the will has QoS {connect.qos}")
    ids = f"{HEAD}-will-message-will-retained payloads-ndeath-will-message-retain"
    check(not connect.retain, ids, f"{place}: the will is retained")
    ids = f"principles-persistence-clean-session-{'50' if connect.version == 5 else '311'}"
    check(connect.clean, ids, f"{place}: not a clean start")
    if connect.version == 5:
        good = connect.expiry_s in {None, 0}  # without one it is 0
        ids = "principles-persistence-clean-session-50"
        check(good, ids, f"{place}: the session expires after {connect.expiry_s} s")
    payload: Payload = decode(connect.payload)
    check(payload.seq is None, "payloads-ndeath-seq", f"{place}: the will has seq {payload.seq}")
    only = [one.name for one in payload.metrics] == [BD_SEQ]
    ids = f"{HEAD}-will-message-payload topics-ndeath-payload payloads-ndeath-bdseq"
    if not check(only, ids, f"{place}: {payload}"):
        return None
    metric = payload.metrics[0]
    good = metric.type is DataType.INT64 and isinstance(metric.value, int)
    check(good, f"{HEAD}-will-message-payload-bdSeq", f"{place}: {metric}")
    return metric.value if isinstance(metric.value, int) else None


def _judge_session(
    findings: Findings,
    packets: list[Packet],
    place: str,
    group: str,
    node: str,
    bd_seq: int | None,
    primary_host: str | None,
) -> None:
    """Judge that commands are subscribed to before the first birth, which has the will's number."""
    check = findings.check
    subscribed: dict[str, int] = {}
    for one in packets:
        if one.kind == SUBSCRIBE:
            subscribed |= one.filters
        if one.kind != PUBLISH or f"/{MessageKind.NBIRTH}/" not in one.topic:
            continue
        check(True, f"{HEAD}-connect", place)
        wanted = {f"{HEAD.partition('-birth')[0]}-ncmd-subscribe":
                  f"{NAMESPACE}/{group}/{MessageKind.NCMD}/{node}"}  # fmt: skip
        devices = f"{NAMESPACE}/{group}/{MessageKind.DCMD}/{node}"
        wanted["message-flow-device-dcmd-subscribe"] = f"{devices}/+"
        if primary_host is not None:
            ids = "operational-behavior-primary-application-state-with-multiple-servers-state-subs"
            wanted[ids] = state_topic(primary_host)
        for ids, topic in wanted.items():
            qos = subscribed.get(topic)
            check(qos == 1, ids, f"{place}: {topic} has QoS {qos} when the node is born")
        ids = (
            f"{HEAD}-nbirth-payload-bdSeq payloads-nbirth-bdseq-repeat "
            "topics-nbirth-bdseq-matching operational-behavior-data-commands-rebirth-action-3"
        )
        numbers = [m.value for m in decode(one.payload).metrics if m.name == BD_SEQ]
        check(numbers == [bd_seq], ids, f"{place}: bdSeq {numbers} in a birth, will {bd_seq}")
    first = next((one for one in packets if one.kind == PUBLISH), None)
    if first is not None:
        kind = parse_topic(first.topic).kind
        good = kind in {MessageKind.NBIRTH, MessageKind.NDEATH}
        check(good, "principles-birth-certificates-order", f"{place}: {kind} comes first")


def _judge_goodbye(
    findings: Findings, packets: list[Packet], place: str, death: str, version: int
) -> None:
    """Judge an end that the node wanted: NDEATH, then DISCONNECT."""
    last = packets[-1]
    if last.kind != DISCONNECT:
        return
    published = [one for one in packets if one.kind == PUBLISH]
    ids = (
        "operational-behavior-edge-node-intentional-disconnect-ndeath "
        "operational-behavior-edge-node-intentional-disconnect-packet "
        "payloads-ndeath-will-message-publisher"
    )
    if version != 5:
        ids += " payloads-ndeath-will-message-publisher-disconnect-mqtt311"
    good = bool(published) and published[-1].topic == death
    findings.check(good, ids, f"{place}: no NDEATH before DISCONNECT")
    if version == 5:
        ids = "payloads-ndeath-will-message-publisher-disconnect-mqtt50"
        good = last.reason == DISCONNECT_WITH_WILL
        findings.check(good, ids, f"{place}: DISCONNECT with reason {last.reason}")
