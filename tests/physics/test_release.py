"""The part after the opening: against another solver, balances, directions, convergence."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from edge_agent.report.validation_runs import load_published
from tests.support.continuation import Part, continued
from tests.support.panels import SYSTEMS, panel_of
from tests.support.scenarios import catalogue, changed
from twin_core import InputError, SimulationResult, simulate
from twin_core.models import state as s
from twin_core.physics import mechanics
from twin_core.results.opening import opened_at

LAYERS = 24


@pytest.fixture(scope="module", params=["WATER_CYCLOPENTANE", "SYSTEM_R1"])
def panel(request: pytest.FixtureRequest) -> SimulationResult:
    packing = 1.4 if request.param == "WATER_CYCLOPENTANE" else 1.15
    return simulate(panel_of(request.param, 50.0, packing, layers=LAYERS))


@pytest.mark.parametrize("share", [0.4, 0.6, 1.0])
def test_another_solver_finds_the_same_part(panel: SimulationResult, share: float) -> None:
    """SciPy's LSODA and straight lines through 24 points of a layer, where the product has three;
    from an opening that swells a lot to one at the start of the window."""
    t = (panel.t_demold_min_s or 0.0) * share
    own = opened_at(panel, t)
    other = continued(panel, t, 1.1 * own.cold_s)
    assert own.swell_ratio == pytest.approx(other.growth_ratio.max(), rel=0.01)
    at = other.t_s < 0.9 * own.cold_s
    growth = np.interp(other.t_s[at], own.time_s, own.growth_ratio)
    assert growth == pytest.approx(other.growth_ratio[at], abs=0.01 * np.ptp(own.growth_ratio))
    assert own.T_max_C == pytest.approx(other.T_K.max() - 273.15, abs=0.05)
    assert own.shrink_ratio == pytest.approx(-other.least_growth(own.cold_s, 296.15), rel=0.01)
    cold = np.interp(own.cold_s, other.t_s, np.abs(other.T_K - 296.15).max(axis=0))
    assert cold == pytest.approx(2.0, abs=0.05)
    p = panel.run.problem.parameters[0]
    for state, most in (
        (s.OH, p["n_OH0"]),
        (s.W, p["n_W0"]),
        (s.CO2, p["n_W0"]),
        (s.BA, p["n_BA0"]),
    ):
        for i in range(own.y.shape[1]):
            found = np.interp(other.t_s[at], own.time_s, own.y[:, i, state])
            assert found == pytest.approx(other.y[at, i, state], abs=2e-3 * float(most) + 1e-12)


SWELL_DECIDES: dict[str, Any] = {
    "alpha_demold_min": 0.05, "gel_margin": 0.0, "shrink_max": 0.9, "shrink_max_mm": 900.0,
}  # fmt: skip


@pytest.mark.parametrize(
    "quality", [{}, SWELL_DECIDES | {"swell_max": 0.003}], ids=["default", "swell"]
)
@pytest.mark.parametrize("thickness_mm", [20.0, 50.0, 90.0])
@pytest.mark.parametrize("system_id", SYSTEMS)
def test_opened_at_its_start_the_window_keeps_its_promise(
    system_id: str, thickness_mm: float, quality: dict[str, Any]
) -> None:
    """The skin does not stick, the steepest rise is over, the swell stays below its limit."""
    shot = panel_of(system_id, thickness_mm, 1.4, **quality)
    found = simulate(shot)
    start, q = found.t_demold_min_s, found.scenario.quality
    if start is None:  # a warm rubber springs by more, whenever it is opened
        assert system_id == "INTEGRAL_SKIN"
        assert found.demold_binding["earliest"] == "swell"
        other = continued(found, q.t_cycle_max_s, 1200.0)
        assert float(other.growth_ratio.max()) > q.swell_max
        return
    assert found.kpis.t_tack_free_s is not None
    assert start >= found.kpis.t_tack_free_s - 1e-6
    run = found.run
    steepest = run.t_s[np.argmax(np.gradient(run.T_K, run.t_s))]
    assert start > steepest
    other = continued(found, start, 1200.0)
    grown = max(float(other.growth_ratio.max()), 0.0)
    assert grown <= 1.01 * q.swell_max
    assert grown * thickness_mm <= 1.01 * q.swell_max_mm
    assert found.swell_at_min["swell_ratio"] == pytest.approx(grown, rel=0.02, abs=2e-5)
    if found.demold_binding["earliest"] == "swell":  # no earlier than it must be
        assert grown * thickness_mm == pytest.approx(
            min(q.swell_max_mm, q.swell_max * thickness_mm), rel=0.02
        )


def test_heat_is_balanced_after_the_opening(panel: SimulationResult) -> None:
    """Heat in layers, of reactions, work of the gas and heat to the air of the product's own way:
    what is missing is its step, and falls with it."""
    t = 0.6 * (panel.t_demold_min_s or 0.0)
    part, off = Part(panel, t), []
    for tolerance in (1e-2, 1e-3, 1e-4):
        own = opened_at(panel, t, tolerance)
        missing = part.heat_off_J(own.time_s, own.y, own.heat_to_air_J)
        off.append(np.abs(missing).max() / part.heat_over_air())
        assert own.heat_to_air_J[-1] > 0.9 * part.heat_over_air()  # it did cool down
    assert off[0] < 1e-2
    assert off[1] < 2e-3
    assert off[2] < min(3e-4, 0.3 * off[1])


def test_species_are_conserved_after_the_opening(panel: SimulationResult) -> None:
    """What was poured is in the polymer, dissolved or in the cells of every layer, at all times."""
    p, own = panel.run.problem.parameters[0], opened_at(panel, 0.6 * (panel.t_demold_min_s or 0.0))
    OH, water, CO2, agent = (own.y[:, :, state] for state in (s.OH, s.W, s.CO2, s.BA))
    tiny = 1e-9 * float(p["n_OH0"])
    NCO = p["n_NCO0"] - (p["n_OH0"] - OH) - 2.0 * (p["n_W0"] - water)
    for amount in (OH, water, CO2, agent, NCO):
        assert amount.min() > -tiny
    assert np.diff(OH, axis=0).max() <= tiny  # nothing comes back out of the polymer
    assert np.diff(water, axis=0).max() <= tiny
    assert (p["n_W0"] - water - CO2).min() > -tiny  # CO2 in solution: no more gas than water made
    assert (p["n_BA0"] - agent).min() > -tiny
    # the part begins as the foam in the mold
    for state, amount in ((s.OH, OH), (s.W, water), (s.CO2, CO2), (s.BA, agent)):
        layers = s.layered(panel.run.y)[:, :, state].T
        before = [np.interp(own.opened_s, panel.run.t_s, layer) for layer in layers]
        assert amount[0] == pytest.approx(before, rel=1e-12, abs=1e-12)


def test_swell_falls_with_the_time_of_opening(panel: SimulationResult) -> None:
    assert panel.release is not None
    assert len(panel.release.opened_s) == 12
    for before, after in pairwise(panel.release.swell_mm):
        assert after <= before * 1.001 + 1e-6


@pytest.mark.parametrize(
    "shot",
    [("SYSTEM_M1", 1.1, 60.0), ("WATER_CYCLOPENTANE", 1.02, 60.0), ("RIGID_PANEL", 1.15, 40.0)],
    ids=lambda shot: shot[0],
)
def test_the_curve_is_that_of_openings_one_by_one(shot: tuple[str, float, float]) -> None:
    """Swell, shrink and strength of the curve are those of the part that is followed to its end:
    it goes on curing while it cools, and shrinks less than one that stops."""
    system_id, packing, wall_C = shot
    found = simulate(panel_of(system_id, 50.0, packing, wall_C))
    curve = found.release
    assert curve is not None
    for t, swell, shrink, use in zip(
        curve.opened_s, curve.swell_mm, curve.shrink_mm, curve.strength_use_ratio, strict=True
    ):
        own = opened_at(found, float(t))
        assert swell == pytest.approx(own.swell_mm, rel=0.03, abs=2e-3), t
        assert shrink == pytest.approx(own.shrink_mm, rel=0.12, abs=2e-3), t
        assert use == pytest.approx(own.strength_use_ratio, rel=0.05), t


def test_a_thick_part_swells_more() -> None:
    thin, thick = (simulate(panel_of(thickness_mm=d)) for d in (50.0, 90.0))
    for t in (120.0, 150.0, 200.0, 300.0):
        assert opened_at(thick, t).swell_mm >= opened_at(thin, t).swell_mm


def test_openings_that_make_no_sense_are_refused(panel: SimulationResult) -> None:
    for t, words in ((-1.0, "not within the run"), (1e5, "t_cycle_max_s"), (10.0, "liquid")):
        with pytest.raises(InputError, match=words):
            opened_at(panel, t)


@pytest.mark.parametrize(
    "thickness_mm",
    [20.0, *(pytest.param(thick, marks=pytest.mark.peers) for thick in (50.0, 100.0))],
)
def test_the_window_converges(thickness_mm: float) -> None:
    """Within 3 % of 64 layers at the default number, whichever criterion decides."""
    limits = {"swell_max_mm": 0.3} if thickness_mm < 30.0 else {}
    for extra in ({}, {"gel_margin": 0.01}):
        few, many = (
            simulate(panel_of("R11_BASER_KHAKHAR_1994", thickness_mm, layers=n, **limits, **extra))
            for n in (None, 64)
        )
        assert few.demold_binding == many.demold_binding
        assert few.t_demold_min_s == pytest.approx(many.t_demold_min_s, rel=0.03)
    few, many = (simulate(panel_of(thickness_mm=thickness_mm, layers=n)) for n in (None, 64))
    assert few.t_demold_min_s == pytest.approx(many.t_demold_min_s, rel=0.03)


@pytest.mark.parametrize(
    "options",
    [{"backend": "solve_ivp"}, {"dt_s": 2.0}, {"dt_s": 0.1}, {"t_end_s": 1500.0}],
    ids=str,
)
def test_backend_grid_and_horizon_do_not_move_the_window(
    panel: SimulationResult, options: dict[str, Any]
) -> None:
    """Opening, criterion, swell and what becomes of the part are those of the run, not of how it
    was computed or looked at."""
    other = simulate(changed(panel.scenario, simulation=options))
    assert other.demold_binding == panel.demold_binding
    for name in ("t_demold_min_s", "t_demold_max_s"):
        assert getattr(other, name) == pytest.approx(getattr(panel, name), rel=2e-3), name
    assert other.swell_at_min == pytest.approx(panel.swell_at_min, rel=5e-3, abs=1e-5)
    t = 0.7 * (panel.t_demold_min_s or 0.0)
    mine, its = opened_at(panel, t), opened_at(other, t)
    assert its.swell_mm == pytest.approx(mine.swell_mm, rel=2e-3)
    assert its.shrink_ratio == pytest.approx(mine.shrink_ratio, rel=2e-3, abs=1e-5)
    assert its.cold_s == pytest.approx(mine.cold_s, rel=2e-3)
    assert its.heat_to_air_J[-1] == pytest.approx(mine.heat_to_air_J[-1], rel=2e-3)


def strength_kPa(rho: float) -> float:
    """Cold and fully cured, as the shipped systems have it."""
    m = catalogue()["SYSTEM_R1"].mechanics
    phi, faces = m.strut_fraction.value, m.face_strength.value
    solid, rho_solid = m.strength_solid.value, m.density_solid.value
    return mechanics.strength(rho, 1.0, solid, rho_solid, phi, faces) / 1e3


def test_strength_is_that_of_suppliers() -> None:
    """Within 30 % of results and above minima. One result (152 kPa at 35 kg/m3) lies below the
    minimum of a lighter foam (170 kPa at 28): no curve that rises meets both; it stands in
    docs/validation.md as it is."""
    published = load_published("strength_density_rigid_pu.csv")
    low, high = published["density_min_kg_m3"], published["density_max_kg_m3"]
    beyond = []
    for rho, known, kind in zip(
        0.5 * (low + high), published["comp_strength_kPa"], published.words["kind"], strict=True
    ):
        met = (
            strength_kPa(rho) > known
            if kind == "minimum"
            else abs(strength_kPa(rho) / known - 1) <= 0.3
        )
        if not met:
            beyond.append((rho, known, kind))
    assert len(low) == 8
    assert beyond == [(35.0, 152.0, "result")]
    assert strength_kPa(35.0) == pytest.approx(152.0, rel=0.55)
