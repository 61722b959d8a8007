"""The whole of it, on the quick model of one layer: a shot takes a millisecond."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from twin_core.batch import BatchResult, simulate_many
from twin_core.errors import InputError
from twin_core.files import load_scenario
from twin_core.optimization import evaluation
from twin_core.optimization.candidate import Drawn, Rules, judge
from twin_core.optimization.constraints import asked
from twin_core.optimization.draws import deviations, scattered, usual_scatter
from twin_core.optimization.random_search import random_shares
from twin_core.optimization.result import OptimizationResult, Progress
from twin_core.optimization.run import optimize
from twin_core.optimization.task import OptimizationTask
from twin_core.optimization.variables import with_values
from twin_core.scenario import Scenario, SimulationOptions

QUICK = load_scenario("rigid_panel").model_copy(
    update={"simulation": SimulationOptions(dimension="0d")}
)
SMALL = {"draws": 8, "confirm_draws": 24, "samples": 8, "candidates": 40}
VARIABLES = {"T_mold_C": {"low": 35, "high": 50}, "m_total_kg": {"low": 0.5, "high": 0.6}}


def task(**given: Any) -> OptimizationTask:
    start = {"scenario": QUICK, "variables": VARIABLES, **SMALL}
    return OptimizationTask.model_validate(start | given)


@lru_cache
def found() -> OptimizationResult:
    return optimize(task())


def test_better_than_today_and_than_random() -> None:
    result = found()
    assert result.chosen is not None
    assert result.today is not None
    assert result.random_best is not None
    assert result.gain is not None
    assert result.gain.cycle_s == pytest.approx(result.today.t_open_s - result.chosen.t_open_s)
    assert result.gain.cycle_s > 0.0
    assert min(t.values[0] for t in result.history if t.feasible) <= result.random_best.values[0]
    assert result.candidates <= 40
    assert result.chosen.confirmed
    assert result.chosen.violations <= 0.05 * result.chosen.draws
    assert result.chosen.violated_low <= result.chosen.violated_share <= result.chosen.violated_high
    assert result.binding is not None
    assert result.binding.criterion == result.chosen.decides
    assert set(result.scatter_effects_s) == set(result.scatter)
    assert [item.name for item in result.sensitivities] == list(VARIABLES)


def test_every_shot_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    shots = list[int]()

    def counted(given: Sequence[Scenario], workers: int) -> BatchResult:
        shots.append(len(given))
        return simulate_many(given, workers=workers)

    monkeypatch.setattr(evaluation, "simulate_many", counted)
    result = optimize(task(constraints={"swell_mm": 0.05}, samples=4, candidates=4))
    assert result.binding is not None
    assert result.binding.gives
    assert result.simulations == sum(shots)


def test_the_same_task_gives_the_same() -> None:
    assert optimize(task()).as_dict() == found().as_dict()


def test_plain_data_with_the_names_of_the_first_generation() -> None:
    data = json.loads(json.dumps(found().as_dict(), allow_nan=False))
    assert data["baseline"]["settings"]["T_mold_C"] == 40.0
    assert data["candidate"] == data["optimized"]["settings"]
    assert len(data["history"]) >= 8


def test_the_best_random_candidate_is_exact() -> None:
    """The same as looking at every draw of every one."""
    given = task(candidates=8)
    result = optimize(given)
    rows = deviations(usual_scatter(QUICK), 8, 1, even=True)
    names = list(usual_scatter(QUICK))
    rules = Rules(asked(QUICK, {}), 0, 1e-9, 1800.0, None)
    times = []
    for share in random_shares(8, 2, 1):
        values = {"T_mold_C": 35.0 + 15.0 * share[0], "m_total_kg": 0.5 + 0.1 * share[1]}
        base = with_values(QUICK, values)
        drawn = Drawn()
        ran = simulate_many([scattered(base, names, row) for row in rows])
        drawn.add(list(range(8)), ran, rules.what)
        judged = judge(drawn, rules)
        times.append(judged.reached.t_open_s if judged.violation == 0.0 else np.inf)
    assert result.random_best is not None
    assert result.random_best.values[0] == pytest.approx(min(times), rel=1e-9)


def test_a_looser_limit_is_never_longer() -> None:
    """Also after the search has moved on."""
    cycles = []
    for swell in (0.05, 0.2, 1.0):
        result = optimize(task(constraints={"swell_mm": swell}, draws=1, confirm_draws=0))
        assert result.chosen is not None
        cycles.append(min(t.values[0] for t in result.history if t.feasible))
    assert cycles[0] >= cycles[1] - 0.5
    assert cycles[1] >= cycles[2] - 0.5


def test_a_search_that_is_ended_keeps_what_it_has() -> None:
    seen: list[Progress] = []
    result = optimize(
        task(), progress=seen.append, cancelled=lambda: bool(seen) and seen[-1].done >= 15
    )
    assert result.partial
    assert result.chosen is not None
    assert not result.chosen.confirmed
    assert 0 < len(result.history) < len(found().history)
    json.dumps(result.as_dict(), allow_nan=False)
    early = optimize(task(), cancelled=lambda: True)
    assert early.partial
    assert early.chosen is None
    json.dumps(early.as_dict(), allow_nan=False)
    now = seen[-1].partial()
    assert now.partial
    assert now.chosen is not None
    assert seen[-1].best is not None
    assert [p.done for p in seen] == sorted(p.done for p in seen)


@pytest.mark.parametrize("count", [1, 3])
def test_no_more_candidates_than_are_allowed(count: int) -> None:
    assert optimize(task(samples=1, candidates=count, confirm_draws=0)).candidates == count


def test_the_best_so_far_lies_within_the_bounds() -> None:
    """Today does not: it is shown beside, but not as what was found."""
    seen: list[Progress] = []
    bounds = {"T_mold_C": {"low": 35, "high": 38}}
    optimize(task(variables=bounds, samples=4, candidates=4), progress=seen.append)
    best = [now.best["settings"]["T_mold_C"] for now in seen if now.best is not None]
    assert best
    assert all(35.0 <= value <= 38.0 for value in best)


def test_it_goes_on_from_an_earlier_search() -> None:
    again = optimize(task(samples=1, candidates=1), start=found().population)
    assert again.chosen is not None
    assert again.chosen.t_open_s <= found().chosen.t_open_s + 1e-9  # type: ignore[union-attr]


def test_the_heater_becomes_limited_on_the_way() -> None:
    change = {
        "after_candidates": 20,
        "why": "heater limited",
        "variables": {"T_mold_C": {"low": 35, "high": 42}},
    }
    result = optimize(task(changes=[change], confirm_draws=0))
    assert result.chosen is not None
    assert result.chosen.settings["T_mold_C"] <= 42.0
    assert result.notes == ("after 20 candidates: heater limited",)
    assert result.random_count == 8
    assert result.random_best is not None, "judged by the last limits"
    assert result.random_best.settings["T_mold_C"] <= 42.0


def test_a_search_can_be_ended_while_a_setting_is_added() -> None:
    more = {"T_iso_C": {"low": 20, "high": 30}}
    change = {"after_candidates": 8, "why": "a heater more", "variables": more}
    given = task(changes=[change], samples=8, candidates=12, confirm_draws=0)
    noted = list[bool]()

    def partial(now: Progress) -> None:
        noted.append(bool(now.partial().notes))

    assert optimize(given, progress=partial).candidates >= 12
    calls = iter(range(len(noted)))
    ended = optimize(given, cancelled=lambda: next(calls) > noted.index(True))
    assert ended.partial
    assert ended.notes


def test_the_opening_time_on_steps_and_within_bounds() -> None:
    bounds = {"low": 300.0, "high": 600.0, "step": 10.0}
    result = optimize(task(variables={**VARIABLES, "t_open_s": bounds}, candidates=20))
    assert result.chosen is not None
    assert result.chosen.t_open_s >= 300.0
    assert result.chosen.t_open_s % 10.0 == pytest.approx(0.0, abs=1e-9)


def test_what_is_counted_is_moved_by_whole_numbers() -> None:
    variables = {"vents_count": {"low": 1, "high": 16}}
    result = optimize(task(variables=variables, samples=2, candidates=2, confirm_draws=0))
    assert result.chosen is not None
    (item,) = result.sensitivities
    assert all(value % 1.0 == 0.0 for value in (item.value, item.up, item.down) if value)
    assert all(tried.settings["vents_count"] % 1.0 == 0.0 for tried in result.history)


def test_nothing_is_feasible() -> None:
    result = optimize(task(constraints={"t_cycle_max_s": 20.0}, candidates=20))
    assert not result.feasible
    assert result.nearest is not None
    assert result.in_the_way[0].criterion == "cycle"
    assert result.in_the_way[0].limits == {"t_cycle_max_s": 20.0}
    assert result.in_the_way[0].worst is not None
    assert result.in_the_way[0].worst < 0.0
    json.dumps(result.as_dict(), allow_nan=False)


def test_a_front() -> None:
    seen: list[Progress] = []
    goals = {"goals": ["cycle", "material"], "prefer": {"material": 1.0}, "front_points": 5}
    result = optimize(task(**goals, candidates=60), progress=seen.append)
    so_far = next(p for p in seen if p.phase == "confirm").partial()
    assert so_far.partial
    assert 1 <= len(so_far.front) <= 5
    assert so_far.chosen == so_far.front[-1]
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert 2 <= len(result.front) <= 5
    cycles = [point.figures["cycle_s"] for point in result.front]
    masses = [point.figures["material_kg"] for point in result.front]
    assert cycles == sorted(cycles)
    assert masses == sorted(masses, reverse=True)
    assert result.chosen == result.front[-1]
    assert all(point.confirmed for point in result.front)
    assert result.candidates <= 60


def test_a_quality_margin_is_bought_with_time() -> None:
    result = optimize(task(goals=["cycle", "quality_margin"], candidates=60, front_points=4))
    margins = [point.figures["quality_margin"] for point in result.front]
    assert margins == sorted(margins)
    assert margins[-1] > margins[0]


def test_the_lowest_pressure_of_nearly_equal_margins() -> None:
    """A goal of which more is better: nearly equal is below the best."""
    goals = {"goals": ["quality_margin"], "prefer_lower_pressure": True}
    result = optimize(task(**goals, samples=4, candidates=12, violations_allowed=0.2))
    assert result.chosen is not None
    assert "lowest pressure" in result.why_chosen


def test_today_is_judged_when_it_is_opened() -> None:
    """A mold that is opened too early: by how much, and which criterion is not met then."""
    goals = {"goals": ["cycle", "quality_margin"], "samples": 6, "candidates": 6}
    as_early_as_may_be = found().today
    assert as_early_as_may_be is not None
    early = optimize(task(**goals, t_open_today_s=0.8 * as_early_as_may_be.t_open_s)).today
    assert early is not None
    assert early.violations > 0.5 * early.draws
    assert early.missed == {as_early_as_may_be.decides: early.violations}
    assert -0.4 < early.figures["quality_margin"] < -0.1
    assert sum(as_early_as_may_be.missed.values()) >= as_early_as_may_be.violations


def changed(**process: Any) -> Scenario:
    return QUICK.model_copy(update={"process": QUICK.process.model_copy(update=process)})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scenario": load_scenario("cup_25C_system_r1")}, "open cup"),
        ({"scenario": changed(m_polyol_kg=50.0)}, "today's shot cannot be simulated: .*liquid"),
        (
            {"variables": {"t_open_s": {"low": 400, "high": 500}},
             "constraints": {"t_cycle_max_s": 300}},
            "no opening time can meet both",
        ),
        ({"constraints": {"rho_moulded": [50, 40]}}, "no density could pass"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(given: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        optimize(task(**given))


def test_a_change_after_the_last_candidate_is_refused() -> None:
    change = {"after_candidates": 12, "constraints": {"p_max_bar": 3}}
    with pytest.raises(ValueError, match="after_candidates 12 leaves none of the 12 candidates"):
        task(samples=8, candidates=12, changes=[change])


def test_too_few_candidates_for_a_front_are_said() -> None:
    goals = {"goals": ["cycle", "material"], "samples": 8}
    few = optimize(task(**goals, candidates=20))
    assert "12 candidates are left beside the 8 random ones" in few.notes[0]
    assert len(few.front) >= 1
    assert not optimize(task(**goals, candidates=48)).notes
