"""A pipeline with an inlet whose disk may refuse, and what was acknowledged in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.codec import decode, encode
from broker.messages import Prediction, ShotEvent, TelemetryFrame
from edge_agent.clock import AcceleratedClock
from edge_agent.errors import StoreError
from edge_agent.links.publish_packet import Incoming
from edge_agent.pipeline.receive import Inlet
from edge_agent.spool.changes import Changes
from edge_agent.spool.spool import Spool
from tests.chaos.inside import TOPIC, event
from tests.support.agents import settings_for
from tests.support.pipelines import PRESS, incoming, pipeline_on

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


class Disk(Spool):
    """Refuses when it is told to."""

    refuses = False
    commits = 0

    def commit(self, changes: Changes, now: datetime) -> None:
        if self.refuses:
            raise StoreError("spool.db: the spool cannot be written: database or disk is full")
        super().commit(changes, now)
        self.commits += 1


class Desk:
    """A pipeline with an inlet, and what was acknowledged in it."""

    def __init__(self, folder: Path, *, gather_s: float = 60.0, limit: int = 256) -> None:
        settings = settings_for(folder, 1883)
        spool = settings.spool.model_copy(update={"gather_s": gather_s})
        self.settings = settings.model_copy(update={"spool": spool})
        self.disk = Disk(self.settings.spool.path)
        self.work = pipeline_on(self.settings, AcceleratedClock(1.0, START), spool=self.disk)
        self.acknowledged: list[int] = []
        self.inlet = self.inlet_of(limit)

    def inlet_of(self, limit: int) -> Inlet:
        inlet = Inlet(PRESS, self._take, limit)
        self.work.open(inlet)
        return inlet

    def _take(self, messages: Sequence[Incoming]) -> None:
        self.acknowledged += [message.mid for message in messages]

    async def told(self, *messages: TelemetryFrame | ShotEvent) -> None:
        """Have messages worked on; they are not necessarily written."""
        found = []
        for message in messages:
            channel = "shot" if isinstance(message, ShotEvent) else "telemetry"
            self.mid = getattr(self, "mid", 0) + 1
            found.append(incoming(f"{TOPIC}/{channel}", encode(message), self.mid))
        self.inlet.put(found)
        while self.inlet.waiting:
            await self.work.step()

    def predictions(self) -> list[Prediction]:
        rows = self.disk.to_publish(str(PRESS), 1000)
        found = [row.entry for row in rows if row.entry.key.startswith("prediction/")]
        return [decode(Prediction, entry.payload) for entry in found]


def unknown(shot_id: str = "s1", after_s: float = 0.0, mold_id: str = "UNKNOWN") -> ShotEvent:
    """A pour into a mold that is not in the catalogue: answered without a simulation."""
    return event("poured", START + timedelta(seconds=after_s), shot_id, mold_id)
