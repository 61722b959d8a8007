"""Kind 7: names that are nearly known are told; units of the contract are converted."""

from __future__ import annotations

from typing import Any

import pytest

from broker import alert_codes as codes
from broker.data_quality import CONTRADICTS, FROM_DEFAULT, FROM_RECIPE
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
    core,
    event,
    frame,
    lab,
    sent,
)

TOLD = [codes.NAME_NOT_KNOWN]
OF_MOLD = (
    "SELECT json_extract(document, '$.data_quality.stood_in.T_mold_C') FROM prediction"
    " WHERE basis = 'poured'"
)
PRESSURE = "SELECT p_cavity_max_bar FROM shot"


def at_the_pour(**sensors: float) -> Sent:
    return frame(-5, sensors=sensors, **NAMED)


def misnamed(name: str, known: str, value: float = 41.0) -> Story:
    """A reading before the pour under a name that is nearly known."""
    return Story(
        (at_the_pour(**{name: value}), *CURED),
        [ENDED],
        TOLD,
        words=(f"{name} is not known and not used; {known} is meant?",),
        inputs={},
    )


def poured(**recipe: Any) -> Sent:
    return event(0, "poured", recipe=RECIPE | recipe)


STORIES = {
    "the British mould": misnamed("T_mould_C", "T_mold_C"),
    "every word with a capital": misnamed("T_Mold_C", "T_mold_C"),
    "the words of an HMI": misnamed("temp_polyol_C", "T_polyol_C"),
    "the isocyanate in full": misnamed("T_isocyanate_C", "T_iso_C", 25.0),
    "a slip of the pen": misnamed("T_polyl_C", "T_polyol_C"),
    "humidity with a small rh": misnamed("rh_ambient_pct", "RH_ambient_pct", 55.0),
    "the words in another order": misnamed("mold_temp_C", "T_mold_C"),
    "known names among metrics and at the top of the frame": Story(
        (
            frame(-5, metrics={"T_mold_C": 41.0}, **NAMED),
            *SHOT,
            frame(60, metrics={"cycle": 12.0}, T_core_C=70.0, **NAMED),
        ),
        [BARE],
        TOLD * 2,
        words=("metrics.T_mold_C: is kept and not used there; a reading belongs into sensors",),
        inputs={},
    ),
    "a set point among metrics beside its reading": Story(
        (
            frame(-5, sensors={"T_mold_C": 41.0}, metrics={"T_mold_C": 60.0}, **NAMED),
            *CURED,
        ),
        [ENDED],
        inputs={"T_mold_C": 41.0},
    ),
    "a result of an unknown name beside a good one": Story(
        (*CURED, lab(400, 500, H_24h_shore=50.0, density=62.1)),
        [ENDED],
        TOLD,
        words=("density: not known and not used; results are rho_moulded_kg_per_m3",),
    ),
    "the British mould, and a reading under the right name": Story(
        (at_the_pour(T_mould_C=60.0, T_mold_C=41.0), *CURED),
        [ENDED],
        TOLD,
        inputs={"T_mold_C": 41.0},
    ),
    "kelvin, pascal and a fraction": Story(
        (
            at_the_pour(T_mold_K=314.15, T_polyol_K=297.15, RH_ambient_fraction=0.55),
            *CURED,
            frame(70, sensors={"p_cavity_Pa": 160_000}, **NAMED),
        ),
        [ENDED],
        inputs={"T_mold_C": 41.0, "T_polyol_C": 24.0, "RH_ambient_pct": 55.0},
        rows={PRESSURE: [(1.6,)]},
    ),
    "a core in kelvin": Story((*SHOT, frame(60, sensors={"T_core_K": 343.15}, **NAMED)), [ENDED]),
    "a core in fahrenheit, which is no unit of the contract": Story(
        (*CURED, frame(60, sensors={"T_core_F": 158.0}, **NAMED)),
        [ENDED],
        letters=["invalid-field"],
        words=("must end in its unit", "is T_core_C meant?"),
    ),
    "a cavity in millibar, which is none either": Story(
        (*CURED, frame(70, sensors={"p_cavity_mbar": 1600.0}, **NAMED)),
        [ENDED],
        letters=["invalid-field"],
        words=("is p_cavity_bar meant?",),
        rows={PRESSURE: [(None,)]},
    ),
    "two units that contradict": Story(
        (at_the_pour(T_mold_C=41.0, T_mold_K=330.0), *CURED),
        [ENDED],
        [codes.READINGS_LEFT_OUT],
        inputs={"T_mold_C": 41.0},
        words=("330 is 56.85 in T_mold_C, which says 41",),
        rows={
            "SELECT max(json_extract(left_out, '$.T_mold_K.reason')) FROM telemetry": [
                (CONTRADICTS,)
            ]
        },
    ),
    "numbered sensors alone": Story(
        (
            *SHOT,
            *(
                frame(t, sensors={"T_core_C.1": 60.0, "T_core_C.2": 61.0}, **NAMED)
                for t in (60, 90)
            ),
        ),
        [BARE],
        TOLD * 2,
    ),
    "numbered sensors beside the one that counts": Story(
        (*CURED, frame(90, sensors={"T_core_C.1": 60.0, "T_oil_C.1": 50.0}, **NAMED)), [ENDED]
    ),
    "a set point under a British name": Story(
        (poured(T_mould_C=60.0), *CURED[1:]),
        [ENDED],
        TOLD,
        words=("recipe.T_mould_C: T_mould_C is not known and not used; T_mold_C is meant?",),
        rows={OF_MOLD: [(FROM_DEFAULT,)]},
    ),
    "a set point in kelvin": Story(
        (poured(T_mold_K=314.15), *CURED[1:]),
        [ENDED],
        rows={
            OF_MOLD: [(FROM_RECIPE,)],
            "SELECT json_extract(recipe, '$.T_mold_C') FROM shot": [(41.0,)],
        },
    ),
    "readings name their mould_id": Story(
        (*SHOT, core(60, 70.0, mould_id="PANEL_A")), [ENDED], TOLD
    ),
    "an event with a mould_id alone": Story(
        (
            sent(
                0,
                "shot",
                {
                    "ts": "2026-11-27T10:00:00Z",
                    "shot_id": "16",
                    "mould_id": "CUP",
                    "event": "started",
                },
            ),
            *CURED,
        ),
        [ENDED],
        letters=["missing-field"],
        words=("'mould_id' is there: is mold_id meant?",),
    ),
    "the British demoulded": Story(
        (*CURED[:2], event(240, "demoulded")),
        [("PANEL_A", None, None)],
        letters=["invalid-field"],
        words=("event: expected 'started', 'poured', 'demolded' or 'aborted', got 'demoulded'",),
    ),
    "a result in the American spelling": Story(
        (*CURED, lab(400, 500, rho_molded_kg_per_m3=62.1)),
        [ENDED],
        TOLD,
        words=("rho_moulded_kg_per_m3 is meant?",),
    ),
    "a lot and an order in other words": Story(
        (event(0, "poured", orderId="A4711", lot_iso="I-7"), *CURED[1:]),
        [ENDED],
        TOLD * 2,
        words=("order_id is meant?", "lot_isocyanate is meant?"),
    ),
    "channels of other things": Story(
        (at_the_pour(T_oil_C=60.0, T_hall_C=19.0, p_hydraulic_bar=160.0, level_mm=240.0), *CURED),
        [ENDED],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_near_name_is_told(press: CasePress, name: str) -> None:
    STORIES[name].holds_on(press)
