"""The rules of Sparkplug 3.0 for one metric of a message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from broker.sparkplug import sparkplug_b_pb2 as wire
from broker.sparkplug.data_types import DataType, type_of
from broker.sparkplug.payload import QUALITY, Metric
from tests.support.sparkplug_findings import Findings

AHEAD_MS = 1_000
"""A value may not be from later than this."""


def judge_name(findings: Findings, name: str, before: Iterable[str], side: str, place: str) -> None:
    """Judge the name of a metric of a birth; ``before`` has those that came before it."""
    earlier = set(before)
    findings.check(bool(name), "payloads-name-requirement", f"{place}: no name")
    ids = f"topics-{side}-metric-reqs operational-behavior-data-publish-{side}"
    findings.check(name not in earlier, ids, f"{place}: twice")
    same = name.lower() in {one.lower() for one in earlier - {name}}
    findings.check(not same, "case-sensitivity-metric-names", f"{place}: twice but for its case")


def judge_birth(
    findings: Findings, metric: Metric, raw: wire.Metric, side: str, place: str
) -> None:
    """Judge type, value and properties of a metric of a birth."""
    ids = (
        f"payloads-metric-datatype-req topics-{side}-metrics payloads-metric-datatype-value "
        "payloads-metric-datatype-value-type"
    )
    good = raw.HasField("datatype") and type_of(raw.datatype) is not None
    findings.check(good, ids, f"{place}: type {raw.datatype}")
    null, empty = raw.is_null, raw.WhichOneof("value") is None
    ids = f"operational-behavior-data-publish-{side}-values topics-{side}-metrics"
    findings.check(null == empty, ids, f"{place}: neither a value nor null, or both")
    for name, one in metric.properties.items():
        ids = (
            "payloads-metric-propertyvalue-type-req payloads-metric-propertyvalue-type-value "
            "payloads-metric-propertyvalue-type-type"
        )
        findings.check(one.type is not None and not one.fault, ids, f"{place}, {name}: {one}")
    pairs = len(raw.properties.keys) == len(raw.properties.values)
    ids = "payloads-propertyset-keys-array-size payloads-propertyset-values-array-size"
    findings.check(pairs, ids, f"{place}: properties are no pairs")
    judge_quality(findings, metric, place)


def judge_quality(findings: Findings, metric: Metric, place: str) -> None:
    """Judge the property of the quality, where there is one."""
    if (quality := metric.properties.get(QUALITY)) is None:
        return
    good = quality.type in {DataType.INT32, None}
    findings.check(good, "payloads-propertyset-quality-value-type", f"{place}: {quality}")
    good = quality.value in {0, 192, 500}
    findings.check(good, "payloads-propertyset-quality-value-value", f"{place}: {quality}")


def judge_time(findings: Findings, metric: Metric, place: str, now_ms: int) -> None:
    """Judge the time of a value: there, and not in the future."""
    at, ids = metric.timestamp_ms, "payloads-name-birth-data-requirement"
    findings.check(at is not None, ids, f"{place}: no timestamp")
    good = at is None or 0 < at <= now_ms + AHEAD_MS
    words = f"{place}: of {at}, heard at {now_ms}"
    findings.check(good, "payloads-metric-timestamp-in-UTC", words)


def judge_order(findings: Findings, metrics: Sequence[Metric], side: str, where: str) -> None:
    """Judge that the values of a message are in order of time, but for those of the past."""
    times = [one.timestamp_ms or 0 for one in metrics if not one.historical]
    ids = f"operational-behavior-data-publish-{side}-order"
    findings.check(times == sorted(times), ids, f"{where}: values not in order of time")
