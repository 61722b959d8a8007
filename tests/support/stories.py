"""Stories of a shot: messages as a plant may send them, and what is right."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from edge_agent.links.publish_packet import Incoming
from tests.support.case_press import CasePress

START = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
RECIPE = {"m_polyol_kg": 0.35, "m_iso_kg": 0.45, "T_polyol_C": 23.0, "T_iso_C": 23.0}
TOPIC = "pur/v1/plant1/p01"
HOUR = 3600.0
NAMED = {"mold_id": "PANEL_A"}


@dataclass(frozen=True)
class Sent:
    """A message of the press."""

    came: float
    """When it arrives, after ``START`` [s]."""
    channel: str
    payload: bytes
    retained: bool = False
    content_type: str | None = None

    def incoming(self, mid: int) -> Incoming:
        """The message as the session hands it over."""
        topic = f"{TOPIC}/{self.channel}"
        return Incoming(topic, self.payload, self.content_type, mid, 1, retained=self.retained)


def at(t: float) -> str:
    """Time so long after ``START`` [s]."""
    return (START + timedelta(seconds=t)).isoformat()


def sent(came: float, channel: str, document: dict[str, Any]) -> Sent:
    """A message as JSON."""
    return Sent(came, channel, json.dumps(document).encode())


def event(
    t: float,
    kind: str,
    shot: str = "17",
    mold: str = "PANEL_A",
    came: float | None = None,
    **more: Any,
) -> Sent:
    """A step of a shot at ``t`` [s], which arrives then or at ``came``."""
    poured = {"system_id": "WATER_CYCLOPENTANE", "recipe": RECIPE} if kind == "poured" else {}
    names = {"ts": at(t), "shot_id": shot, "mold_id": mold, "event": kind}
    return sent(t if came is None else came, "shot", names | poured | more)


def frame(t: float, came: float | None = None, **fields: Any) -> Sent:
    """Readings of the PLC."""
    document = {"ts": at(t), "device_id": "plc", "seq": 0} | fields
    return sent(t if came is None else came, "telemetry", document)


def core(t: float, value: Any, came: float | None = None, **names: Any) -> Sent:
    """A reading of the probe in the core [°C]."""
    return frame(t, came, sensors={"T_core_C": value}, **names)


def lab(t: float, came: float, **more: Any) -> Sent:
    """A record of the laboratory on shot 17."""
    return sent(came, "quality", {"ts": at(t), "shot_id": "17"} | more)


def retained(message: Sent, came: float) -> Sent:
    """The message as the broker hands it over to a new session."""
    return replace(message, came=came, retained=True)


SHOT = (event(0, "poured"), event(240, "demolded"))
CURED = (event(0, "poured"), core(60, 70.0, **NAMED), event(240, "demolded"))
ENDED = ("PANEL_A", "demolded", 70.0)
BARE = ("PANEL_A", "demolded", None)


SHOTS = (
    "SELECT mold_id, outcome, T_core_max_C, readings_left_out, corrected FROM shot"
    " ORDER BY poured_at"
)


@dataclass
class Story:
    """Messages that come, and what is right then."""

    sent: tuple[Sent, ...]
    shots: list[tuple[Any, ...]]
    """Mold, outcome and highest core temperature of each shot, in order of the pours."""
    told: list[str] = field(default_factory=list)
    """Codes of the alerts, sorted."""
    letters: list[str] = field(default_factory=list)
    """Reasons of the dead letters, in order."""
    words: tuple[str, ...] = ()
    """What alerts and dead letters say, somewhere."""
    inputs: dict[str, float] | None = None
    """Readings that the simulation of the newest shot starts from."""
    left_out: dict[str, dict[str, int]] | None = None
    """Readings of the newest shot that were left out, by channel and reason."""
    corrected: list[str] | None = None
    """Why the result of the first shot was corrected."""
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    """Rows of the history by query."""
    later: tuple[Sent, ...] = ()
    """What comes after a restart of the agent."""

    def holds_on(self, press: CasePress) -> None:
        """Let it happen on a press, and compare."""
        play(press, *self.sent)
        if self.later:
            press.restart()
            play(press, *self.later)
        shots, *rows = press.answers([SHOTS, *self.rows])
        assert [row[:3] for row in shots] == self.shots
        assert sorted(press.codes()) == sorted(self.told)
        assert [letter.reason for letter in press.letters()] == self.letters
        for words in self.words:
            assert words in said_on(press)
        if self.inputs is not None:
            assert inputs_on(press) == self.inputs
        if self.left_out is not None:
            assert json.loads(shots[-1][3] or "{}") == self.left_out
        if self.corrected is not None:
            assert json.loads(shots[0][4] or "[]") == self.corrected
        assert dict(zip(self.rows, rows, strict=True)) == self.rows


def poured_without(**stood_in: str | None) -> dict[str, list[tuple[Any, ...]]]:
    """Query for what the first prediction says of a recipe with gaps, and the right answer."""
    names = ["flags", *(f"stood_in.{name}" for name in stood_in)]
    said = ", ".join(f"json_extract(document, '$.data_quality.{name}')" for name in names)
    query = f"SELECT {said} FROM prediction WHERE basis = 'poured'"
    return {query: [('["recipe-gap"]', *stood_in.values())]}


def play(press: CasePress, *messages: Sent) -> None:
    """Send messages in the order of their arrival."""
    in_time = sorted(messages, key=lambda one: one.came)
    arrivals = [START + timedelta(seconds=one.came) for one in in_time]
    press.deliver([one.incoming(mid) for mid, one in enumerate(in_time, start=1)], arrivals)


def said_on(press: CasePress) -> str:
    """Words of all alerts and dead letters of a press."""
    alerts = [alert.words for alert in press.alerts()]
    return "\n".join(alerts + [letter.detail for letter in press.letters()])


def inputs_on(press: CasePress) -> dict[str, float]:
    """Readings that the newest shot of a press is simulated from."""
    newest = max(
        press.work.assembler.shots, key=lambda shot: (shot.poured_at is not None, shot.poured_at)
    )
    return {name: reading.value for name, reading in newest.inputs.items()}
