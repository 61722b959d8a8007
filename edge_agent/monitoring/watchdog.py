"""Watch over the agent's loops: each says when it works and when it waits for work.

A loop that works on one thing for longer than anything takes is stuck: a simulation that never
returns, a thread of the spool that hangs. One that waits for messages, or tries a full disk again
every second, is not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from time import monotonic, perf_counter
from typing import TypeVar

T = TypeVar("T")
STUCK_AFTER_S = 30.0
"""Nothing takes this long: a simulation has a budget, every call over the network a timeout."""

SPARKPLUG = "sparkplug "
"""Begins the name of the watch of an edge node; its press ends it."""


class Watch:
    """Watches one loop. Written by the event loop, read by any thread."""

    def __init__(
        self,
        name: str,
        observe: Callable[[float], None] | None = None,
        patience_s: float = 0.0,
    ) -> None:
        """Watch a loop.

        Args:
            observe: called with the duration of each batch [s].
            patience_s: how much longer than others it may be at one thing.
        """
        self.name = name
        self.patience_s = patience_s
        self.trouble: str | None = None
        """Why the loop tries again and again, None when all is well."""
        self._observe = observe
        self._timed = True
        self._busy_since: float | None = None

    def progress(self) -> None:
        """A step is done, and the next begins."""
        self._busy_since = monotonic()

    @property
    def resting(self) -> bool:
        """True if nothing is in hand."""
        return self._busy_since is None

    def rest(self) -> None:
        """Rest: nothing is to be done, or not now."""
        self._busy_since = None

    def nothing(self) -> None:
        """The batch in hand was empty: how long that took is not worth a figure."""
        self._timed = False

    @contextmanager
    def work(self) -> Iterator[None]:
        """Around the work on one batch; how long it took is observed when it is done."""
        began = perf_counter()
        self.progress()
        self._timed = True
        try:
            yield
            if self._observe is not None and self._timed:
                self._observe(perf_counter() - began)
        finally:
            self.rest()

    def tries(self, call: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        """Wrap a call: every try is progress, and the trouble it ended with is kept."""

        async def attempt(*arguments: object) -> T:
            self.progress()
            try:
                answer = await call(*arguments)
            except Exception as error:
                self.trouble = str(error)
                raise
            self.trouble = None
            return answer

        return attempt

    def busy_s(self) -> float:
        """Seconds for which the loop has been at one thing."""
        since = self._busy_since
        return 0.0 if since is None else monotonic() - since


class Watches:
    """All loops of an agent."""

    def __init__(self) -> None:
        self._watches: dict[str, Watch] = {}

    def add(self, watch: Watch) -> Watch:
        """Watch one more loop; it replaces the one of the same name."""
        self._watches[watch.name] = watch
        return watch

    def remove(self, name: str) -> None:
        """That loop has ended in order."""
        self._watches.pop(name, None)

    def stuck(self, after_s: float) -> list[str]:
        """Loops that hang, in words; empty when everything moves or waits by choice."""
        return [
            f"{watch.name}: at one thing for {watch.busy_s():.0f} s"
            for watch in list(self._watches.values())
            if watch.busy_s() > after_s + watch.patience_s
        ]

    def edge_nodes(self) -> dict[str, str | None]:
        """Trouble of each edge node by press, None for one that is born."""
        return {
            watch.name.removeprefix(SPARKPLUG): watch.trouble
            for watch in list(self._watches.values())
            if watch.name.startswith(SPARKPLUG)
        }

    def troubles(self) -> dict[str, str]:
        """Troubles that are tried again and again, by loop."""
        return {w.name: w.trouble for w in list(self._watches.values()) if w.trouble is not None}
