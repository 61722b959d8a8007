"""Kind 1: a key that comes again. Equal content is a repeat; other content is another message."""

from __future__ import annotations

import pytest

from broker import alert_codes as codes
from broker.dead_letter_reasons import CONTRADICTS_EARLIER
from tests.support.case_press import CasePress
from tests.support.stories import (
    CURED,
    ENDED,
    HOUR,
    NAMED,
    RECIPE,
    SHOT,
    Story,
    core,
    event,
    frame,
    lab,
)

OF_RESULT = "SELECT s.mold_id, s.poured_at FROM quality q LEFT JOIN shot s USING (shot_key)"
FRAMES = "SELECT count(*) FROM telemetry"
ANOTHER_MASS = RECIPE | {"m_polyol_kg": 0.5}

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
        (*CURED, event(0, "poured", came=245, ts="2026-11-27T11:00:00+01:00")), [ENDED]
    ),
    "an event again with another field of the sender's own": Story(
        (*CURED, event(0, "poured", came=245, hmi_user="night shift")),
        [ENDED],
        letters=[CONTRADICTS_EARLIER],
    ),
    "a pour again with other masses at the same time": Story(
        (*CURED, event(0, "poured", came=245, recipe=ANOTHER_MASS)),
        [ENDED],
        letters=[CONTRADICTS_EARLIER],
        words=("send it once, when the recipe is known", "would begin another shot"),
        rows={"SELECT json_extract(recipe, '$.m_polyol_kg') FROM shot": [(0.35,)]},
    ),
    "a start again with an order, and an end with another id of the sender": Story(
        (
            event(-30, "started"),
            event(-30, "started", came=-20, order_id="4711"),
            *CURED,
            event(240, "demolded", came=250, hmi_user="night shift"),
        ),
        [ENDED],
        letters=[CONTRADICTS_EARLIER] * 2,
        words=("what belongs to the shot goes into its poured", "of several the earliest counts"),
    ),
    "an end whose time was wrong, with the right one": Story(
        (*CURED[:2], event(300, "demolded"), event(240, "demolded", came=310)),
        [ENDED],
        [codes.SECOND_END],
        rows={"SELECT t_demold_actual_s FROM shot": [(240.0,)]},
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
    "a counter that begins anew after the break, and results of both shots": Story(
        (
            *CURED,
            core(100, 65.0, shot_id="17"),
            event(1200, "poured"),
            core(1260, 80.0, shot_id="17"),
            event(1440, "demolded"),
            lab(1000, 1500, H_24h_shore=50.0),
            lab(1500, 1501, H_24h_shore=55.0),
        ),
        [ENDED, ("PANEL_A", "demolded", 80.0)],
        rows={
            f"{OF_RESULT} ORDER BY q.ts": [
                ("PANEL_A", "2026-11-27T10:00:00Z"),
                ("PANEL_A", "2026-11-27T10:20:00Z"),
            ]
        },
    ),
    "an order number as the id of its three parts": Story(
        tuple(
            one
            for begin in (0, 300, 600)
            for one in (
                event(begin, "started", shot="A4711-10"),
                event(begin + 20, "poured", shot="A4711-10"),
                core(begin + 80, 70.0, shot_id="A4711-10"),
                event(begin + 280, "demolded", shot="A4711-10"),
            )
        ),
        [ENDED] * 3,
    ),
    "two molds with one cycle number, and a result that names the mold": Story(
        (
            *CURED,
            event(20, "poured", mold="CUP"),
            core(90, 60.0, mold_id="CUP"),
            event(300, "demolded", mold="CUP"),
            lab(400, 401, mold_id="CUP", rho_moulded_kg_per_m3=62.1),
        ),
        [ENDED, ("CUP", "demolded", 60.0)],
        rows={OF_RESULT: [("CUP", "2026-11-27T10:00:20Z")]},
    ),
    "two molds with one cycle number, and a result that names none": Story(
        (
            *CURED,
            event(20, "poured", mold="CUP"),
            event(300, "demolded", mold="CUP"),
            lab(400, 401, rho_moulded_kg_per_m3=62.1),
        ),
        [ENDED, ("CUP", "demolded", None)],
        [codes.RECORD_OF_SEVERAL],
        words=("CUP, PANEL_A have a shot of this id",),
        rows={OF_RESULT: [(None, None)]},
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
    "times of whole seconds and a count that stands still": Story(
        (*SHOT, *(core(60, value, came=60 + value / 100, **NAMED) for value in (40.0, 70.0, 55.0))),
        [ENDED],
        rows={FRAMES: [(3,)], "SELECT frames_count FROM shot": [(3,)]},
    ),
    "a logger that counts from 0 again after its own restart": Story(
        (
            *SHOT,
            *(core(t, 40.0 + t / 10, seq=int(t / 10), **NAMED) for t in (10, 20, 30)),
            *(core(t, t - 40.0, seq=int(t / 10) - 8, **NAMED) for t in (90, 100, 110)),
        ),
        [ENDED],
        rows={FRAMES: [(6,)]},
    ),
    "a frame twice, as two gateways forward it, and once in another order": Story(
        (
            *SHOT,
            frame(60, sensors={"T_core_C": 70.0, "T_mold_C": 41.0}, **NAMED),
            frame(60, 61, sensors={"T_core_C": 70.0, "T_mold_C": 41.0}, **NAMED),
            frame(60, 62, sensors={"T_mold_C": 41.0, "T_core_C": 70}, **NAMED),
        ),
        [ENDED],
        rows={FRAMES: [(1,)], "SELECT frames_count FROM shot": [(1,)]},
    ),
    "a result again, and another one of the same minute": Story(
        (
            *CURED,
            lab(400, 500, rho_moulded_kg_per_m3=62.1),
            lab(400, 501, rho_moulded_kg_per_m3=62.1),
            lab(400, 502, H_24h_shore=50.0, defects=["void"]),
        ),
        [ENDED],
        rows={
            "SELECT rho_moulded_kg_per_m3, H_24h_shore, shot_key IS NULL FROM quality ORDER BY 1": [
                (None, 50.0, 0),
                (62.1, None, 0),
            ]
        },
    ),
    "a shot played again an hour later, with its times moved": Story(
        (
            *CURED,
            event(HOUR, "poured"),
            core(HOUR + 60, 70.0, **NAMED),
            event(HOUR + 240, "demolded"),
        ),
        [ENDED, ENDED],
        rows={"SELECT count(DISTINCT shot_key) FROM prediction": [(2,)]},
    ),
    "a shot played again with its old times after a restart": Story(
        CURED,
        [ENDED],
        later=(
            event(0, "poured", came=900),
            core(60, 70.0, came=901, **NAMED),
            event(240, "demolded", came=902),
        ),
        rows={
            FRAMES: [(1,)],
            "SELECT frames_count FROM shot": [(1,)],
            "SELECT count(*) FROM prediction WHERE basis = 'final'": [(1,)],
        },
    ),
    "the same end by the clocks of PLC and MES": Story(
        (*CURED, event(240.4, "demolded", device_id="mes")),
        [ENDED],
        [codes.SECOND_END],
        rows={"SELECT t_demold_actual_s FROM shot": [(240.0,)]},
    ),
    "ids that differ in leading zeros alone": Story(
        (
            event(0, "poured", shot="017"),
            core(60, 70.0, shot_id="017"),
            event(240, "demolded", shot="17"),
        ),
        [("PANEL_A", None, None)],
        [codes.SHOT_WITHOUT_POUR],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_equal_content_alone_is_a_repeat(press: CasePress, name: str) -> None:
    STORIES[name].holds_on(press)
