"""corrections: finished shots whose result is no longer true, until it is issued again.

What an event changes is corrected at once; readings that come late, one after the other, wait for
the next tick.
"""

from __future__ import annotations

from collections.abc import Iterable

from broker.data_quality import LATE_END, LATE_POUR, LATE_READINGS, LATE_START
from broker.messages import ShotEvent
from edge_agent.shots.shot import Shot

_OF_EVENT = {"started": LATE_START, "poured": LATE_POUR}


class Corrections:
    """Finished shots that have changed, by key."""

    def __init__(self, kept: Iterable[Shot] = ()) -> None:
        """Go on with shots: a result that was not corrected before the agent ended is due."""
        self._reasons: dict[str, tuple[Shot, set[str]]] = {}
        for shot in kept:
            self.changed(shot, None)
            if shot.finished and shot.is_behind:
                self.again(shot)

    def changed(self, shot: Shot, event: ShotEvent | None) -> bool:
        """Whether the result of a finished shot, that may have changed, is to be corrected.

        Args:
            shot: the shot.
            event: the event that changed it; None for readings.
        """
        if not shot.finished or shot.final_of is None or shot.final_of == shot.facts():
            return False
        reason = LATE_READINGS
        if event is not None:  # one of another shot moves the end
            reason = _OF_EVENT.get(event.event, LATE_END) if event in shot.events else LATE_END
        self._reasons.setdefault(shot.shot_key, (shot, set()))[1].add(reason)
        return True

    def again(self, shot: Shot) -> None:
        """Another agent had a later word on a shot, which it may not have kept: say it again."""
        self._reasons.setdefault(shot.shot_key, (shot, set()))

    def take(self, shot: Shot) -> set[str]:
        """Why the result of a shot is corrected now."""
        return self._reasons.pop(shot.shot_key, (shot, set[str]()))[1]

    def waiting(self) -> list[Shot]:
        """Shots whose results are to be corrected."""
        return [shot for shot, _ in self._reasons.values()]
