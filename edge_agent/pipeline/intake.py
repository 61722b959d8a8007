"""intake: one message -> what it changes: decoded, judged, assembled, on its way to the history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from broker.codec import place_in_count
from broker.dead_letter_reasons import UNKNOWN_ADVICE, UNKNOWN_ALERT
from broker.messages import (
    AdviceWord,
    AlertAck,
    DeadLetter,
    LiveAlert,
    Order,
    PressEvent,
    QualityRecord,
    ShotEvent,
    TelemetryFrame,
)
from broker.topics import PressAddress, TopicSpace
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.links.publish_packet import Incoming
from edge_agent.logs import get_logger
from edge_agent.monitoring.metrics import Laps, Metrics
from edge_agent.pipeline.admit import admit
from edge_agent.pipeline.assemble import Assembler
from edge_agent.pipeline.contradictions import Contradictions
from edge_agent.pipeline.decode import Decoded, decode
from edge_agent.pipeline.infer import Inference
from edge_agent.pipeline.receipts import Heard
from edge_agent.pipeline.results import Results
from edge_agent.shots.named_shots import NamedShots
from edge_agent.shots.shot import Shot

OF_NOW = TelemetryFrame | ShotEvent | PressEvent
"""Messages that are sent when it happens; a result of the laboratory may be months old."""
Changed = dict[str, Shot]
"""Shots that messages have changed, by key."""


@dataclass(frozen=True)
class TakenEvent:
    """An event that was taken."""

    press: PressAddress
    event: ShotEvent
    shot: Shot | None
    """The shot that it was taken for."""
    changed: frozenset[str]
    """Keys of the shots that it has changed."""
    at: datetime
    """When."""


class Intake:
    """Takes messages of all presses."""

    def __init__(
        self,
        topics: TopicSpace,
        assembler: Assembler,
        results: Results,
        inference: Inference,
        named: NamedShots,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._topics, self._assembler, self._results = topics, assembler, results
        self._inference, self._named = inference, named
        self._metrics, self._clock = metrics, clock
        self._contradictions = Contradictions(results, metrics)

    def renew(self, settings: Settings) -> None:
        """Go on with other limits."""
        self._future_s = settings.shots.future_skew_max_s
        self._retained_max = timedelta(seconds=settings.shots.timeout_s)

    def take(
        self, press: PressAddress, incoming: Incoming, changed: Changed, laps: Laps
    ) -> TakenEvent | None:
        """Take one message: the event that it is, if it is one; ``report`` it when it is answered.

        Args:
            press: whose session it came in.
            incoming: the message.
            changed: takes the shots that it changes.
            laps: measures the stages.
        """
        now = self._clock.now()
        ahead = partial(self._contradictions.ahead, now=now)
        decoded = decode(incoming, self._topics, press, now, self._future_s, ahead)
        laps.lap("decode")
        self._metrics.taken(incoming.topic)
        if isinstance(decoded, DeadLetter):
            self._refuse(decoded, incoming, now)
            return None
        message = decoded.message
        if isinstance(message, AlertAck) and not self._acknowledge(decoded.press, message, now):
            letter = _unknown_alert(decoded.press, message, incoming, now)
            self._refuse(letter, incoming, now)
            return None
        if isinstance(message, AdviceWord):
            refused = self._results.advised(decoded.press, message, now)
            if refused is not None:
                self._refuse(_letter(decoded.press, UNKNOWN_ADVICE, refused, incoming, now),
                             incoming, now)  # fmt: skip
                return None
        if message is not None and message.device_id is not None and message.seq is not None:
            heard = Heard(decoded.press, message.device_id, message.seq, message.ts)
            self._results.batch.heard.append(heard)
        if isinstance(message, OF_NOW) and not incoming.retained:
            self._contradictions.hear(decoded.press, message.device_id or "", message.ts, now)
        if decoded.remarks:
            self._contradictions.of_message(decoded, now)
        return self._assemble(decoded, incoming, changed, now)

    def report(self, taken: TakenEvent) -> None:
        """Report an event to the history and to people."""
        press, event = taken.press, taken.event
        if taken.shot is not None:
            self._contradictions.of_shot(taken.shot, taken.at)
            for other in self._assembler.shots.of_mold(press, taken.shot.mold_id):
                if other.superseded_by == taken.shot.shot_key:
                    self._contradictions.of_superseded(other, taken.at)
        self._results.event(press, event, taken.shot, taken.at)
        if event.event == "poured":
            self._results.advice.poured(press, event)
            self._results.advice_changed(taken.at)
        get_logger().info(
            f"shot_{event.event}",
            stage="assemble",
            press=press.press,
            shot_id=event.shot_id,
            mold_id=event.mold_id,
        )

    def expect_clock(self, press: PressAddress, alert: LiveAlert) -> None:
        """Go on with a clock that was wrong when an earlier life of the agent told of it."""
        self._contradictions.expect_clock(press, alert)

    def _acknowledge(self, press: PressAddress, ack: AlertAck, now: datetime) -> bool:
        known = self._results.acknowledged(press, ack, now)
        if known:
            get_logger().info("alert_acknowledged", press=press.press, detail=ack.alert_id)
        return known

    def _refuse(self, letter: DeadLetter, incoming: Incoming, now: datetime) -> None:
        place = place_in_count(incoming.payload, incoming.content_type)
        if place is not None:
            press = PressAddress(letter.site, letter.press)
            self._results.batch.heard.append(Heard(press, *place, now, dated=False))
        self._results.dead_letter(letter)
        self._metrics.refused(letter.reason)
        get_logger().warning(
            "message_refused",
            stage="decode",
            topic=incoming.topic[:200],
            reason=letter.reason,
            detail=letter.detail,
        )

    def _assemble(
        self, decoded: Decoded, incoming: Incoming, changed: Changed, now: datetime
    ) -> TakenEvent | None:
        press = decoded.press
        match decoded.message:
            case TelemetryFrame() as frame:
                self._frame(press, frame, changed, now)
            case ShotEvent() as event:
                return self._event(press, event, incoming, changed, now)
            case QualityRecord() as record:
                self._record(press, record, now)
            case PressEvent() as reported:
                self._results.event(press, reported, None, now)
                self._inference.happened(press, reported, self._results.batch.state, now)
                self._results.advice.happened(press, reported)
                self._results.advice_changed(now)
            case Order() as order:
                self._results.event(press, order, None, now)
        return None

    def _frame(
        self, press: PressAddress, frame: TelemetryFrame, changed: Changed, now: datetime
    ) -> None:
        of_frame = self._assembler.frame(
            press, frame, self._contradictions.offset(press, frame.device_id)
        )
        if of_frame.repeat:
            self._metrics.repeats.labels("telemetry").inc()
            return
        self._results.telemetry(press, frame, of_frame.shot, now)
        for shot in of_frame.changed:
            changed[shot.shot_key] = shot
        if of_frame.homeless is not None:
            self._contradictions.homeless(press, frame, of_frame.homeless, now)

    def _event(
        self,
        press: PressAddress,
        event: ShotEvent,
        incoming: Incoming,
        changed: Changed,
        now: datetime,
    ) -> TakenEvent | None:
        offset = self._contradictions.offset(press, event.device_id or "")
        if not admit(
            press,
            event,
            incoming,
            self._assembler,
            self._results,
            self._metrics,
            now,
            self._retained_max,
            offset,
        ):
            return None
        by_event = {shot.shot_key: shot for shot in self._assembler.event(press, event, offset)}
        changed |= by_event
        of_event = self._assembler.shot_of_event(press, event)
        return TakenEvent(press, event, of_event, frozenset(by_event), now)

    def _record(self, press: PressAddress, record: QualityRecord, now: datetime) -> None:
        shot_key = self._named.key_of(press, record)
        record = record.model_copy(update={"shot_key": shot_key})
        self._results.quality(press, record, now)
        pours = self._named.pours_of(press, record)
        if shot_key is None and pours:
            self._contradictions.of_record(press, record, pours, now)
            return
        self._inference.lab(press, record, self._results.batch.state, now)
        if shot_key is None:
            knows_id = self._named.knows(press, record.shot_id)
            self._contradictions.record_without_shot(press, record, knows_id, now)


def _unknown_alert(
    press: PressAddress, ack: AlertAck, incoming: Incoming, now: datetime
) -> DeadLetter:
    words = f"alert_id: {ack.alert_id} is no open alert of {press}, nor one of those closed lately"
    detail = f"{words}; the open ones are in the retained message of …/twin/alerts"
    return _letter(press, UNKNOWN_ALERT, detail, incoming, now)


def _letter(
    press: PressAddress, reason: str, detail: str, incoming: Incoming, now: datetime
) -> DeadLetter:
    return DeadLetter.of(
        incoming.payload,
        reason=reason,
        detail=detail,
        press=press,
        topic=incoming.topic,
        ts=now,
    )
