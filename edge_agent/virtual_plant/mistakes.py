"""Mistakes of a harsh plant: channels that are out, °F under the names of °C, slips of the pen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

import numpy as np

from broker.messages import QualityRecord
from edge_agent.shots.timed_messages import TimedMessage
from edge_agent.virtual_plant.harsh_sizes import Harsh
from edge_agent.virtual_plant.schedule import Slot

Slip = Literal["ten_times", "swapped", "minutes"]
SLIPS: tuple[Slip, ...] = ("ten_times", "swapped", "minutes")
OF_PRESS = ("T_polyol_C", "T_iso_C", "T_ambient_C", "RH_ambient_pct")
OF_MOLD = ("T_mold_C",)
FAHRENHEIT_INPUTS = ("T_polyol_C", "T_iso_C", "T_mold_C", "T_ambient_C")
FAHRENHEIT_CORE = ("T_core_C",)


@dataclass(frozen=True)
class Mistakes:
    """Mistakes in what a press says of one shot; hidden."""

    out: frozenset[str] = frozenset()
    """Channels without a reading."""
    fahrenheit: frozenset[str] = frozenset()
    """Channels in °F, under the names of °C."""


NONE = Mistakes()


def fahrenheit(T_C: float) -> float:
    """The same temperature in °F."""
    return round(1.8 * T_C + 32.0, 2)


def as_shown(
    frames: Sequence[tuple[float, dict[str, float]]], mistakes: Mistakes
) -> list[tuple[float, dict[str, float]]]:
    """Frames as they are sent: without the channels that are out, and some in °F."""
    if mistakes == NONE:
        return list(frames)
    return [(t, shown_of(readings, mistakes)) for t, readings in frames]


def shown_of(readings: dict[str, float], mistakes: Mistakes) -> dict[str, float]:
    """Readings of one moment as they are sent."""
    return {
        name: fahrenheit(value) if name in mistakes.fahrenheit else value
        for name, value in readings.items()
        if name not in mistakes.out
    }


def draw_mistakes(
    seed: int,
    slots: Sequence[Slot],
    presses: int,
    molds_per_press: int,
    start: datetime,
    days: float,
    sizes: Harsh,
) -> dict[int, Mistakes]:
    """Mistakes by the number of their slot; most slots have none.

    Args:
        slots: all of the plant, in order of time.
    """
    rng = np.random.default_rng([seed, 13])
    out: dict[int, set[str]] = {}
    wrong: dict[int, set[str]] = {}
    at_days = np.array([(slot.poured_at - start).total_seconds() / 86_400.0 for slot in slots])
    molds = np.array([slot.mold for slot in slots])
    press = molds // molds_per_press
    scopes = [(channel, press == i) for i in range(presses) for channel in OF_PRESS]
    scopes += [
        (channel, molds == i) for i in range(presses * molds_per_press) for channel in OF_MOLD
    ]
    for channel, mine in scopes:
        for day in _moments(rng, days, sizes.outage_days):
            low, high = (math.log(h) for h in (sizes.outage_hours_min, sizes.outage_hours_max))
            end = day + math.exp(rng.uniform(low, high)) / 24.0
            for place in np.flatnonzero(mine & (at_days >= day) & (at_days < end)).tolist():
                out.setdefault(slots[place].number, set()).add(channel)
    for i in range(presses):
        mine = np.flatnonzero(press == i)
        for day in _moments(rng, days, sizes.fahrenheit_days):
            count = int(rng.integers(3, int(sizes.fahrenheit_shots_max) + 1))
            what = (FAHRENHEIT_INPUTS, FAHRENHEIT_CORE, (*FAHRENHEIT_INPUTS, *FAHRENHEIT_CORE))
            channels = what[int(rng.integers(3))]
            for place in mine[at_days[mine] >= day][:count].tolist():
                wrong.setdefault(slots[place].number, set()).update(channels)
    return {
        number: Mistakes(
            frozenset(out.get(number, ())),
            frozenset(wrong.get(number, set()) - out.get(number, set())),
        )
        for number in out.keys() | wrong.keys()
    }


def _moments(rng: np.random.Generator, days: float, mean_days: float) -> list[float]:
    found, day = [], float(rng.exponential(mean_days))
    while day < days:
        found.append(day)
        day += float(rng.exponential(mean_days))
    return found


def mistyped(
    rng: np.random.Generator, record: QualityRecord, sizes: Harsh
) -> tuple[QualityRecord, Slip | None]:
    """A record as it is typed: mostly as it is, sometimes with a slip of the pen."""
    hit, which = rng.uniform(size=2).tolist()
    place = int(rng.integers(3))
    if hit >= sizes.typo_share:
        return record, None
    slip = SLIPS[int(which * len(SLIPS))]
    if slip == "minutes" and record.t_demold_safe_s is not None:
        return _with(record, t_demold_safe_s=round(record.t_demold_safe_s / 60.0, 1)), slip
    rho = record.rho_moulded_kg_per_m3
    assert rho is not None
    if slip == "swapped":
        return _with(record, rho_moulded_kg_per_m3=swapped(rho, place)), slip
    return _with(record, rho_moulded_kg_per_m3=round(10.0 * rho, 2)), "ten_times"


def swapped(value: float, place: int) -> float:
    """A number with two digits that differ swapped, from a place on (0 is the first)."""
    digits = list(f"{value:.2f}")
    figures = [i for i, digit in enumerate(digits) if digit != "."]
    pairs = list(pairwise(figures))
    for i, j in (*pairs[place:], *pairs):
        if digits[i] != digits[j] and not (i == 0 and digits[j] == "0"):
            digits[i], digits[j] = digits[j], digits[i]
            break
    return float("".join(digits))


def arrival(rng: np.random.Generator, measured: datetime, start: datetime, s: Harsh) -> datetime:
    """When a record arrives: with the next batch, or days later; a batch has no order."""
    hours = (measured - start).total_seconds() / 3600.0
    late, which, within = rng.uniform(size=3).tolist()
    if late < s.lab_late_share:
        hours += 24.0 * (1.0 + which * (s.lab_late_days_max - 1.0))
    batch = math.ceil(hours / s.lab_batch_hours) * s.lab_batch_hours
    return start + timedelta(hours=batch, seconds=round(60.0 * within, 3))


def sent(
    rng: np.random.Generator, record: QualityRecord, start: datetime, sizes: Harsh
) -> tuple[TimedMessage, Slip | None]:
    """A record as it is typed and sent."""
    typed, slip = mistyped(rng, record, sizes)
    return TimedMessage(arrival(rng, record.ts, start, sizes), typed), slip


def _with(record: QualityRecord, **values: float) -> QualityRecord:
    return record.model_copy(update=values)
