"""Events of a harsh plant: what was done to presses, molds, lots and sensors, told or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from broker.messages import PressEvent
from broker.topics import PressAddress
from edge_agent.shots.timed_messages import TimedMessage
from edge_agent.virtual_plant.harsh_truth import COMPONENTS, HarshTruth


@dataclass(frozen=True)
class Done:
    """Something that was done to a press, whether or not anybody reports it."""

    press: PressAddress
    event: PressEvent
    told: TimedMessage | None
    """The event when it arrives; None: people forgot it."""


def draw_done(
    seed: int,
    truth: HarshTruth,
    system_ids: Sequence[str],
    presses: Sequence[PressAddress],
    mold_ids: Sequence[str],
    start: datetime,
    days: float,
) -> list[Done]:
    """Everything that was done within the days of a plant, in order of time.

    A new lot is an event of each press that pours its system then, and all of them tell it or none.
    """
    rng = np.random.default_rng([seed, 14])
    s = truth.sizes
    per_press = len(mold_ids) // len(presses)
    found: list[Done] = []

    def within(since_days: Sequence[float]) -> list[tuple[int, float]]:
        return [(i, day) for i, day in enumerate(since_days) if i and 0.0 < day < days]

    def add(press: int, day: float, told: bool, late_h: float, **what: Any) -> None:
        ts = start + timedelta(days=round(day, 5))
        event = PressEvent(ts=ts, simulated=True, **what)
        arrival = TimedMessage(ts + timedelta(hours=late_h), event) if told else None
        found.append(Done(presses[press], event, arrival))

    def tell(share: float) -> tuple[bool, float]:
        told, at_once, late = rng.uniform(size=3).tolist()
        return told < share, 0.0 if at_once < 0.5 else round(late * s.told_hours_max, 3)

    for press, service in enumerate(truth.services):
        for _, day in within(service.since_days):
            add(press, day, *tell(s.told_maintenance_share), event="maintenance")
    for mold, cleaning in enumerate(truth.cleanings):
        for _, day in within(cleaning.since_days):
            add(
                mold // per_press,
                day,
                *tell(s.told_cleaning_share),
                event="cleaning",
                mold_id=mold_ids[mold],
            )
    for (press, of_mold, channel), offsets in truth.sensors.items():
        for _, day in within(offsets.since_days):
            add(
                press,
                day,
                *tell(s.told_sensor_share),
                event="sensor_replaced",
                sensor=channel,
                mold_id=None if of_mold is None else mold_ids[of_mold],
            )
    for number, system_id in enumerate(system_ids):
        for component in COMPONENTS:
            for i, day in within(truth.lots[system_id, component].since_days):
                told, late_h = tell(s.told_lot_share)
                pours = _presses_that_pour(truth, number, day, per_press)
                for press in pours:
                    add(
                        press,
                        day,
                        told,
                        late_h,
                        event="lot_change",
                        component=component,
                        lot=f"{system_id}-{component}-{i:04d}",
                    )
    found.sort(key=lambda done: (done.event.ts, done.press.press, done.event.event))
    return found


def _presses_that_pour(
    truth: HarshTruth, system: int, day: float, molds_per_press: int
) -> list[int]:
    pours = [m for m in range(len(truth.campaigns)) if truth.system_on(m, day) == system]
    return sorted({mold // molds_per_press for mold in pours})
