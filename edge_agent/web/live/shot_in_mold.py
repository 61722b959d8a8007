"""What goes on in a mold: told from its newest event, prediction and result together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from broker.alert_codes import OPENED_BEFORE_WINDOW
from broker.messages import ShotEvent
from edge_agent.web.live.opening import Opening, opening_of
from edge_agent.web.live.state import Mold, Press

Situation = Literal[
    "empty",  # nothing was ever heard of a shot
    "filling",  # started, not poured yet
    "computing",  # poured, and no prediction yet
    "timed",  # cures, and has a window: the phase follows from the time
    "hold",  # cures, and no opening can be given
    "cup",  # cures in the open: nothing to open
    "opened",  # in its window, or nobody can say
    "early",  # opened before its window
    "late",  # opened after its window
    "ended",  # without an opening: aborted, overtaken, never reported
]


@dataclass(frozen=True)
class ShotInMold:
    """The shot in a mold, or the last one."""

    situation: Situation
    shot_id: str | None
    opening: Opening | None = None
    poured_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    early_open: bool = False
    """An early opening of this mold that nobody has acknowledged."""

    @property
    def runs(self) -> bool:
        """True while the part is in the mold."""
        return self.situation in {"filling", "computing", "timed", "hold", "cup"}


def shot_in(mold: Mold, press: Press | None) -> ShotInMold:
    """The shot in a mold."""
    early_open = press is not None and any(
        alert.code == OPENED_BEFORE_WINDOW and alert.mold_id == mold.key.mold_id
        for alert in (press.alerts.open if press.alerts is not None else ())
    )
    found = _newest(mold)
    return ShotInMold(**(found.__dict__ | {"early_open": early_open}))


def _newest(mold: Mold) -> ShotInMold:
    p, event = mold.prediction, mold.event
    of_next = event is not None and (p is None or event.shot_id != p.shot_id)
    if event is not None and (p is None or (of_next and event.ts > p.poured_at)):
        return _by_event(event)
    if p is None:
        return ShotInMold("empty", None)
    opening = opening_of(p)
    ended_at, outcome = _end(mold)
    if outcome is None:
        if p.window == "none":
            return ShotInMold("cup", p.shot_id, poured_at=p.poured_at)
        situation: Situation = "hold" if opening is None else "timed"
        return ShotInMold(situation, p.shot_id, opening, p.poured_at)
    if outcome != "demolded":
        situation = "ended"
    elif opening is None or ended_at is None:
        situation = "opened"
    elif ended_at < opening.min_at:
        situation = "early"
    else:
        situation = "late" if ended_at > opening.max_at else "opened"
    return ShotInMold(situation, p.shot_id, opening, p.poured_at, ended_at, outcome)


def _by_event(event: ShotEvent) -> ShotInMold:
    """A shot that the twin has said nothing about yet."""
    if event.event == "started":
        return ShotInMold("filling", event.shot_id)
    if event.event == "poured":
        return ShotInMold("computing", event.shot_id, poured_at=event.ts)
    return ShotInMold("ended", event.shot_id, ended_at=event.ts, outcome=event.event)


def _end(mold: Mold) -> tuple[datetime | None, str | None]:
    """When and how the shot of the prediction ended; without an outcome it has not."""
    p, event, kpis = mold.prediction, mold.event, mold.kpis
    assert p is not None
    if kpis is not None and kpis.shot_key == p.shot_key and kpis.shot_id == p.shot_id:
        return kpis.closed_at, kpis.outcome
    if (
        event is not None
        and event.shot_id == p.shot_id
        and event.event in {"demolded", "aborted"}
        and event.ts >= p.poured_at
    ):
        return event.ts, event.event
    return None, "demolded" if p.basis == "final" else None
