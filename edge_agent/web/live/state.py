"""The live state: molds, presses and alerts as the messages of presses and twin tell them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import NamedTuple

from broker.messages import (
    Advice,
    Message,
    OpenAlerts,
    Prediction,
    ShotEvent,
    ShotKpis,
    TelemetryFrame,
    TwinStatus,
)
from broker.topics import PressAddress, TopicAddress
from edge_agent.clock import Clock
from edge_agent.web.live.curves import Curves
from edge_agent.web.live.feed import Feed

MOLDS_KEPT = 2000
SHOWN_READINGS = ("T_core_C", "p_cavity_bar", "T_mold_C")
SILENT_AFTER_S = 60.0
"""A press that sends nothing for so long (by the wall's clock) is silent."""
LAST_WILL = "connection lost"
"""Reason of a last will: it was written when the agent connected, its time says nothing."""
LAMPS = "lamps"
"""Key in the feed of everything that lamps show."""


class MoldKey(NamedTuple):
    """A mold on a press."""

    site: str
    press: str
    mold_id: str

    @property
    def address(self) -> PressAddress:
        """Its press."""
        return PressAddress(self.site, self.press)

    def __str__(self) -> str:
        return "/".join(self)


@dataclass
class Mold:
    """A mold on a press, with the shot in it or the last one."""

    key: MoldKey
    prediction: Prediction | None = None
    event: ShotEvent | None = None
    """The newest of its shot: tells a start, a pour and an end before the twin answers."""
    kpis: ShotKpis | None = None
    """Of the last shot that ended."""
    readings: dict[str, float] = field(default_factory=dict)
    """The newest by name, of the shot."""
    read_at: datetime | None = None
    curves: Curves = field(default_factory=Curves)
    advice: Advice | None = None
    """The newest."""


@dataclass
class Press:
    """A press, and the agent that serves it."""

    address: PressAddress
    status: TwinStatus | None = None
    alerts: OpenAlerts | None = None
    heard: float | None = None
    """When it sent something last, by the monotonic clock [s]."""
    heard_at: datetime | None = None
    silent: bool = True
    """It has sent nothing for ``SILENT_AFTER_S``, or nothing yet."""
    clock_offset_s: float | None = None

    away_since: datetime | None = None
    """Since when its agent is away; None also where nobody knows."""

    @property
    def agent_away(self) -> bool:
        """True when its agent has gone, or was cut off."""
        return self.status is not None and self.status.state == "offline"

    @property
    def open_codes(self) -> set[str]:
        """Codes of its open alerts."""
        return set() if self.alerts is None else {alert.code for alert in self.alerts.open}


@dataclass(frozen=True)
class Trouble:
    """Something is away."""

    words: str
    since: datetime


class LiveState:
    """Everything the pages show that does not come from the history.

    Keys in the feed: each ``MoldKey``, each ``PressAddress`` (its open alerts), and ``LAMPS``.
    """

    def __init__(self, feed: Feed, clock: Clock) -> None:
        """Begin with nothing heard.

        Args:
            clock: the twin's.
        """
        self._feed, self._clock = feed, clock
        self.molds: dict[MoldKey, Mold] = {}
        self.presses: dict[PressAddress, Press] = {}
        self.broker: Trouble | None = Trouble("connecting", clock.now())
        """Why nothing is heard; None while the broker is there."""
        self.history: Trouble | None = None
        """Why the history cannot be read; None while it can."""

    def mold(self, key: MoldKey) -> Mold:
        """The mold of a key, made when it is new."""
        found = self.molds.get(key)
        if found is None:
            if len(self.molds) >= MOLDS_KEPT:
                del self.molds[next(iter(self.molds))]
            found = self.molds[key] = Mold(key)
        return found

    def press(self, address: PressAddress) -> Press:
        """The press of an address, made when it is new."""
        return self.presses.setdefault(address, Press(address))

    def molds_in_order(self) -> Iterable[Mold]:
        """Molds by site, press and name: a tile never moves."""
        return (self.molds[key] for key in sorted(self.molds))

    def set_broker(self, problem: str | None) -> None:
        """The broker is there, or why not."""
        if (problem is None) != (self.broker is None):
            self._touch_all()
        self.broker = self._trouble(self.broker, problem)

    def set_history(self, problem: str | None) -> None:
        """The history can be read, or why not."""
        if (problem is None) != (self.history is None):
            self._feed.touch(LAMPS)
        self.history = self._trouble(self.history, problem)

    def look(self) -> None:
        """Find presses that have fallen silent; to be called now and then."""
        for press in self.presses.values():
            if press.heard is not None and not press.silent:
                press.silent = monotonic() - press.heard > SILENT_AFTER_S
                if press.silent:
                    self._feed.touch(LAMPS)

    def hear(self, at: TopicAddress, message: Message, *, retained: bool = False) -> None:
        """Take a message.

        Args:
            retained: the broker kept it: when it was sent is not now.
        """
        press = self.press(at.press)
        match message:
            case Prediction():
                self._prediction(message)
            case Advice():
                self._advice(message)
            case ShotKpis():
                self._kpis(message)
            case ShotEvent():
                self._alive(press)
                self._event(at.press, message)
            case TelemetryFrame():
                self._alive(press)
                self._frame(at.press, message)
            case TwinStatus():
                self._status(press, message, retained)
            case OpenAlerts():
                self._alerts(press, message)
            case _:
                pass

    def _trouble(self, old: Trouble | None, problem: str | None) -> Trouble | None:
        if problem is None:
            return None
        return Trouble(problem, self._clock.now() if old is None else old.since)

    def _touch_all(self) -> None:
        for key in self.molds:
            self._feed.touch(key)
        self._feed.touch(LAMPS)

    def _touch_molds_of(self, press: PressAddress) -> None:
        for key in self.molds:
            if key.address == press:
                self._feed.touch(key)

    def _alive(self, press: Press) -> None:
        press.heard, press.heard_at = monotonic(), self._clock.now()
        if press.silent:
            press.silent = False
            self._feed.touch(LAMPS)

    def _status(self, press: Press, new: TwinStatus, retained: bool) -> None:
        if new.state == "starting":
            return
        old, press.status = press.status, new
        if old is None or old.state != new.state:
            press.away_since = None
            if new.state == "offline" and not retained:
                press.away_since = self._clock.now()
            elif new.state == "offline" and new.reason != LAST_WILL:
                press.away_since = new.ts
            self._touch_molds_of(press.address)
            self._feed.touch(LAMPS)

    def _alerts(self, press: Press, new: OpenAlerts) -> None:
        changed = press.alerts is None or press.alerts.open != new.open
        press.alerts = new
        self._feed.touch(press.address)
        if changed:
            self._touch_molds_of(press.address)
            self._feed.touch(LAMPS)

    def _prediction(self, new: Prediction) -> None:
        mold = self.mold(MoldKey(new.site, new.press, new.mold_id))
        old = mold.prediction
        if old is not None:
            same = old.shot_key == new.shot_key
            if new.revision < old.revision if same else new.poured_at < old.poured_at:
                return  # a repeat, or of an earlier shot
            if not same:
                mold.readings, mold.read_at = {}, None
        mold.prediction = new
        if mold.curves.shot_key != new.shot_key:
            mold.curves = Curves(new.shot_key)
        t_s = (new.issued_at - new.poured_at).total_seconds()
        for name in SHOWN_READINGS if new.basis == "live" else ():
            if name in new.simulated_now:
                mold.curves.add("simulated", name, t_s, new.simulated_now[name])
        if new.basis != "final":
            mold.readings = {
                name: new.measured[name] for name in SHOWN_READINGS if name in new.measured
            } | mold.readings
        if new.data_quality is not None:
            press = self.press(mold.key.address)
            if press.clock_offset_s != new.data_quality.clock_offset_s:
                press.clock_offset_s = new.data_quality.clock_offset_s
                self._feed.touch(LAMPS)
        self._feed.touch(mold.key)

    def _advice(self, new: Advice) -> None:
        mold = self.mold(MoldKey(new.site, new.press, new.mold_id))
        mold.advice = new
        self._feed.touch(mold.key)

    def _kpis(self, new: ShotKpis) -> None:
        mold = self.mold(MoldKey(new.site, new.press, new.mold_id))
        old = mold.kpis
        if old is None or new.closed_at >= old.closed_at or new.shot_key == old.shot_key:
            mold.kpis = new
            self._feed.touch(mold.key)

    def _event(self, press: PressAddress, new: ShotEvent) -> None:
        mold = self.mold(MoldKey(press.site, press.press, new.mold_id))
        if mold.event is None or new.ts >= mold.event.ts:
            if new.event == "started":
                mold.readings, mold.read_at = {}, None
            mold.event = new
            self._feed.touch(mold.key)

    def _frame(self, press: PressAddress, frame: TelemetryFrame) -> None:
        mold = self._mold_of(press, frame)
        if mold is None or (mold.read_at is not None and frame.ts < mold.read_at):
            return
        new = {name: frame.sensors[name] for name in SHOWN_READINGS if name in frame.sensors}
        p = mold.prediction
        if p is not None and (frame.shot_id is None or frame.shot_id == p.shot_id):
            t_s = (frame.ts - p.poured_at).total_seconds()
            for name, value in new.items() if t_s >= 0 and p.basis != "final" else ():
                mold.curves.add("measured", name, t_s, value)
        if new and new.items() - mold.readings.items():
            mold.readings |= new
            mold.read_at = frame.ts
            self._feed.touch(mold.key)

    def _mold_of(self, press: PressAddress, frame: TelemetryFrame) -> Mold | None:
        """The mold that a frame is about, by its name or by the shot in it."""
        if frame.mold_id is not None:
            return self.molds.get(MoldKey(press.site, press.press, frame.mold_id))
        if frame.shot_id is None:
            return None
        for key, mold in self.molds.items():
            shot = mold.event or mold.prediction
            if shot is not None and shot.shot_id == frame.shot_id and key.address == press:
                return mold
        return None
