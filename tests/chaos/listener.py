"""A listener as any SCADA is one: hears predictions and key figures, drops what it has already.

A repeat is told by the key of the shot and the revision, and the highest revision is the last word.
A later word on a shot that is no more the newest of its mold is in the key figures only. So one
revision must never say two different things, and the last word on a shot must be that of the
history. What is retained of a mold in the end must be the last word on its newest shot.
"""

from __future__ import annotations

import json
import reprlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.chaos.script import SITE

PREDICTION, KPI = "prediction", "kpi"
TOPICS = (f"pur/v1/{SITE}/+/twin/mold/+/{PREDICTION}", f"pur/v1/{SITE}/+/twin/{KPI}")
CONNECT_TIMEOUT_S = 20.0
Document = dict[str, Any]
ShotId = tuple[str, str]
"""Press and shot id: in this plant each is given once."""


@dataclass
class Heard:
    """All that a listener keeps of one kind of message."""

    kind: str
    revisions: dict[tuple[str, int], Document] = field(default_factory=dict)
    """By key of the shot and revision."""
    last: dict[ShotId, Document] = field(default_factory=dict)
    """The highest revision."""
    keys: dict[ShotId, str] = field(default_factory=dict)
    repeats: int = 0
    late: int = 0
    """Messages that came after a higher revision, and were not heard before."""
    problems: list[str] = field(default_factory=list)

    def hear(self, document: Document) -> None:
        """Take a message, or drop it as a repeat."""
        shot = document["press"], document["shot_id"]
        key, revision = key_of(document), revision_of(document)
        if self.keys.setdefault(shot, key) != key:
            self.problems.append(f"{self.kind}: {shot} has two keys: {self.keys[shot]}, {key}")
        known = self.revisions.setdefault((key, revision), document)
        if known is not document:
            self.repeats += 1
            if known != document:
                names = [n for n in known | document if known.get(n) != document.get(n)]
                self.problems.append(
                    f"{self.kind}: {key} revision {revision} says two things: {', '.join(names)}"
                )
            return
        before = self.last.get(shot)
        if before is not None and revision_of(before) > revision:
            self.late += 1
        else:
            self.last[shot] = document


class Listener:
    """A client that hears everything, from the beginning to the end."""

    def __init__(self, port: int) -> None:
        """Connect and subscribe.

        Raises:
            TimeoutError: the broker does not grant the subscriptions.
        """
        self.heard = {kind: Heard(kind) for kind in (PREDICTION, KPI)}
        self._retained: dict[ShotId, Document] = {}
        """What is retained, by press and mold."""
        self._lock, granted = threading.Lock(), threading.Event()
        self._client = client = Client(
            CallbackAPIVersion.VERSION2, "the-listener", protocol=MQTTProtocolVersion.MQTTv5
        )
        client.on_connect = lambda *_: client.subscribe([(topic, 1) for topic in TOPICS])
        client.on_subscribe = lambda *_: granted.set()
        client.on_message = self._hear
        client.connect("127.0.0.1", port)
        client.loop_start()
        if not granted.wait(CONNECT_TIMEOUT_S):
            self.close()
            raise TimeoutError("the listener is not let in")

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def problems(self) -> list[str]:
        """All that contradicts itself, so far."""
        with self._lock:
            return [problem for heard in self.heard.values() for problem in heard.problems]

    @property
    def count(self) -> int:
        """Different messages, so far."""
        return sum(len(heard.revisions) for heard in self.heard.values())

    @property
    def repeats(self) -> int:
        """Messages dropped."""
        return sum(heard.repeats for heard in self.heard.values())

    @property
    def late(self) -> int:
        """Messages that came after a later word on the same shot."""
        return sum(heard.late for heard in self.heard.values())

    async def disagreements(self, db: asyncpg.Connection) -> list[str]:
        """Where the last word heard on a shot that has ended is not that of the history."""
        finals = await db.fetch(
            "SELECT press, shot_id, document FROM prediction WHERE basis = 'final'"
        )
        columns = "started_at poured_at closed_at t_demold_actual_s p_cavity_max_bar frames_count"
        shots = await db.fetch(
            f'SELECT press, shot_id, outcome, mold_id, system_id, "T_core_max_C",'
            f" {', '.join(columns.split())} FROM shot WHERE outcome IS NOT NULL"
        )
        newest = await db.fetch(
            "SELECT DISTINCT ON (press, mold_id) press, mold_id, shot_id, basis, document"
            " FROM prediction ORDER BY press, mold_id, poured_at DESC, basis = 'final' DESC"
        )
        with self._lock:
            predictions, kpis = (dict(self.heard[kind].last) for kind in (PREDICTION, KPI))
            retained = dict(self._retained)
        of_molds = {  # of a shot that still cures the history has not every prediction
            (row["press"], row["mold_id"]): json.loads(row["document"])
            if row["basis"] == "final"
            else {"shot_id": row["shot_id"]}
            for row in newest
        }
        final = {(row["press"], row["shot_id"]): json.loads(row["document"]) for row in finals}
        rows = {(row["press"], row["shot_id"]): _plain(dict(row)) for row in shots}
        shown = {(press, document["shot_id"]) for (press, _), document in of_molds.items()}
        for shot, wanted in final.items():  # on older shots of a mold the key figures say it
            if shot not in shown and shot in kpis and revision_of(kpis[shot]) == wanted["revision"]:
                predictions[shot] = wanted
        return [
            *_differences(PREDICTION, final, predictions),
            *_differences(KPI, rows, kpis),
            *_differences("retained", of_molds, retained),
        ]

    def _hear(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        document = json.loads(message.payload)
        with self._lock:
            if message.topic.endswith(KPI):
                self.heard[KPI].hear(document)
            else:
                self.heard[PREDICTION].hear(document)
                self._retained[document["press"], document["mold_id"]] = document


def key_of(document: Document) -> str:
    """The key of the shot; press and id of the shot where the message has none."""
    return document.get("shot_key") or f"{document['press']}/{document['shot_id']}"


def revision_of(document: Document) -> int:
    """The revision of a prediction; of key figures that have none, that of their prediction."""
    if "revision" in document:
        return int(document["revision"])
    return int((document.get("prediction") or {}).get("revision", 0))


def _plain(row: Document) -> Document:
    return {name: value for name, value in row.items() if value is not None}


def _differences(
    kind: str, history: dict[ShotId, Document], heard: dict[ShotId, Document]
) -> Iterator[str]:
    for shot, wanted in sorted(history.items()):
        said = heard.get(shot)
        if said is None:
            yield f"{kind}: {shot} is in the history and was never heard"
            continue
        for name, value in wanted.items():
            if not _same(value, said.get(name)):
                words = f"stored {reprlib.repr(value)}, last heard {reprlib.repr(said.get(name))}"
                yield f"{kind}: {shot} {name}: {words}"
                break


def _same(stored: Any, heard: Any) -> bool:
    if hasattr(stored, "isoformat"):
        return bool(stored == type(stored).fromisoformat(heard)) if heard else False
    return bool(stored == heard)
