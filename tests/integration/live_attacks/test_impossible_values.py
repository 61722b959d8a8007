"""Kind 5: readings that cannot be. They are missing readings, counted by channel and reason."""

from __future__ import annotations

import msgpack
import pytest

from broker import alert_codes as codes
from broker import data_quality as words
from tests.support.case_press import CasePress
from tests.support.stories import (
    BARE,
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
    play,
    poured_without,
)

IMPOSSIBLE = {words.IMPOSSIBLE: 1}
TOLD = [codes.IMPOSSIBLE_READINGS]


def before_pour(t: float, **sensors: float) -> Sent:
    return frame(t, sensors=sensors, **NAMED)


def in_msgpack(t: float, **sensors: float) -> Sent:
    """A frame of a gateway that speaks MessagePack."""
    document = {"ts": at(t), "device_id": "gw", "seq": 0, "sensors": sensors} | NAMED
    return Sent(t, "telemetry", msgpack.packb(document), content_type="application/msgpack")


STORIES = {
    "a gauge that reads 0 bar, and a probe that breaks": Story(
        (
            *CURED,
            frame(70, sensors={"T_core_C": 850.0, "p_cavity_bar": 0.0}, **NAMED),
        ),
        [ENDED],
        [codes.IMPOSSIBLE_READINGS] * 2,
        left_out={"T_core_C": IMPOSSIBLE, "p_cavity_bar": IMPOSSIBLE},
    ),
    "over-range, under-range and no value of three loggers": Story(
        (*CURED, *(core(70 + n, v, **NAMED) for n, v in enumerate((9.9e37, -9999.0, 32767.0)))),
        [ENDED],
        TOLD,
        left_out={"T_core_C": {words.IMPOSSIBLE: 3}},
        rows={"SELECT frames_count FROM shot": [(4,)]},
    ),
    "a 16-bit word that wraps around while the pressure rises": Story(
        (
            *SHOT,
            frame(50, sensors={"p_cavity_bar": 1.4}, **NAMED),
            frame(60, sensors={"p_cavity_bar": 655.35}, **NAMED),
            frame(70, sensors={"p_cavity_bar": -3.0}, **NAMED),
        ),
        [BARE],
        TOLD,
        left_out={"p_cavity_bar": {words.IMPOSSIBLE: 2}},
        rows={"SELECT p_cavity_max_bar FROM shot": [(1.4,)]},
    ),
    "a wire of the mold breaks just before the pour": Story(
        (before_pour(-60, T_mold_C=41.0), before_pour(-5, T_mold_C=3276.7), *CURED),
        [ENDED],
        TOLD,
        inputs={"T_mold_C": 41.0},
        rows={
            "SELECT json_extract(document, '$.data_quality.stood_in.T_mold_C') FROM prediction"
            " WHERE basis = 'poured'": [(words.FROM_EARLIER,)]
        },
    ),
    "a wire of the mold that is broken all day": Story(
        (*(before_pour(t, T_mold_C=-200.0) for t in (-60, -30, -5)), *CURED),
        [ENDED],
        TOLD,
        inputs={},
        rows={
            "SELECT json_extract(document, '$.data_quality.stood_in.T_mold_C') FROM prediction"
            " WHERE basis = 'poured'": [(words.FROM_DEFAULT,)]
        },
    ),
    "a humidity of 127 %, and a hall of 150 °C": Story(
        (before_pour(-5, RH_ambient_pct=127.0, T_ambient_C=150.0, T_polyol_C=24.0), *CURED),
        [ENDED],
        TOLD * 2,
        inputs={"T_polyol_C": 24.0},
    ),
    "a probe still hot from the part before": Story(
        (
            event(0, "poured"),
            *(core(t, v, **NAMED) for t, v in ((0, 95.0), (1, 90.0), (4, 62.0), (60, 70.0))),
            event(240, "demolded"),
        ),
        [ENDED],
        left_out={"T_core_C": {"probe-still-hot": 3}},
    ),
    "the value of a digital probe that was just switched on": Story(
        (
            event(0, "poured"),
            *(core(t, v, **NAMED) for t, v in ((1, 85.0), (2, 24.0), (60, 70.0))),
            event(240, "demolded"),
        ),
        [ENDED],
        left_out={"T_core_C": {"probe-still-hot": 1}},
    ),
    "the part before in the mold, after the start and before the pour": Story(
        (
            event(-30, "started"),
            *(core(t, v, **NAMED) for t, v in ((-25, 120.0), (-2, 40.0), (60, 70.0))),
            *SHOT,
        ),
        [ENDED],
        left_out={},
    ),
    "a probe that is drawn after the end": Story(
        (*CURED, core(245, 110.0, **NAMED), core(250, 25.0, **NAMED)), [ENDED], left_out={}
    ),
    "zero kelvin of a converter without a signal": Story(
        (*CURED, frame(70, sensors={"T_core_K": 0.0, "T_mold_K": 314.15}, **NAMED)),
        [ENDED],
        TOLD,
        left_out={"T_core_C": IMPOSSIBLE},
    ),
    "infinity and NaN of a gateway in MessagePack": Story(
        (*CURED, in_msgpack(70, T_core_C=float("inf"), T_mold_C=float("nan"), p_cavity_bar=1.2)),
        [ENDED],
        [codes.READINGS_LEFT_OUT] * 2,
        left_out={"T_core_C": {words.NOT_A_NUMBER: 1}, "T_mold_C": {words.NOT_A_NUMBER: 1}},
    ),
    "nothing but impossible readings": Story(
        (*SHOT, *(core(t, -32768.0, **NAMED) for t in (60, 90))),
        [BARE],
        TOLD,
        left_out={"T_core_C": {words.IMPOSSIBLE: 2}},
        rows={
            "SELECT json_extract(left_out, '$.T_core_C.reason') FROM telemetry": [("impossible",)]
            * 2
        },
    ),
    "set points of a recipe that no hall has": Story(
        (event(0, "poured", recipe=RECIPE | {"T_ambient_C": 150.0}), *CURED[1:]),
        [ENDED],
        [codes.IMPOSSIBLE_READINGS],
        words=("recipe.T_ambient_C: 150 is outside -50 to 80",),
        rows=poured_without(T_ambient_C=words.FROM_DEFAULT),
    ),
    "set points of cards that are broken": Story(
        (
            event(0, "poured", recipe=RECIPE | {"T_mold_C": 3276.7, "RH_ambient_pct": 127}),
            *CURED[1:],
        ),
        [ENDED],
        [codes.IMPOSSIBLE_READINGS] * 2,
        words=(
            "recipe.T_mold_C: 3276.7: -50 to 250 is possible",
            "recipe.RH_ambient_pct: 127: 0 to 100 is possible",
        ),
        rows=poured_without(T_mold_C=words.FROM_DEFAULT, RH_ambient_pct=words.FROM_DEFAULT),
    ),
    "a set point in kelvin of a card that is broken, and a reading": Story(
        (
            before_pour(-5, T_mold_C=41.0),
            event(0, "poured", recipe=RECIPE | {"T_mold_K": 3276.7}),
            *CURED[1:],
        ),
        [ENDED],
        [codes.IMPOSSIBLE_READINGS],
        inputs={"T_mold_C": 41.0},
        rows=poured_without(T_mold_C=None, T_iso_C=words.FROM_RECIPE),
    ),
    "an index as it is traded, and a mixing head that does not mix": Story(
        (
            event(0, "poured", recipe=RECIPE | {"nco_oh_index": 105, "mixing_eff": 0.0}),
            *CURED[1:],
        ),
        [ENDED],
        [codes.IMPOSSIBLE_READINGS] * 2,
        words=("not the trade number (105)",),
        rows=poured_without(mixing_eff=words.FROM_DEFAULT),
    ),
    "a mass that no press pours": Story(
        (event(0, "poured", recipe=RECIPE | {"m_iso_kg": 3276.7}),),
        [],
        letters=["invalid-field"],
        words=("recipe.m_iso_kg: 3276.7 is outside 0 to 1000",),
    ),
    "a part without defects, said in words": Story(
        (
            *CURED,
            lab(400, 500, H_24h_shore=50.0, defects=["OK"]),
            lab(410, 501, defects=["keine", "void"]),
        ),
        [ENDED],
        [codes.READINGS_LEFT_OUT],
        words=("'OK' is no defect: where none was found, send []",),
        rows={
            "SELECT defects, json_extract(document, '$.left_out.defects.reason') FROM quality"
            " ORDER BY ts": [("[]", "not-a-number"), ('["void"]', "not-a-number")]
        },
    ),
    "a density in grams and a hardness of 120 beside a good one": Story(
        (
            *CURED,
            lab(400, 500, rho_moulded_kg_per_m3=62100.0, H_24h_shore=120.0, H_demold_shore=30.0),
        ),
        [ENDED],
        [codes.IMPOSSIBLE_READINGS] * 2,
        rows={
            "SELECT rho_moulded_kg_per_m3, H_24h_shore, H_demold_shore FROM quality": [
                (None, None, 30.0)
            ]
        },
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_an_impossible_value_is_a_missing_value(press: CasePress, name: str) -> None:
    STORIES[name].holds_on(press)


def test_no_prediction_shows_one(press: CasePress) -> None:
    play(press, *CURED, core(70, 3276.7, **NAMED), core(80, -9999.0, **NAMED))
    shown = [found.measured.get("T_core_C") for found in press.predictions()]
    assert {value for value in shown if value is not None} == {70.0}


def test_what_is_left_out_is_counted_by_reason(press: CasePress) -> None:
    recipe = RECIPE | {"T_mold_C": 3276.7, "T_ambient_C": 150.0, "mixing_eff": "n/a"}
    play(press, event(0, "poured", recipe=recipe), core(70, 3276.7, **NAMED))
    count = press.work._metrics.left_out.labels
    assert count("p01", words.IMPOSSIBLE)._value.get() == 3
    assert count("p01", words.NOT_A_NUMBER)._value.get() == 1
