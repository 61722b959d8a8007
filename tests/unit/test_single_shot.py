"""One call for a shot and its free rise; curves that are computed when they are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.scenarios import changed, panel, scenario
from twin_core import (
    BudgetExceeded,
    free_rise_density,
    simulate,
    simulate_many,
    simulate_with_free_rise,
)
from twin_core.single_shot import key_figures


@pytest.mark.parametrize("backend", ["manual", "solve_ivp"])
def test_the_shot_and_its_free_rise_are_those_of_two_calls(backend: str) -> None:
    base = scenario("panel_packed")
    both, density = simulate_with_free_rise(base, backend)
    alone = simulate(base, backend)
    assert both.as_dict() == alone.as_dict()
    assert density == free_rise_density(base, backend)
    assert key_figures(base, backend) == alone.kpis


def test_a_cup_has_no_free_rise_beside_it() -> None:
    base = scenario("cup_25C_system_r1")
    both, density = simulate_with_free_rise(base)
    assert density is None
    assert both.kpis == simulate(base).kpis


def test_a_shot_that_cannot_be_simulated_is_an_error() -> None:
    with pytest.raises(BudgetExceeded, match="more than the allowed 100 evaluations"):
        simulate_with_free_rise(changed(panel(1.15), simulation={"max_evaluations": 100}))


def test_curves_do_not_depend_on_what_is_asked_first() -> None:
    base = scenario("use_case_1")
    one, other = simulate(base), simulate(base)
    hardness = one.hardness_shore
    assert np.array_equal(other.T_core_K, one.T_core_K)
    assert np.array_equal(other.hardness_shore, hardness)
    assert one.time_s.shape == hardness.shape == one.fill_ratio.shape


def test_a_batch_runs_through_the_same_call() -> None:
    base = panel(1.15)
    alone = simulate(changed(base, simulation={"rtol": 1e-6}))
    many = simulate_many([base])
    assert many["p_max_Pa"][0] == pytest.approx(alone.p_max_Pa, rel=1e-9)
