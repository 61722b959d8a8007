"""Stations of a gateway for tests: settings, samples, and what a translator makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from broker import codec
from broker.topics import Channel
from edge_agent.config.gateway_settings import GatewaySettings
from edge_agent.gateway.outbox_entry import Draft
from edge_agent.gateway.station import StationTranslator
from edge_agent.links.tag_source import Sample, Value

T0 = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
TAGS = "pour start demold abort mold count p_kg i_kg t_mold t_polyol p_cav mode lot auto".split()

SHOTS: dict[str, Any] = {
    "id": {"tag": "plc.count"},
    "started": {"tag": "plc.start", "when": "rises"},
    "poured": {"tag": "plc.pour", "when": "falls"},
    "demolded": {"tag": "plc.demold", "when": "rises"},
    "system_id": "SYSTEM_R1",
    "recipe": {
        "m_polyol_kg": "plc.p_kg",
        "m_iso_kg": {"tag": "plc.i_kg", "unit": "g"},
        "T_polyol_C": "plc.t_polyol",
    },
}
STATION: dict[str, Any] = {
    "press": "press1",
    "mold": {"tag": "plc.mold", "prefix": "M-"},
    "sensors": {
        "T_mold_C": {"tag": "plc.t_mold", "range": [10, 90]},
        "p_cavity_bar": {"tag": "plc.p_cav", "unit": "kPa"},
    },
    "metrics": {"count": "plc.count"},
    "status": {"mode": "plc.mode"},
}


def settings(
    station: dict[str, Any] | None = None,
    shots: dict[str, Any] | None = None,
    tags: Sequence[str] = TAGS,
    **more: Any,
) -> GatewaySettings:
    """A gateway with one PLC and one station, ``press``."""
    of_press = {**STATION, **(station or {})}
    if shots is not None:
        of_press["shots"] = shots
    return GatewaySettings.model_validate(
        {
            "site": "plant1",
            "sources": {
                "plc": {
                    "kind": "opcua",
                    "url": "opc.tcp://plc:4840",
                    "tags": {name: {"node": f"ns=2;s={name}"} for name in tags},
                }
            },
            "stations": {"press": of_press},
            **more,
        }
    )


def translator(of: GatewaySettings, state: dict[str, Any] | None = None) -> StationTranslator:
    """The translator of the station ``press``."""
    return StationTranslator("press", of.stations["press"], of, state)


def at(seconds: float) -> datetime:
    """A moment of the test."""
    return T0 + timedelta(seconds=seconds)


def sample(
    tag: str, seconds: float, value: Value | None = None, fault: str = "", **more: Any
) -> Sample:
    """A sample of a tag so many seconds after the beginning."""
    return Sample(tag, at(seconds), value, fault, **more)


def feed(
    station: StationTranslator, samples: Iterable[Sample], until_s: float = 0.0
) -> list[Draft]:
    """Hand over samples one by one, each when it was read, and let time pass."""
    drafts: list[Draft] = []
    for one in samples:
        drafts += run_until(station, one.ts)
        drafts += station.take("plc", [one], one.ts)
    return drafts + run_until(station, at(until_s))


def run_until(station: StationTranslator, now: datetime) -> list[Draft]:
    """Let time pass as the gateway does: a tick whenever one is due."""
    drafts: list[Draft] = []
    moment = T0 - timedelta(days=2)
    while (due := station.next_due(moment)) is not None and due <= now:
        drafts += station.tick(due)
        moment = due
    return drafts


def events(drafts: Iterable[Draft]) -> list[dict[str, Any]]:
    """Events of shots among drafts."""
    return [dict(draft.document) for draft in drafts if draft.kind == "shot"]


def frames(drafts: Iterable[Draft]) -> list[dict[str, Any]]:
    """Frames among drafts."""
    return [dict(draft.document) for draft in drafts if draft.kind == "telemetry"]


def check_contract(drafts: Iterable[Draft]) -> None:
    """Every draft, numbered, is a message of the contract, read without a change."""
    for number, draft in enumerate(drafts):
        document = {**draft.document, "device_id": draft.device, "seq": number}
        payload = json.dumps(document).encode()
        message = codec.decode(Channel(draft.kind), payload)
        assert message.ts == draft.ts, document  # type: ignore[attr-defined]
