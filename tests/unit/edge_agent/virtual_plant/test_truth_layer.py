"""The truth beside the 1D model: no law of the model, and each cause shows in its own way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_agent.virtual_plant import HARSH
from edge_agent.virtual_plant.truth_layer import Causes, with_layer
from twin_core import BatchResult

FINE = Causes(
    T_mix_C=23.0,
    T_mix_recipe_C=23.0,
    T_mold_C=45.0,
    T_set_C=45.0,
    RH_pct=45.0,
    p_ambient_bar=1.0,
    index_off_ratio=0.0,
)
TIME_S = np.linspace(0.0, 600.0, 601)


def model(count: int = 1, p_max_bar: float = 1.2) -> BatchResult:
    """A result of the 1D model, made up: the core warms by 100 K, and pressure comes and stays."""
    rise = 1.0 - np.exp(-TIME_S / 100.0)
    profiles = {
        "T_core_K": np.tile(296.15 + 100.0 * rise, (count, 1)),
        "T_mold_K": np.full((count, len(TIME_S)), 318.15),
        "p_total_Pa": np.tile(1e5 * (1.0 + (p_max_bar - 1.0) * rise), (count, 1)),
    }
    figures = {
        "p_max_Pa": p_max_bar * 1e5,
        "rho_moulded": 60.0,
        "t_demold_min_s": 300.0,
        "H_demold_shore": 40.0,
        "T_core_max_C": 123.0,
    }
    arrays = {name: np.full(count, value) for name, value in figures.items()}
    return BatchResult(
        figures=arrays,
        words={},
        errors={},
        time_s=TIME_S,
        profiles=profiles,
        release=np.empty(0),
    )


def figure(name: str, cause: Causes, **model_of: float) -> float:
    return float(with_layer(model(**model_of), [cause], HARSH)[name][0])  # type: ignore[arg-type]


def test_nothing_off_changes_only_what_the_clamp_gives() -> None:
    for name, value in (("rho_moulded", 60.0), ("t_demold_min_s", 300.0), ("T_core_max_C", 123.0)):
        assert figure(name, FINE) == pytest.approx(value)
    assert 1.15 < figure("p_max_Pa", FINE) / 1e5 < 1.2


def test_density_falls_with_the_square_of_the_mold_and_from_a_humidity_on() -> None:
    def loss(**off: float) -> float:
        return 1.0 - figure("rho_moulded", replace(FINE, **off)) / 60.0

    assert loss(T_mold_C=50.0) == pytest.approx(HARSH.density_heat)
    assert loss(T_mold_C=40.0) == pytest.approx(HARSH.density_heat)
    assert loss(T_mold_C=55.0) == pytest.approx(4.0 * HARSH.density_heat)
    assert loss(RH_pct=HARSH.damp_threshold_pct) == pytest.approx(0.0)
    assert loss(RH_pct=HARSH.damp_threshold_pct + 20.0) == pytest.approx(2.0 * HARSH.density_damp)
    alone = loss(RH_pct=75.0) + loss(T_mold_C=40.0)
    assert loss(RH_pct=75.0, T_mold_C=40.0) == pytest.approx(alone + 2.0 * HARSH.density_damp_cold)
    assert loss(RH_pct=75.0, sensitivity_ratio=0.5) == pytest.approx(0.5 * loss(RH_pct=75.0))


def test_foam_leaves_at_pressure() -> None:
    low, high = (figure("rho_moulded", FINE, p_max_bar=p) for p in (1.2, 1.6))
    assert low == pytest.approx(60.0)
    assert high < 0.995 * 60.0


def test_pressure_follows_fouling_by_a_power_and_saturates() -> None:
    def gauge(fouled: float, p_max_bar: float = 1.2) -> float:
        off = replace(FINE, fouled_fraction=fouled)
        return figure("p_max_Pa", off, p_max_bar=p_max_bar) / 1e5 - 1.0

    assert gauge(0.3) - gauge(0.0) < 0.5 * (gauge(0.6) - gauge(0.3))
    assert gauge(0.0, 9.0) < HARSH.pressure_yield_bar
    assert gauge(0.0, 1.4) < 2.0 * gauge(0.0, 1.2)


def test_the_safe_time_knows_energy_index_skin_and_breaks() -> None:
    def ratio(**off: float) -> float:
        return figure("t_demold_min_s", replace(FINE, **off)) / 300.0

    warm, cold = (ratio(T_mix_C=T, activation_J_per_mol=9000.0) for T in (26.0, 20.0))
    assert warm < 0.98
    assert cold > 1.02
    assert ratio(T_mix_C=26.0) == pytest.approx(1.0)
    assert ratio(index_off_ratio=0.04) == pytest.approx(ratio(index_off_ratio=-0.04))
    assert ratio(index_off_ratio=0.04) > 1.02
    assert ratio(skin_share=1.0) == pytest.approx(1.0 + HARSH.rate_skin)
    assert ratio(skin_share=0.25) == pytest.approx(1.0 + 0.5 * HARSH.rate_skin)
    assert ratio(break_h=100.0) == pytest.approx(1.0 + HARSH.rate_break)
    assert 1.0 < ratio(break_h=1.0) < 1.0 + 0.5 * HARSH.rate_break


def test_curves_follow_the_figures() -> None:
    off = replace(FINE, index_off_ratio=0.03, age_shots=300.0, rate_ratio=-0.1, fouled_fraction=0.5)
    found = with_layer(model(2), [FINE, off], HARSH)
    core, p = found.profiles["T_core_K"], found.profiles["p_total_Pa"]
    assert core[0] == pytest.approx(model().profiles["T_core_K"][0])
    assert core[1].max() < core[0].max() - 2.0
    at = int(np.searchsorted(TIME_S, 100.0))
    warmed = (core[:, at] - core[:, 0]) / (core[:, -1] - core[:, 0])
    assert warmed[1] < warmed[0], "slower"
    assert p[1].max() > p[0].max()
    assert p[:, 0] == pytest.approx(1e5)
    assert found.figures["p_max_Pa"] == pytest.approx(p.max(axis=1), rel=0.01)
