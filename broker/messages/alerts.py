"""Alerts: the message when one is raised or ends, and the list of those that are open."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from broker.ids import Identifier, ShotKey
from broker.messages.base import (
    Code,
    Count,
    Evidence,
    Label,
    Message,
    Revision,
    WireModel,
    Words,
)
from broker.timestamps import Timestamp

OPEN_LIMIT = 64
"""Alerts of a press that are open at once."""
CLOSED_LIMIT = 16
"""Alerts of a press in its list that were closed last."""

Severity = Literal["info", "warning", "critical"]
EndsBy = Literal["condition", "acknowledgement"]
ClosedBy = Literal["condition", "acknowledgement", "replaced", "crowded", "moved"]


class Alert(Message):
    """Something a person should know; told once, the list of what is open is `OpenAlerts`."""

    ts: Timestamp
    site: Identifier
    press: Identifier
    code: Code
    severity: Severity
    words: Words
    shot_id: Identifier | None = None
    shot_key: ShotKey | None = None
    """Identity of the shot, also when its `shot_id` comes again."""
    mold_id: Identifier | None = None
    evidence: Evidence = Field(default_factory=dict)
    alert_id: Identifier | None = None
    """Identity in the list of open alerts, for an acknowledgement; none for a message that only
    says that a condition is over. Older versions did not send it."""
    ends_by: EndsBy | None = None
    """The end of it: its condition is over, or a person acknowledges it."""


class LiveAlert(WireModel):
    """An alert as it stands: raised, perhaps acknowledged, perhaps closed."""

    alert_id: Identifier
    code: Code
    severity: Severity
    words: Words
    shot_id: Identifier | None = None
    shot_key: ShotKey | None = None
    mold_id: Identifier | None = None
    evidence: Evidence = Field(default_factory=dict)
    simulated: bool = False
    ends_by: EndsBy
    """The end of it: its condition is over, or a person acknowledges it."""
    raised_at: Timestamp
    told_at: Timestamp
    """When it was told last; the same thing again makes no second alert."""
    told_count: Count
    acknowledged_at: Timestamp | None = None
    """When the person did so, by the clock of the page."""
    acknowledged_by: Label | None = None
    note: Words | None = None
    """Words of the person who acknowledged it."""
    closed_at: Timestamp | None = None
    closed_by: ClosedBy | None = None
    """Why it is closed. `replaced`: the condition goes on at another level; `crowded`: too many
    were open; `moved`: it was of an agent that no longer has the press."""
    revision: Revision
    """Counts its changes: tells states of one alert apart."""


class OpenAlerts(Message):
    """All open alerts of a press, and those that were closed last; retained, sent when it changes.

    A condition stays in the list until it is over, acknowledged or not. Every other alert stays
    until a person acknowledges it.
    """

    ts: Timestamp
    site: Identifier
    press: Identifier
    agent_id: Identifier | None = None
    open: Annotated[list[LiveAlert], Field(max_length=OPEN_LIMIT)]
    """Newest first."""
    closed: Annotated[list[LiveAlert], Field(max_length=CLOSED_LIMIT)] = Field(default_factory=list)
    """Closed last first."""
