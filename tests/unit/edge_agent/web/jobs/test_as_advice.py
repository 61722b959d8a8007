"""A result of an optimisation as advice: what changes, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from broker.messages import Recipe, ShotEvent
from edge_agent.web.jobs.as_advice import lots_in, proposal_of
from tests.support.live_states import KEY, Heard
from tests.support.predictions import POURED
from twin_core.errors import InputError

JOB = "0" * 20
MOLD = "PANEL_A"
ASKED = {"system_id": "RIGID_PANEL", "mold": MOLD}


def point(T_mold_C: float, t_open_s: float, **more: Any) -> dict[str, Any]:
    return {
        "settings": {"T_mold_C": T_mold_C, "vents_count": 2.0},
        "process": {"m_polyol_kg": 0.191, "m_iso_kg": 0.341, "T_mold_C": T_mold_C},
        "t_open_s": t_open_s,
        "figures": {"cycle_s": t_open_s, "pressure_bar": 1.4, "quality_margin": 0.1},
        "decides": "hardness",
        "violated_share": 0.02,
        "violated_low": 0.01,
        "violated_high": 0.05,
        "draws": 256,
        "confirmed": True,
    } | more


TODAY, CHOSEN = point(40.0, 300.0), point(47.0, 270.0)
RESULT: dict[str, Any] = {
    "today": TODAY,
    "chosen": CHOSEN,
    "front": [CHOSEN, point(44.0, 280.0)],
    "why_chosen": "the shortest safe cycle",
    "gain": {"per_year": 4200.0, "currency": "EUR"},
    "scatter_source": "assumed",
}


def test_what_changes_and_what_is_gained() -> None:
    found = proposal_of(RESULT, ASKED, JOB, None, {"polyol": "P-1"})
    assert {one.name: (one.before, one.value) for one in found.changes} == {
        "T_mold_C": (40.0, 47.0),
        "t_open_s": (300.0, 270.0),
    }
    assert (found.gain_s, found.gain_money_per_year, found.currency) == (30.0, 4200.0, "EUR")
    assert found.expected == {"cycle_s": 270.0, "p_max_bar": 1.4}
    assert (found.system_id, found.lots) == ("RIGID_PANEL", {"polyol": "P-1"})
    assert "hardness decides the opening" in found.why
    assert "2.0 % (1.0 to 5.0 %) of 256 draws" in found.why


def test_what_is_advised_can_be_set_at_a_press() -> None:
    odd = point(54.942117851779415, 185.97187402118226)
    odd["settings"]["vents_count"] = 3.851
    odd["process"] |= {"m_polyol_kg": 0.1923, "m_iso_kg": 0.3397, "T_iso_C": 23.004}
    today = TODAY | {"process": TODAY["process"] | {"T_iso_C": 23.0}}
    found = proposal_of(RESULT | {"today": today, "chosen": odd}, ASKED, JOB, None, {})
    assert {one.name: one.value for one in found.changes} == {
        "T_mold_C": 54.9,
        "m_polyol_kg": 0.192,
        "m_iso_kg": 0.34,
        "vents_count": 4.0,
        "t_open_s": 186.0,
    }
    assert found.gain_s == pytest.approx(300.0 - 186.0)


def test_both_halves_of_a_mold_are_set() -> None:
    """They stay as far apart."""
    halves = [point(T, 300.0) for T in (40.0, 47.0)]
    for half in halves:
        half["process"] |= {"T_mold_2_C": half["process"]["T_mold_C"] + 5.0}
    found = proposal_of(RESULT | dict(zip(("today", "chosen"), halves, strict=True)), ASKED, JOB,
                        None, {})  # fmt: skip
    assert {one.name: one.value for one in found.changes} == {
        "T_mold_C": 47.0,
        "T_mold_2_C": 52.0,
    }


def test_the_chosen_point_by_its_number() -> None:
    """As the page sends it: the front of one goal is the chosen point alone."""
    found = proposal_of(RESULT, ASKED, JOB, 0, {})
    assert found == proposal_of(RESULT, ASKED, JOB, None, {})


def test_another_point_of_the_front_has_no_sum_per_year() -> None:
    found = proposal_of(RESULT, ASKED, JOB, 1, {})
    assert (found.gain_s, found.gain_money_per_year, found.currency) == (20.0, None, None)
    assert "point 1 of the front" in found.why


@pytest.mark.parametrize(
    ("result", "asked", "number", "words"),
    [
        (RESULT | {"chosen": None}, ASKED, None, "no point is feasible"),
        (RESULT, ASKED, 2, "2 points"),
        (RESULT | {"partial": True}, ASKED, 1, "nothing of a partial result is advised"),
        (RESULT | {"chosen": point(47.0, 270.0, confirmed=False)}, ASKED, None, "not confirmed"),
        (RESULT | {"chosen": TODAY}, ASKED, None, "changes nothing"),
        (RESULT | {"today": None}, ASKED, None, "no settings of today"),
        (RESULT, {"system": {}, "mold": MOLD}, None, "no material system"),
    ],
)
def test_what_is_not_advised(
    result: dict[str, Any], asked: dict[str, Any], number: int | None, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        proposal_of(result, asked, JOB, number, {})


def test_a_name_of_no_currency_is_left_out() -> None:
    gain = {"gain": {"per_year": 1.0, "currency": "zloty"}}
    found = proposal_of(RESULT | gain, ASKED | {"system": {"system_id": "X"}}, JOB, None, {})
    assert (found.gain_money_per_year, found.currency) == (1.0, None)


def test_lots_are_those_of_the_newest_pour() -> None:
    heard = Heard()
    assert lots_in(heard.live, KEY) == {}
    pour = ShotEvent(ts=POURED, shot_id="S-1", mold_id=KEY.mold_id, event="poured",
                     system_id="R1", recipe=Recipe(m_polyol_kg=0.4, m_iso_kg=0.5),
                     lot_polyol="P-1")  # fmt: skip
    heard.hear(pour)
    assert lots_in(heard.live, KEY) == {"polyol": "P-1"}
