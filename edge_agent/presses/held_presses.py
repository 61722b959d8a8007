"""The presses an agent works for, and the shots that come and go with them.

An agent of a group follows shots only on presses it holds. When it gets one it goes on with the
shots that the agent before it has left at the broker; when it gives one up it forgets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from pydantic import ValidationError

from broker.codec import decode
from broker.errors import PayloadError
from broker.messages import Handover, Prediction
from broker.topics import Channel, PressAddress, TopicSpace
from edge_agent.clock import Clock
from edge_agent.logs import get_logger
from edge_agent.pipeline.commit import SHOT_SCOPE
from edge_agent.pipeline.kept_shots import begun
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.pipeline.revisions import State
from edge_agent.shots.shot import Shot
from edge_agent.spool.changes import Changes
from edge_agent.spool.thread import SpoolThread

UNHEARD = 10_000
"""Words of another agent that the broker retains nowhere, as they are not on the newest shot of a
mold: so many numbers are passed over."""


class HeldPresses:
    """Presses that this agent holds now: all of them, or in a group those that it has taken."""

    def __init__(
        self, agent_id: str, shared: bool, pipeline: Pipeline, spool: SpoolThread, clock: Clock
    ) -> None:
        self._agent_id, self._pipeline = agent_id, pipeline
        self._shots = pipeline.assembler.shots
        self._spool, self._clock = spool, clock
        self._held: set[PressAddress] | None = set() if shared else None
        self.taken: dict[PressAddress, list[Shot]] = {}
        """Shots of a press that ``take`` took from another agent, or whose last word is due."""
        pipeline.holds = self.__contains__

    def __contains__(self, press: object) -> bool:
        return self._held is None or press in self._held

    def in_work(self, press: PressAddress) -> bool:
        """True if a shot is open on this press."""
        return bool(self._shots.open_of(press))

    async def take(
        self, press: PressAddress, topics: TopicSpace, retained: Mapping[str, bytes]
    ) -> None:
        """Hold a press from now on, and go on with what its agent before us has left.

        Args:
            retained: what the broker keeps of the press, by topic: handovers, predictions, alerts.

        Raises:
            StoreError: the disk refuses; it can be called again.
        """
        async with self._pipeline.lock:
            left = {k: of for k, of in _left(topics, retained).items() if of[1].address == press}
            taken = [shot for by, shot in left.values() if self._is_unknown(by, shot)]
            taken.sort(key=begun)
            ours, molds = self._shots.of_press(press), {shot.mold_id for shot in taken}
            keys = {shot.shot_key for shot in taken}
            stay = [
                shot
                for shot in ours
                if shot.shot_key not in keys
                and (shot.mold_id not in molds or shot.shot_key in left)
            ]
            staying = {shot.shot_key for shot in stay}
            gone = [shot for shot in ours if shot.shot_key not in staying]
            channel = Channel.PREDICTION
            kept = {t: p for t, p in retained.items() if topics.parse(t).channel is channel}
            heard = _last_words(kept.values())
            said = [shot.revision for _, shot in left.values()] + list(heard.values())
            self._pipeline.revisions.pass_over(press, max(said, default=0) + UNHEARD)
            await self._pipeline.reserve()
            behind = [shot for shot in [*stay, *taken] if _is_behind(shot, heard)]
            noted = [shot for shot in behind if shot.shot_key in staying]
            if taken or behind:
                await self._pipeline.batches.flush()
                if taken:
                    await self._spool.exchange(str(press), kept, self._clock.now())
                await self._exchange(gone, taken, _state(noted))
            for shot in behind:
                self._pipeline.say_again(shot)
            if self._held is not None:
                left_alerts = retained.get(topics.alerts(press))
                self._pipeline.adopted.alerts(press, left_alerts, self._agent_id)
                for topic, payload in retained.items():
                    if topics.parse(topic).channel is Channel.ADVICE:
                        self._pipeline.adopted.advice(press, payload)
                self._held.add(press)
            self.taken[press] = [*taken, *noted]
        get_logger().info("press_taken", press=press.press, count=len(taken))

    async def give_up(self, press: PressAddress) -> None:
        """Forget the shots of a press that another agent has or gets, and what was to be published.

        Raises:
            StoreError: the disk refuses; it can be called again.
        """
        async with self._pipeline.lock:
            if self._held is not None:
                self._held.discard(press)
            await self._pipeline.batches.flush()
            await self._spool.exchange(str(press), {}, self._clock.now())
            receipts = self._pipeline.receipts
            alerts, advice = self._pipeline.open_alerts, self._pipeline.results.advice
            known = self._pipeline.recall, self._pipeline.uncorrected
            forgotten = receipts.forgets(press) | alerts.forgets(press) | advice.forgets(press)
            for one in known:
                forgotten |= one.forgets(press)
            await self._exchange(self._shots.of_press(press), [], forgotten)
            receipts.forget(press)
            alerts.forget(press)
            advice.forget(press)
            for one in known:
                one.forget(press)

    def _is_unknown(self, agent_id: str, shot: Shot) -> bool:
        """True if this agent has to take a shot: another left it, or it has been forgotten here."""
        return agent_id != self._agent_id or shot.shot_key not in self._shots

    async def _exchange(self, gone: list[Shot], taken: list[Shot], more: State) -> None:
        """Exchange shots, on disk first: when it refuses, all of it is done again."""
        changes = Changes(state=dict(more))
        changes.state |= {(SHOT_SCOPE, shot.shot_key): None for shot in gone}
        changes.state |= _state(taken)
        if changes:
            await self._spool.commit(changes, self._clock.now())
        for shot in gone:
            self._shots.remove(shot)
        for shot in taken:
            self._pipeline.assembler.adopt(shot)


def _state(shots: Iterable[Shot]) -> State:
    """Shots as the spool keeps them."""
    return {(SHOT_SCOPE, shot.shot_key): shot.model_dump(mode="json") for shot in shots}


def _is_behind(shot: Shot, heard: Mapping[str, int]) -> bool:
    """Note on a shot the last word that the broker keeps of it; is it later than ours?"""
    shot.heard_revision = max(shot.heard_revision, heard.get(shot.shot_key, 0))
    return shot.is_behind


def _last_words(payloads: Iterable[bytes]) -> dict[str, int]:
    """Numbers of retained predictions by the key of their shot."""
    found = {}
    for payload in payloads:
        with suppress(PayloadError):  # of another version of this program
            prediction = decode(Prediction, payload)
            found[prediction.shot_key or ""] = prediction.revision
    return found


def _left(topics: TopicSpace, retained: Mapping[str, bytes]) -> dict[str, tuple[str, Shot]]:
    """Shots that are handed over, by key, with the agent that followed them."""
    left = dict[str, tuple[str, Shot]]()
    for topic, payload in sorted(retained.items()):  # those without a key, of older agents, first
        if topics.parse(topic).channel is not Channel.HANDOVER:
            continue
        try:
            message = decode(Handover, payload)
            shot = Shot.model_validate_json(message.document)
            left[shot.shot_key] = message.agent_id, shot
        except (PayloadError, ValidationError) as error:  # of another version of this program
            get_logger().warning("handover_refused", topic=topic[:200], error=str(error)[:500])
    return left
