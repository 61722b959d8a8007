"""Whatever order, delay and repetition messages come in: the shots that they make are the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.messages import ShotEvent, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.pipeline.assemble import Assembler

T0 = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
PRESS = PressAddress("s", "p1")
Message = ShotEvent | TelemetryFrame
SHOWN = {"shot_id", "mold_id", "outcome", "started_at", "poured_at", "closed_at", "recipe"} | {
    *("T_core_max_C", "p_cavity_max_bar", "frames_count", "readings_left_out", "inputs"),
    *("latest", "cure"),
}


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def event(kind: str, seconds: float, shot_id: str, mold_id: str, m_polyol_kg: float) -> ShotEvent:
    recipe = {"m_polyol_kg": m_polyol_kg, "m_iso_kg": 0.45}
    pour = {"system_id": "SYSTEM_R1", "recipe": recipe} if kind == "poured" else {}
    head = {"ts": at(seconds), "shot_id": shot_id, "mold_id": mold_id, "event": kind}
    return ShotEvent.model_validate(head | pour)


@st.composite
def frames(draw: st.DrawFn, shot_id: str, mold_id: str, poured: int) -> list[TelemetryFrame]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        seconds = poured + draw(st.integers(-20, 260))
        sensors = {"T_core_C": draw(st.sampled_from([30.0, 80.0, 110.0 + number]))}
        sensors["T_mold_C"] = 40.0 + seconds / 100
        left_out = {}
        if draw(st.booleans()):
            left_out = {"T_core_C": {"reason": "impossible"}}
            del sensors["T_core_C"]
        names = draw(st.sampled_from([{}, {"mold_id": mold_id}, {"shot_id": shot_id}]))
        head = {"ts": at(seconds), "device_id": "plc", "seq": 0, "sensors": sensors}
        found.append(TelemetryFrame.model_validate(head | names | {"left_out": left_out}))
    return found


@st.composite
def shots(draw: st.DrawFn) -> list[Message]:
    """Shots of one or two molds, with few ids, some started on the wrong mold or never ended."""
    found = list[Message]()
    for mold_id in draw(st.sampled_from([("A",), ("A", "B")])):
        begun = draw(st.integers(0, 100))
        for _ in range(draw(st.integers(1, 3))):
            shot_id = draw(st.sampled_from(["1", "2"]))
            poured = begun + draw(st.sampled_from([1, 6]))
            opened = poured + draw(st.integers(60, 200))
            if draw(st.booleans()):
                on = draw(st.sampled_from([mold_id, mold_id, "B"]))
                found.append(event("started", begun, shot_id, on, 0.0))
            mass = draw(st.sampled_from([0.3, 0.35]))
            found.append(event("poured", poured, shot_id, mold_id, mass))
            found += draw(frames(shot_id, mold_id, poured))
            if draw(st.booleans()):
                end = draw(st.sampled_from(["demolded", "aborted"]))
                found.append(event(end, opened, shot_id, mold_id, 0.0))
            begun = opened + draw(st.integers(10, 60))
    return found


def assembled(messages: list[Message]) -> list[str]:
    assembler = Assembler([], signal_age_max_s=600, timeout_s=3600)
    for message in messages:
        if isinstance(message, ShotEvent):
            assembler.event(PRESS, message)
        else:
            assembler.frame(PRESS, message)
    assembler.settle()
    shown = (shot.model_dump(mode="json", include=SHOWN) for shot in assembler.shots)
    return sorted(json.dumps(shot, sort_keys=True) for shot in shown)


@settings(max_examples=150, deadline=None)
@given(sent=shots(), data=st.data())
def test_the_shots_do_not_depend_on_how_messages_come(
    sent: list[Message], data: st.DataObject
) -> None:
    repeats = data.draw(st.lists(st.sampled_from(sent), max_size=5))
    order = data.draw(st.permutations([*sent, *repeats]))
    assert assembled(order) == assembled(sent)
