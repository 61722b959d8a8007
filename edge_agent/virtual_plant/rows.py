"""A virtual shot as rows of the history, as the agent would have written them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

from broker.messages import PressEvent, QualityRecord, ShotEvent, ShotKpis, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.errors import StoreError
from edge_agent.history.rows import (
    event_row,
    quality_row,
    shot_columns,
    shot_row,
    telemetry_row,
)
from edge_agent.ports import HistoryRow, HistoryStore, Stored
from edge_agent.shots.shot_key import shot_key
from edge_agent.shots.timed_messages import TimedMessage
from edge_agent.virtual_plant.shots import VirtualShot

Progress = Callable[[int], None]
BATCH = 4000
"""Rows in one transaction, at least; a shot is never cut."""


def shot_rows(shot: VirtualShot) -> list[HistoryRow]:
    """Telemetry, the ended shot, and its quality record if it has one; no prediction."""
    frames = [t.message for t in shot.messages if isinstance(t.message, TelemetryFrame)]
    started, *_ = (t.message for t in shot.messages if isinstance(t.message, ShotEvent))
    key = shot_key(shot.press, started.mold_id, shot.shot_id, started.event, started.ts)
    events = {t.message.event: t.message for t in shot.messages if isinstance(t.message, ShotEvent)}
    kpis = ShotKpis(
        site=shot.press.site,
        press=shot.press.press,
        shot_id=shot.shot_id,
        shot_key=key,
        mold_id=shot.mold_id,
        system_id=shot.system_id,
        outcome="demolded",
        started_at=events["started"].ts,
        poured_at=shot.poured_at,
        closed_at=shot.ended_at,
        t_demold_actual_s=shot.opened_s,
        T_core_max_C=_largest(frames, "T_core_C"),
        p_cavity_max_bar=_largest(frames, "p_cavity_bar"),
        frames_count=len(frames),
        simulated=True,
    )
    recipe = events["poured"].recipe
    assert recipe is not None
    columns = shot_columns(kpis) | {"recipe": recipe.model_dump(mode="json")}
    rows = [telemetry_row(shot.press, frame, None, key, frame.ts) for frame in frames]
    rows.append(shot_row(columns, shot.ended_at))
    if shot.quality is not None and isinstance(shot.quality.message, QualityRecord):
        rows.append(quality_row(shot.press, shot.quality.message, key, shot.quality.ts))
    return rows


def told_row(press: PressAddress, told: TimedMessage) -> HistoryRow:
    """The row of an event that somebody reported; it arrives when it is told."""
    event = told.message
    assert isinstance(event, PressEvent)
    return event_row(
        press,
        event.event,
        event.ts,
        event.model_dump(mode="json", exclude_none=True),
        mold_id=event.mold_id,
        shot_id=None,
        shot_key=None,
        received_at=told.ts,
    )


async def fill(
    store: HistoryStore,
    shots: Iterable[VirtualShot],
    now: datetime,
    progress: Progress,
    events: Iterable[tuple[PressAddress, TimedMessage]] = (),
) -> Counter[str]:
    """Deliver shots to a history; the same shots twice are harmless.

    Args:
        events: of the presses, beside their shots.
        now: said to the store as the time of writing.
        progress: called after every batch with the shots delivered so far.

    Returns:
        How many rows of each table were delivered.

    Raises:
        StoreError: the history refuses; what was delivered before is in it.
    """
    counts: Counter[str] = Counter()
    batch = [Stored(i, now, told_row(*event)) for i, event in enumerate(events)]
    made = 0
    for shot in shots:
        batch += [Stored(i, now, row) for i, row in enumerate(shot_rows(shot), len(batch))]
        made += 1
        if len(batch) >= BATCH:
            counts += await _deliver(store, batch)
            batch = []
            progress(made)
    if batch:
        counts += await _deliver(store, batch)
    progress(made)
    return counts


async def _deliver(store: HistoryStore, batch: list[Stored[HistoryRow]]) -> Counter[str]:
    receipt = await store.deliver(batch)
    if receipt.rejected:
        reason = next(iter(receipt.rejected.values()))
        raise StoreError(f"the history rejects {len(receipt.rejected)} rows: {reason}")
    return Counter(row.entry.kind for row in batch)


def _largest(frames: list[TelemetryFrame], name: str) -> float | None:
    return max((frame.sensors[name] for frame in frames if name in frame.sensors), default=None)
