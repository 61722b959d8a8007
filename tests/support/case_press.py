"""Recordings through a pipeline with a real spool and history, with the clock at their arrival."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from broker.alert_codes import OPENED_BEFORE_WINDOW
from broker.codec import decode
from broker.messages import Alert, DeadLetter, Message, Prediction, ShotKpis
from broker.topics import PressAddress
from edge_agent.config.catalogue import Catalogue, load_catalogue
from edge_agent.config.settings import Settings
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.links.publish_packet import Incoming
from edge_agent.logged_shots.replay import read_recording
from edge_agent.pipeline.pipeline import Pipeline
from tests.support.pipelines import feed, pipeline_on, spool_of

M = TypeVar("M", bound=Message)
CASES = Path(__file__).parents[1] / "cases"
AT_ONCE = 10_000
"""All messages of a recording in one batch."""


@cache
def shipped() -> Catalogue:
    """The catalogue of the repository, read once: it takes longer than a shot."""
    return load_catalogue(Settings(site="s", agent_id="a", presses=["p1"]))


class Arrival:
    """A clock that shows when the newest message came."""

    speed = 1.0

    def __init__(self) -> None:
        self.time = datetime.fromisoformat("2026-11-20T00:00:00Z")

    def now(self) -> datetime:
        """Time of this clock."""
        return self.time


class CasePress:
    """A press whose recordings are played, one message at a time or all at once."""

    def __init__(self, folder: Path, press: str, at_once: int = 1) -> None:
        self.address, self.at_once = PressAddress("plant1", press), at_once
        self.settings = Settings.model_validate(
            {
                "site": "plant1",
                "agent_id": "a",
                "presses": [press],
                "spool": {"path": folder / "spool.db"},
                "history": {"path": folder / "history.db"},
            }
        )
        self.clock = Arrival()
        self.work: Pipeline = pipeline_on(self.settings, self.clock, catalogue=shipped())

    def close(self) -> None:
        """End the agent."""
        self.work._spool.close()

    def restart(self) -> None:
        """A new life on the same spool."""
        self.close()
        self.work = pipeline_on(self.settings, self.clock, catalogue=shipped())

    def play(self, recording: Path, *, retained: bool = False, now: datetime | None = None) -> None:
        """Play a recording, and let a tick pass.

        Args:
            recording: JSON lines.
            retained: the broker hands them over as kept.
            now: all of it arrives then; by default each message at its own time.
        """
        lines = read_recording(recording)
        self.send([line[1:3] for line in lines], [now or line[0] for line in lines], retained)

    def send(
        self,
        messages: Sequence[tuple[str, bytes]],
        arrivals: Sequence[datetime],
        retained: bool = False,
    ) -> None:
        """Send messages, each at its arrival or all at the last one, and let a tick pass."""
        found = [
            Incoming(topic, payload, None, mid, 1, retained=retained)
            for mid, (topic, payload) in enumerate(messages, start=1)
        ]
        self.deliver(found, arrivals)

    def deliver(self, found: Sequence[Incoming], arrivals: Sequence[datetime]) -> None:
        """As ``send``, with messages as the session hands them over."""

        async def through() -> None:
            for start in range(0, len(found), self.at_once):
                batch = found[start : start + self.at_once]
                self.clock.time = max(arrivals[start : start + len(batch)])
                await feed(self.work, batch, self.at_once, self.address)
            await self.tick()
            # else the end of the loop waits for it, in every test, and drops it
            await self.work._predictions.intervals.computed()

        asyncio.run(through())

    async def tick(self, after: timedelta = timedelta(seconds=5)) -> None:
        """Let time pass."""
        self.clock.time += after
        await self.work.tick()
        await self.work.batches.flush()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the history, with all that the spool holds for it."""
        return self.answers([query])[0]

    def answers(self, queries: Iterable[str]) -> list[list[tuple[Any, ...]]]:
        """Rows of the history by query, with all that the spool holds for it."""

        async def deliver() -> None:
            history = SqliteHistory(self.settings.history.path)
            rows = spool_of(self.work).to_forward(100_000)
            receipt = await history.deliver(rows)
            assert receipt.rejected == {}
            await history.close()

        asyncio.run(deliver())
        with closing(sqlite3.connect(self.settings.history.path)) as db:
            return [db.execute(query).fetchall() for query in queries]

    def published(self, kind: str, model: type[M]) -> list[M]:
        """All that the agent has to publish of a kind, oldest first."""
        rows = spool_of(self.work).to_publish(str(self.address), 100_000)
        return [decode(model, row.entry.payload) for row in rows if row.entry.key.startswith(kind)]

    def kpis(self) -> list[ShotKpis]:
        """The newest result of every shot, in the order in which the shots had their first."""
        found = {kpis.shot_key: kpis for kpis in self.published("kpi/", ShotKpis)}
        return list(found.values())

    def predictions(self) -> list[Prediction]:
        """Predictions for the topics of the molds."""
        return self.published("prediction/", Prediction)

    def alerts(self) -> list[Alert]:
        """Alerts."""
        return self.published("alert/", Alert)

    def codes(self) -> list[str]:
        """Codes of the alerts on what came in; parts are opened when a story needs it."""
        found = [alert.code for alert in self.alerts()]
        return [code for code in found if code != OPENED_BEFORE_WINDOW]

    def letters(self) -> list[DeadLetter]:
        """Dead letters."""
        return self.published("dead-letter/", DeadLetter)


def message(topic: str, **fields: Any) -> tuple[str, bytes]:
    """A message as JSON."""
    return topic, json.dumps(fields).encode()
