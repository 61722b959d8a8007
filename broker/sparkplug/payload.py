"""Sparkplug payload as plain records, and its bytes.

    data = encode(Payload(now_ms, metrics, seq=0))
    payload = decode(data)                        # or SparkplugError, nothing else

A payload whose frame can be read is read: what is wrong with one metric stands in its `fault`, and
the others count. A message of data leaves out the types, which the births gave: `encode(…,
types=False)`, and on the other side `typed(metric, type)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from google.protobuf.message import DecodeError, EncodeError

from broker.sparkplug import sparkplug_b_pb2 as wire
from broker.sparkplug.data_types import OF_METRICS, OF_PROPERTIES, DataType, type_of
from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.values import Value, from_wire, of_type, to_wire, untyped

QUALITY = "Quality"
"""Name of the property that holds the quality of a value."""
GOOD, STALE, BAD = 192, 500, 0
"""The three qualities of Sparkplug."""

BYTES_MAX = 4 * 1024 * 1024
"""Bytes of a payload that are read: a birth of 30,000 metrics."""
METRICS_MAX = 50_000
"""Metrics of a payload that are read."""
UINT64_MAX = (1 << 64) - 1
SEQ_MAX = 255


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a metric.

    Attributes:
        type: its type, or None where the message does not say it.
        value: its value, None for null; bytes for a set of properties, which is not read.
        fault: what is wrong with it as it was received; the value is None then.
    """

    type: DataType | None
    value: Value | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of a payload.

    Attributes:
        name: its name; None where a message of data gives the alias alone.
        alias: its number of the birth, or None.
        type: its type, or None where the message does not say it.
        value: its value, None for null. A time is milliseconds since 1970 in UTC. Of a metric
            without type, integers are as on the wire, unsigned: see `typed`.
        timestamp_ms: when it had this value, in milliseconds since 1970 in UTC.
        historical: sent later than it was true: not the present value.
        transient: not to be stored.
        properties: by name.
        fault: what is wrong with the metric as it was received; the value is None then.
    """

    name: str | None = None
    alias: int | None = None
    type: DataType | None = None
    value: Value | None = None
    timestamp_ms: int | None = None
    historical: bool = False
    transient: bool = False
    properties: Mapping[str, Property] = field(default_factory=dict)
    fault: str = ""

    @property
    def quality(self) -> int:
        """`GOOD` where nothing is said; `BAD` where what is said cannot be read."""
        said = self.properties.get(QUALITY)
        if said is None:
            return GOOD
        return said.value if said.value in (GOOD, STALE) and isinstance(said.value, int) else BAD


@dataclass(frozen=True, slots=True)
class Payload:
    """Content of one message.

    Attributes:
        timestamp_ms: when it was sent, in milliseconds since 1970 in UTC.
        metrics: in order.
        seq: number of the message, 0 to 255; None in a death and in commands.
        uuid: what `body` is, where somebody uses it.
        body: bytes of a form of somebody's own.
    """

    timestamp_ms: int | None
    metrics: tuple[Metric, ...] = ()
    seq: int | None = None
    uuid: str = ""
    body: bytes = b""


def encode(payload: Payload, *, types: bool = True) -> bytes:
    """Bytes of a payload.

    Args:
        payload: each metric with a value needs its type.
        types: write the types of the metrics, as births and commands do; data leaves them out.

    Raises:
        SparkplugError: a value is not of its type or beyond its range, or cannot be written.
    """
    message = wire.Payload()
    if payload.timestamp_ms is not None:
        message.timestamp = _uint64(payload.timestamp_ms, "timestamp")
    if payload.seq is not None:
        if not 0 <= payload.seq <= SEQ_MAX:
            raise SparkplugError(f"seq {payload.seq}: 0 to {SEQ_MAX}")
        message.seq = payload.seq
    try:
        if payload.uuid:
            message.uuid = payload.uuid
        if payload.body:
            message.body = payload.body
        for metric in payload.metrics:
            try:
                _write(message.metrics.add(), metric, types)
            except SparkplugError as error:
                raise error.within(_label(metric)) from None
        data: bytes = message.SerializeToString()
    except (EncodeError, ValueError, TypeError) as error:
        raise SparkplugError(f"the payload cannot be written: {error}") from None
    return data


def decode(data: bytes) -> Payload:
    """Payload of some bytes; a metric that cannot be used has its `fault`.

    Raises:
        SparkplugError: the bytes are no payload, or more than is read of one.
    """
    if len(data) > BYTES_MAX:
        raise SparkplugError(f"{len(data)} bytes: at most {BYTES_MAX} are read")
    message = wire.Payload()
    try:
        message.ParseFromString(data)
        if len(message.metrics) > METRICS_MAX:
            raise SparkplugError(f"{len(message.metrics)} metrics: at most {METRICS_MAX} are read")
        return Payload(
            timestamp_ms=message.timestamp if message.HasField("timestamp") else None,
            metrics=tuple(_read(one) for one in message.metrics),
            seq=message.seq if message.HasField("seq") else None,
            uuid=_text(message.uuid, "uuid"),
            body=message.body,
        )
    except DecodeError:
        raise SparkplugError(f"{len(data)} bytes that are no payload of Sparkplug B") from None
    except UnicodeDecodeError:  # so the pure Python runtime says it, others in _text
        raise SparkplugError("a text that is not UTF-8") from None


def typed(metric: Metric, type_: DataType) -> Metric:
    """A metric of data with the type that its birth gave; what does not fit is its `fault`."""
    if metric.fault:
        return metric
    if metric.type is not None:
        if metric.type is type_:
            return metric
        words = f"{metric.type.name}, but {type_.name} in its birth"
        return replace(metric, value=None, fault=words)
    if metric.value is None:
        return replace(metric, type=type_)
    try:
        return replace(metric, type=type_, value=of_type(metric.value, type_))
    except SparkplugError as error:
        return replace(metric, type=type_, value=None, fault=error.detail)


def _write(message: wire.Metric, metric: Metric, types: bool) -> None:
    if metric.name is not None:
        message.name = metric.name
    if metric.alias is not None:
        message.alias = _uint64(metric.alias, "alias")
    if metric.timestamp_ms is not None:
        message.timestamp = _uint64(metric.timestamp_ms, "timestamp")
    if metric.type is not None:
        if metric.type not in OF_METRICS:
            raise SparkplugError(f"{metric.type.name} is no type of a metric")
        if types:
            message.datatype = metric.type
    if metric.historical:
        message.is_historical = True
    if metric.transient:
        message.is_transient = True
    if metric.value is None:
        message.is_null = True
    elif metric.type is None:
        raise SparkplugError("has a value and no type")
    else:
        setattr(message, *to_wire(metric.value, metric.type))
    if metric.properties:
        _write_properties(message.properties, metric.properties)


def _write_properties(message: wire.PropertySet, properties: Mapping[str, Property]) -> None:
    for name, one in properties.items():
        if one.type is None or one.type not in OF_PROPERTIES:
            raise SparkplugError(f"property {name!r}: {one.type!r} is no type of a property")
        message.keys.append(name)
        written = message.values.add()
        written.type = one.type
        if one.value is None:
            written.is_null = True
            continue
        try:
            setattr(written, *to_wire(one.value, one.type))
        except SparkplugError as error:
            raise error.within(f"property {name!r}") from None


def _read(message: wire.Metric) -> Metric:
    name: str | None = None
    value: Value | None = None
    fault, type_, properties = "", None, {}
    try:
        name = _text(message.name, "name") if message.HasField("name") else None
        type_ = _type(message.datatype, OF_METRICS) if message.HasField("datatype") else None
        value = _value(message, type_)
    except SparkplugError as error:
        fault = error.detail
    if message.HasField("properties"):
        try:
            properties = _properties(message.properties)
        except SparkplugError as error:
            value, fault = None, fault or error.detail
    return Metric(
        name=name,
        alias=message.alias if message.HasField("alias") else None,
        type=type_,
        value=value,
        timestamp_ms=message.timestamp if message.HasField("timestamp") else None,
        historical=message.is_historical,
        transient=message.is_transient,
        properties=properties,
        fault=fault,
    )


def _properties(message: wire.PropertySet) -> dict[str, Property]:
    if len(message.keys) != len(message.values):
        raise SparkplugError(
            f"{len(message.keys)} names of properties and {len(message.values)} values"
        )
    names = [_text(one, "name of a property") for one in message.keys]
    read = {name: _property(one) for name, one in zip(names, message.values, strict=True)}
    if len(read) != len(names):
        raise SparkplugError("a property is named twice")
    return read


def _property(message: wire.PropertyValue) -> Property:
    type_ = None
    try:
        type_ = _type(message.type, OF_PROPERTIES) if message.HasField("type") else None
        return Property(type_, _value(message, type_))
    except SparkplugError as error:
        return Property(type_, None, error.detail)


def _value(message: wire.Metric | wire.PropertyValue, type_: DataType | None) -> Value | None:
    """The value in a message; None where it is null or there is none."""
    name = message.WhichOneof("value")
    if message.is_null or name is None:
        return None
    content = getattr(message, name)
    if name == "string_value":
        content = _text(content, "value")
    return untyped(name, content) if type_ is None else from_wire(name, content, type_)


def _type(number: int, allowed: frozenset[DataType]) -> DataType:
    type_ = type_of(number)
    if type_ is None or type_ not in allowed:
        raise SparkplugError(f"type {number} is no type of Sparkplug that may stand here")
    return type_


def _text(read: str | bytes, place: str) -> str:
    """A text as the library read it: bytes where it is not UTF-8."""
    if isinstance(read, bytes):
        raise SparkplugError(f"{place} {read[:40]!r} is not UTF-8")
    return read


def _uint64(number: int, name: str) -> int:
    if not 0 <= number <= UINT64_MAX:
        raise SparkplugError(f"{name} {number}: 0 to 2^64 - 1")
    return number


def _label(metric: Metric) -> str:
    return f"metric {metric.name!r}" if metric.name is not None else f"metric {metric.alias}"
