"""A live state that a test fills with messages of press p1 of site ``s``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from broker.messages import LiveAlert, Message, OpenAlerts, Recipe, ShotEvent, TwinStatus
from broker.topics import Channel, PressAddress, TopicAddress
from edge_agent.web.live.feed import Feed
from edge_agent.web.live.state import LiveState, MoldKey
from tests.support.predictions import POURED, prediction

P1 = PressAddress("s", "p1")
KEY = MoldKey("s", "p1", "PANEL_A")


class SetClock:
    """A clock that stands where a test puts it."""

    speed = 1.0

    def __init__(self, at: datetime = POURED) -> None:
        self.at = at

    def now(self) -> datetime:
        """The time it was set to."""
        return self.at


class Heard:
    """A live state with its feed and clock."""

    def __init__(self) -> None:
        self.feed, self.clock = Feed(), SetClock()
        self.live = LiveState(self.feed, self.clock)
        self.live.set_broker(None)

    def hear(self, *messages: Message) -> None:
        """Take messages of p1."""
        for message in messages:
            self.live.hear(TopicAddress(P1, Channel.SHOT), message)


def key_of(shot_id: str) -> str:
    """A shot key."""
    return shot_id.encode().hex().rjust(20, "0")


def timed(shot_id: str = "S1", **changed: Any) -> Any:
    """A prediction with a window from 100 s to 900 s, best at 150 s."""
    times = {"min": 100.0, "opt": 150.0, "max": 900.0}
    fields: dict[str, Any] = {"basis": "poured", "shot_id": shot_id, "shot_key": key_of(shot_id)}
    for name, seconds in times.items():
        fields[f"t_demold_{name}_s"] = seconds
        fields[f"demold_{name}_at"] = POURED + timedelta(seconds=seconds)
    return prediction(**(fields | changed))


def event(kind: str, shot_id: str = "S1", after_s: float = 0.0) -> ShotEvent:
    """An event of PANEL_A, so many seconds after the pour of S1."""
    fields: dict[str, Any] = {"event": kind, "shot_id": shot_id, "mold_id": "PANEL_A"}
    if kind == "poured":
        recipe = Recipe(m_polyol_kg=0.4, m_iso_kg=0.42, T_polyol_C=23, T_iso_C=23)
        fields |= {"system_id": "SYSTEM_R1", "recipe": recipe}
    return ShotEvent(ts=POURED + timedelta(seconds=after_s), **fields)


def status(state: str, after_s: float = 0.0) -> TwinStatus:
    """A status of the agent of p1."""
    ts = POURED + timedelta(seconds=after_s)
    return TwinStatus.model_validate(
        {"ts": ts, "site": "s", "press": "p1", "agent_id": "t1", "state": state}
    )


def alerts(*codes: str, mold_id: str | None = None) -> OpenAlerts:
    """Open alerts of p1."""
    found: Sequence[LiveAlert] = [
        LiveAlert(
            alert_id=code,
            code=code,
            severity="warning",
            words=code,
            mold_id=mold_id,
            ends_by="condition",
            raised_at=POURED,
            told_at=POURED,
            told_count=1,
            revision=1,
        )
        for code in codes
    ]
    return OpenAlerts(ts=POURED, site="s", press="p1", open=list(found))
