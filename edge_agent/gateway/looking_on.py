"""Looking at sources without a gateway: their tags are read, nothing is kept or sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from edge_agent.clock import Clock
from edge_agent.config.gateway_settings import GatewaySettings
from edge_agent.config.gateway_sources import MqttSource, SparkplugSource
from edge_agent.config.settings import BrokerSettings
from edge_agent.gateway.sources import make
from edge_agent.links.tag_source import Sample, SampleBatch
from twin_core.errors import TwinError

PAUSE_S = 2.0
"""Before a lost link is tried again."""


@dataclass
class Seen:
    """A source as it was seen."""

    name: str
    samples: dict[str, Sample] = field(default_factory=dict)
    """Newest sample of each tag."""
    arrived: dict[str, datetime] = field(default_factory=dict)
    """When it came."""
    error: str = ""
    """Why the link cannot be had; empty while it is there."""
    hint: str = ""


OnBatch = Callable[[str, SampleBatch, datetime], None]


class Looking:
    """Sources that are looked at."""

    def __init__(
        self,
        settings: GatewaySettings,
        clock: Clock,
        purpose: str,
        on_batch: OnBatch = lambda _name, _batch, _now: None,
        on_lost: Callable[[str, datetime], None] = lambda _name, _now: None,
    ) -> None:
        """Nothing is connected yet.

        Args:
            settings: those of the gateway.
            clock: gives the times of arrival.
            purpose: ``check``, ``watch``: names the sessions, so that those of a gateway that runs
                stay its own.
            on_batch: takes the samples of a source as they come.
            on_lost: is told when a link is lost.
        """
        self._settings = apart(settings, purpose)
        self._clock, self._on_batch, self._on_lost = clock, on_batch, on_lost
        self.seen = {name: Seen(name) for name in settings.sources}
        self.changed = asyncio.Event()
        """Something was seen."""

    @asynccontextmanager
    async def open(self, *, again: bool) -> AsyncIterator[None]:
        """Look at all sources until the context is left.

        Args:
            again: try a lost link again.
        """
        tasks = [
            asyncio.create_task(self._look(name, again), name=f"look at {name}")
            for name in self.seen
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, name: str, again: bool) -> None:
        seen = self.seen[name]

        async def deliver(batch: SampleBatch) -> None:
            now, seen.error = self._clock.now(), ""
            for sample in batch.samples:
                seen.samples[sample.tag] = sample
                seen.arrived[sample.tag] = now
            self._on_batch(name, batch, now)
            self.changed.set()

        while True:
            try:
                source = make(name, self._settings.sources[name], self._settings, self._clock)
                await source.run(deliver, {})
            except TwinError as error:
                seen.error, seen.hint = str(error), error.hint
                retryable = error.retryable
            self._on_lost(name, self._clock.now())
            self.changed.set()
            if not (again and retryable):
                return
            await asyncio.sleep(PAUSE_S)

    async def all_seen(self, wait_s: float) -> None:
        """Wait until each tag of each source was seen, or its link failed, but not for ever.

        Args:
            wait_s: at most so long [s].
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while not all(self._complete(name) for name in self.seen):
                    self.changed.clear()
                    await self.changed.wait()

    def _complete(self, name: str) -> bool:
        seen = self.seen[name]
        return bool(seen.error) or self._settings.sources[name].tags.keys() <= seen.samples.keys()


def apart(settings: GatewaySettings, purpose: str) -> GatewaySettings:
    """Settings under another name, whose sessions no broker keeps.

    Args:
        settings: those of the gateway.
        purpose: is added to its id.
    """

    def passing(broker: BrokerSettings) -> BrokerSettings:
        return broker.model_copy(update={"session_expiry_s": 0})

    sources = {
        name: source.model_copy(update={"broker": passing(source.broker)})
        if isinstance(source, MqttSource | SparkplugSource) and source.broker is not None
        else source
        for name, source in settings.sources.items()
    }
    changes = {
        "id": f"{settings.id[:50]}-{purpose}",
        "broker": passing(settings.broker),
        "sources": sources,
    }
    return settings.model_copy(update=changes)
