"""Lamps: what the twin stands on, each good, doubtful, bad, or not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from broker import alert_codes as codes
from edge_agent.web.live.shot_in_mold import shot_in
from edge_agent.web.live.state import LiveState

Light = Literal["good", "doubtful", "bad", "unknown"]
Name = Literal["press", "broker", "agent", "history", "spool", "clock"]
ORDER: tuple[Name, ...] = ("press", "broker", "agent", "history", "spool", "clock")


@dataclass(frozen=True)
class Lamp:
    """A lamp of the page."""

    name: Name
    light: Light
    since: datetime | None = None
    """Of a trouble."""
    who: tuple[str, ...] = ()
    """Presses that it is about."""


def lamps_of(live: LiveState) -> list[Lamp]:
    """All lamps. While the broker is away, what is only heard through it is not known."""
    if live.broker is not None:
        away = Lamp("broker", "bad", live.broker.since)
        known = {"broker": away, "history": _history(live)}
        return [known.get(name, Lamp(name, "unknown")) for name in ORDER]
    return [
        _press(live),
        Lamp("broker", "good"),
        _agent(live),
        _history(live),
        _of_codes(
            live,
            "spool",
            bad={codes.SPOOL_REFUSED, codes.SPOOL_FULL},
            doubtful={codes.SPOOL_THINNED},
        ),
        _clock(live),
    ]


def _press(live: LiveState) -> Lamp:
    presses = live.presses.values()
    cure = {key.address for key, mold in live.molds.items() if shot_in(mold, None).runs}
    quiet = [press for press in presses if press.silent and press.heard_at is not None]
    silent = [press for press in quiet if press.address in cure or len(quiet) == len(presses)]
    if silent:  # one that has nothing to do may be
        since = min(press.heard_at for press in silent if press.heard_at is not None)
        return Lamp("press", "doubtful", since, _names(p.address.press for p in silent))
    light: Light = "good" if any(not press.silent for press in presses) else "unknown"
    return Lamp("press", light)


def _agent(live: LiveState) -> Lamp:
    away = [press for press in live.presses.values() if press.agent_away]
    if away:
        since = [press.away_since for press in away if press.away_since is not None]
        who = _names(press.address.press for press in away)
        return Lamp("agent", "bad", min(since) if len(since) == len(away) else None, who)
    known = any(press.status is not None for press in live.presses.values())
    return Lamp("agent", "good" if known else "unknown")


def _history(live: LiveState) -> Lamp:
    if live.history is not None:
        return Lamp("history", "bad", live.history.since)
    return _of_codes(live, "history", bad={codes.HISTORY_AWAY}, doubtful=set())


def _clock(live: LiveState) -> Lamp:
    wrong = [p.address.press for p in live.presses.values() if p.clock_offset_s is not None]
    if wrong:
        return Lamp("clock", "doubtful", None, _names(wrong))
    return _of_codes(live, "clock", bad=set(), doubtful={codes.PRESS_CLOCK})


def _of_codes(live: LiveState, name: Name, bad: set[str], doubtful: set[str]) -> Lamp:
    """A lamp that shows open alerts; of an agent that is away nobody knows."""
    if _agent(live).light != "good" and name != "history":
        return Lamp(name, "unknown")
    lights: tuple[tuple[Light, set[str]], ...] = (("bad", bad), ("doubtful", doubtful))
    for light, wanted in lights:
        found = [
            (alert.raised_at, press.address.press)
            for press in live.presses.values()
            for alert in (press.alerts.open if press.alerts is not None else ())
            if alert.code in wanted
        ]
        if found:
            since = min(at for at, _ in found)
            return Lamp(name, light, since, _names(press for _, press in found))
    return Lamp(name, "good")


def _names(presses: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(presses)))
