"""Imported shots as rows of a history, through the store that the agent itself delivers to.

They are marked historical, and no shot of the agent is touched: one that is there already, with
another key, gets the laboratory's records alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from broker.messages import QualityRecord, ShotEvent, ShotKpis, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.config.settings import HistorySettings
from edge_agent.errors import StoreError
from edge_agent.history import open_store
from edge_agent.history.read import HistoryReader, open_reader
from edge_agent.history.rows import event_row, quality_row, shot_columns, shot_row, telemetry_row
from edge_agent.imports.pours_in_history import is_as_poured, pours_in_history
from edge_agent.imports.taken import Taken
from edge_agent.logged_shots.bundle import Bundle
from edge_agent.ports import HistoryRow, HistoryStore, Stored
from edge_agent.shots.shot_key import shot_key

SITE, PRESS = "plant1", "press1"
"""Of shots that do not say theirs."""


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
        self._device = f"import-{source_id}"[:64]
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
                    if words and not self._ids_repeat:
                        taken.doubtful.append((bundle, column, words))
                        continue
                    rows += rows_of(press, bundle, self._device)
                    continue
                is_own = there["shot_key"] == key and pours.is_own(there)
                if is_own and (changed or not is_as_poured(bundle, there)):
                    rows.append(_shot_row(press, bundle))
                    counts["events and readings not sent again"] += 1
                else:
                    taken.there.append(bundle)
                rows += _quality_rows(press, bundle, there["shot_key"])
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


def address_of(bundle: Bundle) -> PressAddress:
    """Press of a shot."""
    return PressAddress(bundle.meta.site or SITE, bundle.meta.line_id or PRESS)


def key_of(press: PressAddress, bundle: Bundle) -> str:
    """Key of a shot, from its pour."""
    meta = bundle.meta
    assert meta.timestamp_start is not None
    return shot_key(press, meta.mold_id, meta.shot_id, "poured", meta.timestamp_start)


def rows_of(press: PressAddress, bundle: Bundle, device_id: str) -> list[HistoryRow]:
    """Rows of a shot: its events, its readings, the shot, and its quality record.

    When they arrived nobody knows, so ``received_at`` is empty and their own times count.

    Args:
        press: the press.
        bundle: the shot, with the time of its pour.
        device_id: names the source.
    """
    meta, poured_at, key = bundle.meta, bundle.meta.timestamp_start, key_of(press, bundle)
    assert poured_at is not None
    rows = list[HistoryRow]()
    frames, events = _messages(bundle)
    opened = bundle.t_demold_actual_s is not None
    for event in events:
        if event.event == "poured" or (event.event == "demolded" and opened):
            document = event.model_dump(mode="json", exclude_none=True)
            document |= {"device_id": device_id, "historical": True}
            rows.append(
                event_row(
                    press,
                    event.event,
                    event.ts,
                    document,
                    mold_id=meta.mold_id,
                    shot_id=meta.shot_id,
                    shot_key=key,
                    received_at=None,
                )
            )
    for seq, frame in enumerate(frames):
        update = {"device_id": device_id, "seq": seq, "status": {"historical": True}}
        rows.append(telemetry_row(press, frame.model_copy(update=update), None, key, None))
    return [*rows, _shot_row(press, bundle), *_quality_rows(press, bundle, key)]


def _messages(bundle: Bundle) -> tuple[list[TelemetryFrame], list[ShotEvent]]:
    """Frames since the pour, and events, in their order."""
    poured_at = bundle.meta.timestamp_start
    assert poured_at is not None
    frames, events = list[TelemetryFrame](), list[ShotEvent]()
    for timed in replace(bundle, quality=None).messages(poured_at):
        message = timed.message
        if isinstance(message, TelemetryFrame) and timed.ts >= poured_at:
            frames.append(message)
        elif isinstance(message, ShotEvent):
            events.append(message)
    return frames, events


def _shot_row(press: PressAddress, bundle: Bundle) -> HistoryRow:
    meta, poured_at = bundle.meta, bundle.meta.timestamp_start
    assert poured_at is not None
    closed_at = poured_at + timedelta(seconds=bundle.t_demold_actual_s or bundle.duration_s)
    core, pressure = bundle.peak("T_core_C"), bundle.peak("p_cavity_bar")
    kpis = ShotKpis(
        site=press.site,
        press=press.press,
        shot_id=meta.shot_id,
        shot_key=key_of(press, bundle),
        mold_id=meta.mold_id,
        system_id=meta.system_id,
        outcome="timed_out" if bundle.t_demold_actual_s is None else "demolded",
        poured_at=poured_at,
        closed_at=closed_at,
        t_demold_actual_s=bundle.t_demold_actual_s,
        T_core_max_C=None if core is None else core[1],
        p_cavity_max_bar=None if pressure is None else pressure[1],
        frames_count=len(_messages(bundle)[0]),
        simulated=meta.simulated,
    )
    columns = shot_columns(kpis) | {"recipe": bundle.recipe.model_dump(mode="json")}
    return shot_row(columns)


def _quality_rows(press: PressAddress, bundle: Bundle, key: str) -> list[HistoryRow]:
    if bundle.quality is None:
        return []
    meta, poured_at = bundle.meta, bundle.meta.timestamp_start
    assert poured_at is not None
    end = poured_at + timedelta(seconds=bundle.t_demold_actual_s or bundle.duration_s)
    content = {
        "ts": end,
        "shot_id": meta.shot_id,
        "mold_id": meta.mold_id,
        "shot_key": key,
        "simulated": meta.simulated,
        "historical": True,
        **bundle.quality,
    }
    record = QualityRecord.model_validate(QualityRecord.prepared(content))
    return [quality_row(press, record, key, None)]
