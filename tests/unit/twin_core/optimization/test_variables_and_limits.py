"""Settings, limits, scatter and goals by name; what cannot be is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from twin_core.errors import InputError
from twin_core.files import load_scenario
from twin_core.models.setup import prepare
from twin_core.optimization.choose import apart, knee, preferred, thinned
from twin_core.optimization.constraints import asked, flat
from twin_core.optimization.draws import deviations, measured_scatter, scattered, usual_scatter
from twin_core.optimization.goals import Prices, Reached, figures
from twin_core.optimization.task import OptimizationTask
from twin_core.optimization.variables import (
    Bounds,
    checked_bounds,
    today,
    usual_bounds,
    with_values,
)

PANEL = load_scenario("rigid_panel")
WALL = load_scenario("refrigerator_wall")


def task(**given: Any) -> OptimizationTask:
    return OptimizationTask.model_validate({"scenario": PANEL, **given})


class TestSettings:
    def test_today_is_what_a_scenario_has(self) -> None:
        found = today(PANEL)
        assert found["m_total_kg"] == pytest.approx(0.532)
        assert found["vents_count"] == 2.0
        assert "blowing_agent_pct" not in found
        assert with_values(PANEL, found).process.m_iso_kg == pytest.approx(0.341)

    def test_the_mold_is_tempered_with_its_temperature(self) -> None:
        warm = with_values(PANEL, {"T_mold_C": 47.0})
        assert warm.process.T_mold_C == 47.0
        assert warm.mold.T_set_C == 47.0

    def test_another_index_keeps_the_mass(self) -> None:
        found = with_values(PANEL, {"nco_oh_index": 1.2})
        assert found.process.m_polyol_kg + found.process.m_iso_kg == pytest.approx(0.532)
        assert today(found)["nco_oh_index"] == pytest.approx(1.2)
        assert prepare(found).amounts.index == pytest.approx(1.2, rel=0.02)  # the air is humid

    def test_another_mass_keeps_the_index(self) -> None:
        found = with_values(PANEL, {"m_total_kg": 0.6, "m_additives_kg": 0.01})
        p = found.process
        assert p.m_polyol_kg + p.m_iso_kg + p.m_additives_kg == pytest.approx(0.6)
        assert today(found)["nco_oh_index"] == pytest.approx(today(PANEL)["nco_oh_index"])

    def test_vents_and_blowing_agent(self) -> None:
        found = with_values(WALL, {"vents_count": 3.2, "blowing_agent_pct": 11.0})
        assert found.mold.vents.count == 3
        assert found.process.blowing_agent_pct == 11.0

    def test_steps(self) -> None:
        b = Bounds(low=35.0, high=50.0, step=4.0)
        assert [b.at(share) for share in (0.0, 0.2, 0.9, 1.0)] == [35.0, 39.0, 47.0, 47.0]
        assert Bounds(low=1.0, high=1.0).at(0.7) == 1.0
        tenths = Bounds(low=20.0, high=30.0, step=0.1)
        for i in range(101):  # a value of today that is on a step does not change
            assert tenths.snapped(float(f"{20 + i / 10:.1f}")) == float(f"{20 + i / 10:.1f}")

    def test_vents_are_counted(self) -> None:
        """What is advised is what was simulated: 3 vents, not 3.2."""
        found = checked_bounds(PANEL, {"vents_count": Bounds(low=1.0, high=4.0)})["vents_count"]
        assert [found.at(share) for share in (0.0, 0.4, 0.74, 1.0)] == [1.0, 2.0, 3.0, 4.0]
        usual = usual_bounds(PANEL, "vents_count")
        assert (usual.low, usual.high) == (1.0, 3.0)

    @pytest.mark.parametrize(
        ("variables", "words"),
        [
            ({"T_mold_C": {"low": 50, "high": 35}}, "low 50 is above high 35"),
            ({"T_mold": {"low": 35, "high": 50}}, "is T_mold_C meant"),
            ({"T_mold_C": {"low": 35, "high": 50, "step": 0}}, "greater than 0"),
            ({"T_mold_C": {"low": float("nan"), "high": 50}}, "finite"),
            ({"mass_kg": {"low": 1, "high": 2}, "m_total_kg": {"low": 1, "high": 2}}, "twice"),
        ],
    )
    def test_bounds_that_cannot_be(self, variables: Any, words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            task(variables=variables)

    @pytest.mark.parametrize(
        ("name", "low", "high", "words"),
        [
            ("T_mold_C", 35.0, 300.0, "35 to 300 C leaves what the model takes, 0 to 120 C"),
            ("blowing_agent_pct", 1.0, 2.0, "has no physical blowing agent"),
            ("nco_oh_index", 1.0, 1.7, "0.8 to 1.4"),
            ("vents_count", 1.5, 3.0, "must be whole numbers"),
        ],
    )
    def test_bounds_that_the_model_does_not_take(
        self, name: str, low: float, high: float, words: str
    ) -> None:
        with pytest.raises(InputError, match=words):
            checked_bounds(PANEL, {name: Bounds(low=low, high=high)})

    def test_more_additives_than_shot(self) -> None:
        with pytest.raises(InputError, match=r"0\.6 kg of additives in a shot of 0\.5 kg"):
            with_values(PANEL, {"m_total_kg": 0.5, "m_additives_kg": 0.6})


class TestLimits:
    def test_names_of_the_first_generation(self) -> None:
        found = flat({"p_max": 2.5, "rho_moulded": [38, 45], "H_24h": 30, "t_demold": 300})
        assert found == {
            "p_max_bar": 2.5,
            "rho_moulded_min_kg_per_m3": 38.0,
            "rho_moulded_max_kg_per_m3": 45.0,
            "H_24h_shore": 30.0,
            "t_cycle_max_s": 300.0,
        }

    def test_they_replace_those_of_the_quality(self) -> None:
        what = asked(PANEL, {"swell_pct": 1.5, "swell_mm": 0.4, "t_cycle_max_s": 300.0})
        assert what.scenario.quality.swell_max == pytest.approx(0.015)
        assert what.limit("swell_pct") == pytest.approx(1.5)
        assert what.limit("t_cycle_max_s") == 300.0
        assert what.scenario.quality.t_cycle_max_s == 1800.0  # a late window is seen
        assert what.limit("H_24h_shore") is None

    @pytest.mark.parametrize(
        ("limits", "words"),
        [
            ({"swel_mm": 1.0}, "is swell_mm meant"),
            ({"skin": 1.0}, "always asked for"),
            ({"rho_moulded": 40.0}, "a range"),
            ({"p_max": 1.0, "p_max_bar": 2.0}, "twice"),
        ],
    )
    def test_names_that_are_not(self, limits: Any, words: str) -> None:
        with pytest.raises(ValueError, match=words):
            flat(limits)

    @pytest.mark.parametrize(
        ("limits", "words"),
        [
            ({"rho_moulded_min_kg_per_m3": 50.0}, "no density could pass"),
            ({"swell_mm": -1.0}, "swell_max_mm"),
            ({"t_cycle_max_s": 0.0}, "t_cycle_max_s"),
            ({"fill_ratio": 1.0}, "at most 0.99"),
        ],
    )
    def test_limits_that_cannot_be(self, limits: Any, words: str) -> None:
        with pytest.raises(InputError, match=words):
            asked(PANEL, limits)


class TestScatter:
    def test_the_same_seed_draws_the_same(self) -> None:
        scatter = usual_scatter(PANEL)
        assert scatter["m_polyol_pct"] == 1.0
        one, other = (deviations(scatter, 32, 7, even=True) for _ in range(2))
        assert np.array_equal(one, other)
        assert one.std(axis=0) == pytest.approx(list(scatter.values()), rel=0.15)
        assert not np.array_equal(one, deviations(scatter, 32, 8, even=True))

    def test_a_draw_moves_what_it_names(self) -> None:
        names = ["m_iso_pct", "T_mold_C", "RH_ambient_pct", "T_iso_C"]
        found = scattered(PANEL, names, np.array([2.0, -3.0, 70.0, 0.5])).process
        assert found.m_iso_kg == pytest.approx(1.02 * 0.341)
        assert found.T_mold_C == 37.0
        assert found.RH_ambient_pct == 100.0
        assert found.T_iso_C == 23.5

    def test_scatter_of_a_plant_without_its_set_points(self) -> None:
        rng = np.random.default_rng(2)
        noise = rng.normal(0.0, 0.8, 4000)
        series = np.where(np.arange(4000) < 2000, 40.0, 55.0) + noise
        doses = 0.19 * (1.0 + rng.normal(0.0, 0.02, 4000))
        air = np.cumsum(rng.normal(0.0, 0.1, 4000))  # it drifts: what follows is alike
        found = measured_scatter({"T_mold_C": series, "m_polyol_pct": doses, "RH_ambient_pct": air})
        assert found["RH_ambient_pct"] > 10.0 * 0.1
        assert found["T_mold_C"] == pytest.approx(0.8, rel=0.1)
        assert found["m_polyol_pct"] == pytest.approx(2.0, rel=0.1)
        with pytest.raises(InputError, match="20 are needed"):
            measured_scatter({"T_mold_C": series[:20]})

    def test_scatter_of_a_coarse_sensor(self) -> None:
        """Whole degrees: most readings are as the one before, and one is broken."""
        series = np.round(40.0 + np.random.default_rng(2).normal(0.0, 0.4, 4000))
        series[77] = 0.0
        assert measured_scatter({"T_mold_C": series})["T_mold_C"] == pytest.approx(0.5, rel=0.2)
        assert measured_scatter({"T_mold_C": np.full(50, 40.0)})["T_mold_C"] == 0.0

    @pytest.mark.parametrize(
        ("scatter", "words"), [({"T_mold": 1.0}, "no input"), ({"T_mold_C": -1.0}, "sigma -1")]
    )
    def test_scatter_that_cannot_be(self, scatter: Any, words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            task(scatter=scatter)


class TestGoals:
    def test_cost_is_the_sum_of_its_parts(self) -> None:
        prices = Prices(polyol_per_kg=2.0, iso_per_kg=3.0, press_per_h=90.0)
        found = figures(PANEL, Reached(400.0, 1.2, 0.1), 40.0, prices)
        assert found["cycle_s"] == 440.0
        assert found["cost"] == pytest.approx(2.0 * 0.191 + 3.0 * 0.341 + 90.0 * 440.0 / 3600.0)
        assert found["energy_kWh"] == pytest.approx(10.0 * 0.6 * 17.0 * 440.0 / 3.6e6)

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"goals": ["speed"]}, "no goal"),
            ({"goals": ["cycle", "cycle_s"]}, "twice"),
            ({"goals": ["cost"]}, "needs prices"),
            ({"hours_per_year": 4000}, "a sum per year needs prices"),
            ({"prefer": {"material": 1.0}}, "not among the goals"),
            ({"prefer": {"cycle": 0.0}}, "all weights are 0"),
            ({"samples": 50, "candidates": 40}, "fewer than the 50"),
            (
                {"goals": ["cycle", "material"], "prefer_lower_pressure": True},
                "is for one goal",
            ),
        ],
    )
    def test_tasks_that_cannot_be(self, given: Any, words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            task(**given)

    def test_knee_and_preference(self) -> None:
        front = np.array([[0.0, 10.0], [1.0, 3.0], [2.0, 2.5], [6.0, 1.0], [10.0, 0.0]])
        assert knee(front) == 1
        names = ("cycle_s", "material_kg")
        assert preferred(front, names, {"cycle_s": 1.0}) == 0
        assert preferred(front, names, {"material_kg": 1.0}) == 4
        assert preferred(front, names, {"cycle_s": 2.0, "material_kg": 1.0}) == 1

    def test_some_points_stand_for_a_front(self) -> None:
        x = np.linspace(0.0, 1.0, 101)
        kept = thinned(np.column_stack([x, 1.0 - x]), 5)
        assert kept == [0, 25, 50, 75, 100]
        assert apart(np.zeros((2, 1)), 5) == [0, 1]
