"""Imported shots as rows of a history, through the store that the agent itself delivers to.

They are marked historical, and no shot of the agent is touched: one that is there already, with
another key, gets the laboratory's records alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby

from edge_agent.config.settings import HistorySettings
from edge_agent.errors import StoreError
from edge_agent.history import open_store
from edge_agent.history.read import HistoryReader, open_reader
from edge_agent.imports.pours_in_history import is_as_poured, pours_elsewhere, pours_in_history
from edge_agent.imports.rows_of_shot import (
    address_of,
    key_of,
    quality_rows,
    row_of_shot,
    rows_of,
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
                and readings are not sent again, which would double them.

        Raises:
            StoreError: the history refuses; nothing of this call is in it.
        """
        taken = Taken()
        counts = Counter[str]()
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
                is_own = there["shot_key"] == key and pours.is_own(there)
                if is_own and (changed or not is_as_poured(bundle, there)):
                    rows.append(row_of_shot(press, bundle))
                    counts["events and readings not sent again"] += 1
                else:
                    taken.there.append(bundle)
                rows += quality_rows(press, bundle, there["shot_key"])
        now = datetime.now(UTC)
        receipt = await self._store.deliver([Stored(i, now, row) for i, row in enumerate(rows)])
        if receipt.rejected:
            reason = next(iter(receipt.rejected.values()))
            raise StoreError(f"the history rejects {len(receipt.rejected)} rows: {reason}")
        taken.counts = dict(counts)
        return taken

    async def close(self) -> None:
        """Close the history."""
        if self._reader is not None:
            await self._reader.close()
        await self._store.close()


def device_of(source_id: str) -> str:
    """Device that events and readings of a source name."""
    return f"import-{source_id}"[:64]
