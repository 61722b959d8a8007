"""A calibration on simulated production whose numbers are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.production_shots import Production, production, provenance, system_of
from twin_core import simulate_many
from twin_core.calibration import shot_features as sf
from twin_core.calibration.free_parameters import with_energy_before
from twin_core.calibration.parameter_set import calibrated
from twin_core.calibration.production import fit_production, thinned
from twin_core.calibration.production_fit import (
    ProductionEstimate,
    ProductionFit,
    numbers_of_system,
)
from twin_core.calibration.production_model import Model, simulate_shots
from twin_core.calibration.production_numbers import Numbers
from twin_core.calibration.production_shot import ProductionShot
from twin_core.errors import InputError

PATHS = ("gelling.A",)
OWN = ("T_core_offset_C", "cavity_volume_factor")


class Small:
    """One small fit, and what it saved and said on its way."""

    def __init__(self) -> None:
        self.saved: list[dict[str, Any]] = []
        self.said: list[tuple[str, int, int]] = []
        self.made: Production = production(3, 32, molds=1, unknown=(*PATHS, *OWN))
        self.fit = self.again(self.saved.append)

    def again(self, save: Any = lambda checkpoint: None, **more: Any) -> ProductionFit:
        def say(words: str, done: int, total: int) -> None:
            self.said.append((words, done, total))

        return fit_production(
            self.made.shots, paths=PATHS, mold_numbers=OWN, save=save, progress=say, **more
        )


@pytest.fixture(scope="module")
def small() -> Small:
    return Small()


def all_of(fit: ProductionFit) -> list[ProductionEstimate]:
    return fit.shared + [one for own in fit.molds.values() for one in own]


def outside(made: Production, fit: ProductionFit) -> list[str]:
    return [
        f"{one.path}: {one.value:.4g}, {one.low:.4g} to {one.high:.4g}, true {true:.4g}"
        for one in all_of(fit)
        for true in [made.truth[one.path, one.mold_id]]
        if not one.low <= true <= one.high
    ]


def test_the_truth_lies_in_the_intervals_and_held_out_shots_are_nearer(small: Small) -> None:
    assert {one.path for one in all_of(small.fit)} == {*PATHS, *OWN}
    assert outside(small.made, small.fit) == []
    assert small.fit.converged
    assert small.fit.verdict.use, small.fit.verdict.words
    assert small.fit.held_out_count == 8
    core = small.fit.verdict.held_out["T_core_C"]
    assert core.after < 0.7 * core.before
    assert core.after <= 1.2 * core.noise_floor


def test_a_set_of_it_gives_the_scenarios_of_the_fit(small: Small) -> None:
    made = small.fit.as_parameter_set(3, provenance())
    assert made.set_id == "SYSTEM_R1-c3"
    assert made.verdict.use
    numbers = Numbers(small.made.shots, PATHS, OWN)
    x = np.zeros(len(numbers.all))
    for one in all_of(small.fit):
        i = numbers.index[one.path, one.mold_id]
        known = numbers.all[i]
        x[i] = np.log(one.value / known.start) if known.factor else one.value - known.start
    shots = small.made.shots[:2]
    ran = simulate_many([calibrated(shot.scenario, made) for shot in shots])
    own = simulate_many(numbers.scenarios(shots, x))
    for name in ("T_core_max_C", "p_max_Pa", "rho_moulded"):
        np.testing.assert_allclose(ran[name], own[name], rtol=1e-9)


def test_a_rate_of_a_set_goes_with_its_energy(small: Small) -> None:
    numbers = Numbers(small.made.shots, ["gelling.A", "gelling.E"], [])
    x = np.zeros(len(numbers.all))
    shared = []
    for path, by, sigma in (("gelling.A", 0.2, 0.03), ("gelling.E", -0.02, 0.01)):
        i = numbers.index[path, None]
        x[i], start = by, numbers.all[i].start
        value = start * float(np.exp(by))
        shared.append(
            ProductionEstimate(
                *(path, None, "1/s", start, value, 0.9 * value, 1.1 * value, sigma * value),
                at_bound=False,
            )
        )
    found = numbers_of_system(numbers, x, shared)
    rate, estimate = found["gelling.A"], shared[0]
    assert rate.value < 0.9 * estimate.value
    assert rate.spread == pytest.approx(0.03 * rate.value)
    assert found["gelling.E"].spread == pytest.approx(0.01 * shared[1].value)
    assert with_energy_before(found, "gelling.A") == pytest.approx(estimate.value)
    assert with_energy_before(found, "gelling.E") is None
    assert with_energy_before({"gelling.A": rate}, "gelling.A") is None


def test_a_checkpoint_goes_on_where_it_stopped(small: Small) -> None:
    assert [said[0] for said in small.said][-1] == "done"
    middle = small.saved[len(small.saved) // 2]
    saved: list[dict[str, Any]] = []
    again = small.again(saved.append, checkpoint=middle)
    assert len(saved) < len(small.saved)
    for one, other in zip(all_of(again), all_of(small.fit), strict=True):
        assert one.value == pytest.approx(other.value, abs=0.2 * other.sigma)


@pytest.mark.peers
def test_a_checkpoint_of_other_shots_is_not_used(small: Small) -> None:
    other = small.saved[-1] | {"of": "0" * 16}
    fit = small.again(checkpoint=other)
    assert fit.warnings == ["the checkpoint is of other shots or numbers: begun anew"]
    assert [one.value for one in all_of(fit)] == [one.value for one in all_of(small.fit)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shots": 10}, "10 shots, of which the newest 2 only judge, leave 8 to fit to"),
        ({"held_out_fraction": 0.99}, "to fit to; 12 are needed"),
        ({"held_out_fraction": 1.0}, "must be between 0 and 1"),
        ({"paths": ["gelling.B"]}, "gelling.B: there is no such number to fit"),
        ({"paths": ["time_offset_s"]}, "time_offset_s: is no number of a system"),
        ({"mold_numbers": ["age"]}, "age: no such number of a mold (there are: T_mold_offset_C"),
        ({"paths": ["gelling.A", "gelling.A"]}, "name each number to fit once"),
    ],
)
def test_what_cannot_be_fitted_is_refused(small: Small, change: Any, words: str) -> None:
    shots = small.made.shots[: change.pop("shots", None)]
    with pytest.raises(InputError) as error:
        fit_production(shots, **change)
    assert words in str(error.value)


def test_shots_that_do_not_go_together_are_refused(small: Small) -> None:
    shots = small.made.shots
    with pytest.raises(InputError, match="T0000: comes twice"):
        fit_production([*shots, shots[0]])
    other = replace(
        shots[0],
        name="other",
        scenario=shots[0].scenario.model_copy(update={"system": system_of("SYSTEM_M1")}),
    )
    with pytest.raises(InputError, match=r"SYSTEM_M1.*calibrate each alone"):
        fit_production([*shots, other])
    cup = shots[0].scenario.mold.as_open_cup()
    poured = replace(
        shots[0], name="cup", scenario=shots[0].scenario.model_copy(update={"mold": cup})
    )
    with pytest.raises(InputError, match="is an open cup; use a rise test"):
        fit_production([*shots, poured])
    with pytest.raises(InputError, match="must be rows of"):
        ProductionShot("flat", 0.0, shots[0].scenario, {"T_core_C": np.zeros(5)})


def test_no_shots_are_refused() -> None:
    with pytest.raises(InputError, match="there are no shots"):
        fit_production([])


def test_shots_without_readings_are_refused(small: Small) -> None:
    bare = [replace(shot, series={}, results={}) for shot in small.made.shots]
    with pytest.raises(InputError, match="no shot has a reading or a density"):
        fit_production(bare, paths=PATHS, mold_numbers=OWN)


def test_what_is_not_measured_is_named_and_not_fitted(small: Small) -> None:
    dark = [
        replace(shot, series={"T_core_C": shot.series["T_core_C"]}) for shot in small.made.shots
    ]
    fit = fit_production(dark, paths=PATHS, mold_numbers=["T_core_offset_C", "p_cavity_offset_bar"])
    assert {one.path for one in all_of(fit)} == {"gelling.A", "T_core_offset_C"}
    (left,) = fit.not_fitted
    assert (left.path, left.mold_id) == ("p_cavity_offset_bar", small.made.shots[0].mold_id)
    assert left.why == "nothing that was measured depends on it"


def test_many_shots_are_thinned_evenly_by_mold(small: Small) -> None:
    shot = small.made.shots[0]
    rare = shot.scenario.mold.model_copy(update={"mold_id": "RARE"})
    shots = [
        replace(
            shot,
            name=f"{i}",
            scenario=shot.scenario.model_copy(update={"mold": rare})
            if i % 10 == 0
            else shot.scenario,
        )
        for i in range(200)
    ]
    kept = thinned(shots, 60)
    assert len(kept) == 60
    assert sum(one.mold_id == "RARE" for one in kept) == 20
    order = [int(one.name) for one in kept]
    assert order == sorted(order)
    assert order[0] < 10
    assert order[-1] >= 190
    assert thinned(shots, 200) == shots


@pytest.mark.peers
def test_all_numbers_of_two_molds_at_once() -> None:
    made = production(4, 80)
    fit = fit_production(made.shots)
    assert len(all_of(fit)) >= 10
    assert len(outside(made, fit)) <= 1, outside(made, fit)
    named = {one.path for one in all_of(fit)} | {one.path for one in fit.not_fitted}
    assert "vent_area_factor" in named
    assert fit.verdict.improvement_pct > 20.0


@pytest.mark.peers
def test_the_safe_time_decides_the_mold_and_may_be_called_otherwise() -> None:
    made = production(4, 80)
    name = "t_demold_safe_s"
    longer = [
        replace(shot, results=dict(shot.results) | {name: 1.06 * shot.results[name]})
        if name in shot.results
        else shot
        for shot in made.shots
    ]
    fit = fit_production(longer)
    offsets = [one for own in fit.molds.values() for one in own if one.path == "T_mold_offset_C"]
    assert len(offsets) == 2
    assert all(one.sigma < 1.5 for one in offsets)
    assert len(outside(made, fit)) <= 1, outside(made, fit)


@pytest.mark.peers
def test_failed_sensors_and_slips_hardly_move_it(small: Small) -> None:
    shots = list(small.made.shots)
    for i in (2, 9, 16):
        core = shots[i].series["T_core_C"].copy()
        core[:, 1] = 85.0  # possible, and wrong
        rho = {"rho_moulded_kg_per_m3": 700.0}
        shots[i] = replace(shots[i], series=shots[i].series | {"T_core_C": core}, results=rho)
    fit = fit_production(shots, paths=PATHS, mold_numbers=OWN)
    for one, other in zip(all_of(fit), all_of(small.fit), strict=True):
        assert abs(one.value - other.value) < other.sigma
    assert fit.omitted["T_core_C: repeats itself"] > 0
    assert fit.omitted["features far outside the scatter of their mold"] >= 3


@pytest.mark.peers
def test_another_way_to_simulate_is_used(small: Small) -> None:
    counts: list[tuple[int, bool]] = []

    def elsewhere(scenarios: Any, window: bool) -> Any:
        counts.append((len(scenarios), window))
        return simulate_shots(scenarios, window, workers=1)

    fit = small.again(simulate=elsewhere)
    assert sum(count for count, _ in counts) > fit.simulations
    assert any(window for _, window in counts)


def test_the_window_is_simulated_only_where_the_safe_time_was_measured(small: Small) -> None:
    bare = [replace(shot, results={}) for shot in small.made.shots[:4]]
    late = bare[2].scenario
    held = late.model_copy(
        update={"quality": late.quality.model_copy(update={"t_cycle_max_s": 60.0})}
    )
    shots = [
        bare[0],
        replace(bare[1], results={"t_demold_safe_s": 300.0}),
        replace(bare[2], scenario=held, results={"t_demold_safe_s": 300.0}),
        bare[3],
    ]
    asked: list[tuple[int, bool]] = []

    def counted(scenarios: Any, window: bool) -> Any:
        asked.append((len(scenarios), window))
        return simulate_shots(scenarios, window, workers=1)

    numbers = Numbers(shots, PATHS, OWN)
    model = Model(shots, sf.features(shots), numbers, counted)
    safe = model.residuals(np.zeros(len(numbers.all)))[:, sf.columns(sf.SAFE)][:, 0]
    assert asked == [(4, False), (1, True), (1, True)]
    assert model.simulations == 6
    ran = simulate_many([shots[1].scenario])
    assert safe[1] == pytest.approx(np.log(ran["t_demold_min_s"][0] / 300.0), rel=1e-6)
    assert np.isnan(safe[[0, 2, 3]]).all()
