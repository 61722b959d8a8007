"""commit: what a shot led to -> one transaction. Builds the changes; the pipeline commits them."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from broker.codec import Format, encode
from broker.messages import (
    Alert,
    DeadLetter,
    Prediction,
    QualityRecord,
    ShotKpis,
    TelemetryFrame,
)
from broker.topics import PressAddress, TopicSpace
from edge_agent.history import schema
from edge_agent.ports import HistoryRow, Outgoing, Stored
from edge_agent.spool import Changes, new_key
from edge_agent.stages.assemble import Shot

SHOT_SCOPE = "shot"
"""Scope of the shots in the spool's state."""
REFUSED_BY_HISTORY = "refused-by-history"
"""Reason of a dead letter: the database will never take this row."""


class Committer:
    """Collects the results of a batch of inbox rows into one set of changes."""

    def __init__(self, topics: TopicSpace, payload_format: Format) -> None:
        self._topics = topics
        self._format: Format = payload_format
        self.changes = Changes()

    def done(self, inbox_id: int) -> None:
        """The inbox row goes with this transaction."""
        self.changes.done.append(inbox_id)

    def telemetry(self, press: PressAddress, frame: TelemetryFrame, shot: Shot | None) -> None:
        """A frame into the history."""
        shot_id, shot_key = (shot.shot_id, shot.shot_key) if shot else (None, None)
        row = schema.telemetry_row(press, frame, shot_id, shot_key)
        self.changes.forward.append(row)

    def quality(self, press: PressAddress, record: QualityRecord) -> None:
        """A quality record into the history, whenever it comes."""
        self.changes.forward.append(schema.quality_row(press, record))

    def prediction(self, prediction: Prediction, *, keep: bool) -> None:
        """A prediction to the mold's retained topic and, if it is a new answer, the history."""
        press = PressAddress(prediction.site, prediction.press)
        key = f"prediction/{press}/{prediction.shot_id}/{prediction.revision}"
        topic = self._topics.prediction(press, prediction.mold_id)
        self._publish(press, key, topic, prediction, retain=True)
        if keep:
            self.changes.forward.append(schema.prediction_row(prediction))

    def poured(self, shot: Shot) -> None:
        """A shot that has begun to cure, into the history."""
        columns: dict[str, Any] = shot.model_dump(
            mode="json",
            include={"site", "press", "shot_id", "shot_key", "mold_id", "system_id", "recipe"}
            | {"started_at", "poured_at", "simulated"},
        )
        self.changes.forward.append(schema.shot_row(columns))

    def ended(self, kpis: ShotKpis, shot: Shot) -> None:
        """The final word on a shot: published, and into the history."""
        press = shot.address
        self._publish(press, f"kpi/{shot.key}", self._topics.kpi(press), kpis)
        columns = schema.shot_columns(kpis)
        columns["recipe"] = shot.recipe.model_dump(mode="json") if shot.recipe else None
        self.changes.forward.append(schema.shot_row(columns))

    def alert(self, alert: Alert) -> None:
        """Something a person should know."""
        press = PressAddress(alert.site, alert.press)
        self._publish(press, new_key("alert"), self._topics.alert(press), alert)

    def dead_letter(self, letter: DeadLetter, inbox_id: int) -> None:
        """A refused payload: to the dead-letter topic and table."""
        letter_id = self._publish_letter(letter, f"{inbox_id}")
        self.changes.forward.append(schema.dead_letter_row(letter_id, letter))

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
        letter_id = self._publish_letter(letter, f"forward/{row.id}")
        if row.entry.kind != "dead_letter":  # else the table would refuse it again
            self.changes.forward.append(schema.dead_letter_row(letter_id, letter))

    def _publish_letter(self, letter: DeadLetter, origin: str) -> str:
        press = PressAddress(letter.site, letter.press)
        digest = hashlib.sha256(
            f"{origin}/{letter.ts.isoformat()}/{letter.payload_sha256}".encode()
        )
        letter_id = digest.hexdigest()[:32]
        topic = self._topics.dead_letter(press)
        self._publish(press, f"dead-letter/{letter_id}", topic, letter)
        return letter_id

    def shot(self, shot: Shot) -> None:
        """The state of a shot, to go on from after a restart."""
        self.changes.state[SHOT_SCOPE, shot.key] = shot.model_dump(mode="json")

    def forget(self, shot: Shot) -> None:
        """A shot that only the history needs to know."""
        self.changes.state[SHOT_SCOPE, shot.key] = None

    def _publish(
        self, press: PressAddress, key: str, topic: str, message: Any, *, retain: bool = False
    ) -> None:
        payload = encode(message, self._format)
        self.changes.publish.append(Outgoing(str(press), key, topic, payload, retain))
