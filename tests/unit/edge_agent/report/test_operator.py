"""The answer for a person at the press: plain words, and what to do."""

from __future__ import annotations

import dataclasses

import pytest

from broker.messages.prediction import Correction, Interval
from edge_agent.inference.offline import Offline
from edge_agent.report.operator import advice, operator_answer
from edge_agent.report.operator_words import (
    ADVICE,
    FOR_OTHERS,
    GOOD,
    MOST_ADVICE,
    NOT_YET,
    PRESSURE,
)
from edge_agent.report.shot_tables import CRITERIA
from tests.support.scenarios import run
from twin_core import SimulationResult
from twin_core.results import demold_window as demold
from twin_core.results.assessment import DIAGNOSTICS, Diagnostic

JARGON = ("alpha", "conversion", "gel", "NCO", "margin", "criterion", "proxy", "index", "_")


def good() -> SimulationResult:
    """A result with figures that do not change when the physics does."""
    return dataclasses.replace(
        run("panel_packed"),
        t_demold_min_s=90.2,
        t_demold_opt_s=91.0,
        t_demold_max_s=900.0,
        demold_binding={"earliest": "hardness", "latest": "cycle"},
        quality_status="OK",
        pressure_status="SAFE",
        p_max_Pa=1.149e5,  # of the 3 bar of the scenario
        risks={},
        diagnostics=[],
    )


def test_a_good_shot() -> None:
    assert operator_answer(good()) == [
        "Open: from 1 min 31 s after the end of injection; best at 1 min 31 s.",
        "Why not earlier: the foam is still too soft.",
        "Good part expected: yes.",
        "Pressure: fine, 39 % of the limit.",
        "Calculated, not measured.",
    ]


def learned(value: float | None = 110.4, words: str = "", known: bool = True) -> Offline:
    """What a model makes of the shot."""
    values = {} if value is None else {"t_demold_min_s": value}
    intervals = {
        name: Interval(low=number - 10.0, high=number + 10.2, coverage=0.9)
        for name, number in values.items()
    }
    correction = Correction(
        model="pour/3", known_at="pour", in_domain=not words, values=values, intervals=intervals
    )
    return Offline("ok", correction if known else None, words)


def test_the_corrected_opening_comes_first_and_the_physics_beside_it() -> None:
    assert operator_answer(good(), learned())[:3] == [
        "Open: from 1 min 51 s after the end of injection; 90 % sure: between 1 min 40 s and "
        "2 min 1 s.",
        "Without what earlier shots taught: from 1 min 31 s; best at 1 min 31 s.",
        "Why not earlier: the foam is still too soft.",
    ]


def test_a_corrected_opening_behind_the_window() -> None:
    lines = operator_answer(good(), learned(950.0))
    assert lines[0].startswith("Open: from 15 min 50 s after")
    assert "There is no good moment to open. Call the process engineer." in lines


def test_without_a_correction_the_reason_is_said() -> None:
    physics = "Open: from 1 min 31 s after the end of injection; best at 1 min 31 s."
    for given, reason in (
        (learned(known=False, words="no model for the pour is promoted"), "no model for the pour"),
        (learned(None, "withheld: proc_T_ambient_C is 23."), "withheld: proc_T_ambient_C is 23."),
        (learned(None), "the model does not correct the opening."),
    ):
        lines = operator_answer(good(), given)
        assert lines[0] == physics
        (line,) = [line for line in lines if line.startswith("Not corrected by experience: ")]
        assert reason in line
        assert not line.endswith("..")


def test_a_bad_shot_says_the_two_things_that_matter_most() -> None:
    codes = ("INDEX_MISMATCH", "CORE_TOO_HOT", "DENSITY_HIGH")
    found = [Diagnostic(code, DIAGNOSTICS[code]) for code in codes]
    bad = dataclasses.replace(good(), quality_status="FAIL", diagnostics=found)
    lines = operator_answer(bad)
    assert "Good part expected: no." in lines
    assert [line for line in lines if line.startswith("To do: ")] == [
        "To do: The core gets too hot and may scorch. Pour cooler, and cut a part open.",
        "To do: The two liquids were not dosed as the recipe says. Check both pumps.",
    ]


def test_there_is_advice_for_every_diagnostic_and_none_for_others() -> None:
    assert set(ADVICE) | FOR_OTHERS == set(DIAGNOSTICS)
    assert not set(ADVICE) & FOR_OTHERS
    everything = [Diagnostic(code, words) for code, words in DIAGNOSTICS.items()]
    result = dataclasses.replace(run("panel_packed"), diagnostics=everything)
    assert advice(result) == list(ADVICE.values())[:MOST_ADVICE]
    unknown = dataclasses.replace(result, diagnostics=[Diagnostic("NEW", "something new")])
    assert advice(unknown) == ["something new."]


def test_no_window_late_ends_and_close_limits() -> None:
    result = good()
    none = dataclasses.replace(
        result,
        t_demold_min_s=None,
        t_demold_opt_s=None,
        t_demold_max_s=None,
        demold_binding={"earliest": "hardness", "latest": None},
    )
    assert operator_answer(none)[:2] == [
        "Open: not within 30 min 0 s.",
        "Why not: the foam is still too soft.",
    ]
    late = dataclasses.replace(
        result,
        t_demold_max_s=200.9,
        demold_binding={"earliest": "cure", "latest": "shrink"},
        quality_status="MARGINAL",
        pressure_status="NEAR_LIMIT",
        risks={"core_temperature": 0.3, "fill": 0.0},
    )
    text = "\n".join(operator_answer(late))
    assert "Not later than 3 min 20 s: then the part would shrink." in text  # down
    assert "Good part expected: just, at least one limit is close." in text
    assert "Pressure: close to what the mold may take, 39 % of the limit." in text
    assert "Close to its limit: core temperature." in text


def test_every_criterion_has_words() -> None:
    assert set(demold.CRITERIA) == set(NOT_YET)
    assert set(NOT_YET) | {"cycle"} == set(CRITERIA)


@pytest.mark.parametrize("words", [*NOT_YET.values(), *ADVICE.values(), *PRESSURE.values()])
def test_no_jargon(words: str) -> None:
    for term in JARGON:
        assert term not in words


def test_every_verdict_has_words() -> None:
    assert set(GOOD) == {"OK", "MARGINAL", "FAIL"}
    assert set(PRESSURE) == {"SAFE", "NEAR_LIMIT", "OVER_LIMIT"}
