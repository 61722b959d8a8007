"""Which set points and values may be advised."""

from __future__ import annotations

from typing import Any

import pytest

from broker.messages import AdviceProposal
from edge_agent.web.possible_advice import impossible_in


def problems(*changes: dict[str, Any], **more: Any) -> dict[str | None, str]:
    fields = {"system_id": "R1", "changes": list(changes), "why": "sooner"} | more
    found = impossible_in(AdviceProposal.model_validate(fields))
    return {one.pointer: one.detail for one in found}


USUAL = {"name": "T_mold_C", "value": 47.0, "before": 45.0}


def test_what_a_press_can_be_set_to() -> None:
    others = [
        {"name": "t_open_s", "value": 270.0},
        {"name": "vents_count", "value": 3.0},
        {"name": "n_mixer_rpm", "value": 4000.0},
    ]
    expected = {"p_max_bar": 1.4, "cycle_s": 270.0, "T_core_max_C": 120.0}
    assert problems(USUAL, *others, gain_s=-12.0, expected=expected) == {}
    assert problems(USUAL | {"before": 130.0}) == {}, "today may be outside of what is advised"


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"name": "T_nope", "value": -1e300}, "name", "no set point of a press"),
        ({"name": "T_molds_C", "value": 45.0}, "name", "is T_mold_C meant?"),
        ({"name": "T_mold_C", "value": 500.0}, "value", "500 is outside 0 to 120 C"),
        ({"name": "vents_count", "value": 2.2}, "value", "no whole number"),
        ({"name": "n_mixer_rpm", "value": -1.0}, "value", "outside"),
        ({"name": "m_iso_kg", "value": 0.3, "before": -1e300}, "before", "outside"),
        ({"name": "t_open_s", "value": 300.0, "before": -1.0}, "before", "outside"),
        ({"name": "T_polyol_C", "value": 24.5}, "name", "T_polyol_C is advised twice"),
    ],
)
def test_what_none_can(change: dict[str, Any], field: str, words: str) -> None:
    found = problems({"name": "T_polyol_C", "value": 24.0}, change)
    assert found.keys() == {f"#/changes/1/{field}"}
    assert words in found[f"#/changes/1/{field}"]


def test_what_cannot_be_expected() -> None:
    found = problems(USUAL, gain_s=-1e300, expected={"T_core_C": 1e300})
    assert found.keys() == {"#/gain_s", "#/expected/T_core_C"}
