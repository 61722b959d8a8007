"""Results of a message as they go out: messages to the broker at once, rows into the batch."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from broker.codec import Format, encode
from broker.dead_letter_reasons import REFUSED_BY_HISTORY
from broker.messages import (
    AdviceWord,
    Alert,
    AlertAck,
    DeadLetter,
    Order,
    Prediction,
    PressEvent,
    QualityRecord,
    ShotEvent,
    ShotKpis,
    TelemetryFrame,
)
from broker.topics import PressAddress, TopicSpace
from edge_agent.history import rows
from edge_agent.pipeline.advised import AdviceBook
from edge_agent.pipeline.commit import Batch
from edge_agent.pipeline.open_alerts import OpenAlertLists
from edge_agent.pipeline.publish import Publisher
from edge_agent.ports import HistoryRow, Outgoing, Stored
from edge_agent.shots.shot import Shot

if TYPE_CHECKING:
    from edge_agent.pipeline.edge_nodes import EdgeNodes

LETTERS_KEPT_BYTES = 1_000_000
"""Payloads that dead letters of a press keep whole; it is filled up again at the rate below."""
LETTERS_KEPT_BYTES_PER_S = 1_000
ADVICE_ROW = "advice"
"""Kind of the events of the history that are advice as it stood."""
CUT_CHARACTERS = 400
"""Base64 of a payload beyond that: its first 300 bytes."""


class Results:
    """Issues messages and collects rows; ``batch`` is exchanged when it is written."""

    def __init__(
        self,
        topics: TopicSpace,
        payload_format: Format,
        publisher: Publisher,
        open_alerts: OpenAlertLists | None = None,
        nodes: EdgeNodes | None = None,
        plain: bool = True,
        advice: AdviceBook | None = None,
    ) -> None:
        """Collect nothing yet.

        Args:
            topics: the topic grammar.
            payload_format: of what is published.
            publisher: sends it.
            open_alerts: the lists of alerts.
            nodes: edge nodes of Sparkplug, where that is on.
            plain: results are sent on the plain topics.
            advice: the advice of the molds.
        """
        self.topics = topics
        self.open_alerts = open_alerts or OpenAlertLists({})
        self.advice = advice or AdviceBook({})
        self.payload_format: Format = payload_format
        self.nodes, self._plain = nodes, plain
        self.unsaved = False
        """The disk refuses: what is issued carries the mark."""
        self.batch = Batch()
        self._publisher = publisher
        self._room: dict[PressAddress, tuple[float, datetime]] = {}
        """Bytes that dead letters of a press may keep, and since when."""

    def telemetry(
        self, press: PressAddress, frame: TelemetryFrame, shot: Shot | None, now: datetime
    ) -> None:
        """A frame into the history."""
        shot_id, shot_key = (shot.shot_id, shot.shot_key) if shot else (None, None)
        self.batch.forward.append(rows.telemetry_row(press, frame, shot_id, shot_key, now))
        self.batch.begin()
        if self.nodes is not None:
            mold_id = frame.mold_id or (shot.mold_id if shot else None)
            self.nodes.frame(press, mold_id, frame)

    def quality(self, press: PressAddress, record: QualityRecord, now: datetime) -> None:
        """A quality record into the history, whenever it comes.

        Args:
            press: press that it names.
            record: the record, with the key of its shot where that is known.
            now: when it came.
        """
        self._row(rows.quality_row(press, record, record.shot_key, now))

    def event(
        self,
        press: PressAddress,
        event: ShotEvent | PressEvent | Order,
        shot: Shot | None,
        now: datetime,
    ) -> None:
        """An event or an order, as it came, into the history."""
        row = rows.event_row(
            press,
            "order" if isinstance(event, Order) else event.event,
            event.ts,
            event.model_dump(mode="json", exclude_none=True),
            mold_id=event.mold_id if not isinstance(event, Order) else None,
            shot_id=event.shot_id if isinstance(event, ShotEvent) else None,
            shot_key=None if shot is None else shot.shot_key,
            received_at=now,
        )
        self._row(row)

    def prediction(self, prediction: Prediction, *, keep: bool, show: bool = True) -> None:
        """A prediction to the mold's retained topic and, if it is a new answer, the history.

        Args:
            prediction: the prediction.
            keep: it goes into the history.
            show: it is of the newest shot of its mold, so it goes to the topic.
        """
        press = PressAddress(prediction.site, prediction.press)
        key = f"prediction/{prediction.basis}/{prediction.shot_key}/{prediction.revision}"
        if show:
            topic = self.topics.prediction(press, prediction.mold_id)
            self._issue(press, key, topic, prediction, True)
            self._publisher.flush(press)
            if self.nodes is not None:
                self.nodes.prediction(prediction)
        if keep:
            self._row(rows.prediction_row(prediction))

    def poured(self, shot: Shot, now: datetime) -> None:
        """A shot that has begun to cure, into the history."""
        columns: dict[str, Any] = shot.model_dump(
            mode="json",
            include={"site", "press", "shot_id", "shot_key", "mold_id", "system_id", "recipe"}
            | {"started_at", "poured_at", "simulated"},
        )
        self._row(rows.shot_row(columns, now))

    def ended(self, kpis: ShotKpis, shot: Shot, now: datetime, *, newest: bool = True) -> None:
        """The final word on a shot: published, and into the history.

        Args:
            kpis: the word.
            shot: the shot.
            now: when.
            newest: it is the newest shot of its mold.
        """
        key = f"kpi/{shot.shot_key}/{shot.revision}"
        self._issue(shot.address, key, self.topics.kpi(shot.address), kpis)
        columns = rows.shot_columns(kpis)
        columns["revision"] = shot.revision
        columns["recipe"] = shot.recipe.model_dump(mode="json") if shot.recipe else None
        self._row(rows.shot_row(columns, now))
        if self.nodes is not None:
            self.nodes.ended(kpis, now, newest=newest)

    def alert(self, alert: Alert) -> None:
        """Something a person should know."""
        press, alert = PressAddress(alert.site, alert.press), self.note(alert)
        self._issue(press, f"alert/{uuid.uuid4().hex}", self.topics.alert(press), alert)

    def note(self, alert: Alert) -> Alert:
        """Take note of an alert that goes out another way; returns it with its id."""
        alert = self.open_alerts.tell(alert)
        self.alerts_changed()
        return alert

    def acknowledged(self, press: PressAddress, ack: AlertAck, now: datetime) -> bool:
        """Take note of an acknowledgement; false when there is no such alert.

        Args:
            press: press that it names.
            ack: the acknowledgement.
            now: when it came.
        """
        known = self.open_alerts.acknowledge(press, ack, now)
        self.alerts_changed()
        return known

    def alerts_changed(self) -> None:
        """Write what has changed in the lists of open alerts."""
        state, changed = self.open_alerts.take_changes()
        self.batch.state |= state
        for press, alert in changed:
            self._row(rows.alert_row(press, alert))
        if self.nodes is not None and changed:
            self.nodes.alerts(self.open_alerts, changed)

    def advised(self, press: PressAddress, word: AdviceWord, now: datetime) -> str | None:
        """Take note of a word about an advice; returns why not, where it cannot be taken.

        Args:
            press: press that it names.
            word: the word.
            now: when it came.
        """
        refused = self.advice.hear(press, word)
        self.advice_changed(now)
        return refused

    def advice_changed(self, now: datetime) -> None:
        """Write advice that is not as it was into the history; ``AdviceSender`` tells of it."""
        state, changed = self.advice.take_changes()
        self.batch.state |= state
        for advice in changed:
            document = advice.model_dump(mode="json", exclude_none=True)
            self._row(
                rows.event_row(
                    PressAddress(advice.site, advice.press), ADVICE_ROW, advice.ts, document,
                    mold_id=advice.mold_id, shot_id=None, shot_key=None, received_at=now,
                )
            )  # fmt: skip

    def dead_letter(self, letter: DeadLetter) -> None:
        """A refused payload: to the dead-letter topic and table.

        Of a press that sends too much of it only the beginning is kept, with length and hash.
        """
        letter = self._within_room(letter)
        self._row(rows.dead_letter_row(self._issue_letter(letter), letter))

    def rejected(self, row: Stored[HistoryRow], reason: str, now: datetime) -> None:
        """A row that the history will never take: a dead letter, with the row as its payload."""
        columns = json.loads(row.entry.document)
        letter = DeadLetter.of(
            row.entry.document.encode(),
            reason=REFUSED_BY_HISTORY,
            detail=reason,
            press=PressAddress(columns["site"], columns["press"]),
            topic=f"history/{row.entry.kind}",
            ts=now,
        )
        letter_id = self._issue_letter(letter)
        if row.entry.kind != "dead_letter":  # else the table would refuse it again
            self._row(rows.dead_letter_row(letter_id, letter))

    def _row(self, row: HistoryRow) -> None:
        self.batch.forward.append(row)
        self.batch.urgent = True
        self.batch.begin()

    def _issue_letter(self, letter: DeadLetter) -> str:
        press, letter_id = PressAddress(letter.site, letter.press), uuid.uuid4().hex
        topic = self.topics.dead_letter(press)
        self._issue(press, f"dead-letter/{letter_id}", topic, letter)
        return letter_id

    def _within_room(self, letter: DeadLetter) -> DeadLetter:
        press = PressAddress(letter.site, letter.press)
        room, since = self._room.get(press, (float(LETTERS_KEPT_BYTES), letter.ts))
        passed_s = max(0.0, (letter.ts - since).total_seconds())
        room = min(float(LETTERS_KEPT_BYTES), room + passed_s * LETTERS_KEPT_BYTES_PER_S)
        size = len(letter.payload_base64)
        if size > CUT_CHARACTERS:
            if room < size:
                cut = {"payload_base64": letter.payload_base64[:CUT_CHARACTERS]}
                letter = letter.model_copy(update=cut)
            else:
                room -= size
        self._room[press] = room, letter.ts
        return letter

    def _issue(
        self, press: PressAddress, key: str, topic: str, message: Any, retain: bool = False
    ) -> None:
        if not self._plain:
            return
        payload = encode(message, self.payload_format)
        entry = Outgoing(str(press), key, topic, payload, retain)
        self.batch.add(self._publisher.issue(entry, unsaved=self.unsaved))
