"""The interval of the demold window: what is varied, and that it holds what it says."""

from __future__ import annotations

import pytest

from tests.support.panels import SYSTEMS, panel_of
from tests.support.scenarios import catalogue, run
from twin_core import Scenario, SimulationResult, simulate
from twin_core.parameters import Parameter
from twin_core.sweep import read_path
from twin_core.window_interval import VARIED, varied, window_interval


@pytest.fixture(scope="module", params=["SYSTEM_M1", "WATER_CYCLOPENTANE"])
def panel(request: pytest.FixtureRequest) -> SimulationResult:
    return simulate(panel_of(request.param, 60.0, 1.3))


def test_it_is_around_the_window_and_made_of_its_effects(panel: SimulationResult) -> None:
    found = window_interval(panel)
    assert found is not None
    assert found.t_min_s == panel.t_demold_min_s
    assert found.t_min_high_s is not None
    assert found.t_min_low_s < found.t_min_s < found.t_min_high_s
    assert found.swell_low_mm <= panel.swell_at_min["swell_mm"] * 1.1 + 1e-3
    assert found.swell_high_mm >= panel.swell_at_min["swell_mm"] * 0.9 - 1e-3
    assert found.assumed_count == len(panel.scenario.system.assumed())
    later = sum(max(*(t - found.t_min_s for t in e.t_min_s), 0.0) ** 2 for e in found.effects)
    assert found.t_min_high_s - found.t_min_s == pytest.approx(later**0.5, rel=2e-3)


@pytest.mark.parametrize(
    ("system_id", "thickness_mm", "packing", "wall_C"),
    [
        pytest.param("SYSTEM_R1", 150.0, 2.5, 80.0, marks=pytest.mark.peers),
        pytest.param("WATER_CYCLOPENTANE", 50.0, 1.5, 80.0, marks=pytest.mark.peers),
        ("RIGID_PANEL", 100.0, 1.15, 40.0),
    ],
)
def test_it_does_not_begin_while_the_skin_sticks(
    system_id: str, thickness_mm: float, packing: float, wall_C: float
) -> None:
    """Where swell or strength decides, their uncertain numbers reach down to the pour itself."""
    panel = simulate(panel_of(system_id, thickness_mm, packing, wall_C))
    assert panel.demold_binding["earliest"] in {"swell", "strength"}
    found = window_interval(panel)
    assert found is not None
    sticks_until = panel.kpis.t_tack_free_s
    assert sticks_until is not None
    assert 0.6 * sticks_until < found.t_min_low_s <= found.t_min_s


@pytest.mark.peers
def test_it_ends_with_the_longest_cycle() -> None:
    """Later openings were not looked at: there is no window then, as with a single number."""
    panel = simulate(panel_of("R11_BASER_KHAKHAR_1994", 100.0, 1.2, 60.0))
    found = window_interval(panel)
    assert found is not None
    assert found.t_min_s < panel.scenario.quality.t_cycle_max_s
    assert all(t is not None for e in found.effects for t in e.t_min_s)
    assert found.t_min_high_s is None


def test_an_effect_is_that_of_a_run_with_the_number(panel: SimulationResult) -> None:
    found = window_interval(panel)
    assert found is not None
    most = found.effects[0]
    part, _, name = most.path.partition(".")
    system = panel.scenario.system
    for value, t_min in zip((most.low, most.high), most.t_min_s, strict=True):
        old = getattr(getattr(system, part), name)
        new = Parameter(value=value, unit="1", kind="assumed", source="test")
        if old is not None:
            new = old.model_copy(update={"value": value})
        changed = system.model_copy(
            update={part: getattr(system, part).model_copy(update={name: new})}
        )
        again = simulate(panel.scenario.model_copy(update={"system": changed}))
        assert t_min == pytest.approx(again.t_demold_min_s, rel=2e-3)


@pytest.mark.parametrize("system_id", SYSTEMS)
def test_what_is_varied_is_not_known(system_id: str) -> None:
    shot: Scenario = panel_of(system_id)
    assumed = set(catalogue()[system_id].assumed())
    plan = varied(shot)
    for each, low, high in plan:
        assert low < high
        part, _, name = each.path.partition(".")
        given = getattr(getattr(shot.system, part), name)
        if given is not None:
            assert low < read_path(shot, f"system.{each.path}") < high
            assert each.path in assumed or given.spread is not None or name == "conversion"
    assert {v.path for v in VARIED if v.path in assumed} <= {each.path for each, _, _ in plan}


def test_a_measured_number_is_not_varied() -> None:
    shot = panel_of("SYSTEM_R1")
    mechanics = shot.system.mechanics
    measured = mechanics.T_glass_cured.model_copy(update={"kind": "measured"})
    system = shot.system.model_copy(
        update={"mechanics": mechanics.model_copy(update={"T_glass_cured": measured})}
    )
    known = shot.model_copy(update={"system": system})
    before, after = ({each.path for each, _, _ in varied(s)} for s in (shot, known))
    assert before - after == {"mechanics.T_glass_cured"}


def test_without_a_window_there_is_none() -> None:
    assert window_interval(run("cup_25C_system_r1")) is None
