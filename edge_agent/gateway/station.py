"""A station: samples of its tags become frames and events of shots. Pure: no clock, no disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from edge_agent.config.gateway_settings import GatewaySettings, Station
from edge_agent.gateway.outbox_entry import Draft
from edge_agent.gateway.trace import Trace, TraceLine
from edge_agent.links.tag_source import Sample


class StationTranslator:
    """Translates the samples of a station; its state is JSON, and another one goes on with it."""

    def __init__(
        self,
        name: str,
        station: Station,
        settings: GatewaySettings,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Start anew, or go on from a state.

        Args:
            name: name of the station in the configuration.
            station: its part of the settings.
            settings: settings of the gateway.
            state: of ``state()``, as it was kept; None at the beginning. What does not fit to the
                configuration any more is left out.
        """
        self.name = name
        self.tags: frozenset[str] = frozenset()
        """Tags that the station needs, as ``plc.mold_temperature``."""
        self.trace = Trace(name)

    def take(self, source: str, samples: Sequence[Sample], now: datetime) -> list[Draft]:
        """Messages that follow from samples; samples of tags that it does not need are passed over.

        Args:
            source: name of the source that they come from.
            samples: in the order in which they were read.
            now: when they arrived, by the gateway's clock.
        """
        return []

    def tick(self, now: datetime) -> list[Draft]:
        """Messages that are due as time goes by: settled events, full frames, repeated values."""
        return []

    def lost(self, source: str, now: datetime) -> list[Draft]:
        """Messages that follow from a lost link: its values are not repeated, nor read by a pour.

        To be called once when a link is lost, and for each source when the gateway begins. With the
        next sample the link counts as connected.
        """
        return []

    def next_due(self, now: datetime) -> datetime | None:
        """When ``tick`` has something to do; None while it has not."""
        return None

    def state(self) -> dict[str, Any]:
        """State as JSON: a translator that begins with it goes on exactly here."""
        return {}

    def fetch_trace(self) -> list[TraceLine]:
        """Lines of the trace that are new since this was asked last: for the log and the outbox."""
        return self.trace.fetch()
