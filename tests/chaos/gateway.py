"""The gateway of a press: outbox and sender of the product, and an account of every message.

A PUBACK of Mosquitto is no promise for the case that Mosquitto itself is killed: it loses what it
has not saved yet. Nor is it one when nobody subscribes (MQTT 5 then says ``no matching
subscribers``). So the product keeps a message until the agent says that it is committed; here that
is put to the proof. A thread stands for the process: it is the press that says something, numbered
and kept by ``edge_agent.gateway``.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from broker.topics import PressAddress, TopicSpace
from edge_agent.clock import SystemClock
from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import LinkError
from edge_agent.gateway.committer import Committer
from edge_agent.gateway.outbox import Entry, Outbox
from edge_agent.gateway.outbox_entry import Draft, Step
from edge_agent.gateway.outbox_thread import OutboxThread
from edge_agent.gateway.sender import Sender
from edge_agent.monitoring.watchdog import Watch
from tests.chaos.script import CUT, SITE, Sent
from tests.support.processes import read_file

LOOK_S = 0.005
Place = tuple[str, int]
"""Device on the wire and number."""


class Gateway(threading.Thread):
    """Sends the messages of one press at ``rate_per_s`` and remembers every one of them."""

    def __init__(
        self,
        folder: Path,
        broker: BrokerSettings,
        name: str,
        script: Iterator[Sent],
        rate_per_s: float,
    ) -> None:
        """Nothing is sent yet.

        Args:
            folder: where the outbox lies.
            broker: the link, with the certificate of the press if it needs one.
        """
        super().__init__(name=f"gateway-{name}", daemon=True)
        self.ledger: list[Sent] = []
        """Everything the press ever had to say, in order."""
        self.confirmed = 0
        """How many of them, from the first on, were judged and are right."""
        self.sent_again = 0
        self._press = name
        self._path, self._broker = folder / f"gateway-{name}.db", broker
        self._script, self._rate = script, rate_per_s
        self._places: dict[Place, Sent] = {}
        self._counts: Counter[str] = Counter()
        self._talking, self._ended = threading.Event(), threading.Event()
        self._due = time.monotonic()
        self.problem: BaseException | None = None

    def talk(self) -> None:
        """Let the press have something to say, from now on."""
        self._due = time.monotonic()
        self._talking.set()

    def hush(self) -> None:
        """No new messages; what is not confirmed is still sent."""
        self._talking.clear()

    def end(self) -> None:
        """Close the connection, and wait for it."""
        self._ended.set()
        self.join(10)

    def acknowledged(self) -> int:
        """Messages that the broker has acknowledged at least once."""
        return sum(sent.first_acked is not None for sent in list(self.ledger))

    def is_through(self) -> bool:
        """Has the broker taken everything there is to say?"""
        return not self._talking.is_set() and all(
            sent.first_acked is not None for sent in self.ledger[self.confirmed :]
        )

    def run(self) -> None:
        """See ``Thread.run``: work until the end."""
        try:
            asyncio.run(self._run())
        except BaseException as problem:
            self.problem = problem
            raise

    def sent(self, entry: Entry, *, again: bool) -> None:
        """See ``Observer``."""
        self._places[entry.device_id, entry.seq].attempts += 1
        self.sent_again += again

    def taken(self, entry: Entry) -> None:
        """See ``Observer``."""
        sent = self._places[entry.device_id, entry.seq]
        sent.first_acked = sent.first_acked or sent.attempts

    def refused(self, entry: Entry, problem: LinkError) -> None:
        """See ``Observer``: the broker refuses nothing of a press of its own.

        Raises:
            AssertionError: it did.
        """
        self.problem = AssertionError(f"refused: {problem}")

    async def _run(self) -> None:
        outbox = CutOutbox(self._path)
        thread, clock, press = OutboxThread(outbox), SystemClock(), PressAddress(SITE, self._press)
        sender = Sender(self._broker, TopicSpace(), [press], thread, clock, self)
        committer = Committer(thread, clock, Watch("outbox"), lambda _steps: sender.committed())
        tasks = [asyncio.create_task(sender.run()), asyncio.create_task(committer.run())]
        try:
            while not self._ended.is_set():
                if drafts := self._said(outbox):
                    await committer.add(Step(drafts))
                self._note_confirmed()
                await asyncio.sleep(LOOK_S)
                for task in tasks:
                    if task.done():
                        task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            thread.close()

    def _said(self, outbox: Outbox) -> list[Draft]:
        """All that the press had to say since the last time, connected or not."""
        drafts = []
        while self._talking.is_set() and self._due <= time.monotonic():
            self._due += 1.0 / self._rate
            sent = next(self._script)
            device_id = outbox.device_id(str(sent.draft.press), sent.draft.device)
            sent.number(device_id, self._counts[device_id])
            self._counts[device_id] += 1
            self._places[device_id, sent.seq] = sent
            self.ledger.append(sent)
            drafts.append(sent.draft)
        return drafts

    def _note_confirmed(self) -> None:
        """What the agent has, the broker had, though its answer may have been lost with it."""
        if self._talking.is_set() or self.is_through():
            return
        left = set(read_file(self._path, "SELECT device_id, seq FROM message"))
        for sent in self.ledger[self.confirmed :]:
            if sent.attempts and (sent.device_id, sent.seq) not in left:
                sent.first_acked = sent.first_acked or sent.attempts


class CutOutbox(Outbox):
    """An outbox in which one or the other message loses its last byte: no JSON any more."""

    def _row(self, id: int, at: str, draft: Draft, device_id: str, seq: int) -> tuple[Any, ...]:
        *row, payload = super()._row(id, at, draft, device_id, seq)
        return *row, payload[:-1] if draft.document.get(CUT) else payload
