"""The columns of a feature set: what a model may look at, and the same numbers for both users."""

from __future__ import annotations

import math

import pytest

from tests.support.scenarios import panel
from twin_core import simulate, simulate_many
from twin_core.learning import columns, features
from twin_core.learning.columns import COLUMNS, TARGETS, known_by, schema_hash, targets_at
from twin_core.learning.residual_features import (
    NO_INPUTS,
    KnownResults,
    residual,
    residual_features,
)

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
        residual_features(KnownResults(), KnownResults(), {}, 0.0, NO_INPUTS),
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


def test_features_follow_from_the_results_that_are_known() -> None:
    latest = tuple(0.01 * shot for shot in range(10, 50))
    mold = KnownResults(
        residuals={"rho_moulded": latest},
        inputs={"rho_moulded": [NO_INPUTS] * len(latest)},
        opened_at_s=40.0,
    )
    row = residual_features(mold, KnownResults(), {}, 100.0, NO_INPUTS)
    assert row["prev_rho_moulded_last"] == pytest.approx(0.49)
    assert row["prev_rho_moulded_mean8"] == pytest.approx(0.455)
    assert row["prev_rho_moulded_count"] == 40
    assert row["press_rho_moulded_count"] == 0
    assert row["prev_pause_s"] == 60.0
    nothing = residual_features(KnownResults(), KnownResults(), {}, 100.0, NO_INPUTS)
    assert math.isnan(nothing["prev_pause_s"])
    assert math.isnan(nothing["prev_rho_moulded_last"])


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
