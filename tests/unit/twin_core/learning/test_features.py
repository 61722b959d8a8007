"""The columns of a feature set: what a model may look at, and the same numbers for both users."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from tests.support.scenarios import panel
from twin_core import simulate, simulate_many
from twin_core.learning import columns, features
from twin_core.learning.columns import (
    COLUMNS,
    INPUTS,
    RECENT,
    SHRINK,
    TARGETS,
    known_by,
    schema_hash,
    targets_at,
)
from twin_core.learning.memory import Memory, remember
from twin_core.learning.residual_features import (
    NO_INPUTS,
    KnownOfMold,
    remembered,
    residual,
    residual_features,
)

SET_POINTS = (25.0, 25.0, 40.0, 23.0, 0.5, 1.2, 80.0, 0.05)[: len(INPUTS)]
NOTHING = KnownOfMold()

FIRST_GENERATION = [
    *("sim_T_core_max_C", "sim_T_core_t_at_max_s", "sim_p_max_bar", "sim_p_t_at_max_s"),
    *("sim_rho_moulded", "sim_t_demold_opt_s", "sim_defect_risk", "meas_T_core_max_C"),
    *("meas_T_core_t_at_max_s", "meas_T_core_avg_0_120_C", "meas_T_core_slope_0_60_C_per_s"),
    *("meas_p_max_bar", "meas_p_t_at_max_s", "meas_p_slope_0_60_bar_per_s"),
    *("delta_T_core_max_C", "delta_p_max_bar", "delta_t_demold_s", "qc_rho_moulded"),
    *("qc_H_demold", "qc_H_24h", "proc_T_polyol_in_C", "proc_T_iso_in_C", "proc_T_mold_init_C"),
    *("proc_RH_ambient", "proc_mixing_eff"),
]


def test_the_first_generation_finds_its_columns() -> None:
    assert set(FIRST_GENERATION) <= set(COLUMNS)


def test_a_model_for_the_pour_sees_nothing_later() -> None:
    assert not [name for name in known_by("pour") if name.startswith(("meas_", "delta_", "qc_"))]
    assert not [name for name in known_by("demold") if name.startswith("qc_")]
    assert set(known_by("pour")) < set(known_by("live")) < set(known_by("demold"))


def test_nobody_predicts_what_has_been_measured() -> None:
    assert set(targets_at("pour")) == set(TARGETS)
    assert set(targets_at("demold")) == {"rho_moulded", "t_demold"}


def test_a_row_has_every_column_once() -> None:
    result = simulate(panel(1.15))
    row: dict[str, float] = {}
    for part in (
        features.process_columns(result.scenario.process, result.scenario.mold, 0),
        features.physics_columns(result),
        features_of([]),
        features.live_columns([], []),
        features.curve_columns({}, 600.0, 600.0),
        features.demold_columns(features.physics_columns(result), (50.0, 140.0), None, 600.0),
        features.lab_columns({"rho_moulded_kg_per_m3": 80.0}, ["void", "scratch"], None),
    ):
        assert row.keys().isdisjoint(part)
        row |= part
    row |= features.mold_columns(row)
    assert set(row) == set(COLUMNS)
    assert row["qc_any_defect"] == row["qc_defect_void"] == 1.0
    assert row["qc_defect_burn"] == 0.0
    assert math.isnan(row["delta_p_max_bar"])


def test_a_batch_gives_the_columns_of_single_runs() -> None:
    scenarios = [panel(1.1), panel(1.25)]
    many = features.physics_columns_of_batch(
        simulate_many(scenarios, rtol=scenarios[0].simulation.rtol)
    )
    for number, scenario in enumerate(scenarios):
        for name, value in features.physics_columns(simulate(scenario)).items():
            assert many[name][number] == pytest.approx(value, rel=1e-9, nan_ok=True), name


def test_slopes_look_at_the_first_minute_only() -> None:
    rising = [(float(t), 20.0 + 0.5 * t if t <= 60 else 500.0) for t in range(0, 130, 5)]
    row = features.live_columns(rising, rising[:2])
    assert row["meas_T_core_slope_0_60_C_per_s"] == pytest.approx(0.5)
    assert math.isnan(row["meas_p_slope_0_60_bar_per_s"]), "two readings are too few"


def features_of(
    residuals: list[float],
    press: list[float] | None = None,
    of_mold: KnownOfMold = NOTHING,
    inputs: tuple[float, ...] = NO_INPUTS,
) -> dict[str, float]:
    """Of the density of a mold, and of another one of its press; nothing of other targets.

    Shots are poured every 100 s, this one at 10,000 s.
    """
    nothing = memory_of([])
    mold, other = memory_of(residuals), memory_of(press or [])
    known = {name: remembered(name, nothing, [nothing], [nothing]) for name in TARGETS}
    known["rho_moulded"] = remembered("rho_moulded", mold, [mold, other], [mold, other])
    ages = dict.fromkeys(TARGETS, 2.0)
    return residual_features(known, ages, of_mold, 10_000.0, inputs)


def memory_of(residuals: list[float]) -> Memory:
    count = len(residuals)
    pours, inputs = 100.0 * np.arange(count), np.tile(SET_POINTS, (count, 1))
    same = np.zeros(count + 1, np.int64)
    return remember(pours, pours + 1.0, np.array(residuals), inputs, same, [], 0.02)


def test_features_follow_from_the_results_that_are_known() -> None:
    latest = [0.01 * shot for shot in range(10, 50)]
    row = features_of(latest, of_mold=KnownOfMold((), 9_940.0))
    assert row["prev_rho_moulded_last"] == pytest.approx(0.49)
    assert row["prev_rho_moulded_mean8"] == pytest.approx(0.455)
    assert row["prev_rho_moulded_count"] == 40
    assert row["press_rho_moulded_count"] == 40
    assert row["press_p_max_count"] == 0
    assert row["prev_pause_s"] == 60.0
    age_h = (10_000.0 - 3_900.0) / 3600.0
    assert row["prev_rho_moulded_age_shots"] == 2.0
    assert row["prev_rho_moulded_age_h"] == pytest.approx(age_h)
    nothing = features_of([])
    assert math.isnan(nothing["prev_pause_s"])
    assert math.isnan(nothing["prev_rho_moulded_last"])
    assert nothing["prev_rho_moulded_expected"] == 0.0
    assert nothing["prev_rho_moulded_error"] == TARGETS["rho_moulded"].usual_error


def test_what_is_expected_is_the_level_of_the_mold_drawn_to_its_press() -> None:
    """Before, it was the mean of the last eight: now the memory's level, whose speed is learned;
    a level of fixed speed stands beside it."""
    few, beside = [0.1, 0.1, 0.1], [0.04] * 8
    row = features_of(few, beside)
    own = len(few) ** 2 / (len(few) ** 2 + SHRINK)
    mixed = sorted([(100.0 * i, 0.1) for i in range(3)] + [(100.0 * i, 0.04) for i in range(8)])
    press = statistics.median([value for _, value in mixed][-RECENT[0] :])
    of_press = (1.0 - own) * RECENT[0] / (RECENT[0] + SHRINK) * press
    assert row["prev_rho_moulded_expected"] == pytest.approx(own * 0.1 + of_press)
    assert row["prev_rho_moulded_level"] == pytest.approx(row["prev_rho_moulded_expected"])
    assert row["prev_rho_moulded_lead"] == pytest.approx(0.0)


def test_a_shot_poured_otherwise_differs_from_those_before() -> None:
    other = (SET_POINTS[0] + 5.0, *SET_POINTS[1:])
    row = features_of([0.0] * 40, inputs=other)
    share = row["dev_rho_moulded_share"]
    assert 0.0 < share < 0.2
    assert row["dev_rho_moulded_T_polyol_in_C"] == pytest.approx(other[0] - (1 - share) * 25.0)


def test_what_is_new_on_a_site_is_robust() -> None:
    """Both molds up in their last results: the news. One of them very much once: none."""
    one, other = np.random.default_rng(0).normal(0.0, 0.01, (2, 40))
    up = np.where(np.arange(40) >= 36, 0.03, 0.0)
    wrong = one.copy()
    wrong[-1] += 2.3
    quiet, news, lone = (
        features_of(first.tolist(), second.tolist())["site_rho_moulded_news"]
        for first, second in ((one, other), (one + up, other + up), (wrong, other))
    )
    assert 0.015 < news - quiet < 0.035
    assert abs(lone - quiet) < 0.01


def test_a_residual_relative_to_nothing_is_missing() -> None:
    assert residual(TARGETS["rho_moulded"], 44.0, 40.0) == pytest.approx(math.log(1.1))
    assert math.isnan(residual(TARGETS["rho_moulded"], 44.0, math.nan))
    assert residual(TARGETS["p_max"], 2.5, 2.0) == pytest.approx(0.5)


def test_the_schema_hash_knows_the_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    names = known_by("pour")
    before = schema_hash(names)
    other = columns.Column("K", "something else", "pour")
    monkeypatch.setitem(columns.COLUMNS, names[0], other)
    assert schema_hash(names) != before
