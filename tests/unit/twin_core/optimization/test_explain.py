"""Reasons of a point: how a limit gives."""

from __future__ import annotations

import pytest

from twin_core.optimization.explain import loosened


@pytest.mark.parametrize(
    ("name", "now", "then"),
    [
        ("swell_mm", 1.0, 1.1),
        ("alpha_demold", 0.8, 0.72),
        ("T_part_min_C", -10.0, -11.0),
        ("T_wall_max_C", 60.0, 66.0),
    ],
)
def test_a_limit_that_gives_is_looser(name: str, now: float, then: float) -> None:
    """A least temperature below zero, too: as near to zero it would be stricter."""
    assert loosened(name, now, 0.1) == pytest.approx(then)
