"""The 1D model: limits, convergence, walls, profiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.scenarios import changed, panel, scenario
from twin_core import Scenario, SimulationResult, simulate
from twin_core.models import problem
from twin_core.models import state as s
from twin_core.models.setup import prepare
from twin_core.trajectory import integrate


def deep(base: Scenario, layers: int = 12, **options: Any) -> Scenario:
    return changed(base, simulation={"dimension": "1d", "layers": layers, **options})


ADIABATIC: dict[str, Any] = {"surface_area_m2": 1e-12, "mass_kg": 1e6}


@pytest.mark.parametrize("packing", [0.8, 1.15])
def test_adiabatic_layers_are_the_lump(packing: float) -> None:
    base = changed(panel(packing), mold=ADIABATIC, simulation={"rtol": 1e-9})
    lump = simulate(changed(base, simulation={"dimension": "0d"}))
    layers = simulate(deep(base))
    # every layer is the same foam: equal to the tolerance of both runs
    for name in ("T_core_K", "p_total_Pa", "rho_kg_per_m3", "alpha"):
        assert getattr(layers, name) == pytest.approx(getattr(lump, name), rel=1e-6), name
    assert layers.layers is not None
    assert np.ptp(layers.layers.T_K, axis=1).max() < 1e-6


def test_one_layer_is_the_0d_model() -> None:
    setup = prepare(panel(1.15))
    one, lump = problem.problem(setup, 600.0, 1), problem.problem(setup, 600.0)
    assert one.parameters == lump.parameters
    assert (one.y0 == lump.y0).all()
    assert one.y0.size == s.LAYER_STATES + s.TAIL_STATES


@pytest.fixture(scope="module")
def converging() -> dict[int, SimulationResult]:
    base = scenario("panel_packed")
    return {n: simulate(deep(base, n)) for n in (6, 12, 24, 48)}


def test_twelve_graded_layers_are_enough(converging: dict[int, SimulationResult]) -> None:
    few, many = converging[12], converging[48]
    assert few.p_max_Pa == pytest.approx(many.p_max_Pa, rel=0.01)
    assert few.kpis.rho_skin_kg_per_m3 == pytest.approx(many.kpis.rho_skin_kg_per_m3, rel=0.03)
    assert few.kpis.T_core_max_C == pytest.approx(many.kpis.T_core_max_C, abs=1.0)


def test_more_layers_come_nearer(converging: dict[int, SimulationResult]) -> None:
    exact = converging[48].p_max_Pa
    off = [abs(converging[n].p_max_Pa - exact) for n in (6, 12, 24)]
    assert off[0] > off[1] > off[2]


def test_skin_is_denser_and_colder_than_the_core(converging: dict[int, SimulationResult]) -> None:
    result = converging[12]
    k, layers = result.kpis, result.layers
    assert layers is not None
    assert k.rho_skin_kg_per_m3 > 1.1 * k.rho_core_kg_per_m3
    assert layers.T_K.shape == layers.alpha.shape == layers.rho_kg_per_m3.shape
    assert layers.T_K.shape == (len(result.time_s), 12)
    assert 0.0 < layers.x_ratio[0] < layers.x_ratio[-1] < 1.0
    assert layers.x_ratio + layers.x_ratio[::-1] == pytest.approx(1.0)  # both walls alike
    at_gel = np.searchsorted(result.time_s, k.t_gel_s or 0.0)
    assert layers.T_K[at_gel, 0] < layers.T_K[at_gel, 6] - 10.0
    assert layers.T_K == pytest.approx(layers.T_K[:, ::-1], rel=1e-6)  # symmetric
    assert "layers" in result.as_dict()
    assert "layers" not in result.as_dict(series=False)


def test_half_of_a_symmetric_part_stands_for_all_of_it() -> None:
    base = deep(scenario("panel_packed"), 16, rtol=1e-9)
    half = simulate(base)
    # a hair's breadth of difference between the walls: all sixteen are computed
    whole = simulate(changed(base, process={"T_mold_2_C": 40.0 + 1e-9}))
    assert half.run.y.shape[1] < whole.run.y.shape[1]
    for name in ("T_core_K", "p_total_Pa", "rho_kg_per_m3", "alpha", "T_mold_K"):
        assert getattr(half, name) == pytest.approx(getattr(whole, name), rel=1e-6), name
    for name in ("rho_core_kg_per_m3", "rho_skin_kg_per_m3", "t_tack_free_s"):
        assert getattr(half.kpis, name) == pytest.approx(getattr(whole.kpis, name), rel=1e-4), name
    assert half.t_demold_min_s == pytest.approx(whole.t_demold_min_s, rel=1e-3)
    assert half.release is not None
    assert whole.release is not None
    assert half.release.swell_mm == pytest.approx(whole.release.swell_mm, rel=0.02, abs=1e-3)


def test_walls_of_different_temperature() -> None:
    base = scenario("panel_packed")
    even = simulate(deep(base)).layers
    lopsided = simulate(deep(changed(base, process={"T_mold_C": 30.0, "T_mold_2_C": 60.0}))).layers
    assert even is not None
    assert lopsided is not None
    row = 200
    assert lopsided.T_K[row, 0] < even.T_K[row, 0] < lopsided.T_K[row, -1]
    assert lopsided.rho_kg_per_m3[-1, 0] > lopsided.rho_kg_per_m3[-1, -1]
    # in 0D only their mean is felt
    lump: dict[str, Any] = {"dimension": "0d"}
    mean = changed(base, process={"T_mold_C": 45.0}, simulation=lump)
    both = changed(base, process={"T_mold_C": 30.0, "T_mold_2_C": 60.0}, simulation=lump)
    assert simulate(both).T_core_K == pytest.approx(simulate(mean).T_core_K, abs=0.2)


def test_heat_goes_to_the_colder_wall_more() -> None:
    base = deep(changed(scenario("panel_packed"), process={"T_mold_C": 30.0, "T_mold_2_C": 60.0}))
    run = integrate(base)[0]
    walls = s.tail(run.y)[:, : s.AIR]
    warmed = walls[-1] - walls[0]
    assert warmed[s.WALL_1] > warmed[s.WALL_2]


def test_the_first_generations_name_is_understood() -> None:
    options = changed(panel(1.15), simulation={"dimension": "1d_experimental"}).simulation
    assert options.dimension == "1d"


def test_a_wall_limit_binds() -> None:
    base = deep(scenario("panel_packed"))
    free = simulate(base)
    strict = simulate(changed(base, quality={"T_wall_max_C": 42.0}))
    assert (strict.t_demold_min_s or np.inf) >= (free.t_demold_min_s or 0.0)
    assert "wall_temperature" in strict.demold_margins
