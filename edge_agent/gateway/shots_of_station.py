"""Shots of a station: which events belong to one, and which are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edge_agent.config.gateway_settings import Shots, Trigger
from edge_agent.gateway.candidates import Candidate
from edge_agent.gateway.conditions import in_words
from edge_agent.gateway.moments import seconds_text, seconds_us, text_of
from edge_agent.gateway.outbox_entry import Kind
from edge_agent.gateway.shot_ids import IdMaker
from edge_agent.gateway.trace import NOT, NOTE, TOLD, Trace

Tell = Callable[[Kind, dict[str, Any], Candidate], None]
"""Takes ``shot`` or ``telemetry``, the message, and the candidate that it comes from."""


OPEN_MAX = 64
"""Shots of a station that can be open: a turntable has fewer molds."""


@dataclass(slots=True)
class OpenShot:
    """A shot that has begun."""

    shot_id: str
    mold_id: str | None
    started_us: int | None = None
    poured_us: int | None = None
    told: bool = False
    """Whether its beginning was told, so that its end may be."""

    @property
    def begun_us(self) -> int:
        """Its pour, or its start where it is not poured yet."""
        return (self.started_us or 0) if self.poured_us is None else self.poured_us

    def shift(self, by_us: int) -> None:
        """Move its times back."""
        if self.started_us is not None:
            self.started_us -= by_us
        if self.poured_us is not None:
            self.poured_us -= by_us


class StationShots:
    """The open shots of a station, one of each mold, and the rules by which events join them."""

    def __init__(
        self,
        station: str,
        shots: Shots,
        trace: Trace,
        tell: Tell,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Start anew, or go on from a state.

        Args:
            station: its name.
            shots: as configured.
            trace: takes the words.
            tell: takes the messages.
            state: of ``state()``.
        """
        state = state or {}
        self._shots, self._trace, self._tell = shots, trace, tell
        self._debounce_us = seconds_us(shots.debounce_s)
        self._ids = IdMaker(station, shots.id, state.get("ids"))
        self._open = [OpenShot(**kept) for kept in state.get("open", [])]
        """In the order in which they began."""
        self._pour_us: int | None = state.get("pour_us")
        """The last pour, told or not."""

    def take(self, candidate: Candidate) -> None:
        """Take an event; they come in the order of their times."""
        trigger: Trigger = getattr(self._shots, candidate.event)
        if candidate.event == "started":
            self._start(trigger, candidate)
        elif candidate.event == "poured":
            self._pour(trigger, candidate)
        else:
            self._end(trigger, candidate)

    def labels(self, ts_us: int, mold_id: str | None) -> str | None:
        """Id of the shot that is certainly open in a mold at a moment; None where there is none.

        Without a trigger for its end a shot is open until the next pour, which is known only later:
        so its readings are not labelled.

        Args:
            ts_us: the moment.
            mold_id: the mold; None where it is not known.
        """
        if self._shots.demolded is None or mold_id is None:
            return None
        for shot in reversed(self._open):
            if shot.mold_id == mold_id and shot.told and shot.poured_us is not None:
                return shot.shot_id if shot.poured_us <= ts_us else None
        return None

    def _started(self) -> OpenShot | None:
        """The shot that was started and is not poured yet: one head pours one shot at a time."""
        return next((shot for shot in self._open if shot.poured_us is None), None)

    def _start(self, trigger: Trigger, candidate: Candidate) -> None:
        shot, ts_us = self._started(), candidate.ts_us
        if shot is not None and abs(ts_us - shot.begun_us) < self._debounce_us:
            self._not(
                candidate, trigger, "debounced",
                f"{seconds_text(ts_us - shot.begun_us)} after the last start, within debounce_s "
                f"{self._shots.debounce_s:g} s",
            )  # fmt: skip
            return
        if not self._counts(trigger, candidate, self._poured(candidate)):
            return
        if shot is not None:
            self._note(candidate, "no-pour", f"shot {shot.shot_id} was started and not poured")
            self._open.remove(shot)
        shot = self._new_shot(candidate)
        shot.started_us = ts_us
        if candidate.found["mold_id"] is None:
            words = candidate.found["missing"]["mold_id"]["words"]
            self._not(candidate, trigger, "mold-missing", f"its mold is not known: {words}")
            return
        shot.told = True
        self._send(shot, candidate, trigger, {})

    def _pour(self, trigger: Trigger, candidate: Candidate) -> None:
        ts_us, found = candidate.ts_us, candidate.found
        if self._pour_us is not None and abs(ts_us - self._pour_us) < self._debounce_us:
            self._not(
                candidate, trigger, "debounced",
                f"{seconds_text(ts_us - self._pour_us)} after the last pour, within debounce_s "
                f"{self._shots.debounce_s:g} s",
            )  # fmt: skip
            return
        shot = self._started()
        if not self._counts(trigger, candidate, shot):
            return
        self._pour_us = ts_us
        shot = shot or self._new_shot(candidate)
        shot.poured_us, shot.mold_id = ts_us, found["mold_id"]
        self._open = [one for one in self._open if one is shot or one.mold_id != shot.mold_id]
        for words in found["odd"]:
            self._note(candidate, "recipe-gap", words)
        missing = found["missing"]
        shot.told = not missing
        if shot.told:
            self._send(shot, candidate, trigger, found["fields"])
            return
        names = "; ".join(f"{name}: {left['words']}" for name, left in missing.items())
        self._not(
            candidate, trigger, f"{_worst(missing)}-missing",
            f"shot {shot.shot_id} cannot be told without {names}",
        )  # fmt: skip
        self._tell("telemetry", {"left_out": missing}, candidate)

    def _end(self, trigger: Trigger, candidate: Candidate) -> None:
        shot = self._poured(candidate)
        if candidate.event == "aborted":
            shot = self._started() or shot
        if shot is None:
            words = "no shot is open"
            if self._open:
                words += f" in mold {candidate.found['mold_id']}"
            self._not(candidate, trigger, "no-shot", words)
            return
        if candidate.ts_us <= shot.begun_us:
            self._not(
                candidate, trigger, "before-the-pour",
                f"shot {shot.shot_id} began {seconds_text(shot.begun_us - candidate.ts_us)} later",
            )  # fmt: skip
            return
        if not self._counts(trigger, candidate, shot):
            return
        self._open.remove(shot)
        if not shot.told:
            self._not(
                candidate, trigger, "pour-not-told",
                f"the pour of shot {shot.shot_id} could not be told",
            )  # fmt: skip
            return
        self._send(shot, candidate, trigger, {})

    def _poured(self, candidate: Candidate) -> OpenShot | None:
        """The newest poured shot, of the mold of the moment where that is known."""
        mold_id = candidate.found["mold_id"]
        for shot in reversed(self._open):
            if shot.poured_us is not None and mold_id in {None, shot.mold_id}:
                return shot
        return None

    def _counts(self, trigger: Trigger, candidate: Candidate, shot: OpenShot | None) -> bool:
        """Whether ``after`` and ``not_before_s`` let it count.

        Args:
            shot: the one that it would belong to, or follow.
        """
        if trigger.after is None:
            return True
        since_us: int | None = None if shot is None else getattr(shot, f"{trigger.after}_us")
        if since_us is None:
            self._not(
                candidate, trigger, f"not-after-{trigger.after}",
                f"it counts only after {trigger.after}, and no shot is so far",
            )  # fmt: skip
            return False
        if candidate.ts_us < since_us + seconds_us(trigger.not_before_s):
            self._not(
                candidate, trigger, "too-early",
                f"{seconds_text(candidate.ts_us - since_us)} after {trigger.after}, not_before_s "
                f"is {trigger.not_before_s:g} s",
            )  # fmt: skip
            return False
        return True

    def _new_shot(self, candidate: Candidate) -> OpenShot:
        found = candidate.found
        shot_id, words = self._ids.make(found["id_value"], found["id_why"], candidate.ts_us)
        for sentence in words:
            self._note(candidate, "id", sentence)
        shot = OpenShot(shot_id, found["mold_id"])
        self._open.append(shot)
        del self._open[:-OPEN_MAX]
        return shot

    def _send(
        self,
        shot: OpenShot,
        candidate: Candidate,
        trigger: Trigger,
        fields: Mapping[str, Any],
    ) -> None:
        message = {"shot_id": shot.shot_id, "mold_id": shot.mold_id, "event": candidate.event}
        self._tell("shot", {**message, **fields}, candidate)
        self._trace.add(
            candidate.ts_us, TOLD, candidate.event, "told",
            f"shot {shot.shot_id} {candidate.event} at {text_of(candidate.ts_us)}: "
            f"{in_words(trigger)}",
        )  # fmt: skip

    def _not(self, candidate: Candidate, trigger: Trigger, reason: str, words: str) -> None:
        self._trace.add(
            candidate.ts_us, NOT, candidate.event, reason,
            f"{in_words(trigger)} at {text_of(candidate.ts_us)}, but {words}",
        )  # fmt: skip

    def _note(self, candidate: Candidate, reason: str, words: str) -> None:
        self._trace.add(candidate.ts_us, NOTE, candidate.event, reason, words)

    def shift(self, source: str, by_us: int) -> None:
        """Move times back: the clock of the source of the pours was set."""
        if self._shots.poured.tag.partition(".")[0] != source:
            return
        if self._pour_us is not None:
            self._pour_us -= by_us
        for shot in self._open:
            shot.shift(by_us)

    def state(self) -> dict[str, Any]:
        """State as JSON."""
        return {
            "ids": self._ids.state(),
            "open": [asdict(shot) for shot in self._open],
            "pour_us": self._pour_us,
        }


def _worst(missing: Mapping[str, object]) -> str:
    return "mass" if any(name.startswith("m_") for name in missing) else next(iter(missing))
