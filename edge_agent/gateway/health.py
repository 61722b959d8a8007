"""Health of a gateway, for ``/healthz``, ``/readyz`` and ``systemctl status``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from broker.timestamps import format_timestamp
from edge_agent.gateway.committer import Committer
from edge_agent.gateway.outbox import Outbox
from edge_agent.gateway.outbox_limit import OutboxLimit
from edge_agent.gateway.sender import Sender
from edge_agent.gateway.source_state import SourceState
from edge_agent.monitoring.watchdog import Watches


class GatewayHealth:
    """Health, asked by any thread. Ready: the outbox takes what is read, and a source is there.

    A broker or an agent that is away changes nothing of that: the outbox holds.
    """

    def __init__(
        self,
        outbox: Outbox,
        limit: OutboxLimit,
        sources: Mapping[str, SourceState],
        sender: Sender,
        committer: Committer,
        watches: Watches,
        stuck_after_s: float,
    ) -> None:
        """Look at these; nothing is asked yet."""
        self._outbox, self._limit, self._sources = outbox, limit, sources
        self._sender, self._committer = sender, committer
        self._watches, self._stuck_after_s = watches, stuck_after_s

    def stuck(self) -> list[str]:
        """Loops that hang, in words."""
        return self._watches.stuck(self._stuck_after_s)

    def readiness(self) -> dict[str, Any]:
        """Document of what is well and what is not; ``ready`` sums it up."""
        problem = self._outbox_problem()
        up = any(source.connected for source in self._sources.values())
        sender, waiting = self._sender, dict(self._outbox.waiting)
        return {
            "ready": problem is None and up,
            "outbox": {
                "state": problem or self._limit.words or "writable",
                "waiting": waiting,
                "used_mb": round(self._limit.used_bytes / 1e6, 1),
                "readings_given_up": self._limit.dropped_count,
                "expired_unconfirmed": self._limit.expired_count,
            },
            "broker": {
                "state": "up" if sender.connected else "away, the outbox holds",
                "since": format_timestamp(sender.since),
                "reason": sender.trouble,
            },
            "presses": {
                press.press: {
                    "agent": sender.agents.get(press, "not heard of"),
                    "says_what_it_has": self._outbox.hears(str(press)),
                    "trouble": lane.trouble,
                }
                for press, lane in sender.lanes.items()
            },
            "sources": {name: source.document() for name, source in self._sources.items()},
        }

    def words(self) -> str:
        """Health in one line."""
        up = sum(source.connected for source in self._sources.values())
        waiting = self._outbox.waiting["telemetry"] + self._outbox.waiting["shot"]
        broker = "broker up" if self._sender.connected else "broker away"
        return f"{up} of {len(self._sources)} sources connected, {broker}, {waiting} wait"

    def _outbox_problem(self) -> str | None:
        path = self._outbox.path
        if self._committer.refused is not None:
            return self._committer.refused
        if (problem := self._outbox.problem()) is not None:
            return problem
        if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
            return f"{path} or its folder cannot be written"
        return None
