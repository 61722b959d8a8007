"""Sessions that a press had at the broker under another client id: taken over, then ended.

The id changes with the session secret, with ``agent_id``, when a press comes into a group, and did
when ids became secret. The old session keeps its messages, and goes on to get new ones, so:

- the new session subscribes first, then the old one is resumed and its subscriptions are ended;
- what waits there goes the way of all messages and is acknowledged as always, until the broker
  answers and has sent nothing more; a message that came in both is a repeat, which is harmless;
- then the session is ended at the broker, and only then forgotten here. A crash anywhere before
  repeats it all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.errors import LinkError, StoreError
from edge_agent.links.mqtt import Session, connect, public
from edge_agent.logs import get_logger
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.pipeline.receive import Inlet
from edge_agent.presses.session_ids import SessionIds
from edge_agent.spool.changes import Changes
from edge_agent.spool.retry import until_written
from edge_agent.spool.thread import SpoolThread

SESSION_SCOPE = "session"
"""Scope of the client ids in the spool's state, by press."""
BATCH = 256
AT_ONCE = 1
"""What an earlier session still holds is not gathered: somebody waits for its end."""
QUIET_ROUNDS = 2
"""So many answers of the broker in a row without a message: nothing waits any more."""
MESSAGES_MAX = 2_000_000
"""More than any broker keeps for a session: somebody keeps filling it."""
RETRY_FIRST_S = 1.0

Settled = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Kept:
    """A session that a broker may keep."""

    client_id: str
    topics: tuple[str, ...]

    def document(self) -> dict[str, object]:
        """Changes for the spool."""
        return {"client_id": self.client_id, "topics": list(self.topics)}


@dataclass(frozen=True)
class Running:
    """A takeover that goes on beside the new session."""

    tried: asyncio.Event
    """Set when it is done, or is not to be had at once."""
    task: asyncio.Task[None] | None

    async def stop(self) -> None:
        """Break it off if it is not done; the next session begins it again."""
        if self.task is None:
            return
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


class TakeOver:
    """The sessions of presses, today's and earlier ones."""

    def __init__(
        self,
        settings: Settings,
        ids: SessionIds,
        spool: SpoolThread,
        clock: Clock,
        pipeline: Pipeline,
    ) -> None:
        """Make a takeover; nothing is opened."""
        self._settings, self._ids = settings, ids
        self._spool, self._clock, self._pipeline = spool, clock, pipeline

    def renew(self, settings: Settings) -> None:
        """Go on with other presses or credentials."""
        self._settings = settings

    def todays(self, press: PressAddress) -> Kept:
        """The session of a press as it is to be."""
        topics, group = self._settings.topics, self._settings.group
        if group is None:
            return Kept(self._ids.press(press), tuple(topics.subscriptions(press)))
        share = self._ids.share(group.press)
        return Kept(self._ids.press(press), tuple(topics.shared(share, press)))

    async def expect(self, press: PressAddress) -> list[Kept]:
        """Note today's session of a press, before it is opened; the earlier ones, oldest first."""
        state = await self._spool.state(SESSION_SCOPE)
        entry = state.get(str(press))
        if entry is None:
            known = [self._before_ids_were_secret(press)]
        else:
            known = [Kept(one["client_id"], tuple(one["topics"])) for one in entry["sessions"]]
        todays = self.todays(press)
        if todays.client_id not in {one.client_id for one in known}:
            with suppress(StoreError):  # a full disk: at the next session then
                await self._note(press, [*known, todays])
        return [one for one in known if one.client_id != todays.client_id]

    def start(
        self, press: PressAddress, earlier: list[Kept], version: str, settled: Settled | None
    ) -> Running:
        """Begin to take over and end the earlier sessions of a press.

        Args:
            version: of MQTT, as the broker speaks it.
            settled: waits until a batch may be acknowledged.
        """
        tried = asyncio.Event()
        if not earlier:
            tried.set()
            return Running(tried, None)
        broker = self._settings.broker.model_copy(update={"protocol": version})
        work = self._run(press, earlier, broker, tried, settled)
        return Running(tried, asyncio.create_task(work))

    async def _run(
        self,
        press: PressAddress,
        earlier: list[Kept],
        broker: BrokerSettings,
        tried: asyncio.Event,
        settled: Settled | None,
    ) -> None:
        delay, log = RETRY_FIRST_S, get_logger().bind(press=press.press)
        while earlier:
            try:
                count = await self._end(press, earlier[0], broker, settled)
            except LinkError as error:
                tried.set()
                log.warning("session_not_taken_over", error=str(error), delay_s=delay)
                await asyncio.sleep(delay)
                delay = min(2.0 * delay, self._settings.broker.reconnect_max_s)
            else:
                earlier.pop(0)
                log.info("session_taken_over", count=count)
        await until_written("receive", self._note, press, [self.todays(press)])
        tried.set()

    async def end_todays(self, press: PressAddress) -> None:
        """End today's session of a press for good; what waits in it is worked on first."""
        try:
            count = await self._end(press, self.todays(press), self._settings.broker)
            await until_written("receive", self._note, press, [])
            get_logger().info("session_ended", press=press.press, count=count)
        except LinkError as error:
            get_logger().warning("session_not_ended", press=press.press, error=str(error))

    async def _end(
        self,
        press: PressAddress,
        kept: Kept,
        broker: BrokerSettings,
        settled: Settled | None = None,
    ) -> int:
        """End a session at the broker, when what all in it led to is on disk; how many.

        Raises:
            LinkError: the broker cannot be reached; what was acknowledged is on disk.
        """
        inlet = Inlet(press, window=AT_ONCE)
        async with connect(broker, kept.client_id, keep=True) as session:
            with self._open(inlet):
                count = await _empty(session, kept, inlet, settled)
        async with connect(broker, kept.client_id, keep=False):
            return count

    @contextmanager
    def _open(self, inlet: Inlet) -> Iterator[None]:
        self._pipeline.open(inlet)
        try:
            yield
        finally:
            self._pipeline.close(inlet)

    def _before_ids_were_secret(self, press: PressAddress) -> Kept:
        topics, group = self._settings.topics, self._settings.group
        if group is None:
            client_id = f"pur-twin-{self._settings.agent_id}-{press.site}-{press.press}"
            return Kept(client_id, tuple(topics.subscriptions(press)))
        client_id = f"pur-share/{group.press}/{press}"
        return Kept(client_id, tuple(topics.shared(group.press, press)))

    async def _note(self, press: PressAddress, sessions: list[Kept]) -> None:
        value = {"sessions": [one.document() for one in sessions]}
        changes = Changes(state={(SESSION_SCOPE, str(press)): value})
        await self._spool.commit(changes, self._clock.now())


async def _empty(session: Session, kept: Kept, inlet: Inlet, settled: Settled | None) -> int:
    """Take what waits in a session; how many messages that were."""
    ours = {public(topic) for topic in kept.topics}
    count = quiet = 0
    await session.unsubscribe(kept.topics)
    while quiet < QUIET_ROUNDS and count < MESSAGES_MAX:
        batch = session.here(BATCH)
        if not batch:  # what our acknowledgements made room for comes before the answer
            await session.unsubscribe(kept.topics)
            quiet += 1
            continue
        quiet = 0
        count += len(batch)
        inlet.put([m for m in batch if m.topic in ours or m.unreadable])
        await inlet.emptied()
        if settled is not None:
            await settled()
        session.acknowledge(batch)
    return count
