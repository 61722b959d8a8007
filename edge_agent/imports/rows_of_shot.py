"""Rows of a history that an imported shot becomes: events, readings, the shot, its quality."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from broker.messages import QualityRecord, ShotEvent, ShotKpis, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.history.rows import event_row, quality_row, shot_columns, shot_row, telemetry_row
from edge_agent.logged_shots.bundle import Bundle
from edge_agent.ports import HistoryRow
from edge_agent.shots.shot_key import shot_key

SITE, PRESS = "plant1", "press1"
"""Of shots that do not say theirs."""
METRIC = "metric:"
"""Before the names of metrics in the series of a bundle."""


def address_of(bundle: Bundle) -> PressAddress:
    """Press of a shot."""
    return PressAddress(bundle.meta.site or SITE, bundle.meta.line_id or PRESS)


def key_of(press: PressAddress, bundle: Bundle) -> str:
    """Key of a shot, from its pour."""
    meta = bundle.meta
    return shot_key(press, meta.mold_id, meta.shot_id, "poured", poured_at_of(bundle))


def poured_at_of(bundle: Bundle) -> datetime:
    """Time of the pour, which a shot for a history has."""
    poured_at = bundle.meta.timestamp_start
    assert poured_at is not None
    return poured_at


def rows_of(press: PressAddress, bundle: Bundle, device_id: str) -> list[HistoryRow]:
    """Rows of a shot: its events, its readings, the shot, and its quality record.

    When they arrived nobody knows, so ``received_at`` is empty and their own times count.

    Args:
        press: the press.
        bundle: the shot, with the time of its pour.
        device_id: names the source.
    """
    key = key_of(press, bundle)
    return [
        *_event_rows(press, bundle, device_id, key),
        *telemetry_rows(press, bundle, device_id, key),
        row_of_shot(press, bundle),
        *quality_rows(press, bundle, key),
    ]


def row_of_shot(press: PressAddress, bundle: Bundle) -> HistoryRow:
    """The shot as it has ended."""
    meta, poured_at = bundle.meta, poured_at_of(bundle)
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
        closed_at=_end_of(bundle),
        t_demold_actual_s=bundle.t_demold_actual_s,
        T_core_max_C=None if core is None else core[1],
        p_cavity_max_bar=None if pressure is None else pressure[1],
        frames_count=sum(1 for _ in _since_pour(bundle)),
        simulated=meta.simulated,
    )
    columns = shot_columns(kpis) | {"recipe": bundle.recipe.model_dump(mode="json")}
    return shot_row(columns)


def quality_rows(press: PressAddress, bundle: Bundle, key: str) -> list[HistoryRow]:
    """What the laboratory says of a shot; no row where it says nothing.

    Args:
        press: the press.
        bundle: the shot.
        key: of the shot that it is about.
    """
    if bundle.quality is None:
        return []
    meta = bundle.meta
    content = {
        "ts": _end_of(bundle),
        "shot_id": meta.shot_id,
        "mold_id": meta.mold_id,
        "shot_key": key,
        "simulated": meta.simulated,
        "historical": True,
        **bundle.quality,
    }
    record = QualityRecord.model_validate(QualityRecord.prepared(content))
    return [quality_row(press, record, key, None)]


def _event_rows(
    press: PressAddress, bundle: Bundle, device_id: str, key: str
) -> Iterator[HistoryRow]:
    """Of the pour, and of the opening where it is known."""
    meta, opened = bundle.meta, bundle.t_demold_actual_s is not None
    for timed in replace(bundle, quality=None, series={}).messages(poured_at_of(bundle)):
        event = timed.message
        if not isinstance(event, ShotEvent):
            continue
        if event.event == "poured" or (event.event == "demolded" and opened):
            document = event.model_dump(mode="json", exclude_none=True)
            document |= {"device_id": device_id, "historical": True}
            yield event_row(
                press,
                event.event,
                event.ts,
                document,
                mold_id=meta.mold_id,
                shot_id=meta.shot_id,
                shot_key=key,
                received_at=None,
            )


def telemetry_rows(
    press: PressAddress, bundle: Bundle, device_id: str, key: str
) -> Iterator[HistoryRow]:
    """Readings of a shot from its pour on.

    Args:
        press: the press.
        bundle: the shot, with the time of its pour.
        device_id: names the source.
        key: of the shot.
    """
    meta = bundle.meta
    for seq, (ts, values) in enumerate(_since_pour(bundle)):
        frame = TelemetryFrame(
            ts=ts,
            device_id=device_id,
            seq=seq,
            sensors={name: v for name, v in values.items() if not name.startswith(METRIC)},
            metrics={
                name.removeprefix(METRIC): v
                for name, v in values.items()
                if name.startswith(METRIC)
            },
            status={"historical": True},
            shot_id=meta.shot_id,
            mold_id=meta.mold_id,
            simulated=meta.simulated,
        )
        yield telemetry_row(press, frame, None, key, None)


def _since_pour(bundle: Bundle) -> Iterator[tuple[datetime, dict[str, float]]]:
    """Times and readings from the pour on."""
    poured_at = poured_at_of(bundle)
    for t, values in sorted(bundle.series.items()):
        ts = poured_at + timedelta(seconds=t)
        if ts >= poured_at:
            yield ts, values


def _end_of(bundle: Bundle) -> datetime:
    """The opening of the mold, or where it is not known the last reading."""
    seconds = bundle.t_demold_actual_s or bundle.duration_s
    return poured_at_of(bundle) + timedelta(seconds=seconds)
