"""State of a source, as log, health page and metrics tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from broker.timestamps import format_timestamp
from edge_agent.links.tag_source import Sample
from edge_agent.logs import get_logger

NAMED = 5
"""Tags that a line of the log names."""
FAULTS_SHOWN = 50
"""Tags with faults that the health page shows of a source."""


@dataclass
class SourceState:
    """Whether a source is connected, and which of its tags have no value."""

    name: str
    since: datetime
    """Since when it is as it is."""
    state: Literal["connecting", "connected", "lost", "failed"] = "connecting"
    reason: str = ""
    """Why it is lost or failed."""
    samples_count: int = 0
    last_sample_at: datetime | None = None
    """When its last samples arrived."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """What came and was not used, by reason, where the source counts that."""
    faults: dict[str, str] = field(default_factory=dict)
    """Why a tag has no value, by tag."""

    @property
    def connected(self) -> bool:
        """True while the link is up."""
        return self.state == "connected"

    def delivered(self, samples: Sequence[Sample], now: datetime) -> None:
        """Take note of a batch: the link is up."""
        if self.state != "connected":
            self.state, self.since, self.reason = "connected", now, ""
            get_logger().info("source_connected", source=self.name)
        if not samples:
            return
        self.samples_count += len(samples)
        self.last_sample_at = now
        faults = self.faults
        if faults:
            begun, ended = self._changes(samples)
        else:
            begun, ended = {one.tag: one.fault for one in samples if one.fault}, []
        if begun:
            faults.update(begun)
            words = "; ".join(f"{tag}: {why}" for tag, why in list(begun.items())[:NAMED])
            get_logger().warning(
                "tags_without_value", source=self.name, count=len(begun), detail=words
            )
        if ended:
            for tag in ended:
                faults.pop(tag, None)
            words = ", ".join(ended[:NAMED])
            get_logger().info("tags_good_again", source=self.name, count=len(ended), detail=words)

    def _changes(self, samples: Sequence[Sample]) -> tuple[dict[str, str], list[str]]:
        """Tags whose last sample of a batch has another fault than before, or none any more."""
        last = {one.tag: one.fault for one in samples if one.fault or one.tag in self.faults}
        begun = {tag: why for tag, why in last.items() if why and self.faults.get(tag) != why}
        return begun, [tag for tag, why in last.items() if not why]

    def ended(self, state: Literal["lost", "failed"], reason: str, now: datetime) -> bool:
        """Take note that the link is down; true when that, or its reason, is news."""
        news = self.state != state or self.reason != reason
        if self.state != state:
            self.state, self.since = state, now
        self.reason = reason
        return news

    def document(self) -> dict[str, Any]:
        """The state for the health page."""
        last = self.last_sample_at
        left_out = {"left_out": dict(self.left_out)} if self.left_out else {}
        return left_out | {
            "state": self.state,
            "since": format_timestamp(self.since),
            "reason": self.reason or None,
            "samples": self.samples_count,
            "last_sample_at": None if last is None else format_timestamp(last),
            "tags_without_value": dict(list(self.faults.items())[:FAULTS_SHOWN]),
        }
