"""Tags of a machine: a source of samples, whatever protocol it speaks.

A source connects, reads, and hands over what it read in batches. It is told when a batch is safe on
disk; only then does it let the machine forget. Where it stands (a subscription, an offset in a
file) travels with the batch and is kept in the same transaction, so that it goes on after a kill.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

Value = float | int | bool | str
"""Value of a tag as the machine has it, before any conversion; a float is finite."""
Position = Mapping[str, Any]
"""Where a source stands, as JSON that only the source reads; empty at the beginning."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Value of a tag at one moment, or why it has none."""

    tag: str
    """Name of the tag in the mapping, without its source: ``mold_temperature``."""
    ts: datetime
    """When the machine read it, aware, UTC; or when it arrived."""
    value: Value | None = None
    """None where there is no value that counts: ``fault`` says why."""
    fault: str = ""
    """Why there is no value: ``BadSensorFailure``, ``Modbus exception 2 (illegal address)``."""
    of_arrival: bool = False
    """True where the machine gives no time, and ``ts`` is when the value arrived."""
    historical: bool = False
    """True where it was read from a history or a backlog, not as it happened."""
    unknown_age: bool = False
    """True where nobody knows when it was read: a retained message without a time of its own. It
    says how things stand (which mold, which recipe); it is no reading, and nothing begins with it.
    """


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """Samples in the order in which they were read, and where the source stands after them."""

    samples: Sequence[Sample]
    position: Position = field(default_factory=dict)
    """Replaces the last one as a whole."""
    seamless: bool = False
    """True in the first batch of a connection that goes on where the last one was left: nothing
    that happened meanwhile is missed, so values from before still hold."""


@dataclass(frozen=True, slots=True)
class FoundTag:
    """A tag that a machine has, for people who write a mapping."""

    address: str
    """As it is written in the mapping: ``ns=2;s=Press.MoldTemp``, ``holding:40``."""
    name: str
    """Name for people; perhaps empty."""
    data_type: str
    """Type as the protocol names it: ``Double``, ``uint16``."""
    unit: str = ""
    """Engineering unit if the machine tells it."""
    value: str = ""
    """Its value now, as text."""
    description: str = ""


Deliver = Callable[[SampleBatch], Awaitable[None]]
"""Hand over a batch; returns when it is safe on disk. Batches are delivered one at a time."""


@runtime_checkable
class LeavesOut(Protocol):
    """A source that counts what came and was not used."""

    left_out: Mapping[str, int]
    """Since the start, by reason: a closed set, since it is the label of a metric."""


class TagSource(Protocol):
    """A machine, or a logger's folder, with tags."""

    name: str
    """Name of the source in the configuration."""

    async def run(self, deliver: Deliver, position: Position) -> None:
        """Connect, and deliver what is read until the link is lost; it never returns otherwise.

        The first batch comes as soon as the link is there, perhaps empty.

        What the machine still has from before (a subscription's queue, its history, lines of a
        file) comes first, in its order, marked historical. A tag that cannot be read costs itself:
        it is delivered as a sample with a fault, once, and again when that changes.

        Args:
            deliver: takes a batch and returns when it is safe; what was not delivered may be lost.
            position: that of the last batch that was made safe.

        Raises:
            LinkError: the link cannot be had or is lost; the caller calls again, with a pause.
            SettingsError: no retry helps: an unknown security policy, a file that is not there.
        """
        ...

    def browse(self) -> AsyncIterator[FoundTag]:
        """The tags that the machine offers.

        Raises:
            LinkError: it cannot be asked.
        """
        ...
