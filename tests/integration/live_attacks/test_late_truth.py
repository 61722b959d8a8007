"""Kind 3: what comes late. An end, readings, a start or a pour correct what was said before."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from broker import alert_codes as codes
from broker import data_quality as words
from tests.support.case_press import CasePress
from tests.support.stories import (
    BARE,
    CURED,
    ENDED,
    HOUR,
    NAMED,
    SHOT,
    Story,
    core,
    event,
    frame,
    lab,
    play,
)

TIMES = "SELECT started_at, t_demold_actual_s FROM shot ORDER BY poured_at"
OF_FRAMES = "SELECT s.shot_id FROM telemetry t LEFT JOIN shot s USING (shot_key) ORDER BY t.ts"
OPEN = ("PANEL_A", None, None)

STORIES = {
    "an end that comes after the next pour and a restart": Story(
        (event(0, "poured"), core(60, 70.0, **NAMED), event(300, "poured", shot="18")),
        [ENDED, OPEN],
        later=(event(240, "demolded", came=310),),
        corrected=[words.LATE_END],
        rows={TIMES: [(None, 240.0), (None, None)]},
    ),
    "an end that MES reports after the shift": Story(
        (
            *CURED[:2],
            event(300, "poured", shot="18"),
            event(540, "demolded", shot="18"),
            event(240, "demolded", came=6 * HOUR),
        ),
        [ENDED, BARE],
        corrected=[words.LATE_END],
    ),
    "an aborted shot that its next one had ended": Story(
        (
            *CURED[:2],
            event(300, "poured", shot="18"),
            event(200, "aborted", came=320),
        ),
        [("PANEL_A", "aborted", 70.0), OPEN],
        corrected=[words.LATE_END],
    ),
    "an earlier end than the first that was told": Story(
        (*CURED[:2], event(250, "demolded"), event(240, "demolded", came=260, device_id="mes")),
        [ENDED],
        [codes.SECOND_END],
        corrected=[words.LATE_END],
        rows={TIMES: [(None, 240.0)]},
    ),
    "a logger that sends all readings when the mold is open": Story(
        (*SHOT, *(core(t, 40.0 + t / 6, came=245, **NAMED) for t in range(0, 181, 20))),
        [ENDED],
        corrected=[words.LATE_READINGS],
    ),
    "readings in the order of a stack": Story(
        (*SHOT, *(core(t, 40.0 + t / 6, came=430 - t, **NAMED) for t in range(0, 181, 20))),
        [ENDED],
        corrected=[words.LATE_READINGS],
    ),
    "a cavity pressure from another logger after the end": Story(
        (
            *CURED,
            frame(120, 250, device_id="gauge", sensors={"p_cavity_bar": 1.8}, **NAMED),
        ),
        [ENDED],
        corrected=[words.LATE_READINGS],
        rows={"SELECT p_cavity_max_bar, frames_count FROM shot": [(1.8, 2)]},
    ),
    "a reading of the first shot while the next one cures": Story(
        (
            *CURED,
            event(300, "poured", shot="18"),
            core(340, 50.0, **NAMED),
            core(200, 90.0, came=345, **NAMED),
            event(540, "demolded", shot="18"),
        ),
        [("PANEL_A", "demolded", 90.0), ("PANEL_A", "demolded", 50.0)],
        corrected=[words.LATE_READINGS],
        rows={OF_FRAMES: [("17",), ("17",), ("18",)]},
    ),
    "the start of the next shot, which had ended the first": Story(
        (
            *CURED[:2],
            event(300, "poured", shot="18"),
            event(280, "started", shot="18", came=400),
        ),
        [("PANEL_A", "superseded", 70.0), OPEN],
        corrected=[words.LATE_END],
    ),
    "readings come some seconds before their start": Story(
        (
            *CURED,
            *(core(100 + t, 80.0, shot_id="18", mold_id="CUP") for t in (0, 10, 30)),
            event(100, "started", shot="18", mold="CUP", came=135),
            event(135, "poured", shot="18", mold="CUP"),
            core(160, 60.0, mold_id="CUP"),
            event(400, "demolded", shot="18", mold="CUP"),
        ),
        [ENDED, ("CUP", "demolded", 60.0)],
    ),
    "readings come before the pour that they follow": Story(
        (
            core(60, 70.0, came=60, **NAMED),
            event(0, "poured", came=70),
            event(240, "demolded"),
        ),
        [ENDED],
    ),
    "temperatures before the pour come after it": Story(
        (
            event(0, "poured"),
            frame(-20, 15, device_id="tcu", sensors={"T_mold_C": 41.0}, **NAMED),
            frame(-5, 15, device_id="tank", sensors={"T_polyol_C": 24.5, "T_iso_C": 25.5}),
            core(60, 70.0, **NAMED),
            event(240, "demolded"),
        ),
        [ENDED],
        inputs={"T_mold_C": 41.0, "T_polyol_C": 24.5, "T_iso_C": 25.5},
    ),
    "temperatures before the pour come after the end": Story(
        (*CURED, frame(-20, 300, device_id="tcu", sensors={"T_mold_C": 41.0}, **NAMED)),
        [ENDED],
        inputs={"T_mold_C": 41.0},
        corrected=[words.LATE_READINGS],
    ),
    "the start comes last": Story(
        (*CURED, event(-30, "started", came=250)),
        [ENDED],
        corrected=[words.LATE_START],
        rows={TIMES: [("2026-11-27T09:59:30Z", 240.0)]},
    ),
    "the pour comes last": Story(
        (core(60, 70.0, **NAMED), event(240, "demolded"), event(0, "poured", came=250)),
        [ENDED],
        [codes.SHOT_WITHOUT_POUR],
        rows={
            TIMES: [(None, 240.0)],
            "SELECT basis, status FROM prediction ORDER BY revision": [
                ("poured", "predicted"),
                ("final", "predicted"),
            ],
        },
    ),
    "all events in the order of a stack": Story(
        (
            event(240, "demolded", came=250),
            event(0, "poured", came=251),
            event(-30, "started", came=252),
            core(60, 70.0, came=253, **NAMED),
        ),
        [ENDED],
        [codes.SHOT_WITHOUT_POUR],
        rows={TIMES: [("2026-11-27T09:59:30Z", 240.0)]},
    ),
    "a result that is quicker than the pour": Story(
        (
            lab(400, 401, H_24h_shore=50.0),
            *(event(t, kind, came=402) for t, kind in ((0, "poured"), (240, "demolded"))),
        ),
        [BARE],
        [codes.RECORD_WITHOUT_SHOT],
        rows={"SELECT shot_id, shot_key FROM quality": [("17", None)]},
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_nothing_is_final_against_what_comes_late(press: CasePress, name: str) -> None:
    STORIES[name].holds_on(press)


def test_a_start_that_comes_late_is_in_the_row_at_once(press: CasePress) -> None:
    play(press, event(5, "poured"), event(0, "started", came=30))
    found = press.rows("SELECT started_at, outcome FROM shot")
    assert found == [("2026-11-27T10:00:00Z", None)]


def test_the_end_of_a_shot_that_was_given_up(press: CasePress) -> None:
    """Nobody ended it for hours, as over a break of the link."""
    play(press, *CURED[:2])
    asyncio.run(press.tick(timedelta(hours=5)))
    assert press.rows("SELECT outcome, T_core_max_C FROM shot") == [("timed_out", 70.0)]
    play(press, event(240, "demolded", came=6 * HOUR))
    (kpis,) = press.kpis()
    assert (kpis.outcome, kpis.t_demold_actual_s) == ("demolded", 240.0)
    assert kpis.corrected == [words.LATE_END]
    assert press.rows("SELECT outcome, T_core_max_C FROM shot") == [("demolded", 70.0)]
