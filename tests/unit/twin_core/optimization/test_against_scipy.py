"""The shortest cycle of a press against SciPy's differential evolution, on the same draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import differential_evolution

from twin_core.batch import simulate_many
from twin_core.files import load_scenario
from twin_core.optimization.candidate import Drawn, Rules, judge
from twin_core.optimization.constraints import asked
from twin_core.optimization.draws import deviations, scattered, usual_scatter
from twin_core.optimization.run import optimize
from twin_core.optimization.task import OptimizationTask
from twin_core.optimization.variables import with_values
from twin_core.scenario import SimulationOptions

BOUNDS = {"T_mold_C": (35.0, 50.0), "nco_oh_index": (1.0, 1.2), "m_total_kg": (0.5, 0.6)}
DRAWS = 6


@pytest.mark.peers
@pytest.mark.parametrize("limits", [{}, {"p_max_bar": 1.2}, {"swell_mm": 0.15}])
def test_the_shortest_cycle_is_that_of_scipy(limits: dict[str, Any]) -> None:
    base = load_scenario("rigid_panel").model_copy(
        update={"simulation": SimulationOptions(dimension="0d")}
    )
    scatter = usual_scatter(base)
    rows = deviations(scatter, DRAWS, 1, even=True)
    what = asked(base, limits)
    rules = Rules(what, 0, 1e-9, what.t_max_s, None)

    def longer(x: Any) -> float:
        scenario = with_values(what.scenario, dict(zip(BOUNDS, x.tolist(), strict=True)))
        drawn = Drawn()
        ran = simulate_many([scattered(scenario, list(scatter), row) for row in rows])
        drawn.add(list(range(DRAWS)), ran, what)
        judged = judge(drawn, rules)
        return 1e4 * (1.0 + judged.violation) if judged.violation else judged.reached.t_open_s

    other = differential_evolution(
        longer, list(BOUNDS.values()), rng=1, maxiter=25, popsize=8, tol=1e-6, polish=False
    )
    result = optimize(
        OptimizationTask.model_validate(
            {
                "scenario": base,
                "variables": {n: {"low": low, "high": high} for n, (low, high) in BOUNDS.items()},
                "constraints": limits,
                "draws": DRAWS,
                "confirm_draws": 0,
                "candidates": 600,
            }
        )
    )
    best = min((t.values[0] for t in result.history if t.feasible), default=np.nan)
    assert best == pytest.approx(other.fun, rel=5e-3)
