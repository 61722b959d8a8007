"""Stand-in for the gateway in the suite of sources: keeps samples and position in one step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from types import TracebackType
from typing import Any, Self

from edge_agent.errors import LinkError
from edge_agent.links.tag_source import Position, Sample, SampleBatch, Value
from tests.support.machines.machine import Machine
from tests.support.waiting import until

PAUSE_S = 0.05
"""Before a lost link is tried again."""


class Gateway:
    """Runs a machine's source inside ``async with``; may be killed and started again.

    Attributes:
        samples: what was made safe, in order; ``batches``: as it was handed over.
        position: where the source stands, made safe with the samples.
        errors: why the link was lost or could not be had, in order.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.samples: list[Sample] = []
        self.batches: list[SampleBatch] = []
        self.position: Position = {}
        self.errors: list[LinkError] = []
        self._may_save = asyncio.Event()
        self._may_save.set()
        self._task: asyncio.Task[None] | None = None
        self.waiting: list[Sample] = []
        """Samples that were handed over and are not safe yet."""

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def start(self) -> None:
        """Start with what was made safe before."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End in order, as a gateway that is told to stop."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._task, self.waiting = None, []

    async def kill(self) -> None:
        """End as by SIGKILL: the machine hears nothing of it but that the connection is gone."""
        assert self._task is not None
        self._task.cancel()
        await self._machine.break_link("cut")
        await self.stop()
        await self._machine.heal()

    def hold(self) -> None:
        """Make nothing safe from now on: what is handed over waits."""
        self._may_save.clear()

    def go_on(self) -> None:
        """Make safe what waits."""
        self._may_save.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._machine.source().run(self._deliver, self.position)
            except LinkError as error:
                self.errors.append(error)
            else:
                raise AssertionError("a source returned: it may only raise")
            await asyncio.sleep(PAUSE_S)

    async def _deliver(self, batch: SampleBatch) -> None:
        assert not self.waiting, "a batch was delivered before the last one was safe"
        self.waiting = list(batch.samples)
        await self._may_save.wait()
        self.samples += batch.samples
        self.batches.append(batch)
        self.position = batch.position
        self.waiting = []

    def of(self, tag: str) -> list[Sample]:
        """Samples of a tag that count: of equal times the first, as in the product."""
        by_time: dict[Any, Sample] = {}
        for sample in self.samples:
            if sample.tag == tag:
                by_time.setdefault(sample.ts, sample)
        return list(by_time.values())

    def values(self, tag: str) -> list[Value | None]:
        """Values of a tag; one that is told again is there once."""
        values: list[Value | None] = []
        for sample in self.of(tag):
            if not sample.fault and (not values or values[-1] != sample.value):
                values.append(sample.value)
        return values

    def last(self, tag: str) -> Sample | None:
        """Its newest sample."""
        found = self.of(tag)
        return found[-1] if found else None

    async def has(self, tag: str, value: Value, limit_s: float = 20.0) -> Sample:
        """Wait until the newest sample of a tag has this value."""

        return await self._until(tag, lambda last: last.value == value, repr(value), limit_s)

    async def has_all(self, values: dict[str, Value]) -> None:
        """Wait until tags have these values."""
        for tag, value in values.items():
            await self.has(tag, value)

    async def fault(self, tag: str, limit_s: float = 20.0) -> Sample:
        """Wait until the newest sample of a tag says why it has no value."""
        return await self._until(tag, lambda last: bool(last.fault), "a fault", limit_s)

    async def lost(self, limit_s: float, before: int = 0) -> LinkError:
        """Wait until the link was lost, once more than ``before`` times."""
        await until(
            lambda: self._alive() and len(self.errors) > before, "the link to be lost", limit_s
        )
        return self.errors[before]

    async def _until(
        self, tag: str, condition: Callable[[Sample], bool], what: str, limit_s: float
    ) -> Sample:
        def there() -> bool:
            last = self.last(tag)
            return self._alive() and last is not None and condition(last)

        try:
            await until(there, what, limit_s)
        except AssertionError:
            seen = self.of(tag)[-3:]
            raise AssertionError(f"{tag}: waited for {what}, not {seen}, {self.errors}") from None
        last = self.last(tag)
        assert last is not None
        return last

    def _alive(self) -> bool:
        """Is it running? Raises what ended it otherwise."""
        assert self._task is not None, "the gateway does not run"
        if self._task.done():
            self._task.result()
        return True


def in_order(samples: Sequence[Sample]) -> bool:
    """Do their times never run back?"""
    return all(one.ts <= later.ts for one, later in pairwise(samples))
