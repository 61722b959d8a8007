"""The messages: every payload of the wire contract as an immutable, validated model.

`MODELS` says which message each channel carries. Inbound messages come from the press and the
laboratory, outbound ones from the twin. Fields carry their unit in the name (`_s _C _bar _kg …`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from broker.messages.base import SCHEMA_VERSION, Message, WireModel
from broker.messages.inbound import QualityRecord, Recipe, ShotEvent, TelemetryFrame
from broker.messages.outbound import (
    AgentState,
    AgentStatus,
    Alert,
    DeadLetter,
    Handover,
    Outcome,
    ShotKpis,
    TwinState,
    TwinStatus,
)
from broker.messages.prediction import (
    Basis,
    Binding,
    Correction,
    Diagnostic,
    Interval,
    Kpis,
    Prediction,
    Versions,
)
from broker.topics import Channel

INBOUND: Mapping[Channel, type[Message]] = MappingProxyType(
    {
        Channel.TELEMETRY: TelemetryFrame,
        Channel.SHOT: ShotEvent,
        Channel.QUALITY: QualityRecord,
    }
)
"""What the twin receives."""

OUTBOUND: Mapping[Channel, type[Message]] = MappingProxyType(
    {
        Channel.PREDICTION: Prediction,
        Channel.KPI: ShotKpis,
        Channel.ALERT: Alert,
        Channel.DEAD_LETTER: DeadLetter,
        Channel.STATUS: TwinStatus,
        Channel.HANDOVER: Handover,
        Channel.AGENT: AgentStatus,
    }
)
"""What the twin publishes."""

MODELS: Mapping[Channel, type[Message]] = MappingProxyType({**INBOUND, **OUTBOUND})
"""The message of every channel."""

__all__ = [
    "INBOUND",
    "MODELS",
    "OUTBOUND",
    "SCHEMA_VERSION",
    "AgentState",
    "AgentStatus",
    "Alert",
    "Basis",
    "Binding",
    "Correction",
    "DeadLetter",
    "Diagnostic",
    "Handover",
    "Interval",
    "Kpis",
    "Message",
    "Outcome",
    "Prediction",
    "QualityRecord",
    "Recipe",
    "ShotEvent",
    "ShotKpis",
    "TelemetryFrame",
    "TwinState",
    "TwinStatus",
    "Versions",
    "WireModel",
]
