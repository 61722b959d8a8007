"""Kind 6: a channel that gives no number. It costs its reading, not the frame."""

from __future__ import annotations

import json
from typing import Any

import pytest

from broker import alert_codes as codes
from broker.data_quality import FROM_DEFAULT, FROM_RECIPE, NO_VALUE, NOT_A_NUMBER
from tests.support.case_press import CasePress
from tests.support.stories import (
    CURED,
    ENDED,
    NAMED,
    RECIPE,
    SHOT,
    Sent,
    Story,
    at,
    core,
    event,
    frame,
    lab,
    poured_without,
)

TOLD = [codes.READINGS_LEFT_OUT]
WILD = {
    "null of a channel that was not read": ("null", NO_VALUE),
    "a decimal comma": ('"40,1"', NOT_A_NUMBER),
    "a number with its unit": ('"40.1 °C"', NOT_A_NUMBER),
    "NaN as a text": ('"NaN"', NOT_A_NUMBER),
    "NaN as some libraries write it": ("NaN", NOT_A_NUMBER),
    "minus infinity of a division": ("-Infinity", NOT_A_NUMBER),
    "the state of a limit switch": ("true", NOT_A_NUMBER),
    "the error of a spreadsheet": ('"#DIV/0!"', NOT_A_NUMBER),
    "the quality of OPC UA": ('"BadCommunicationError"', NOT_A_NUMBER),
    "value and quality as an object": ('{"v": 40.1, "q": 192}', NOT_A_NUMBER),
    "the mean, lowest and highest in an array": ("[40.1, 39.8, 40.5]", NOT_A_NUMBER),
    "nothing between quotes": ('""', NOT_A_NUMBER),
    "a detection limit": ('"<5"', NOT_A_NUMBER),
    "more digits than a double has room for": ("1e400", NOT_A_NUMBER),
}


def written(value: str) -> Sent:
    """A frame with this text as the reading of the mold, as it stands."""
    document = {"ts": at(60), "device_id": "plc", "seq": 0, **NAMED}
    document["sensors"] = {"T_core_C": 70.0, "T_mold_C": "?"}
    return Sent(60, "telemetry", json.dumps(document).replace('"?"', value).encode())


STORIES = {
    name: Story(
        (*SHOT, written(value)),
        [ENDED],
        TOLD,
        left_out={"T_mold_C": {reason: 1}},
        rows={
            "SELECT json_extract(left_out, '$.T_mold_C.reason'), json_extract(sensors,"
            " '$.T_core_C') FROM telemetry": [(reason, 70.0)]
        },
    )
    for name, (value, reason) in WILD.items()
}


def at_the_pour(**sensors: Any) -> Sent:
    return frame(-5, sensors=sensors, **NAMED)


STORIES |= {
    "a wild input beside good ones": Story(
        (at_the_pour(T_mold_C=None, T_polyol_C=24.0, T_iso_C=25.0, T_ambient_C="n/a"), *CURED),
        [ENDED],
        TOLD * 2,
        inputs={"T_polyol_C": 24.0, "T_iso_C": 25.0},
    ),
    "counters and states that say nothing": Story(
        (
            *SHOT,
            frame(
                60,
                sensors={"T_core_C": 70.0},
                metrics={"pump": None, "cycle": "12"},
                status={"door": None, "mode": ["auto"]},
                **NAMED,
            ),
        ),
        [ENDED],
        TOLD * 4,
    ),
    "a core that is wild now and then": Story(
        (
            *SHOT,
            *(core(20 + 20 * n, v, **NAMED) for n, v in enumerate((50.0, None, 70.0, "", 60.0))),
        ),
        [ENDED],
        TOLD * 2,
        left_out={"T_core_C": {NO_VALUE: 1, NOT_A_NUMBER: 1}},
        rows={"SELECT frames_count FROM shot": [(5,)]},
    ),
    "a frame of nothing but nulls": Story(
        (*CURED, frame(90, sensors={"T_core_C": None, "T_mold_C": None}, **NAMED)),
        [ENDED],
        TOLD * 2,
        left_out={"T_core_C": {NO_VALUE: 1}, "T_mold_C": {NO_VALUE: 1}},
    ),
    "ids that are null or empty": Story(
        (*SHOT, core(60, 70.0, shot_id=None, mold_id="")),
        [ENDED],
    ),
    "a wild set point beside good masses": Story(
        (event(0, "poured", recipe=RECIPE | {"T_mold_C": None}), *CURED[1:]),
        [ENDED],
        [codes.RECIPE_GAP],
        words=("recipe.T_mold_C: null",),
    ),
    "set points that are texts, true, NaN or nested": Story(
        (
            event(
                0,
                "poured",
                recipe=RECIPE
                | {"T_mold_C": True, "T_polyol_C": "40,1", "T_ambient_C": float("nan")}
                | {"mixing_eff": "n/a", "blowing_agent_pct": {"value": [1, 2]}},
            ),
            *CURED[1:],
        ),
        [ENDED],
        TOLD * 5,
        words=("recipe.T_polyol_C: the text '40,1': send 40.1",),
        rows=poured_without(
            T_iso_C=FROM_RECIPE,
            **dict.fromkeys(
                ("T_mold_C", "T_polyol_C", "T_ambient_C", "mixing_eff", "blowing_agent_pct"),
                FROM_DEFAULT,
            ),
        ),
    ),
    "a wild set point again, and then another one": Story(
        (
            event(0, "poured", recipe=RECIPE | {"T_mold_C": "n/a"}),
            event(0, "poured", came=1, recipe=RECIPE | {"T_mold_C": "n/a"}),
            event(0, "poured", came=2, recipe=RECIPE | {"T_mold_C": "off"}),
            *CURED[1:],
        ),
        [ENDED],
        TOLD,
        ["contradicts-earlier"],
    ),
    "a wild mass beside good set points": Story(
        (event(0, "poured", recipe=RECIPE | {"m_iso_kg": "0,45"}),),
        [],
        letters=["invalid-field"],
        words=("recipe.m_iso_kg: expected a number, got the text '0,45': send 0.45",),
    ),
    "a result that is a text, beside a good one": Story(
        (
            *CURED,
            lab(400, 500, H_24h_shore=50.0, rho_moulded_kg_per_m3="62,1"),
            lab(401, 501, rho_moulded_kg_per_m3="n.m."),
        ),
        [ENDED],
        TOLD,
        ["invalid-field"],
        rows={"SELECT H_24h_shore, rho_moulded_kg_per_m3 FROM quality": [(50.0, None)]},
    ),
    "a wild result beside an impossible and a good one": Story(
        (
            *CURED,
            lab(
                400,
                500,
                H_24h_shore=50.0,
                rho_moulded=None,
                H_demold_shore=-1,
                defects=[None, "void"],
            ),
        ),
        [ENDED],
        [codes.IMPOSSIBLE_READINGS, codes.READINGS_LEFT_OUT],
        rows={"SELECT H_24h_shore, defects FROM quality": [(50.0, '["void"]')]},
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_it_costs_its_channel(press: CasePress, name: str) -> None:
    STORIES[name].holds_on(press)
