"""Shots of a made-up machine as its tags show them, and the events that must follow."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edge_agent.config.gateway_settings import GatewaySettings
from edge_agent.gateway.outbox_entry import Draft
from edge_agent.links.tag_source import Sample
from tests.support.stations import at, run_until, sample, translator

SETTLE_S = 0.5
_LIVELY = {"start", "pour", "demold", "count", "p_kg"}
"""Tags that change in a shot."""
Event = tuple[str, str, float]
"""Kind, id of the shot, seconds after the beginning."""


@dataclass(frozen=True)
class Story:
    """Values of tags in the order of their times, and the events that are true."""

    samples: list[Sample]
    events: list[Event]


def story(rng: random.Random, shots: int, cure_s: float = 100.0) -> Story:
    """So many shots, each with start, pour and demolding, told by changes of tags.

    Args:
        rng: chance.
        shots: how many.
        cure_s: longest time from the pour to the demolding.
    """
    now, count = 1.0, rng.randrange(1, 1000)
    samples = [
        *(sample(tag, 0.0, False) for tag in ("start", "pour", "demold")),
        sample("mold", 0.0, 7),
        sample("t_polyol", 0.0, 24.5),
        sample("count", 0.0, count),
        sample("p_kg", 0.0, 0.8),
        sample("i_kg", 0.0, 900.0),
    ]
    events: list[Event] = []
    for _ in range(shots):
        count += 1
        now += rng.uniform(2, 30)
        started = now
        samples += [sample("count", started - 0.2, count), sample("start", started, True)]
        now += rng.uniform(1.2, 5)
        samples += [
            sample("start", now - 0.3, False),
            sample("pour", now, True),
            sample("p_kg", now, round(rng.uniform(0.5, 2), 3)),
        ]
        now += rng.uniform(0.6, 8)
        poured = now
        samples += [sample("pour", poured, False)]
        now += rng.uniform(5, cure_s)
        samples += [sample("demold", now, True), sample("t_mold", now, rng.uniform(20, 60))]
        shot_id = f"S-{count}"
        events += [
            ("started", shot_id, round(started, 6)),
            ("poured", shot_id, round(poured, 6)),
            ("demolded", shot_id, round(now, 6)),
        ]
        now += rng.uniform(0.5, 1)
        samples += [sample("demold", now, False)]
    samples.sort(key=lambda one: one.ts)
    return Story(samples, events)


def sampled(of: Story, period_s: float, rng: random.Random, loss: float) -> list[Sample]:
    """The story as a poll sees it: every tag again and again, some single samples lost."""
    end_s = (of.samples[-1].ts - at(0)).total_seconds() + 2
    found, values, waiting = list[Sample](), dict[str, Any](), list(of.samples)
    lost: set[str] = set()
    for number in range(int(end_s / period_s)):
        ts = at(number * period_s)
        while waiting and waiting[0].ts <= ts:
            one = waiting.pop(0)
            values[one.tag] = one.value
        values = {tag: one for tag, one in values.items() if tag in _LIVELY or not number}
        gone = {tag for tag in values if number and tag not in lost and rng.random() < loss}
        found += [Sample(tag, ts, value) for tag, value in values.items() if tag not in gone]
        lost = gone
    return found


Arrivals = Sequence[tuple[float, Sample]]
"""Seconds after the beginning, and what arrives."""


def arrivals(samples: Iterable[Sample], rng: random.Random, jitter_s: float) -> Arrivals:
    """Samples as they arrive, each with a delay of its own."""
    late = [
        ((one.ts - at(0)).total_seconds() + rng.uniform(0, jitter_s), number, one)
        for number, one in enumerate(samples)
    ]
    return [(when, one) for when, _, one in sorted(late, key=lambda item: item[:2])]


def told(
    of: GatewaySettings, coming: Arrivals, restarts: frozenset[int] = frozenset()
) -> list[Draft]:
    """What a station tells, with a restart before some of the arrivals."""
    station, drafts = translator(of), list[Draft]()
    for number, (when, one) in enumerate(coming):
        if number in restarts:
            station = translator(of, json.loads(json.dumps(station.state())))
        drafts += run_until(station, at(when))
        drafts += station.take("plc", [one], at(when))
    last = coming[-1][0] if coming else 0.0
    return drafts + run_until(station, at(last + 5))


def as_bytes(drafts: Iterable[Draft]) -> list[str]:
    """Drafts as they would be written."""
    return [
        json.dumps([one.device, one.kind, str(one.ts), one.historical, one.document])
        for one in drafts
    ]


def events_of(drafts: Iterable[Draft]) -> list[Event]:
    """Events among drafts."""
    return [
        (
            one.document["event"],
            one.document["shot_id"],
            round((one.ts - at(0)).total_seconds(), 6),
        )
        for one in drafts
        if one.kind == "shot"
    ]


def again(samples: Sequence[Sample], rng: random.Random, **changes: Any) -> list[Sample]:
    """Some of the samples once more, as after a kill."""
    first = rng.randrange(len(samples))
    return [replace(one, **changes) for one in samples[first : first + rng.randrange(1, 20)]]
