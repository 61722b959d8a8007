"""The live state: molds, presses and alerts as the messages of presses and twin tell them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import NamedTuple

from broker.messages import (
    Alert,
    Message,
    Prediction,
    ShotEvent,
    ShotKpis,
    TelemetryFrame,
    TwinStatus,
)
from broker.topics import PressAddress, TopicAddress
from edge_agent.web.live.feed import Feed

ALERTS_KEPT = 200
MOLDS_KEPT = 2000
SHOWN_READINGS = ("T_core_C", "p_cavity_bar", "T_mold_C")


class MoldKey(NamedTuple):
    """A mold on a press."""

    site: str
    press: str
    mold_id: str

    @property
    def address(self) -> PressAddress:
        """Its press."""
        return PressAddress(self.site, self.press)


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


@dataclass
class Press:
    """A press, and the agent that serves it."""

    address: PressAddress
    status: TwinStatus | None = None
    heard: float | None = None
    """When it sent something last, by the monotonic clock."""
    clock_offset_s: float | None = None


class LiveState:
    """Everything the pages show that does not come from the history.

    Keys in the feed: a ``MoldKey``, a ``PressAddress``, ``"alerts"``, ``"lamps"``.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.molds: dict[MoldKey, Mold] = {}
        self.presses: dict[PressAddress, Press] = {}
        self.alerts: deque[Alert] = deque(maxlen=ALERTS_KEPT)
        self.broker_problem: str | None = "connecting"
        """Why nothing is heard; None while the broker is there."""
        self.history_problem: str | None = None
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
        if problem != self.broker_problem:
            self.broker_problem = problem
            self._feed.touch("lamps")

    def set_history(self, problem: str | None) -> None:
        """The history can be read, or why not."""
        if problem != self.history_problem:
            self.history_problem = problem
            self._feed.touch("lamps")

    def hear(self, at: TopicAddress, message: Message, *, retained: bool) -> None:
        """Take a message.

        Args:
            retained: the broker kept it; it is no sign of life.
        """
        press = self.press(at.press)
        match message:
            case Prediction():
                self._prediction(message)
            case ShotKpis():
                self._kpis(message)
            case ShotEvent():
                self._alive(press)
                self._event(at.press, message)
            case TelemetryFrame():
                self._alive(press)
                self._frame(at.press, message)
            case TwinStatus():
                if message.state != "starting":
                    press.status = message
                    self._feed.touch(at.press)
            case Alert():
                self.alerts.append(message)
                self._feed.touch("alerts")
            case _:
                pass

    def _alive(self, press: Press) -> None:
        press.heard = monotonic()

    def _prediction(self, new: Prediction) -> None:
        mold = self.mold(MoldKey(new.site, new.press, new.mold_id))
        old = mold.prediction
        if old is not None:
            same = old.shot_key == new.shot_key
            if new.revision < old.revision if same else new.poured_at < old.poured_at:
                return  # a repeat, or of an earlier shot
        mold.prediction = new
        if new.data_quality is not None:
            self.press(mold.key.address).clock_offset_s = new.data_quality.clock_offset_s
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
                mold.readings = {}
            mold.event = new
            self._feed.touch(mold.key)

    def _frame(self, press: PressAddress, frame: TelemetryFrame) -> None:
        mold_id = frame.mold_id
        key = None if mold_id is None else MoldKey(press.site, press.press, mold_id)
        if key is None or key not in self.molds:
            return
        mold = self.molds[key]
        if mold.read_at is not None and frame.ts < mold.read_at:
            return
        new = {name: frame.sensors[name] for name in SHOWN_READINGS if name in frame.sensors}
        if new and new.items() - mold.readings.items():
            mold.readings |= new
            mold.read_at = frame.ts
            self._feed.touch(key)
