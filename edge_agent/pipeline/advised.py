"""Advice for the molds of the presses: proposed, decided, expired; kept in the spool.

A mold has one advice at a time. It ends by itself when a shot of another material or lot is poured,
or a lot is changed: it was computed for what was there before. All changes go into the batch of
what led to them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from broker.messages import Advice, AdviceWord, PressEvent, ShotEvent
from broker.topics import PressAddress
from edge_agent.logs import get_logger
from edge_agent.pipeline.revisions import State

ADVICE_SCOPE = "advice"
"""Scope of the advice in the spool's state, by press and ``mold_id``."""
OPEN = ("proposed", "accepted")
LOTS = {"polyol": "lot_polyol", "isocyanate": "lot_isocyanate", "additives": "lot_additives"}
"""Fields of a shot event by component."""
_FROM = {"accepted": ("proposed",), "refused": ("proposed",), "withdrawn": OPEN}
"""States that a word may follow."""


class AdviceBook:
    """The newest advice of every mold."""

    def __init__(self, kept: Mapping[str, Mapping[str, Any]]) -> None:
        """Go on with what the spool holds; what cannot be read is left out, and logged.

        Args:
            kept: state of the spool by press and ``mold_id``.
        """
        self._state: State = {}
        self._rows: list[Advice] = []
        self._news: dict[PressAddress, asyncio.Event] = {}
        found = (_advice_of(value) for value in kept.values())
        self._of = {
            (PressAddress(one.site, one.press), one.mold_id): one
            for one in found
            if one is not None
        }

    def of(self, press: PressAddress, mold_id: str) -> Advice | None:
        """The newest advice of a mold; None where it never had one."""
        return self._of.get((press, mold_id))

    def of_press(self, press: PressAddress) -> list[Advice]:
        """The newest advice of every mold of a press."""
        return [one for (of, _), one in self._of.items() if of == press]

    def news(self, press: PressAddress) -> asyncio.Event:
        """Event that is set when advice of a press changes."""
        return self._news.setdefault(press, asyncio.Event())

    def hear(self, press: PressAddress, word: AdviceWord) -> str | None:
        """Take note of a word; returns why not, in words, when it cannot be taken.

        Args:
            press: press that it is about.
            word: a repeat changes nothing.
        """
        known = self.of(press, word.mold_id)
        if word.said == "proposed":
            return self._propose(press, word, known)
        if known is None or known.advice_id != word.advice_id:
            has = "has none" if known is None else f"has {known.advice_id}"
            return f"advice_id: {word.advice_id} is no advice of {word.mold_id}, which {has}"
        accepted_so = word.said == "accepted" and word.ts == known.accepted_at
        if known.state == word.said or accepted_so:
            return None
        if known.state not in _FROM[word.said]:
            return f"said: {word.said}: the advice {word.advice_id} is {known.state} already"
        if word.said == "accepted":
            self._set(known, word.ts, state="accepted", reason=word.note,
                      accepted_at=word.ts, accepted_by=word.by)  # fmt: skip
        else:
            self._set(known, word.ts, state=word.said, reason=word.note,
                      ended_at=word.ts, ended_by=word.by)  # fmt: skip
        return None

    def poured(self, press: PressAddress, event: ShotEvent) -> None:
        """A shot was poured: of another material or lot it ends the advice of its mold."""
        known = self.of(press, event.mold_id)
        if known is None or known.state not in OPEN or event.ts <= known.proposed_at:
            return
        proposal = known.proposal
        if event.system_id is not None and event.system_id != proposal.system_id:
            words = f"{event.system_id} was poured, the advice is for {proposal.system_id}"
            self._expire(known, event.ts, words)
            return
        for component, lot in proposal.lots.items():
            poured = getattr(event, LOTS[component])
            if poured is not None and poured != lot:
                words = f"{component} of lot {poured} was poured, the advice is for lot {lot}"
                self._expire(known, event.ts, words)
                return

    def happened(self, press: PressAddress, event: PressEvent) -> None:
        """A lot was changed: the advice that was made before it ends."""
        if event.event != "lot_change" or event.component is None:
            return
        for (of, mold_id), known in list(self._of.items()):
            fits = of == press and event.mold_id in (None, mold_id)
            if not fits or known.state not in OPEN or event.ts <= known.proposed_at:
                continue
            if known.proposal.lots.get(event.component) != event.lot:
                words = f"{event.component} was changed to lot {event.lot}"
                self._expire(known, event.ts, words)

    def adopt(self, press: PressAddress, left: Advice) -> bool:
        """Go on with an advice that another agent has left; true if it is newer than ours."""
        known = self.of(press, left.mold_id)
        if known is not None and (known.ts, known.revision) >= (left.ts, left.revision):
            return False
        self._of[press, left.mold_id] = left
        self._state[ADVICE_SCOPE, f"{press}/{left.mold_id}"] = left.model_dump(mode="json")
        self.news(press).set()
        return True

    def forgets(self, press: PressAddress) -> State:
        """Changes of state that forget a press which another agent has."""
        molds = (mold_id for of, mold_id in self._of if of == press)
        return {(ADVICE_SCOPE, f"{press}/{mold_id}"): None for mold_id in molds}

    def forget(self, press: PressAddress) -> None:
        """Forget a press: ``forgets`` is on disk, or goes there with what comes next."""
        self._of = {key: one for key, one in self._of.items() if key[0] != press}

    def take_changes(self) -> tuple[State, list[Advice]]:
        """Changes of the spool's state, and advice that is not as it was, since the last call."""
        state, self._state = self._state, {}
        rows, self._rows = self._rows, []
        return state, rows

    def _propose(self, press: PressAddress, word: AdviceWord, known: Advice | None) -> str | None:
        if known is not None:
            if known.advice_id == word.advice_id:
                return None
            if word.ts < known.proposed_at:
                return (
                    f"advice_id: {word.advice_id} is older than {known.advice_id}, which is there"
                )
            if known.state in OPEN:
                self._expire(known, word.ts, f"a newer advice took its place: {word.advice_id}")
        assert word.proposal is not None
        self._put(
            Advice(
                ts=word.ts,
                site=press.site,
                press=press.press,
                mold_id=word.mold_id,
                advice_id=word.advice_id,
                state="proposed",
                proposal=word.proposal,
                proposed_at=word.ts,
                proposed_by=word.by,
                reason=word.note,
                revision=1,
                simulated=word.simulated,
            )
        )
        return None

    def _expire(self, known: Advice, ts: datetime, words: str) -> None:
        self._set(known, ts, state="expired", reason=words, ended_at=ts, ended_by=None)

    def _set(self, known: Advice, ts: datetime, **values: Any) -> None:
        values |= {"ts": max(ts, known.ts), "revision": known.revision + 1}
        self._put(known.model_copy(update=values))

    def _put(self, advice: Advice) -> None:
        press = PressAddress(advice.site, advice.press)
        self._of[press, advice.mold_id] = advice
        self._state[ADVICE_SCOPE, f"{press}/{advice.mold_id}"] = advice.model_dump(mode="json")
        self._rows.append(advice)
        self.news(press).set()
        get_logger().info(
            "advice_changed", press=press.press, mold_id=advice.mold_id, reason=advice.state,
            detail=advice.advice_id,
        )  # fmt: skip


def _advice_of(value: Mapping[str, Any]) -> Advice | None:
    try:
        return Advice.model_validate(dict(value))
    except ValidationError as error:  # of another version of this program
        get_logger().error("state_unreadable", detail=ADVICE_SCOPE, error=str(error)[:500])
        return None
