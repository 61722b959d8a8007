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
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.pipeline.revisions import State
from edge_agent.shots.shot import Shot
from edge_agent.spool.changes import Changes
from edge_agent.spool.thread import SpoolThread


class HeldPresses:
    """Presses that this agent holds now: all of them, or in a group those that it has taken."""

    def __init__(
        self, agent_id: str, shared: bool, pipeline: Pipeline, spool: SpoolThread, clock: Clock
    ) -> None:
        self._agent_id, self._pipeline = agent_id, pipeline
        self._shots = pipeline.assembler.shots
        self._spool, self._clock = spool, clock
        self._held: set[PressAddress] | None = set() if shared else None
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
            retained: what the broker keeps of the press: handovers and predictions, by topic.

        Raises:
            StoreError: the disk refuses; it can be called again.
        """
        async with self._pipeline.lock:
            left = [(by, shot) for by, shot in _left(topics, retained) if shot.address == press]
            taken = [shot for by, shot in left if self._is_unknown(by, shot)]
            molds = {shot.mold_id for shot in taken}
            gone = [shot for shot in self._shots.of_press(press) if shot.mold_id in molds]
            channel = Channel.PREDICTION
            kept = {t: p for t, p in retained.items() if topics.parse(t).channel is channel}
            heard = _last_words(kept.values())
            said = [shot.revision for _, shot in left] + list(heard.values())
            self._pipeline.revisions.pass_over(press, max(said, default=0))
            await self._pipeline.reserve()
            if taken:
                await self._pipeline.flush()
                await self._spool.exchange(str(press), kept, self._clock.now())
                await self._exchange(gone, taken, {})
            for shot in self._shots.of_press(press):
                if shot.revision < heard.get(shot.shot_key, 0):
                    self._pipeline.say_again(shot)
            if self._held is not None:
                self._held.add(press)
        get_logger().info("press_taken", press=press.press, count=len(taken))

    async def give_up(self, press: PressAddress) -> None:
        """Forget the shots of a press that another agent has or gets, and what was to be published.

        Raises:
            StoreError: the disk refuses; it can be called again.
        """
        async with self._pipeline.lock:
            if self._held is not None:
                self._held.discard(press)
            await self._pipeline.flush()
            await self._spool.exchange(str(press), {}, self._clock.now())
            receipts = self._pipeline.receipts
            await self._exchange(self._shots.of_press(press), [], receipts.forgets(press))
            receipts.forget(press)

    def _is_unknown(self, agent_id: str, shot: Shot) -> bool:
        """True if this agent has to take a shot: another left it, or it has been forgotten here."""
        return agent_id != self._agent_id or shot.shot_key not in self._shots

    async def _exchange(self, gone: list[Shot], taken: list[Shot], more: State) -> None:
        """Exchange shots, on disk first: when it refuses, all of it is done again."""
        changes = Changes(state=dict(more))
        changes.state |= {(SHOT_SCOPE, shot.shot_key): None for shot in gone}
        for shot in taken:
            changes.state[SHOT_SCOPE, shot.shot_key] = shot.model_dump(mode="json")
        if changes:
            await self._spool.commit(changes, self._clock.now())
        for shot in gone:
            self._shots.remove(shot)
        for shot in taken:
            self._pipeline.assembler.adopt(shot)


def _last_words(payloads: Iterable[bytes]) -> dict[str, int]:
    """Numbers of retained predictions by the key of their shot."""
    found = {}
    for payload in payloads:
        with suppress(PayloadError):  # of another version of this program
            prediction = decode(Prediction, payload)
            found[prediction.shot_key or ""] = prediction.revision
    return found


def _left(topics: TopicSpace, retained: Mapping[str, bytes]) -> list[tuple[str, Shot]]:
    """Shots that are handed over, with the agent that followed them."""
    taken = []
    for topic, payload in retained.items():
        if topics.parse(topic).channel is not Channel.HANDOVER:
            continue
        try:
            message = decode(Handover, payload)
            taken.append((message.agent_id, Shot.model_validate_json(message.document)))
        except (PayloadError, ValidationError) as error:  # of another version of this program
            get_logger().warning("handover_refused", topic=topic[:200], error=str(error)[:500])
    return taken
