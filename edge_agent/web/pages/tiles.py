"""A tile of the operator's page: everything about a mold that is shown of it, ready for words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.messages import Prediction
from edge_agent.web.live.opening import Opening, Phase
from edge_agent.web.live.shot_in_mold import ShotInMold, shot_in
from edge_agent.web.live.state import LiveState, MoldKey
from edge_agent.web.pages.facts import Facts
from edge_agent.web.pages.rendering import Words

BAND_END = 1.5
"""The band ends at so many times the best time, however late the latest opening is."""


@dataclass(frozen=True)
class Band:
    """Time from the pour on, in thousandths of the width of the band."""

    begin: datetime
    end: datetime
    min: int
    opt: int
    max: int
    low: int | None
    high: int
    now: int


@dataclass(frozen=True)
class Tile:
    """A mold."""

    key: MoldKey
    mold_id: str
    press: str
    shot: ShotInMold
    phase: Phase | None
    band: Band | None
    away: str | None
    why: tuple[str, str] | None
    advice: list[str]
    core: str
    pressure: str
    pressure_status: str
    quality: str
    quality_status: str
    data_notes: int | None
    simulated: bool | None
    outcome: str
    after: str
    """Time from the pour to the opening."""
    advised: bool = False
    """An advice waits for a decision."""


def tile_of(live: LiveState, key: MoldKey, words: Words, now: datetime) -> Tile:
    """The tile of a mold.

    Args:
        now: time of the twin's clock.
    """
    mold, press = live.molds[key], live.presses.get(key.address)
    proposed = mold.advice is not None and mold.advice.state == "proposed"
    shot, p, facts = shot_in(mold, press), mold.prediction, words.facts
    of_this = p is not None and shot.shot_id == p.shot_id
    shown = p if of_this else None
    timed = shot.situation == "timed" and shot.opening is not None
    core = mold.readings.get("T_core_C") if shot.runs else None
    return Tile(
        key=key,
        mold_id=key.mold_id,
        press=key.press if len({k.site for k in live.molds}) < 2 else f"{key.site}/{key.press}",
        shot=shot,
        phase=shot.opening.phase(now) if timed and shot.opening is not None else None,
        band=band_of(shot.opening, shot.poured_at, now) if timed else None,
        away=away_words(live, key, words),
        why=facts.why_not_yet(shown) if shown else None,
        advice=facts.advice(shown) if shown else [],
        core=f"{facts.number(core)} °C" if core is not None else "–",
        pressure=pressure_words(shown, mold.readings.get("p_cavity_bar"), facts),
        pressure_status=(shown.pressure_status or "") if shown else "",
        quality=facts.quality(shown) if shown else "–",
        quality_status=(shown.quality_status or "") if shown else "",
        data_notes=None if shown is None else data_notes(shown),
        simulated=None if shown is None else shown.simulated,
        outcome=facts.outcome(shot.outcome) if shot.outcome else "",
        after=after_words(shot),
        advised=proposed,
    )


def away_words(live: LiveState, key: MoldKey, words: Words) -> str | None:
    """Why the tile may be old: broker or agent is away, and since when; None: it is live."""
    if live.broker is not None:
        since = words.at(live.broker.since, "%d.%m. %H:%M:%S")
        return words.say("No news: broker away since %(time)s") % {"time": since}
    press = live.presses.get(key.address)
    if press is None or not press.agent_away:
        return None
    if press.away_since is None:
        return words.say("Agent offline")
    since = words.at(press.away_since, "%d.%m. %H:%M:%S")
    return words.say("Agent offline since %(time)s") % {"time": since}


def pressure_words(p: Prediction | None, measured_bar: float | None, facts: Facts) -> str:
    """The pressure: as measured where it is, and whether the mold bears it."""
    if p is None:
        return "–"
    if measured_bar is None:
        return facts.pressure(p)
    return f"{facts.number(measured_bar, 1)} bar, {facts.pressure(p)}"


def data_notes(p: Prediction) -> int:
    """How many things are amiss with the data of a shot."""
    quality = p.data_quality
    if quality is None:
        return len(p.substituted)
    return (
        len(quality.stood_in)
        + len(quality.readings_left_out)
        + len(quality.flags)
        + (quality.clock_offset_s is not None)
    )


def after_words(shot: ShotInMold) -> str:
    """Minutes and seconds from the pour to the opening."""
    if shot.ended_at is None or shot.poured_at is None:
        return "✓"
    seconds = int((shot.ended_at - shot.poured_at).total_seconds())
    return f"{seconds // 60}:{seconds % 60:02d}"


def band_of(opening: Opening | None, poured_at: datetime | None, now: datetime) -> Band | None:
    """The band of time of a shot."""
    if opening is None or poured_at is None:
        return None
    best_s = max((opening.opt_at - poured_at).total_seconds(), 1.0)
    end = min(opening.max_at, poured_at + timedelta(seconds=BAND_END * best_s))
    whole_s = max((end - poured_at).total_seconds(), 1.0)

    def place(moment: datetime) -> int:
        share = (moment - poured_at).total_seconds() / whole_s
        return round(1000 * min(max(share, 0.0), 1.0))

    low = None if opening.low_at is None else place(opening.low_at)
    high = 1000 if opening.high_at is None else place(opening.high_at)
    return Band(
        poured_at,
        end,
        place(opening.min_at),
        place(opening.opt_at),
        place(opening.max_at),
        low,
        high,
        min(place(now), 992),
    )
