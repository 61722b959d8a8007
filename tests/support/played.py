"""Shots of a virtual plant through a pipeline, as fast as it goes, and what its history gets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from broker.codec import encode
from broker.topics import PressAddress
from edge_agent.config.settings import (
    CatalogueSettings,
    HistorySettings,
    LearningSettings,
    Settings,
    SpoolSettings,
)
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.links.publish_packet import Incoming
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.shots.timed_messages import TimedMessage, topic_of
from edge_agent.spool.changes import Changes
from edge_agent.virtual_plant import VirtualPlant, write_molds
from edge_agent.virtual_plant.shots import VirtualShot
from tests.support.pipelines import incoming, spool_of
from twin_core import load_systems
from twin_core.shipped_files import configs_folder

LATER = datetime(2030, 1, 1, tzinfo=UTC)


class Standing:
    """A clock that stands still, by default after everything."""

    speed = 1.0

    def __init__(self, at: datetime = LATER) -> None:
        self._at = at

    def now(self) -> datetime:
        """Time of this clock."""
        return self._at


def virtual_plant(shots: int, molds: int = 2, days: float = 3.0, seed: int = 5) -> VirtualPlant:
    """One press with so many molds."""
    system = load_systems(configs_folder() / "systems")["SYSTEM_R1"]
    return VirtualPlant(
        seed, system, presses=1, molds_per_press=molds, shots=shots, days=days, site="s"
    )


def settings_for(folder: Path, plant: VirtualPlant) -> Settings:
    """An agent of the plant's press, its catalogue in the folder."""
    write_molds(list(plant.molds.values()), folder / "molds")
    return Settings(
        site="s",
        agent_id="a",
        presses=[press.press for press in plant.presses],
        spool=SpoolSettings(path=folder / "spool.db"),
        history=HistorySettings(path=folder / "history.db"),
        catalogue=CatalogueSettings(molds=folder / "molds"),
        learning=LearningSettings(models=folder / "models"),
    )


def messages_of(
    settings: Settings,
    shots: Iterable[VirtualShot],
    events: Iterable[tuple[PressAddress, TimedMessage]] = (),
) -> list[Incoming]:
    """All messages in order of time, those of the laboratory hours later, events when told."""
    return [message for _, message in due_messages(settings, shots, events)]


def due_messages(
    settings: Settings,
    shots: Iterable[VirtualShot],
    events: Iterable[tuple[PressAddress, TimedMessage]] = (),
) -> list[tuple[datetime, Incoming]]:
    """The same messages with when each arrives."""
    timed: list[tuple[PressAddress, TimedMessage]] = [*events]
    for shot in shots:
        quality = [] if shot.quality is None else [shot.quality]
        timed += [(shot.press, message) for message in (*shot.messages, *quality)]
    timed.sort(key=lambda pair: pair[1].ts)
    return [
        (
            item.ts,
            incoming(topic_of(settings.topics, press, item.message), encode(item.message)),
        )
        for press, item in timed
    ]


async def deliver(work: Pipeline, settings: Settings) -> None:
    """Everything that waits, into the history."""
    store, spool = SqliteHistory(settings.history.path), spool_of(work)
    while rows := spool.to_forward(5000):
        receipt = await store.deliver(rows)
        assert not receipt.rejected
        spool.commit(Changes(forwarded=receipt.accepted), LATER)
    await store.close()
