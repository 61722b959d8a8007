"""Readings of imported shots that a history has, or does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

from broker.timestamps import parse_timestamp
from broker.topics import PressAddress
from edge_agent.history.frames_of_shots import StoredFrame, frames_of_shots
from edge_agent.history.read import HistoryReader
from edge_agent.history.rows import columns_of
from edge_agent.imports.rows_of_shot import key_of, poured_at_of
from edge_agent.logged_shots.bundle import Bundle
from edge_agent.ports import HistoryRow
from twin_core.log_files.series import DAY_S

_LONGEST = timedelta(seconds=DAY_S, minutes=1)
"""From the pour to the last reading of a shot."""
Compared = Literal["none", "same", "other"]


class ReadingsInHistory:
    """Frames that a history has of some shots, from whatever device."""

    def __init__(self, frames: Mapping[str, Sequence[StoredFrame]], device_id: str) -> None:
        """Take frames by the key of their shot, and the device of this source."""
        self._frames, self._device = frames, device_id

    def compared(self, key: str, rows: Sequence[HistoryRow]) -> Compared:
        """Whether the history has ``none`` of a shot, the ``same`` from this source, or ``other``.

        Args:
            key: of the shot.
            rows: the telemetry that it would get.
        """
        there = self._frames.get(key, ())
        if not there:
            return "none"
        own = {(one.ts, one.content) for one in there if one.device_id == self._device}
        wanted = set()
        for row in rows:
            columns = columns_of(row)
            wanted.add((parse_timestamp(columns["ts"]), columns["content"]))
        return "same" if own == wanted else "other"


async def readings_in_history(
    reader: HistoryReader, press: PressAddress, bundles: Sequence[Bundle], device_id: str
) -> ReadingsInHistory:
    """Ask a history for the readings that it has of some shots of one press.

    Args:
        reader: of the history.
        press: of the shots.
        bundles: at most some hundred, that it has under their own keys.
        device_id: that readings of this source have.

    Raises:
        StoreError: the history cannot be read.
    """
    if not bundles:
        return ReadingsInHistory({}, device_id)
    times = [poured_at_of(bundle) for bundle in bundles]
    shots = [(bundle.meta.shot_id, key_of(press, bundle)) for bundle in bundles]
    of_time = (min(times), max(times) + _LONGEST)
    frames = await frames_of_shots(reader, press.site, press.press, shots, *of_time)
    return ReadingsInHistory(frames, device_id)
