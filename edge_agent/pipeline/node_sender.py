"""One session of an edge node: births, what is said now, and the backlog as historical beside it.

A message counts as delivered when the broker has answered the ping behind it. At most some of a
backlog are under way at once, so a live message waits for no more than these.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.node_session import NodeMessage, NodeSession
from edge_agent.errors import LinkError, PublishRefused
from edge_agent.links.sparkplug import NodeConnection
from edge_agent.logs import get_logger
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.edge_node import ROW_BYTES, EdgeNode, Sample
from edge_agent.ports import Outgoing, Stored
from edge_agent.spool.sent_marks import WORKED_ON
from edge_agent.spool.thread import SpoolThread

WINDOW_BYTES = 1_000_000
"""Under way at once; what would be more waits in the spool."""
GROUP_BYTES, GROUP_COUNT = 32_000, 10
"""Of a backlog, under way at once."""
PAGE = 64
REBIRTH_S = 1.0
"""Between two births: whoever asks more often gets one for all."""
TIMEOUT_S = 10.0
END_S = 1.0
"""An orderly end waits so long for the broker's answers."""
LOOK_S = 1.0


@dataclass(eq=False, slots=True)
class _Flight:
    number: int
    """Of the ping behind it."""
    size: int
    slot: int
    key: str
    device: str | None
    payload: bytes
    sample: Sample | None
    """None for one from the spool."""
    stored_bytes: int = 0


class NodeSender:
    """Sends for one node in one connection."""

    def __init__(
        self,
        node: EdgeNode,
        session: NodeSession,
        connection: NodeConnection,
        spool: SpoolThread,
        per_s: float,
        watch: Watch,
    ) -> None:
        """Nothing is sent yet.

        Args:
            node: the node.
            session: its session, not born.
            connection: what it is sent by.
            spool: has the backlog.
            per_s: messages of a backlog in a second, at most.
            watch: of this loop.
        """
        self._node, self.session, self._connection = node, session, connection
        self._spool, self._every_s, self._watch = spool, 1.0 / per_s, watch
        self._flying: deque[_Flight] = deque()
        self._flying_bytes = 0
        self._moved = asyncio.Event()
        self._backlog = True
        self._cursor = 0
        self._born_at: float | None = None
        self._wants_birth = False
        self._failure: LinkError | None = None
        connection.answered = self._answered

    def send(self, sample: Sample) -> bool:
        """Send what is true now; false when it cannot be: then it waits in the spool."""
        if self._born_at is None or self._failure is not None or self._flying_bytes > WINDOW_BYTES:
            return False
        session, node = self.session, self._node
        if not session.knows(sample.device, sample.changed) and not self._rebirth():
            return False
        changed = session.with_room(sample.changed)
        if not changed or self._failure is not None:
            sample.settled = self._failure is None
            return sample.settled
        now_ms = node.now_ms()
        message = session.data(sample.device, changed, sample.at_ms, now_ms, historical=sample.late)
        node.known.add(sample.key)
        self._fly(message, sample.key, sample.device, sample)
        return True

    def device_death(self, device: str) -> None:
        """Say that a device is offline, if it was born."""
        if self._born_at is not None and self.session.lives(device):
            self._put(self.session.device_death(device, self._node.now_ms()))

    def stored(self) -> None:
        """The spool may hold something that was not sent in this session."""
        self._backlog = True
        self._moved.set()

    def ask_rebirth(self) -> None:
        """Send all births again, at once or soon."""
        self._rebirth()
        self._moved.set()

    async def run(self) -> None:
        """Be born, then send the backlog and see that everything is answered.

        Raises:
            LinkError: the connection is over.
        """
        self._births()
        while True:
            self._moved.clear()
            if self._failure is not None:
                raise self._failure
            if self._wants_birth:
                self._rebirth()
            if self._backlog:
                await self._page()
            else:
                await self._wait()

    async def settled(self) -> None:
        """Wait for the answers to what is under way, so that none of it is sent again; not long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                while self._flying and self._failure is None:
                    self._moved.clear()
                    await self._moved.wait()

    def give_up(self) -> None:
        """The session is over: what the broker did not answer goes out in the next one."""
        for flight in self._flying:
            self._node.known.discard(flight.key)
        self._flying.clear()
        self._flying_bytes = 0
        self._born_at = None
        self._watch.rest()

    def _rebirth(self) -> bool:
        """All births again; false when the last ones are too new: then it is done soon."""
        if self._born_at is None:
            return False
        self._wants_birth = monotonic() - self._born_at < REBIRTH_S
        if not self._wants_birth:
            self._births()
        return not self._wants_birth

    def _births(self) -> None:
        node = self._node
        node.note_buffer()
        limit, before = self._connection.birth_bytes_max, self.session.left_out
        for message in self.session.births(node.now_ms(), node.silent, limit):
            if not self._put(message) and self._failure is None:
                self._failure = LinkError(f"{message.topic}: the broker takes no birth so large")
        if self.session.left_out not in ({}, before):
            self._say_left_out(limit)
        self._born_at, self._wants_birth = monotonic(), False
        get_logger().info(
            "sparkplug_born", press=node.press.press, count=len(self.session.born or ())
        )

    def _say_left_out(self, limit: int) -> None:
        left_out = self.session.left_out
        get_logger().error(
            "sparkplug_birth_too_large",
            press=self._node.press.press,
            molds=sorted(mold for mold in left_out if mold is not None),
            left_out=sum(left_out.values()),
            bytes_max=limit,
            hint="the newest metrics are left out: raise the packet size of the broker (Mosquitto: "
            "max_packet_size), or have the press send fewer channels",
        )

    def _put(self, message: NodeMessage) -> int:
        """Hand a message over; a failure is kept, and ends the session."""
        try:
            return self._connection.send_once(message.topic, message.payload)
        except PublishRefused as error:
            get_logger().error("sparkplug_refused", stage="publish", error=str(error))
            self._node.dropped_count += 1
            self.session.not_sent()
        except LinkError as error:
            self._failure = self._failure or error
            self._moved.set()
        return 0

    def _fly(
        self,
        message: NodeMessage,
        key: str,
        device: str | None,
        sample: Sample | None,
        stored: int = 0,
    ) -> None:
        slot = self._node.marks.sent(key)
        number = self._put(message)
        if not number:
            self._node.known.discard(key)
            if self._failure is None:  # this broker never takes it
                stored = stored if sample is None else sample.stored_bytes
                self._node.settle(key, stored)
                if sample is not None:
                    sample.settled = True
            return
        size = len(message.payload)
        payload = message.payload
        self._flying.append(_Flight(number, size, slot, key, device, payload, sample, stored))
        self._flying_bytes += size
        self._watch.progress()

    def _answered(self, number: int) -> None:
        node = self._node
        while self._flying and self._flying[0].number <= number:
            flight = self._flying.popleft()
            self._flying_bytes -= flight.size
            node.marks.worked_on(flight.slot, flight.key)
            if flight.sample is not None:
                flight.sample.settled = True
                flight.stored_bytes = flight.sample.stored_bytes
            node.settle(flight.key, flight.stored_bytes)
            node.remember(flight.key, flight.device, flight.payload)
            node.sent_count += 1
        if self._flying:
            self._watch.progress()
        else:
            self._watch.rest()
        self._moved.set()

    async def _page(self) -> None:
        """Send some of the backlog; all of it was looked at when there is no more."""
        self._backlog, cursor = False, self._cursor
        rows = await self._spool.to_publish(self._node.queue, PAGE, cursor)
        if not rows:
            return
        self._backlog = True
        self._cursor = rows[-1].id
        group: list[Stored[Outgoing]] = []
        for row in rows:
            if row.entry.key in self._node.known:
                continue
            group.append(row)
            size = sum(len(one.entry.payload) for one in group)
            if size >= GROUP_BYTES or len(group) >= GROUP_COUNT:
                await self._send_group(group)
                group = []
        await self._send_group(group)

    async def _send_group(self, group: list[Stored[Outgoing]]) -> None:
        """Send some messages of the backlog, and wait until the broker has worked on them."""
        began, last = monotonic(), None
        for row in group:
            await self._be_born_with(row.entry.topic)
            last = row.entry.key if self._send_stored(row.entry) else last
        while last is not None and any(flight.key == last for flight in self._flying):
            self._moved.clear()
            await self._wait()
            if self._failure is not None:
                raise self._failure
        pause_s = len(group) * self._every_s - (monotonic() - began)
        if pause_s > 0:
            await asyncio.sleep(pause_s)

    async def _be_born_with(self, device: str) -> None:
        """Have a birth that names all that a stored message may speak of."""
        session, node = self.session, self._node
        if device and device not in node.book.devices:
            return  # of a spool that lost its state: it cannot be sent
        while not (session.complete and session.decided(device or None)):
            node.silent.discard(device)
            if not self._rebirth():
                self._moved.clear()
                await self._wait()
            if self._failure is not None:
                raise self._failure
        if self._failure is not None:
            raise self._failure

    def _send_stored(self, entry: Outgoing) -> bool:
        node, size = self._node, len(entry.payload) + ROW_BYTES
        if entry.key in node.known:
            return False
        if node.marks.before(entry.key) == WORKED_ON:
            node.known.add(entry.key)
            node.settle(entry.key, size)
            return False
        try:
            message = self.session.historical(entry.topic or None, entry.payload, node.now_ms())
        except SparkplugError as error:
            get_logger().error("sparkplug_refused", stage="publish", error=str(error))
            node.known.add(entry.key)
            node.settle(entry.key, size)
            node.dropped_count += 1
            return False
        node.known.add(entry.key)
        if message is None:
            node.settle(entry.key, size)
            return False
        self._fly(message, entry.key, entry.topic or None, None, size)
        return True

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._moved.wait()
        if self._connection.owes_ping_s > TIMEOUT_S:
            raise LinkError(f"{self._node.queue}: the broker does not answer a ping")
