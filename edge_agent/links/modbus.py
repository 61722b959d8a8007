"""Modbus TCP: registers are polled without drift, and what has changed is delivered.

The protocol has no clock, no quality and no memory: times are those of arrival, an exception code
is the fault of its tags, and what happened while the link was down is not known to anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from math import floor

from edge_agent.clock import Clock
from edge_agent.config.gateway_sources import ModbusSource, ModbusTag
from edge_agent.links.modbus_device import ONE_OF_MANY, DeviceException, ModbusDevice, connect
from edge_agent.links.modbus_requests import Request, requests_for
from edge_agent.links.modbus_values import NoValue, value_in
from edge_agent.links.tag_source import Deliver, FoundTag, Position, Sample, SampleBatch
from edge_agent.links.told_once import ToldOnce
from edge_agent.logs import get_logger

ASK_AGAIN_S = 0.5, 30.0
"""Tags that the device refuses are left out so long before they are tried again: first, longest."""
LATE = 3
"""So many polls in a row that take too long are told."""


class ModbusLink:
    """A Modbus TCP device as a source of tags.

    Attributes:
        late_count: polls that were left out because the one before was not done in time.
    """

    def __init__(self, name: str, settings: ModbusSource, clock: Clock) -> None:
        """Make a link; nothing is opened yet.

        Args:
            name: of the source in the configuration.
            settings: where the device is, and its tags.
            clock: gives the times of arrival.
        """
        self.name = name
        self.late_count = 0
        self._settings, self._clock = settings, clock

    async def run(self, deliver: Deliver, position: Position) -> None:
        """Poll until the link is lost: see ``TagSource.run``. It has no position."""
        told = ToldOnce(unchanged=False)
        loop = asyncio.get_running_loop()
        async with connect(self._settings) as device:
            polls = self._polls(device, loop.time())
            while True:
                samples: list[Sample] = []
                for poll in polls:
                    if poll.due_s <= loop.time():
                        samples += await poll.read(loop.time())
                        self._note_late(poll, poll.next_after(loop.time()))
                if news := [sample for sample in samples if told.worth_telling(sample)]:
                    await deliver(SampleBatch(news, {}))
                await asyncio.sleep(min(poll.due_s for poll in polls) - loop.time())

    async def browse(self) -> AsyncIterator[FoundTag]:
        """The configured tags with their values now: a Modbus device cannot list what it has.

        Raises:
            LinkError: the device cannot be asked.
        """
        async with connect(self._settings) as device:
            now_s = asyncio.get_running_loop().time()
            for poll in self._polls(device, now_s):
                for sample in await poll.read(now_s):
                    tag = self._settings.tags[sample.tag]
                    bit = "" if tag.bit is None else f".{tag.bit}"
                    kind = "bool" if tag.table in {"coil", "discrete"} or bit else tag.type
                    shown = sample.fault or str(sample.value)
                    place = f"{tag.table}:{tag.address}{bit}"
                    yield FoundTag(place, sample.tag, kind, value=shown)

    def _polls(self, device: ModbusDevice, now_s: float) -> list[_Poll]:
        by_period: dict[float, dict[str, ModbusTag]] = {}
        for name, tag in self._settings.tags.items():
            by_period.setdefault(tag.poll_ms or self._settings.poll_ms, {})[name] = tag
        return [
            _Poll(device, tags, self._settings.gap, period_ms / 1e3, now_s, self._clock.now)
            for period_ms, tags in sorted(by_period.items())
        ]

    def _note_late(self, poll: _Poll, left_out: int) -> None:
        """Count what was left out, and say so when it begins."""
        self.late_count += left_out
        poll.late_count = poll.late_count + 1 if left_out else 0
        if poll.late_count == LATE:
            words = f"{self.name}: reading its tags takes longer than {poll.period_s * 1e3:g} ms"
            get_logger().warning("polls_late", detail=words, hint="raise poll_ms, or gap")


class _Poll:
    """Tags that are read together every so often, and which of them the device has."""

    def __init__(
        self,
        device: ModbusDevice,
        tags: dict[str, ModbusTag],
        gap: int,
        period_s: float,
        due_s: float,
        now: Callable[[], datetime],
    ) -> None:
        self._device, self._tags, self._gap, self._now = device, tags, gap, now
        self.period_s, self.due_s = period_s, due_s
        self.late_count = 0
        """Polls in a row that took too long."""
        self._requests = requests_for(tags, gap)
        self._refused: frozenset[str] = frozenset()
        """Tags that are left out, because the device does not have their address."""
        self._pause_s, self._ask_again_s = ASK_AGAIN_S[0], due_s

    def next_after(self, now_s: float) -> int:
        """Set the next moment on the grid of the first one; how many had passed already."""
        beats = max(1, floor((now_s - self.due_s) / self.period_s) + 1)
        self.due_s += beats * self.period_s
        return beats - 1

    async def read(self, now_s: float) -> list[Sample]:
        """Read every tag that the device has; those that it refuses have a fault.

        Raises:
            LinkError: the link is lost.
        """
        again = bool(self._refused) and now_s >= self._ask_again_s
        if again:
            self._requests = requests_for(self._tags, self._gap)
        samples: list[Sample] = []
        work, kept, refused = self._requests[::-1], [], set[str]()
        while work:
            request = work.pop()
            try:
                cells = await self._device.read(request.table, request.first, request.count)
            except DeviceException as error:
                single = len(request.places) == 1
                if error.code in ONE_OF_MANY and not single:
                    work += reversed(request.halves())
                    continue
                samples += self._faults(request, str(error))
                if error.code in ONE_OF_MANY:
                    refused.add(request.places[0].name)
                    continue
            else:
                samples += self._values(request, cells)
            kept.append(request)
        self._requests = kept
        if refused or again:
            self._leave_out(frozenset(refused) if again else self._refused | refused, now_s)
        return samples

    def _leave_out(self, refused: frozenset[str], now_s: float) -> None:
        """Ask for these again later, and later still while they stay the same."""
        first_s, longest_s = ASK_AGAIN_S
        same = refused == self._refused
        self._pause_s = min(2 * self._pause_s, longest_s) if same else first_s
        self._refused, self._ask_again_s = refused, now_s + self._pause_s

    def _faults(self, request: Request, words: str) -> list[Sample]:
        now = self._now()
        return [Sample(place.name, now, fault=words, of_arrival=True) for place in request.places]

    def _values(self, request: Request, cells: Sequence[int]) -> list[Sample]:
        now = self._now()
        samples = []
        for place in request.places:
            at = place.first - request.first
            try:
                value = value_in(self._tags[place.name], cells[at : at + place.size])
            except NoValue as error:
                samples.append(Sample(place.name, now, fault=str(error), of_arrival=True))
            else:
                samples.append(Sample(place.name, now, value, of_arrival=True))
        return samples
