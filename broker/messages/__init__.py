"""The messages: every payload of the wire contract as an immutable, validated model.

`MODELS` says which message each channel carries. Inbound messages come from the press and the
laboratory, outbound ones from the twin. Fields carry their unit in the name (`_s _C _bar _kg …`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from broker.messages.advice import (
    Advice,
    AdviceProposal,
    AdviceSaid,
    AdviceState,
    AdviceWord,
    AdvisedChange,
)
from broker.messages.alerts import Alert, LiveAlert, OpenAlerts
from broker.messages.base import SCHEMA_VERSION, Message, WireModel
from broker.messages.events import AlertAck, Component, EventKind, Order, PressEvent
from broker.messages.inbound import EarlierRecord, QualityRecord, ShotEvent, TelemetryFrame
from broker.messages.left_out import LeftOut
from broker.messages.outbound import (
    AgentState,
    AgentStatus,
    DeadLetter,
    Handover,
    Memory,
    Outcome,
    Received,
    ReceivedOf,
    SeqRange,
    ShotKpis,
    TwinState,
    TwinStatus,
    WebAudit,
)
from broker.messages.prediction import (
    Basis,
    Binding,
    Correction,
    DataQuality,
    Diagnostic,
    Interval,
    Kpis,
    Prediction,
    Release,
    Versions,
    WindowEnd,
    WindowInterval,
)
from broker.messages.recipe import Recipe
from broker.topics import Channel

INBOUND: Mapping[Channel, type[Message]] = MappingProxyType(
    {
        Channel.TELEMETRY: TelemetryFrame,
        Channel.SHOT: ShotEvent,
        Channel.QUALITY: QualityRecord,
        Channel.EVENT: PressEvent,
        Channel.ORDER: Order,
        Channel.ALERT_ACK: AlertAck,
        Channel.ADVICE_WORD: AdviceWord,
    }
)
"""What the twin receives."""

OUTBOUND: Mapping[Channel, type[Message]] = MappingProxyType(
    {
        Channel.PREDICTION: Prediction,
        Channel.ADVICE: Advice,
        Channel.KPI: ShotKpis,
        Channel.ALERT: Alert,
        Channel.ALERTS: OpenAlerts,
        Channel.DEAD_LETTER: DeadLetter,
        Channel.STATUS: TwinStatus,
        Channel.RECEIVED: Received,
        Channel.HANDOVER: Handover,
        Channel.MEMORY: Memory,
        Channel.AGENT: AgentStatus,
        Channel.WEB_AUDIT: WebAudit,
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
    "Advice",
    "AdviceProposal",
    "AdviceSaid",
    "AdviceState",
    "AdviceWord",
    "AdvisedChange",
    "AgentState",
    "AgentStatus",
    "Alert",
    "AlertAck",
    "Basis",
    "Binding",
    "Component",
    "Correction",
    "DataQuality",
    "DeadLetter",
    "Diagnostic",
    "EarlierRecord",
    "EventKind",
    "Handover",
    "Interval",
    "Kpis",
    "LeftOut",
    "LiveAlert",
    "Memory",
    "Message",
    "OpenAlerts",
    "Order",
    "Outcome",
    "Prediction",
    "PressEvent",
    "QualityRecord",
    "Received",
    "ReceivedOf",
    "Recipe",
    "Release",
    "SeqRange",
    "ShotEvent",
    "ShotKpis",
    "TelemetryFrame",
    "TwinState",
    "TwinStatus",
    "Versions",
    "WebAudit",
    "WindowEnd",
    "WindowInterval",
    "WireModel",
]
