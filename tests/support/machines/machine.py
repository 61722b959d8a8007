"""What every simulated machine can do, so that one suite proves all sources (test_sources.py)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from edge_agent.links.tag_source import TagSource, Value

TAGS: dict[str, Value] = {
    "temperature": 45.5,
    "counter": 7,
    "open": False,
    "material": "PU-RIGID-60",
}
"""Tags of every machine, and their values when it starts; a tag ``missing`` does not exist there.

The source of a machine is configured with all of them: ``missing`` costs itself only.
"""
MISSING = "missing"
Trouble = Literal["cut", "half-open"]
Spoil = Literal["bad quality", "wrong type"]


@dataclass(frozen=True)
class Traits:
    """What a protocol can and cannot; the suite asks no more of it."""

    own_time: bool
    """Samples carry the machine's time; else that of arrival, marked."""
    keeps: bool
    """What changes while the link is down is delivered later, in its order, marked historical."""
    every_value: bool
    """Each value of a burst is delivered; else only what stands when it is asked."""
    half_open_s: float | None
    """A link that swallows everything is noticed within so long [s]; None: there is no link."""
    resolution_s: float = 1e-5
    """Of its times [s]."""


class Machine(AbstractAsyncContextManager["Machine"], Protocol):
    """A simulated machine; inside ``async with`` it runs, with ``TAGS``.

    The link between it and ``source()`` goes through a proxy that can be broken.
    """

    traits: Traits
    offset_s: float
    """The machine's clock is so much ahead of ours [s]; may be set at any time."""

    def source(self) -> TagSource:
        """A new source, as after a start of the gateway; all have the same name and identity."""
        ...

    async def write(self, tag: str, value: Value) -> None:
        """Give a tag a good value, now by the machine's clock."""
        ...

    async def burst(self, tag: str, values: Sequence[Value]) -> None:
        """Give a tag one value after the other, as fast as it can, each with a time of its own."""
        ...

    async def spoil(self, tag: str, how: Spoil) -> None:
        """Take away a tag's value: by a bad quality, or by a value of a type that is none for it.

        A wrong type may reach the gateway as a value: a text where a number was, or as a fault.
        """
        ...

    async def break_link(self, trouble: Trouble) -> None:
        """Break the link: connections end and new ones do not work, or all bytes vanish."""
        ...

    async def heal(self) -> None:
        """Make the link work again."""
        ...

    async def restart(self) -> None:
        """Kill the machine's server, and start it again with the values that its tags had."""
        ...
