"""Steps: what holds from one day on until the next."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from edge_agent.virtual_plant.steps import draw_days, steps


def test_steps() -> None:
    found = steps((-2.0, 3.0, 7.5), [[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
    assert [found.at(day) for day in (0.0, 2.99, 3.0, 100.0)] == [
        (1.0, 10.0), (1.0, 10.0), (2.0, 20.0), (3.0, 30.0)
    ]  # fmt: skip
    assert [found.age_days(day) for day in (0.0, 4.0, 8.0)] == [2.0, 1.0, 0.5]


def test_days_cover_the_plant() -> None:
    days = draw_days(np.random.default_rng(1), 60.0, 3.0, 8.0)
    assert -3.0 <= days[0] <= 0.0
    assert days[-1] > 60.0
    assert all(3.0 <= b - a <= 8.0 for a, b in pairwise(days))
