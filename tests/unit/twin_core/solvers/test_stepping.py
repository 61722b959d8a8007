"""Events between the ends of a step, where the interpolation does not quite meet them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import odes
from twin_core.arrays import Array
from twin_core.solvers.stepping import CountedRhs, walk


class Off:
    """Whole seconds along y = t / 2, with a dense output that is off by a constant."""

    def __init__(self, off: float) -> None:
        self.t, self.off = 0.0, off

    def step(self) -> tuple[float, Array]:
        self.t += 1.0
        return self.t, np.array([0.5 * self.t])

    def dense(self, times: Array) -> Array:
        return 0.5 * times[:, None] + self.off


@pytest.mark.parametrize("off", [-1e-9, 0.0, 1e-9])
@pytest.mark.parametrize("level", [0.5, 0.5 + 1e-12, 0.7, 1.0 - 1e-12])
def test_an_event_beside_the_end_of_a_step(off: float, level: float) -> None:
    problem = odes.ramp({"level": lambda t, y: y[0] - level}, ())
    rhs = CountedRhs(problem, problem.parameters, 100)
    found = walk(Off(off), rhs, 0.0, problem.y0, np.array([10.0]), frozenset(["level"]))
    (hit,) = found.passed
    assert hit.t_s == pytest.approx(2.0 * level, abs=1e-8)
    assert found.steps == 10
