"""The wire contract of PUR-MOLD-TWIN, and the brokers that carry it on one machine.

Read a payload, answer with another:

    topics = TopicSpace()
    address = topics.parse("pur/v1/plant-1/press-7/shot")
    event = decode(address.channel, payload, content_type)    # or PayloadError, nothing else
    payload = encode(prediction, "json")
    topic = topics.prediction(address.press, prediction.mold_id)

| module | holds |
|---|---|
| `topics` | the topic grammar: `TopicSpace`, `PressAddress`, `Channel` |
| `messages` | what travels: `TelemetryFrame`, `ShotEvent`, `QualityRecord`, `Prediction`, … |
| `codec` | `decode` and `encode`, JSON and MessagePack |
| `errors` | `PayloadError`, the one decoding error, and its closed set of codes |
| `dead_letter_reasons`, `data_quality`, `ml_status` | closed lists of codes that messages carry |
| `sensors`, `units` | names that carry units, the well-known sensors, and these in other units |
| `timestamps` | times: UTC in memory, RFC 3339 on the wire |
| `schemas` | the JSON Schema of every message (`python -m broker.schemas docs/schemas`) |
| `setup` | `broker init`: the inventory of clients, the folder of files and what these say |
| `local` | brokers on this machine: Mosquitto for tests and the demo, one inside the process |

Nothing here knows the physics, a database or the agent.
"""

from broker.codec import CONTENT_TYPES, PAYLOAD_LIMIT, decode, encode
from broker.errors import PayloadError, RefusalCode
from broker.ids import Identifier, is_identifier
from broker.messages import (
    INBOUND,
    MODELS,
    OUTBOUND,
    SCHEMA_VERSION,
    Alert,
    AlertAck,
    Binding,
    DeadLetter,
    Diagnostic,
    Interval,
    Kpis,
    Message,
    Order,
    Prediction,
    PressEvent,
    QualityRecord,
    Received,
    Recipe,
    ShotEvent,
    ShotKpis,
    TelemetryFrame,
    TwinStatus,
    Versions,
)
from broker.sensors import WELL_KNOWN_SENSORS, Sensor
from broker.timestamps import format_timestamp, parse_timestamp
from broker.topics import (
    DEFAULT_PREFIX,
    INBOUND_CHANNELS,
    Channel,
    PressAddress,
    TopicAddress,
    TopicSpace,
)

__all__ = [
    "CONTENT_TYPES",
    "DEFAULT_PREFIX",
    "INBOUND",
    "INBOUND_CHANNELS",
    "MODELS",
    "OUTBOUND",
    "PAYLOAD_LIMIT",
    "SCHEMA_VERSION",
    "WELL_KNOWN_SENSORS",
    "Alert",
    "AlertAck",
    "Binding",
    "Channel",
    "DeadLetter",
    "Diagnostic",
    "Identifier",
    "Interval",
    "Kpis",
    "Message",
    "Order",
    "PayloadError",
    "Prediction",
    "PressAddress",
    "PressEvent",
    "QualityRecord",
    "Received",
    "Recipe",
    "RefusalCode",
    "Sensor",
    "ShotEvent",
    "ShotKpis",
    "TelemetryFrame",
    "TopicAddress",
    "TopicSpace",
    "TwinStatus",
    "Versions",
    "decode",
    "encode",
    "format_timestamp",
    "is_identifier",
    "parse_timestamp",
]
