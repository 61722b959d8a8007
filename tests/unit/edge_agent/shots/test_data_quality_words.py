"""Every code of the contract has words, and no code is a traceback."""

from __future__ import annotations

from broker.data_quality import CORRECTED, FLAGS, LEFT_OUT_REASONS, STOOD_IN
from edge_agent.shots.data_quality_words import in_words


def test_every_code_is_said_in_words() -> None:
    lines = in_words(
        stood_in=dict(zip("abcdef", [*STOOD_IN, "new"], strict=False)),
        left_out={"T_core_C": dict.fromkeys(LEFT_OUT_REASONS, 2) | {"new": 1}},
        corrected=[*CORRECTED, "new"],
        flags=[*FLAGS, "new"],
        clock_offset_s=-3600.0,
    )
    codes = [*STOOD_IN, "new", *LEFT_OUT_REASONS, "new", *CORRECTED, "new", *FLAGS, "new"]
    assert len(lines) == len(codes) + 1
    assert all(any(code in line for line in lines) for code in codes)
    assert "No reading of a at the pour: the set point of the recipe (recipe) stood in." in lines
    assert "1 reading of T_core_C left out: new." in lines
    assert "The clock of the press is 3600 s behind." in lines
    assert in_words() == []
