"""Ids of shots: from a counter or a text of the machine, or of station, time and count.

No two shots of a station have one id: a counter that begins anew gets ``.2`` behind its numbers,
one that overflows counts on, one that stands still gets ``-2``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.ids import ID_LIMIT
from edge_agent.config.gateway_settings import ShotIds
from edge_agent.gateway.conditions import value_text
from edge_agent.gateway.moments import time_of
from edge_agent.gateway.texts import NoText, identifier_of, plain_text
from edge_agent.links.tag_source import Value

COUNTER_MAX = 10**15
STATION_MAX = 32
"""Characters of the station in a built id."""


class IdMaker:
    """Makes the ids of a station's shots."""

    def __init__(
        self, station: str, given: ShotIds, state: Mapping[str, Any] | None = None
    ) -> None:
        state = state or {}
        self._station, self._given = station, given
        self._last: int | None = state.get("last")
        """Counter at the last shot."""
        self._turns: int = state.get("turns", 0)
        """How often it has overflowed."""
        self._resets: int = state.get("resets", 0)
        self._last_id: str = state.get("last_id", "")
        """Id of the last shot before it was told from others, and how often that came."""
        self._same: int = state.get("same", 1)
        self._count: int = state.get("count", 0)
        """Shots of the station."""

    def make(self, value: Value | None, why: str, ts_us: int) -> tuple[str, list[str]]:
        """Make the id of a new shot.

        Args:
            value: of the configured tag when the shot began; None where it has none.
            why: why it has none.
            ts_us: when it began.

        Returns:
            The id, and sentences about what is odd.
        """
        self._count += 1
        words: list[str] = []
        found = ""
        if self._given.tag is not None:
            try:
                if value is None:
                    raise NoText(why or "has no value")
                found = self._of_machine(value, words)
            except NoText as error:
                words.append(f"{self._given.tag} {error}: the id is made of station and time")
        if not found:
            found = self._built(ts_us)
        return self._told_apart(found, words), words

    def _of_machine(self, value: Value, words: list[str]) -> str:
        if isinstance(value, str):
            text = plain_text(value)
            found = identifier_of(text)
            if found != text:
                words.append(f"{text[:40]!r} is no id, {found} is sent")
            return found
        if isinstance(value, bool):
            raise NoText(f"is {value_text(value)}, no counter")
        if value != int(value):
            raise NoText(f"is {value_text(value)}, no whole number")
        number = int(value)
        if not 0 <= number <= COUNTER_MAX:
            raise NoText(f"is {number}, no count: is its type right?")
        return self._counted(number, words)

    def _counted(self, number: int, words: list[str]) -> str:
        last, self._last = self._last, number
        overflow = self._given.overflow
        if last is not None and number < last:
            ahead = None if overflow is None else (number - last) % (overflow + 1)
            if overflow is not None and ahead is not None and ahead <= overflow // 2:
                self._turns += 1
                words.append(f"the counter went over {overflow}, and on to {number}")
            else:
                self._resets += 1
                words.append(
                    f"the counter went back from {last} to {number}: a reset; ids end in "
                    f".{self._resets + 1} from now on"
                )
        elif last is not None and number > last + 1:
            words.append(
                f"the counter went from {last} to {number}: {number - last - 1} between were not "
                "seen as shots"
            )
        shown = number if overflow is None else number + self._turns * (overflow + 1)
        return f"{self._given.prefix}{shown}" + (f".{self._resets + 1}" if self._resets else "")

    def _built(self, ts_us: int) -> str:
        time = time_of(ts_us)
        return f"{self._station[:STATION_MAX]}-{time:%Y%m%dT%H%M%S}-{self._count}"

    def _told_apart(self, found: str, words: list[str]) -> str:
        if found != self._last_id:
            self._last_id, self._same = found, 1
            return found[:ID_LIMIT]
        self._same += 1
        suffix = f"-{self._same}"
        apart = found[: ID_LIMIT - len(suffix)] + suffix
        words.append(f"{found} was the id of the last shot, too: {apart} is sent")
        return apart

    def state(self) -> dict[str, Any]:
        """State as JSON."""
        return {
            "last": self._last,
            "turns": self._turns,
            "resets": self._resets,
            "last_id": self._last_id,
            "same": self._same,
            "count": self._count,
        }
