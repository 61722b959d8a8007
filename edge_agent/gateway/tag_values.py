"""Values of a tag in the last seconds, in the order of their times, whatever order they came in."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from operator import itemgetter
from typing import Any, NamedTuple

from edge_agent.links.tag_source import Value

ENTRIES_MAX = 20_000
_TIME = itemgetter(0)


class Entry(NamedTuple):
    """Value of a tag from a moment on."""

    ts_us: int
    value: Value | None
    """None where it has none: ``fault`` says why."""
    fault: str = ""


class TagValues:
    """Values of one tag."""

    __slots__ = ("_entries",)

    def __init__(self, state: Iterable[Iterable[Any]] = ()) -> None:
        self._entries = [Entry(*kept) for kept in state]

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> bool:
        """Add a value; of two at one moment the first counts.

        A fault stands behind a value of its moment. A value that comes after a fault and is not
        older than the last one says that the tag is good again: what stands behind it goes.

        Returns:
            Whether it is new.
        """
        entries = self._entries
        if not entries or entry.ts_us > entries[-1].ts_us:
            entries.append(entry)
            if len(entries) > ENTRIES_MAX:
                del entries[0]
            return True
        at = bisect_left(entries, entry.ts_us, key=_TIME)
        behind = bisect_right(entries, entry.ts_us, key=_TIME)
        here = entries[at:behind]
        if entry.value is None:
            if here and here[-1].value is None:
                return False
            entries.insert(behind, entry)
            return True
        is_new = all(one.value is None for one in here)
        if is_new:
            entries.insert(at, entry)
        if all(one.value is None for one in entries[at + 1 :]):
            del entries[at + 1 :]
        return is_new

    def withdraw(self, fault: str) -> None:
        """Take back that there is no value for this reason, where it stands last."""
        if self._entries and self._entries[-1].fault == fault:
            self._entries.pop()

    def at(self, ts_us: int) -> Entry | None:
        """The last entry at or before a moment; None where there is none."""
        at = bisect_right(self._entries, ts_us, key=_TIME)
        return self._entries[at - 1] if at else None

    def between(self, after_us: int, until_us: int) -> list[Entry]:
        """Entries after a moment, up to another one."""
        first = bisect_right(self._entries, after_us, key=_TIME)
        return self._entries[first : bisect_right(self._entries, until_us, key=_TIME)]

    def first(self) -> Entry | None:
        """The oldest entry that is kept."""
        return self._entries[0] if self._entries else None

    def last(self) -> Entry | None:
        """The newest entry."""
        return self._entries[-1] if self._entries else None

    def last_good(self) -> Entry | None:
        """The newest entry that has a value."""
        return next((one for one in reversed(self._entries) if one.value is not None), None)

    def prune(self, before_us: int) -> None:
        """Forget entries before a moment, but for the last of them, which still holds."""
        at = bisect_right(self._entries, before_us, key=_TIME)
        if at > 1:
            del self._entries[: at - 1]

    def shift(self, by_us: int) -> None:
        """Move all times back: the clock of the source was set."""
        self._entries = [entry._replace(ts_us=entry.ts_us - by_us) for entry in self._entries]

    def state(self) -> list[list[Any]]:
        """State as JSON."""
        return [list(entry) if entry.fault else list(entry[:2]) for entry in self._entries]
