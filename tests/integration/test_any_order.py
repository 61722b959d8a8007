"""Any interleaving, delay, repetition and batching of messages leads to one history and one result.

A real spool and a real history, no broker. Ids come again, on two molds, with other content; what
is compared does not name the key of a shot, which is made of the event that came first.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.case_press import CasePress, message

T0 = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
END = T0 + timedelta(hours=1)
TOPIC = "pur/v1/plant1/p01"
RECIPE = {"m_polyol_kg": 0.35, "m_iso_kg": 0.45, "T_polyol_C": 23.0, "T_iso_C": 23.0}
Sent = tuple[str, bytes]


def at(seconds: float) -> str:
    return (T0 + timedelta(seconds=seconds)).isoformat()


def event(kind: str, seconds: float, shot_id: str, mold_id: str, m_polyol_kg: float) -> Sent:
    head: dict[str, Any] = {"ts": at(seconds), "shot_id": shot_id, "mold_id": mold_id}
    head |= {"event": kind}
    if kind == "poured":
        head |= {"system_id": "WATER_CYCLOPENTANE", "recipe": RECIPE | {"m_polyol_kg": m_polyol_kg}}
    return message(f"{TOPIC}/shot", **head)


def frame(seconds: float, core_C: float, **named: str) -> Sent:
    sensors = {"T_core_C": core_C, "p_cavity_bar": 1.0 + core_C / 100}
    return message(
        f"{TOPIC}/telemetry", ts=at(seconds), device_id="plc", seq=0, sensors=sensors, **named
    )


@st.composite
def shots(draw: st.DrawFn) -> list[Sent]:
    """Some shots of two molds with few ids, one after the other, as their press would send them."""
    found = list[Sent]()
    for mold_id in ("PANEL_A", "CUP"):
        begun = draw(st.integers(0, 100))
        count = draw(st.integers(1, 3))
        for number in range(1, count + 1):
            shot_id = draw(st.sampled_from(["1", "2"]))
            poured = begun + draw(st.sampled_from([0, 5]))
            opened = poured + draw(st.integers(60, 200))
            if draw(st.booleans()):
                found.append(event("started", begun, shot_id, mold_id, 0.0))
            found.append(
                event("poured", poured + 1, shot_id, mold_id, draw(st.sampled_from([0.3, 0.35])))
            )
            for n in range(draw(st.integers(0, 4))):
                named = {"mold_id": mold_id} | draw(st.sampled_from([{}, {"shot_id": shot_id}]))
                seconds = poured + draw(st.integers(-20, 260))
                core_C = draw(st.sampled_from([30.0, 80.0, 110.0 + n, 3276.7]))
                found.append(frame(seconds, core_C, **named))
            if number == count or draw(st.booleans()):  # the row of an open shot is completed later
                found.append(event("demolded", opened, shot_id, mold_id, 0.0))
            begun = opened + draw(st.integers(10, 60))
    return found


@contextmanager
def press(at_once: int) -> Iterator[CasePress]:
    folder = Path(tempfile.mkdtemp())
    found = CasePress(folder, "p01", at_once)
    try:
        yield found
    finally:
        found.close()
        shutil.rmtree(folder)


def outcome(sent: list[Sent], at_once: int) -> tuple[list[Any], ...]:
    """Results, and the rows of the history, without keys, numbers and what says how they came."""
    with press(at_once) as played:
        played.send(sent, [END] * len(sent))
        kpis = [
            found.model_dump(
                mode="json",
                include={"shot_id", "mold_id", "outcome", "started_at", "poured_at", "closed_at"}
                | {"T_core_max_C", "p_cavity_max_bar", "frames_count", "readings_left_out"},
            )
            | {"opt_s": found.prediction.t_demold_opt_s}
            for found in played.kpis()
        ]
        rows = played.rows(
            "SELECT shot_id, mold_id, outcome, started_at, poured_at, closed_at, T_core_max_C,"
            " frames_count, recipe FROM shot"
        )
        frames = played.rows("SELECT ts, mold_id, sensors FROM telemetry")
        events = played.rows("SELECT kind, ts, shot_id, mold_id, document FROM event")
    return tuple(sorted(map(json.dumps, found)) for found in (kpis, rows, frames, events))


@pytest.mark.timeout(600)
@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(sent=shots(), data=st.data())
def test_the_result_does_not_depend_on_how_messages_come(
    sent: list[Sent], data: st.DataObject
) -> None:
    expected = outcome(sent, 10_000)
    repeats = data.draw(st.lists(st.sampled_from(sent), max_size=5))
    order = data.draw(st.permutations([*sent, *repeats]))
    at_once = data.draw(st.sampled_from([1, 3, 10_000]))
    for found, known in zip(outcome(order, at_once), expected, strict=True):
        assert [row for row in found if row not in known] == []
        assert len(found) == len(known)
