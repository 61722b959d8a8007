"""One open session of a press: birth, what is retained, messages in and out, and the goodbye."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from broker.codec import encode
from broker.messages import TwinState
from broker.topics import Channel, PressAddress
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.errors import NotAuthorized
from edge_agent.links.mqtt import Session
from edge_agent.links.publish_packet import Incoming
from edge_agent.links.tls import Fingerprint, new_credentials
from edge_agent.logs import get_logger
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.advice_sender import AdviceSender
from edge_agent.pipeline.open_alerts import AlertListSender
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.pipeline.receipts import tell
from edge_agent.pipeline.receive import Inlet, receive
from edge_agent.presses.handover import Handover, left_behind
from edge_agent.presses.held_presses import HeldPresses
from edge_agent.presses.identity import Identity
from edge_agent.presses.memory_handover import Left, MemoryHandover
from edge_agent.presses.session_state import Link
from edge_agent.presses.takeover import Kept, Settled, TakeOver
from edge_agent.spool.retry import until_written

FLUSH_TIMEOUT_S = 5.0
"""How long an ending session waits for the broker to take what is left; the rest stays on disk."""
OLD_FIRST_S = 10.0
"""How long new messages wait for those in a session of an earlier client id, to come after them."""


_NOT_HEARD = {
    Channel.ALERT_ACK: "acknowledgements_not_heard",
    Channel.ADVICE_WORD: "advice_words_not_heard",
}
"""What people say, and the log line where the broker's rules do not allow to hear it."""
WINDOW_311 = 20
"""Messages that brokers hand over without an acknowledgement in MQTT 3.1.1, as most are set."""


@dataclass(frozen=True)
class Tools:
    """Tools that all sessions of an agent work with."""

    me: Identity
    pipeline: Pipeline
    clock: Clock
    metrics: Metrics
    held: HeldPresses
    takeover: TakeOver


class PressSession:
    """The session of a press while it is open."""

    def __init__(self, link: Link, session: Session, settings: Settings, tools: Tools) -> None:
        """Make a session; nothing is sent yet."""
        self._link, self._session = link, session
        self._settings, self._tools = settings, tools
        self._settle = asyncio.Event()
        self._alerts = AlertListSender(
            tools.pipeline.open_alerts,
            link.press,
            session,
            settings.topics.alerts(link.press),
            partial(encode, format=settings.broker.payload_format),
            settings.agent_id,
            tools.clock,
        )
        self._advice = AdviceSender(
            tools.pipeline.results.advice,
            link.press,
            session,
            settings.topics,
            partial(encode, format=settings.broker.payload_format),
        )

    async def run(
        self, used: Fingerprint, earlier: list[Kept], report: Callable[[bool], None]
    ) -> None:
        """Subscribe and say who we are, then work until the session ends.

        It ends in order when the credentials it ``used`` have been exchanged. What waits in
        ``earlier`` sessions comes first, if it can be had at once.

        Args:
            report: called with whether the session is up.
        """
        link, session, tools = self._link, self._session, self._tools
        press, pipeline = link.press, tools.pipeline
        if self._settings.group is not None:
            await self._take_over_shots()
        await self._subscribe()
        publishing = tools.metrics.watch("publish", f"publish {press.press}")
        receiving = tools.metrics.watch("receive", f"receive {press.press}")
        link.inlet = inlet = self._inlet()
        sender = pipeline.publisher.open(press, session, publishing)
        receiver = asyncio.create_task(self._receive(inlet, receiving, earlier))
        link.receiver = receiver
        stopping = asyncio.create_task(link.end.wait())
        exchanged = asyncio.create_task(new_credentials(self._settings.broker, used))
        work: list[asyncio.Task[Any]] = [
            receiver,
            asyncio.create_task(sender.run()),
            asyncio.create_task(self._settles(receiving)),
            asyncio.create_task(self._tell_received()),
            asyncio.create_task(self._alerts.run()),
            asyncio.create_task(self._advice.run()),
        ]
        birth = asyncio.create_task(self._say())
        pipeline.open(inlet)
        report(True)
        link.watch.rest()
        tasks = {*work, stopping, exchanged}
        try:
            waiting: set[asyncio.Task[Any]] = {*tasks, birth}
            while birth in (await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED))[0]:
                birth.result()
                waiting = tasks
            receiver.cancel()
            if exchanged.done():
                get_logger().info("credentials_exchanged", press=press.press)
            if link.end.is_set() and link.last_words is not None:
                await self._goodbye(link.last_words, inlet)
        finally:
            link.receiver = link.handover = link.inlet = None
            link.settling.clear()
            report(False)
            pipeline.close(inlet)
            pipeline.publisher.close(sender)
            for task in (*tasks, birth):
                task.cancel()
            ended = await asyncio.gather(*tasks, birth, return_exceptions=True)
            for watch in (publishing, receiving):
                tools.metrics.watches.remove(watch.name)
        for problem in ended:
            if isinstance(problem, Exception):
                raise problem

    async def _subscribe(self) -> None:
        """Subscribe to all that press and people say.

        A broker whose rules are older than what people say may refuse that: shots go on.
        """
        topics, of_people = self._tools.takeover.todays(self._link.press).topics, _NOT_HEARD
        ends = tuple(f"/{channel}" for channel in of_people)
        await self._session.subscribe([t for t in topics if not t.endswith(ends)])
        for channel, event in of_people.items():
            try:
                await self._session.subscribe([t for t in topics if t.endswith(f"/{channel}")])
            except NotAuthorized as error:
                get_logger().warning(
                    event,
                    press=self._link.press.press,
                    error=str(error),
                    hint=f"let the agent read …/{channel}: call `pur-mold-twin broker init` again",
                )

    async def _take_over_shots(self) -> None:
        """Go on with the shots of the press as the agent before us left them."""
        link, tools = self._link, self._tools
        retained = await left_behind(self._settings, link.press, tools.me.ids.reader(link.press))
        link.watch.rest()  # the disk may refuse for long: that is not stuck
        topics = self._settings.topics
        await until_written("commit", tools.held.take, link.press, topics, retained)
        left = Left()
        await left.read(topics, retained, self._settings.agent_id)
        recall = tools.pipeline.recall
        try:
            await recall.take_over(link.press, left.ours, left.theirs, left.events, left.intervals)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # what strangers retain stops no press: it goes on with what it knows itself
            get_logger().error(
                "memory_not_taken_over", press=link.press.press, error=repr(error)[:500]
            )
        await tools.pipeline.batches.flush()
        shots = tools.pipeline.assembler.shots.of_press(link.press)
        publisher = tools.pipeline.publisher
        memory = MemoryHandover(
            self._settings, link.press, recall.earlier, tools.clock, left.part_of
        )
        link.handover = handover = Handover(
            self._settings, link.press, publisher, tools.clock, retained, shots, memory
        )
        self._settle.set()
        await handover.sign(self._session, tools.held.taken.pop(link.press, []))

    async def _tell_received(self) -> None:
        """Retain what is committed, for gateways."""
        settings, tools, press = self._settings, self._tools, self._link.press
        topic = settings.topics.received(press)
        encoded = partial(encode, format=settings.broker.payload_format)
        receipts = tools.pipeline.receipts
        await tell(receipts, press, self._session, topic, encoded, settings.agent_id, tools.clock)

    def _inlet(self) -> Inlet:
        v5 = self._session.version == "5"
        window = self._settings.broker.receive_maximum if v5 else WINDOW_311
        return Inlet(self._link.press, self._committed, window)

    def _committed(self, messages: Sequence[Incoming]) -> None:
        """Acknowledge messages whose results are on disk; in a group, retain these first."""
        if self._link.handover is None:
            self._session.acknowledge(messages)
        else:
            self._link.settling.append(list(messages))
            self._settle.set()

    async def _settles(self, watch: Watch) -> None:
        """Retain the shots for the next agent of a group, then acknowledge."""
        link = self._link
        while True:
            await self._settle.wait()
            self._settle.clear()
            count = len(link.settling)
            if link.handover is not None and not count:
                await self._settle_memory(link.handover)
            if link.handover is not None and count:
                await link.handover.settle(self._session, watch.progress)
                await self._alerts.send()
                await self._advice.send()
                watch.rest()
                for messages in link.settling[:count]:
                    self._session.acknowledge(messages)
                del link.settling[:count]
                self._settle.set()  # for what waits beside the shots

    async def _settle_memory(self, handover: Handover) -> None:
        """Retain what is remembered and nobody waits for, some at a time."""
        memory = handover.memory
        if memory is not None and memory.waits:
            await memory.settle(self._session)
            await memory.settle_beside(self._session)
            self._settle.set()

    async def _receive(self, inlet: Inlet, watch: Watch, earlier: list[Kept]) -> None:
        """Take messages until the session ends, after those of earlier sessions."""
        tools, link, session = self._tools, self._link, self._session
        settled: Settled | None = None
        if link.handover is not None:
            settled = partial(link.handover.settle, session, watch.progress)
        old = tools.takeover.start(link.press, earlier, session.version, settled)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(OLD_FIRST_S):
                    await old.tried.wait()
            await receive(session, inlet, watch)
        finally:
            await old.stop()

    async def _goodbye(self, last_words: str, inlet: Inlet) -> None:
        """Let what was received be finished and published, then say that we go."""
        link, pipeline = self._link, self._tools.pipeline
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_TIMEOUT_S):
                pipeline.batches.hurry()
                await inlet.emptied(pipeline.batches.hurry)
                while not (pipeline.publisher.quiet(link.press) and link.idle):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        await self._say(last_words)

    async def _say(self, last_words: str | None = None) -> None:
        press = self._link.press
        status = status_of(self._tools.me, self._settings, press, last_words)
        await self._session.publish(self._settings.topics.status(press), status, retain=True)


def status_of(
    me: Identity, settings: Settings, press: PressAddress, offline_reason: str | None = None
) -> bytes:
    """The status of a press, online unless a reason is given, as it is published."""
    state: TwinState = "online" if offline_reason is None else "offline"
    return encode(me.of_press(press, state, offline_reason), settings.broker.payload_format)
