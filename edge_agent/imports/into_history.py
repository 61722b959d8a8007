"""Imported shots as rows of a history, through the store that the agent itself delivers to.

They are marked historical, and no shot of the agent is touched: one that is there already, with
another key, gets the laboratory's records alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby

from broker.topics import PressAddress
from edge_agent.config.settings import HistorySettings
from edge_agent.errors import StoreError
from edge_agent.history import open_store
from edge_agent.history.read import HistoryReader, open_reader
from edge_agent.imports.pours_in_history import is_as_poured, pours_elsewhere, pours_in_history
from edge_agent.imports.readings_in_history import ReadingsInHistory, readings_in_history
from edge_agent.imports.rows_of_shot import (
    address_of,
    key_of,
    quality_rows,
    row_of_shot,
    rows_of,
    telemetry_rows,
)
from edge_agent.imports.taken import Taken
from edge_agent.logged_shots.bundle import Bundle
from edge_agent.ports import HistoryRow, HistoryStore, Stored


class IntoHistory:
    """Delivers shots to a history."""

    needs_time = True
    sensors: frozenset[str] | None = None

    def __init__(
        self, settings: HistorySettings, source_id: str, words: str, *, ids_repeat: bool = False
    ) -> None:
        """Open the history, which is made where there is none.

        Args:
            settings: where it is.
            source_id: of the datasource; events and frames name it as their device.
            words: the history in words.
            ids_repeat: add shots, too, that may have been imported by another mapping.

        Raises:
            StoreError: it cannot be opened.
        """
        self.words, self._ids_repeat = words, ids_repeat
        self._put = set[int]()
        """Hashes of the keys of shots of this run: a million of them take little."""
        self._device = device_of(source_id)
        self._store: HistoryStore = open_store(settings)
        self._settings = settings
        self._reader: HistoryReader | None = None

    async def put(self, bundles: Iterable[tuple[Bundle, bool]]) -> Taken:
        """Deliver shots, in one transaction; those that were there before stay as they are.

        Args:
            bundles: each with whether it was delivered before, with other content: then its events
                are not sent again, which would double them, and its readings only where the history
                has none.

        Raises:
            StoreError: the history refuses; nothing of this call is in it.
        """
        taken = Taken()
        rows: list[HistoryRow] = []
        shots = [(bundle, changed) for bundle, changed in bundles]
        shots.sort(key=lambda one: address_of(one[0]))
        if self._reader is None:
            await self._store.deliver([])  # makes the tables of a new database
            self._reader = open_reader(self._settings, kept=1)
        all_bundles = [bundle for bundle, _ in shots]
        elsewhere = await pours_elsewhere(self._reader, all_bundles, self._device)
        for press, group in groupby(shots, key=lambda one: address_of(one[0])):
            of_press = list(group)
            ask = (self._reader, press, [bundle for bundle, _ in of_press], self._device)
            pours = await pours_in_history(*ask)
            own = [bundle for bundle, _ in of_press if pours.has_own(bundle, key_of(press, bundle))]
            readings = await readings_in_history(self._reader, press, own, self._device)
            for bundle, changed in of_press:
                key = key_of(press, bundle)
                self._put.add(hash(key))
                there = pours.same(bundle, key)
                if there is None:
                    column, words = pours.moved(bundle, self._put)
                    if not words:
                        column, words = elsewhere.renamed(press, bundle, self._put)
                    if words and not self._ids_repeat:
                        taken.doubtful.append((bundle, column, words))
                        continue
                    rows += rows_of(press, bundle, self._device)
                    continue
                is_changed = changed or not is_as_poured(bundle, there)
                if pours.has_own(bundle, key):
                    rows += self._corrected(press, bundle, is_changed, readings, taken)
                else:
                    taken.there.append(bundle)
                rows += quality_rows(press, bundle, there["shot_key"])
        now = datetime.now(UTC)
        receipt = await self._store.deliver([Stored(i, now, row) for i, row in enumerate(rows)])
        if receipt.rejected:
            reason = next(iter(receipt.rejected.values()))
            raise StoreError(f"the history rejects {len(receipt.rejected)} rows: {reason}")
        return taken

    def _corrected(
        self,
        press: PressAddress,
        bundle: Bundle,
        is_changed: bool,
        readings: ReadingsInHistory,
        taken: Taken,
    ) -> list[HistoryRow]:
        """Rows of a shot that this source has imported before: what the history does not have."""
        key = key_of(press, bundle)
        frames = list(telemetry_rows(press, bundle, self._device, key))
        compared = readings.compared(key, frames) if frames else "same"
        if compared == "none":
            taken.count("readings sent that the history did not have")
            return [*frames, row_of_shot(press, bundle)]
        if compared == "other":
            taken.other_readings.append(bundle)
            taken.count("readings not sent: the history has other ones of the same shot")
        if not is_changed:
            taken.there.append(bundle)
            return []
        if compared == "same":
            taken.has_readings.append(bundle)
            taken.count("events and readings not sent again")
        return [row_of_shot(press, bundle)]

    async def close(self) -> None:
        """Close the history."""
        if self._reader is not None:
            await self._reader.close()
        await self._store.close()


def device_of(source_id: str) -> str:
    """Device that events and readings of a source name."""
    return f"import-{source_id}"[:64]
