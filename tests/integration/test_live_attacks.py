"""Inputs as plants may send them, each message alone and all in one batch: nothing silently wrong.

They are like the recordings in ``tests/cases``, and others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker import alert_codes as codes
from broker.dead_letter_reasons import CLOCK_SKEW
from tests.support.case_press import AT_ONCE, CasePress, message

START = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
RECIPE = {"m_polyol_kg": 0.35, "m_iso_kg": 0.45, "T_polyol_C": 23.0, "T_iso_C": 23.0}
TOPIC = "pur/v1/plant1/p01"
HOUR = 3600.0
Sent = tuple[float, tuple[str, bytes]]
"""When it comes [s], and the message."""


def at(t: float) -> str:
    return (START + timedelta(seconds=t)).isoformat()


def event(
    t: float, kind: str, shot: str = "17", mold: str = "PANEL_A", came: float = -1.0, **more: Any
) -> Sent:
    poured = {"system_id": "WATER_CYCLOPENTANE", "recipe": RECIPE} if kind == "poured" else {}
    names = {"ts": at(t), "shot_id": shot, "mold_id": mold, "event": kind}
    return max(t, came), message(f"{TOPIC}/shot", **names | poured | more)


def core(t: float, value: float, came: float = -1.0, **names: Any) -> Sent:
    fields = {"ts": at(t), "device_id": "plc", "seq": 0, "sensors": {"T_core_C": value}}
    return max(t, came), message(f"{TOPIC}/telemetry", **fields | names)


def lab(t: float, came: float, **more: Any) -> Sent:
    return came, message(f"{TOPIC}/quality", **{"ts": at(t), "shot_id": "17"} | more)


SHOT = (event(0, "poured"), event(240, "demolded"))


@dataclass
class Story:
    """What comes, and what is right."""

    sent: tuple[Sent, ...]
    shots: list[tuple[Any, ...]]
    """Mold, outcome and highest core temperature of each shot, in order of the pours."""
    told: list[str] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)


ENDED = ("PANEL_A", "demolded", 70.0)
BARE = ("PANEL_A", "demolded", None)
NAMED = {"mold_id": "PANEL_A"}

STORIES = {
    "an event again, counted anew by its gateway": Story(
        (
            event(0, "poured", device_id="gw", seq=5),
            core(60, 70.0, **NAMED),
            event(0, "poured", came=70, device_id="gw-2", seq=1),
            event(240, "demolded", seq=6, device_id="gw"),
            event(240, "demolded", came=250, seq=2, device_id="gw-2"),
        ),
        [ENDED],
    ),
    "an event again in another zone": Story(
        (*SHOT, core(60, 70.0, **NAMED), event(0, "poured", ts="2026-11-27T11:00:00+01:00")),
        [ENDED],
    ),
    "readings name an id that two molds have just now": Story(
        (
            *SHOT,
            event(20, "poured", mold="CUP"),
            event(300, "demolded", mold="CUP"),
            core(10, 70.0, shot_id="17"),
            core(60, 150.0, shot_id="17"),
            core(280, 90.0, shot_id="17"),
        ),
        [ENDED, ("CUP", "demolded", 90.0)],
        [codes.READINGS_WITHOUT_SHOT],
    ),
    "readings name a mold that no event names": Story(
        (*SHOT, *(core(t, 70.0, mold_id="PANEL-A") for t in (60, 100, 130))),
        [BARE],
        [codes.READINGS_WITHOUT_SHOT],
    ),
    "readings name a shot that no event names": Story(
        (*SHOT, *(core(t, 70.0, shot_id="71") for t in (60, 100, 130))),
        [BARE],
        [codes.READINGS_WITHOUT_SHOT],
    ),
    "readings name a shot with another mold": Story(
        (*SHOT, *(core(t, 70.0, shot_id="17", mold_id="CUP") for t in (60, 100, 130))),
        [BARE],
        [codes.READINGS_WITHOUT_SHOT],
    ),
    "numbered sensors alone": Story(
        (
            *SHOT,
            *(
                core(t, 0.0, sensors={"T_core_C.1": 60.0, "T_core_C.2": 61.0}, **NAMED)
                for t in (60, 90)
            ),
        ),
        [BARE],
        [codes.NAME_NOT_KNOWN, codes.NAME_NOT_KNOWN],
    ),
    "numbered sensors beside the one that counts": Story(
        (
            *SHOT,
            core(60, 70.0, **NAMED),
            core(90, 0.0, sensors={"T_core_C.1": 60.0, "T_oil_C.1": 50.0}, **NAMED),
        ),
        [ENDED],
    ),
    "readings come some seconds before their start": Story(
        (
            *SHOT,
            core(60, 70.0, **NAMED),
            *(core(100 + t, 80.0, shot_id="18", mold_id="CUP") for t in (0, 10, 30)),
            event(100, "started", shot="18", mold="CUP", came=135),
            event(135, "poured", shot="18", mold="CUP"),
            core(160, 60.0, mold_id="CUP"),
            event(400, "demolded", shot="18", mold="CUP"),
        ),
        [ENDED, ("CUP", "demolded", 60.0)],
    ),
    "an end names another mold": Story(
        (event(0, "poured"), core(60, 70.0, **NAMED), event(240, "demolded", mold="CUP")),
        [ENDED],
        [codes.MOLD_CHANGED],
    ),
    "demolded, and then aborted": Story(
        (*SHOT, core(60, 70.0, **NAMED), event(241, "aborted")), [ENDED], [codes.SECOND_END]
    ),
    "poured again after a restart of the PLC": Story(
        (
            event(0, "poured"),
            core(10, 30.0, **NAMED),
            event(20, "poured"),
            core(60, 70.0, **NAMED),
            event(260, "demolded"),
        ),
        [("PANEL_A", "superseded", 30.0), ENDED],
    ),
    "a gauge that reads 0 bar, and a probe that breaks": Story(
        (
            *SHOT,
            core(60, 70.0, **NAMED),
            core(70, 850.0, sensors={"T_core_C": 850.0, "p_cavity_bar": 0.0}, **NAMED),
        ),
        [ENDED],
        [codes.IMPOSSIBLE_READINGS] * 2,
    ),
    "a clock an hour ahead": Story(
        tuple(
            (t - HOUR, sent) for t, sent in (event(HOUR, "poured"), core(HOUR + 60, 70.0, **NAMED))
        ),
        [],
        [codes.PRESS_CLOCK],
        [CLOCK_SKEW] * 2,
    ),
    "results older than the shot, and of an id that nobody poured": Story(
        (
            *SHOT,
            core(60, 70.0, **NAMED),
            lab(-100, 500, H_24h_shore=50.0),
            lab(400, 500, shot_id="71", H_24h_shore=50.0),
        ),
        [ENDED],
        [codes.RECORD_WITHOUT_SHOT] * 2,
    ),
    "a result that is a text, beside a good one": Story(
        (
            *SHOT,
            core(60, 70.0, **NAMED),
            lab(400, 500, H_24h_shore=50.0, rho_moulded_kg_per_m3="62,1"),
            lab(401, 501, rho_moulded_kg_per_m3="n.m."),
        ),
        [ENDED],
        [codes.READINGS_LEFT_OUT],
        ["invalid-field"],
    ),
}


@pytest.fixture(params=[1, AT_ONCE], ids=["one by one", "one batch"])
def press(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CasePress]:
    """An agent with one press."""
    found = CasePress(tmp_path, "p01", request.param)
    yield found
    found.close()


def play(press: CasePress, *sent: Sent) -> None:
    in_time = sorted(sent, key=lambda one: one[0])
    arrivals = [START + timedelta(seconds=came) for came, _ in in_time]
    press.send([sent for _, sent in in_time], arrivals)


@pytest.mark.parametrize("name", STORIES)
def test_nothing_is_silently_wrong(press: CasePress, name: str) -> None:
    story = STORIES[name]
    play(press, *story.sent)
    rows = "SELECT mold_id, outcome, T_core_max_C FROM shot ORDER BY poured_at"
    assert press.rows(rows) == story.shots
    assert press.codes() == story.told
    assert [letter.reason for letter in press.letters()] == story.letters


def test_a_start_that_comes_late_is_in_the_row_at_once(press: CasePress) -> None:
    play(press, event(5, "poured"), event(0, "started", came=30))
    found = press.rows("SELECT started_at, outcome FROM shot")
    assert found == [("2026-11-27T10:00:00Z", None)]
