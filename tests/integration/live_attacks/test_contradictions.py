"""Kind 4: messages that contradict each other, and readings of no shot. Both are told."""

from __future__ import annotations

import pytest

from broker import alert_codes as codes
from broker import data_quality as words
from tests.support.case_press import CasePress
from tests.support.stories import (
    BARE,
    CURED,
    ENDED,
    NAMED,
    SHOT,
    Story,
    core,
    event,
    frame,
    lab,
    play,
)

CUP = {"mold_id": "CUP"}
IN_TWO = (
    event(0, "poured"),
    event(20, "poured", shot="18", mold="CUP"),
    event(240, "demolded"),
    event(260, "demolded", shot="18", mold="CUP"),
)
NO_SHOT = "SELECT count(*) FROM telemetry WHERE shot_key IS NULL"
OPEN = ("PANEL_A", None, None)
CUP_BARE = ("CUP", "demolded", None)

STORIES = {
    "a press with one mold names nothing in its readings": Story(
        (*SHOT, core(60, 70.0), core(120, 65.0)), [ENDED], rows={NO_SHOT: [(0,)]}
    ),
    "a press with one mold between two shots": Story(
        (*SHOT, core(60, 70.0), core(250, 35.0), event(300, "poured", shot="18"), core(320, 31.0)),
        [ENDED, OPEN],
        rows={NO_SHOT: [(1,)]},
    ),
    "two molds cure, and readings name none": Story(
        (*IN_TWO, core(10, 40.0), *(core(t, 70.0) for t in (60, 90, 120))),
        [("PANEL_A", "demolded", 40.0), CUP_BARE],
        [codes.READINGS_WITHOUT_SHOT],
        words=("send mold_id or shot_id as the events do",),
        rows={NO_SHOT: [(3,)]},
    ),
    "readings name a mold that no event names": Story(
        (*SHOT, *(core(t, 70.0, mold_id="PANEL-A") for t in (60, 100, 130))),
        [BARE],
        [codes.READINGS_WITHOUT_SHOT],
        rows={NO_SHOT: [(3,)]},
    ),
    "a logger of two minutes names a mold that no event names": Story(
        (
            event(0, "poured"),
            *(core(t, 70.0, mold_id="panel_a") for t in range(10, 1000, 120)),
            event(1100, "demolded"),
        ),
        [BARE],
        [codes.READINGS_WITHOUT_SHOT],
    ),
    "readings name a shot that no event names": Story(
        (*SHOT, *(core(t, 70.0, shot_id="71") for t in (60, 100, 130))),
        [BARE],
        [codes.READINGS_WITHOUT_SHOT],
    ),
    "readings name a shot with another mold": Story(
        (*SHOT, *(core(t, 70.0, shot_id="17", **CUP) for t in (60, 100, 130))),
        [BARE],
        [codes.READINGS_WITHOUT_SHOT],
    ),
    "readings name the shot of one mold and the mold of another": Story(
        (*IN_TWO, *(core(t, 70.0, shot_id="17", **CUP) for t in (60, 100, 130))),
        [BARE, CUP_BARE],
        [codes.READINGS_WITHOUT_SHOT],
        rows={NO_SHOT: [(3,)]},
    ),
    "readings go on under the id of the shot before": Story(
        (
            *CURED,
            event(260, "poured", shot="18"),
            *(core(t, 60.0, shot_id="17") for t in (280, 320, 345)),
            event(500, "demolded", shot="18"),
        ),
        [ENDED, BARE],
        [codes.READINGS_WITHOUT_SHOT],
        words=("of shot_id 17, which has ended, while the next one cures in its mold",),
    ),
    "the id of the shot before in the first readings alone": Story(
        (
            *CURED,
            event(260, "poured", shot="18"),
            core(262, 30.0, shot_id="17"),
            core(320, 70.0, shot_id="18"),
            event(500, "demolded", shot="18"),
        ),
        [ENDED, ENDED],
    ),
    "a pour that PLC and MES report with a clock each": Story(
        (
            event(0, "poured"),
            event(1, "poured", came=2, device_id="mes"),
            core(60, 70.0, **NAMED),
            event(240, "demolded"),
        ),
        [("PANEL_A", "superseded", None), ENDED],
        [codes.POURED_AGAIN],
        words=("1 s after its pour the next shot of the mold began",),
    ),
    "started on one mold, poured into another, and its readings name the shot": Story(
        (
            event(-20, "started"),
            event(0, "poured", mold="CUP"),
            core(60, 70.0, shot_id="17", **NAMED),
            core(90, 65.0, shot_id="17", **CUP),
            event(240, "demolded", mold="CUP"),
        ),
        [("CUP", "demolded", 70.0)],
        [codes.MOLD_CHANGED],
        words=("poured into CUP, but other events of the shot name PANEL_A",),
    ),
    "started on one mold, poured into another, and its readings name the first": Story(
        (
            event(-20, "started"),
            event(0, "poured", mold="CUP"),
            *(core(t, 70.0, **NAMED) for t in (60, 100, 130)),
            event(240, "demolded", mold="CUP"),
        ),
        [CUP_BARE],
        [codes.MOLD_CHANGED, codes.READINGS_WITHOUT_SHOT],
    ),
    "an end names another mold": Story(
        (event(0, "poured"), core(60, 70.0, **NAMED), event(240, "demolded", mold="CUP")),
        [ENDED],
        [codes.MOLD_CHANGED],
    ),
    "demolded, and then aborted": Story(
        (*CURED, event(241, "aborted")), [ENDED], [codes.SECOND_END]
    ),
    "aborted, and then demolded": Story(
        (*CURED[:2], event(230, "aborted"), event(240, "demolded")),
        [("PANEL_A", "aborted", 70.0)],
        [codes.SECOND_END],
        words=("the first end counts",),
    ),
    "an end before the pour": Story(
        (event(0, "poured"), core(60, 70.0, **NAMED), event(-5, "demolded", came=240)),
        [OPEN],
        [codes.SHOT_WITHOUT_POUR],
    ),
    "started twice and poured once": Story(
        (event(-60, "started", shot="16"), event(-20, "started"), *CURED),
        [ENDED],
        [codes.SHOT_WITHOUT_POUR],
        rows={"SELECT started_at FROM shot": [("2026-11-27T09:59:40Z",)]},
    ),
    "an end of a shot that began before the agent listened": Story(
        (event(-5, "demolded", shot="16"), *CURED), [ENDED], [codes.SHOT_WITHOUT_POUR]
    ),
    "a result names another mold than the shot": Story(
        (*CURED, lab(400, 401, H_24h_shore=50.0, **CUP)),
        [ENDED],
        [codes.RECORD_WITHOUT_SHOT],
        words=("mold CUP",),
        rows={"SELECT shot_key, mold_id FROM quality": [(None, "CUP")]},
    ),
    "results older than the shot, and of an id that nobody poured": Story(
        (*CURED, lab(-100, 500, H_24h_shore=50.0), lab(400, 500, shot_id="71", H_24h_shore=50.0)),
        [ENDED],
        [codes.RECORD_WITHOUT_SHOT] * 2,
    ),
    "a system that nobody knows": Story(
        (event(0, "poured", system_id="SYSTEM_R2"), *CURED[1:]),
        [ENDED],
        rows={
            "SELECT DISTINCT status, json_extract(document, '$.diagnostics[0].code')"
            " FROM prediction": [("hold", "NOT_SIMULATED")]
        },
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_contradiction_is_told(press: CasePress, name: str) -> None:
    STORIES[name].holds_on(press)


def test_a_prediction_says_that_the_mold_was_changed(press: CasePress) -> None:
    play(press, event(-20, "started"), event(0, "poured", mold="CUP"), frame(9, metrics={"x": 1}))
    newest = press.predictions()[-1]
    assert newest.mold_id == "CUP"
    assert words.MOLD_CHANGED in newest.data_quality.flags
