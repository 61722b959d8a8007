"""Sources of a gateway, by protocol, and how each addresses its tags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from edge_agent.config.json_path import TopicSegment, check_filter, parse_place
from edge_agent.config.section import Section
from edge_agent.config.settings import BrokerSettings

TagName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
"""Name of a tag in a mapping: letters, digits and ``_``."""
SourceName = TagName
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Milliseconds = Annotated[float, Field(ge=1, le=86_400_000)]
TAGS_MAX = 5000
_URL = "write opc.tcp://192.168.0.10:4840"


ModbusType = Literal[
    "bool",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float32",
    "float64",
    "text",
]


class OpcUaTag(Section):
    """A variable of an OPC UA server."""

    node: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    """Node id, ``ns=2;s=Press.MoldTemp``; or ``nsu=http://vendor/ns;s=…``, which stays right when
    the server numbers its namespaces anew."""
    deadband: Annotated[float, Field(ge=0)] = 0.0
    """Changes up to this are not sent, in the unit of the tag."""
    sampling_ms: Milliseconds | None = None
    """How often the server looks; by default as ``subscription_ms``."""
    queue: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Values that the server keeps for us while the link is down."""


class OpcUaSource(Section):
    """An OPC UA server: subscriptions, and its history after an outage where it has one."""

    kind: Literal["opcua"]
    url: Annotated[str, StringConstraints(pattern=r"^opc\.tcp://\S+$", max_length=500)]
    security_policy: Literal[
        "None", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"
    ] = "None"
    security_mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    cert_file: Path | None = None
    key_file: Path | None = None
    server_cert_file: Path | None = None
    """The certificate that the server must show; another one is refused."""
    username: str | None = None
    password: SecretStr | None = None
    """From ``TWIN_GATEWAY_PASSWORD_{SOURCE}`` or ``password_file`` only."""
    password_file: Path | None = None
    subscription_ms: Milliseconds = 100.0
    """How often the server sends what has changed."""
    keep_s: Annotated[float, Field(ge=1, le=86_400)] = 600.0
    """How long the server is asked to keep our subscription while we are away."""
    history: bool = True
    """Read the server's history of the time that we missed, where it has one."""
    clock: Literal["source", "server", "arrival"] = "source"
    """Whose time counts: the source timestamp, that of the server, or when it arrived."""
    timeout_s: Seconds = 5.0
    tags: Annotated[dict[TagName, OpcUaTag], Field(min_length=1, max_length=TAGS_MAX)]

    @field_validator("url")
    @classmethod
    def _names_a_server(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ValueError(f"is no address of a server: {error}: {_URL}") from None
        if not host or port == 0:
            raise ValueError(f"names no {'port' if host else 'host'}: {_URL}")
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or none")
        if self.security_policy != "None" and self.cert_file is None:
            raise ValueError(
                f"security_policy {self.security_policy} needs cert_file and key_file: "
                "`pur-mold-twin gateway certificate` makes them"
            )
        if self.username is None and (self.password or self.password_file) is not None:
            raise ValueError("a password is given without a username: set username")
        return self


_REGISTERS: dict[ModbusType, int] = {
    "bool": 1,
    "int16": 1,
    "uint16": 1,
    "int32": 2,
    "uint32": 2,
    "float32": 2,
    "int64": 4,
    "uint64": 4,
    "float64": 4,
    "text": 1,
}


class ModbusTag(Section):
    """Registers of a Modbus device that are one value."""

    table: Literal["holding", "input", "coil", "discrete"] = "holding"
    address: Annotated[int, Field(ge=0, le=65_535)]
    """Of the protocol, from 0: 40001 of a manual is holding 0."""
    type: ModbusType = "int16"
    """Coils and discrete inputs are ``bool``; of a register ``bit`` makes one."""
    words: Literal["big", "little"] = "big"
    """Order of the registers of a value: which comes first."""
    bytes: Literal["big", "little"] = "big"
    """Order of the two bytes of a register; nearly always big."""
    bit: Annotated[int, Field(ge=0, le=15)] | None = None
    """Of a register, as true or false."""
    length: Annotated[int, Field(ge=1, le=125)] | None = None
    """Registers of a ``text``."""
    scale: float = 1.0
    """value = scale · registers + offset."""
    offset: float = 0.0
    poll_ms: Milliseconds | None = None
    """By default that of the source."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        bits = self.table in {"coil", "discrete"}
        if bits and (self.bit is not None or self.type not in {"bool", "int16"}):
            raise ValueError(f"a {self.table} is one bit: leave type and bit away")
        if not bits and self.type == "bool" and self.bit is None:
            raise ValueError("type bool of a register needs the number of its bit: bit: 0")
        if (self.type == "text") != (self.length is not None):
            raise ValueError("length is the registers of a text: give it with type text only")
        if self.scale == 0:
            raise ValueError("scale 0 makes every value the same")
        if self.address + self.size > 65_536:
            raise ValueError(
                f"address {self.address} and {self.size} registers reach beyond 65535, the last one"
            )
        return self

    @property
    def size(self) -> int:
        """Registers of the tag; 1 for a coil or a discrete input."""
        if self.length is not None:
            return self.length
        if self.table in {"coil", "discrete"} or self.bit is not None:
            return 1
        return _REGISTERS[self.type]


class ModbusSource(Section):
    """A Modbus TCP device. It has no clock: times are those of arrival."""

    kind: Literal["modbus"]
    host: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 502
    unit_id: Annotated[int, Field(ge=0, le=255)] = 1
    poll_ms: Milliseconds = 500.0
    timeout_s: Seconds = 2.0
    gap: Annotated[int, Field(ge=0, le=120)] = 0
    """Registers between two tags that are read with them, to ask less often; devices that answer
    with an exception where a register is missing want 0."""
    tags: Annotated[dict[TagName, ModbusTag], Field(min_length=1, max_length=TAGS_MAX)]


class MqttTag(Section):
    """A value within the messages of foreign topics."""

    topic: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    """Filter, as ``line/+/temperatures``."""
    path: Annotated[str, StringConstraints(max_length=500)] = ""
    """Place in the JSON: ``zones[0].value``; empty for a payload that is the value itself;
    ``$topic[1]`` is a segment of the topic, from 0."""
    where: dict[str, str | int | float | bool] = Field(default_factory=dict, max_length=16)
    """Other places (or ``$topic[n]``) and what they must be for the message to count."""

    @field_validator("topic")
    @classmethod
    def _is_a_filter(cls, topic: str) -> str:
        return check_filter(topic)

    @model_validator(mode="after")
    def _has_places(self) -> Self:
        levels = self.topic.split("/")
        for text in (self.path, *self.where):
            place = parse_place(text)
            if isinstance(place, TopicSegment) and levels[-1] != "#" and place.level >= len(levels):
                raise ValueError(f"{text}: {self.topic} has {len(levels)} levels, counted from 0")
        return self


class MqttSource(Section):
    """Topics of others, of any shape, on the gateway's broker or another one."""

    kind: Literal["mqtt"]
    broker: BrokerSettings | None = None
    """By default that of the gateway."""
    time_path: Annotated[str, StringConstraints(max_length=500)] = ""
    """Place of the time in each message; empty: times are those of arrival."""
    time_unit: Literal["auto", "s", "ms", "us", "ns"] = "auto"
    """Of a time that is a number; ``auto``: seconds, or milliseconds above 1e11. A text is
    RFC 3339."""
    silent_s: Seconds | None = None
    """A tag without a message for so long has no value."""
    tags: Annotated[dict[TagName, MqttTag], Field(min_length=1, max_length=TAGS_MAX)]

    @field_validator("time_path")
    @classmethod
    def _is_a_place(cls, path: str) -> str:
        parse_place(path)
        return path


SparkplugId = Annotated[str, StringConstraints(pattern=r"^[^/+#\x00]{1,200}$")]
"""Name of a group, an edge node or a device: a level of a topic, so without ``/``, ``+``, ``#``."""


class SparkplugTag(Section):
    """A metric of a Sparkplug edge node, or of a device behind it."""

    metric: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    """Name as in the birth: ``Temperatures/Mold``."""
    device: SparkplugId | None = None
    """The device that has it; without one it is a metric of the edge node itself."""


class SparkplugSource(Section):
    """A Sparkplug B edge node of somebody else, on the gateway's broker or another one."""

    kind: Literal["sparkplug"]
    broker: BrokerSettings | None = None
    """By default that of the gateway."""
    group: SparkplugId
    edge_node: SparkplugId
    rebirth: bool = False
    """Ask the edge node to be born again where its birth, or a message, is missing (NCMD
    ``Node Control/Rebirth``): the only thing that this gateway ever writes to others."""
    clock: Literal["source", "arrival"] = "source"
    """Whose time counts: that of the edge node, or when a value arrived."""
    backlog_s: Annotated[float, Field(ge=0, le=60)] = 2.0
    """After a first birth values wait until nothing historical has come for so long."""
    tags: Annotated[dict[TagName, SparkplugTag], Field(min_length=1, max_length=TAGS_MAX)]


class FolderTag(Section):
    """A column of the files that a logger writes."""

    column: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class FolderSource(Section):
    """A folder into which a logger writes CSV files; lines are read as they are added."""

    kind: Literal["folder"]
    path: Path
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=200)] = "*.csv"
    time_column: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    time_zone: str | None = None
    """Of times without an offset; without it such a time is a fault."""
    look_s: Seconds = 1.0
    tags: Annotated[dict[TagName, FolderTag], Field(min_length=1, max_length=TAGS_MAX)]

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, zone: str | None) -> str | None:
        try:
            ZoneInfo(zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"{(zone or '')[:64]!r} is no time zone of this machine: write Europe/Berlin, or "
                "install its tzdata"
            ) from None
        return zone

    @field_validator("pattern")
    @classmethod
    def _stays_in_the_folder(cls, pattern: str) -> str:
        if "/" in pattern or ".." in pattern:
            raise ValueError("is a pattern of names within the folder, as *.csv")
        return pattern


Source = Annotated[
    OpcUaSource | ModbusSource | MqttSource | SparkplugSource | FolderSource,
    Field(discriminator="kind"),
]
