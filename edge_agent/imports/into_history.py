"""Imported shots as rows of a history, through the store that the agent itself delivers to.

They are marked historical, and no shot of the agent is touched: one that is there already, with
another key, gets the laboratory's records alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from broker.messages import QualityRecord, ShotEvent, ShotKpis, TelemetryFrame
from broker.timestamps import parse_timestamp
from broker.topics import PressAddress
from edge_agent.config.settings import HistorySettings
from edge_agent.errors import StoreError
from edge_agent.history import open_store
from edge_agent.history.read import HistoryReader, open_reader
from edge_agent.history.rows import event_row, quality_row, shot_columns, shot_row, telemetry_row
from edge_agent.history.shot_pages import known_pours
from edge_agent.logged_shots.bundle import Bundle
from edge_agent.ports import HistoryRow, HistoryStore, Stored
from edge_agent.shots.shot_key import shot_key

SAME_POUR = timedelta(seconds=60)
"""Pours of one id into one mold within this time are one shot: two clocks have told of it."""
SITE, PRESS = "plant1", "press1"
"""Of shots that do not say theirs."""


class IntoHistory:
    """Delivers shots to a history."""

    needs_time = True
    sensors: frozenset[str] | None = None

    def __init__(self, settings: HistorySettings, source_id: str, words: str) -> None:
        """Open the history, which is made where there is none.

        Args:
            settings: where it is.
            source_id: of the datasource; events and frames name it as their device.
            words: the history in words.

        Raises:
            StoreError: it cannot be opened.
        """
        self.words = words
        self._device = f"import-{source_id}"[:64]
        self._store: HistoryStore = open_store(settings)
        self._settings = settings
        self._reader: HistoryReader | None = None

    async def put(self, bundles: Iterable[tuple[Bundle, bool]]) -> dict[str, int]:
        """Deliver shots, in one transaction; how many were there before.

        Args:
            bundles: each with whether it was delivered before, with other content: then its
                readings are not sent again, which would double them.

        Raises:
            StoreError: the history refuses; nothing of this call is in it.
        """
        counts = Counter[str]()
        rows: list[HistoryRow] = []
        shots = [(bundle, changed) for bundle, changed in bundles]
        shots.sort(key=lambda one: address_of(one[0]))
        if self._reader is None:
            await self._store.deliver([])  # makes the tables of a new database
            self._reader = open_reader(self._settings, kept=1)
        for press, group in groupby(shots, key=lambda one: address_of(one[0])):
            of_press = list(group)
            known = await self._known(press, [bundle for bundle, _ in of_press])
            for bundle, changed in of_press:
                own, theirs = key_of(press, bundle), known.get(id(bundle))
                if theirs is not None and theirs != own:
                    counts["in the history already"] += 1
                    rows += _quality_rows(press, bundle, theirs)
                elif changed or theirs is not None:
                    counts["readings not sent again"] += 1
                    rows += rows_of(press, bundle, self._device, readings=False)
                else:
                    rows += rows_of(press, bundle, self._device)
        now = datetime.now(UTC)
        receipt = await self._store.deliver([Stored(i, now, row) for i, row in enumerate(rows)])
        if receipt.rejected:
            reason = next(iter(receipt.rejected.values()))
            raise StoreError(f"the history rejects {len(receipt.rejected)} rows: {reason}")
        return dict(counts)

    async def close(self) -> None:
        """Close the history."""
        if self._reader is not None:
            await self._reader.close()
        await self._store.close()

    async def _known(self, press: PressAddress, bundles: list[Bundle]) -> Mapping[int, str]:
        """Keys of shots that the history has already, by the identity of the bundle in memory."""
        assert self._reader is not None
        ids = {bundle.meta.shot_id for bundle in bundles}
        rows = await known_pours(self._reader, press.site, press.press, ids)
        found = dict[int, str]()
        for bundle in bundles:
            meta, poured_at = bundle.meta, bundle.meta.timestamp_start
            assert poured_at is not None
            own = key_of(press, bundle)
            fitting = [
                row["shot_key"]
                for row in rows
                if (row["shot_id"], row["mold_id"]) == (meta.shot_id, meta.mold_id)
                and row["poured_at"] is not None
                and abs(parse_timestamp(row["poured_at"]) - poured_at) <= SAME_POUR
            ]
            if fitting:
                found[id(bundle)] = own if own in fitting else fitting[0]
        return found


def address_of(bundle: Bundle) -> PressAddress:
    """Press of a shot."""
    return PressAddress(bundle.meta.site or SITE, bundle.meta.line_id or PRESS)


def key_of(press: PressAddress, bundle: Bundle) -> str:
    """Key of a shot, from its pour."""
    meta = bundle.meta
    assert meta.timestamp_start is not None
    return shot_key(press, meta.mold_id, meta.shot_id, "poured", meta.timestamp_start)


def rows_of(
    press: PressAddress, bundle: Bundle, device_id: str, *, readings: bool = True
) -> list[HistoryRow]:
    """Rows of a shot: its events, its readings, the shot, and its quality record.

    When they arrived nobody knows, so ``received_at`` is empty and their own times count.

    Args:
        press: the press.
        bundle: the shot, with the time of its pour.
        device_id: names the source.
        readings: whether its readings are among them.
    """
    meta, poured_at, key = bundle.meta, bundle.meta.timestamp_start, key_of(press, bundle)
    assert poured_at is not None
    rows, frames = list[HistoryRow](), list[TelemetryFrame]()
    events = list[ShotEvent]()
    for timed in replace(bundle, quality=None).messages(poured_at):
        message = timed.message
        if isinstance(message, TelemetryFrame) and timed.ts >= poured_at:
            seq = len(frames)
            update = {"device_id": device_id, "seq": seq, "status": {"historical": True}}
            frames.append(message.model_copy(update=update))
        elif isinstance(message, ShotEvent):
            events.append(message)
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
    if readings:
        rows += [telemetry_row(press, frame, None, key, None) for frame in frames]
    closed_at = poured_at + timedelta(seconds=bundle.t_demold_actual_s or bundle.duration_s)
    core, pressure = bundle.peak("T_core_C"), bundle.peak("p_cavity_bar")
    kpis = ShotKpis(
        site=press.site,
        press=press.press,
        shot_id=meta.shot_id,
        shot_key=key,
        mold_id=meta.mold_id,
        system_id=meta.system_id,
        outcome="demolded" if opened else "timed_out",
        poured_at=poured_at,
        closed_at=closed_at,
        t_demold_actual_s=bundle.t_demold_actual_s,
        T_core_max_C=None if core is None else core[1],
        p_cavity_max_bar=None if pressure is None else pressure[1],
        frames_count=len(frames),
        simulated=meta.simulated,
    )
    columns = shot_columns(kpis) | {"recipe": bundle.recipe.model_dump(mode="json")}
    rows.append(shot_row(columns))
    return rows + _quality_rows(press, bundle, key)


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
