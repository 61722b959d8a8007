"""``simulate``: one scenario in, everything about the shot out."""

from __future__ import annotations

from twin_core.errors import TwinError
from twin_core.models.manual import ManualBackend, solution_of
from twin_core.results.assessment import assess
from twin_core.results.audit import Audit
from twin_core.results.kpi import RHO, Kpis
from twin_core.results.result import SimulationResult
from twin_core.results.summary import BALANCE, FIGURES, Rows, Runs, run, summarize
from twin_core.results.window_result import DemoldWindow, ReleaseCurve, window_ends
from twin_core.scenario import Scenario
from twin_core.trajectory import Prepared, Trajectory, grids_of, solve, window_kind


def simulate(scenario: Scenario, backend: str | None = None) -> SimulationResult:
    """Simulate one shot.

    Args:
        scenario: see ``load_scenario``.
        backend: name of the solver; None takes the scenario's.

    Raises:
        InputError: the scenario cannot be simulated as given.
        SolverError: the integration failed; BudgetExceeded: it was stopped at its budget.
    """
    if _name(scenario, backend) != ManualBackend.name:
        ran = solve(scenario, backend)
        return _result(ran, summarize(ran))
    return _shot(scenario, None)[0]


def simulate_with_free_rise(
    scenario: Scenario, backend: str | None = None
) -> tuple[SimulationResult, float | None]:
    """Simulate one shot, and the same pour in an open cup.

    Returns:
        The result of ``simulate``; and the free-rise density [kg/m3], None where the cup cannot be
        simulated or the mold is a cup itself.

    Raises:
        InputError, SolverError, BudgetExceeded: as ``simulate``, about the shot.
    """
    if scenario.mold.open:
        return simulate(scenario, backend), None
    if _name(scenario, backend) != ManualBackend.name:
        result = simulate(scenario, backend)
        try:
            return result, free_rise_density(scenario, backend)
        except TwinError:
            return result, None
    return _shot(scenario, _cup(scenario))


def free_rise_density(scenario: Scenario, backend: str | None = None) -> float:
    """Density [kg/m3] that the same pour reaches in an open cup, from a run of its own.

    Raises:
        InputError, SolverError, BudgetExceeded: the cup cannot be simulated.
    """
    return key_figures(_cup(scenario), backend).rho_moulded_kg_per_m3


def key_figures(scenario: Scenario, backend: str | None = None) -> Kpis:
    """Key figures of one shot alone, for loops that need no more.

    Raises:
        InputError, SolverError, BudgetExceeded: as ``simulate``.
    """
    if _name(scenario, backend) != ManualBackend.name:
        return Kpis.of(summarize(solve(scenario, backend)).kpis)
    runs = _run([_prepared(scenario)], [FIGURES])
    if runs.errors:
        raise runs.errors[0]
    return Kpis.of(runs.rows.kpis[0])


def _cup(scenario: Scenario) -> Scenario:
    return scenario.model_copy(update={"mold": scenario.mold.as_open_cup()})


def _name(scenario: Scenario, backend: str | None) -> str:
    return backend or scenario.simulation.backend


def _prepared(scenario: Scenario) -> Prepared:
    return Prepared.of(scenario, float(grids_of(scenario).t_s[-1]))


def _run(shots: list[Prepared], depths: list[int]) -> Runs:
    scenario = shots[-1].scenario
    times = grids_of(scenario)
    return run(shots, depths, times.t_s, times.analysis, scenario.simulation.rtol)


def _shot(scenario: Scenario, cup: Scenario | None) -> tuple[SimulationResult, float | None]:
    """The shot, and the density in the cup if one is given."""
    shot = _prepared(scenario)
    runs = _run([shot], [BALANCE])
    if runs.errors:
        raise runs.errors[0]
    found = _result(Trajectory.of(shot, solution_of(runs.record)), runs.rows.row(0))
    if cup is None:
        return found, None
    try:
        risen = _run([_prepared(cup)], [FIGURES])
    except TwinError:
        return found, None
    return found, None if risen.errors else float(risen.rows.kpis[0, RHO])


def _result(ran: Trajectory, rows: Rows) -> SimulationResult:
    k, window, scenario = Kpis.of(rows.kpis), DemoldWindow.of(rows.window), ran.shot.scenario
    verdict = assess(ran, k, window, rows.verdict)
    return SimulationResult(
        t_demold_min_s=window.t_min_s,
        t_demold_opt_s=window.t_opt_s,
        t_demold_max_s=window.t_max_s,
        demold_binding={"earliest": window.binding_earliest, "latest": window.binding_latest},
        demold_ends=window_ends(window, scenario, ran.shot.limits),
        demold_margins=window.margins_at_opt,
        window=window_kind(scenario),
        swell_at_min=window.at_min,
        swell_at_opt=window.at_opt,
        release=ReleaseCurve.of(rows.curve),
        rho_moulded=k.rho_moulded_kg_per_m3,
        p_max_Pa=k.p_max_Pa,
        pressure_status=verdict.pressure_status,
        vent_closure_time_s=k.vent_closure_time_s,
        H_demold_shore=window.hardness_at_opt,
        H_24h_shore=k.H_24h_shore,
        shore_scale=scenario.system.mechanics.shore,
        alpha_demold=window.alpha_at_opt,
        quality_status=verdict.quality_status,
        defect_risk=verdict.defect_risk,
        risks=verdict.risks,
        diagnostics=verdict.diagnostics,
        water_from_polyol_kg=k.water_from_polyol_kg,
        water_from_rh_kg=k.water_from_rh_kg,
        water_effective_kg=k.water_effective_kg,
        water_eff_fraction=k.water_eff_fraction,
        water_risk_score=k.water_risk_score,
        kpis=k,
        audit=Audit(*rows.balance.tolist()),
        statistics=ran.solution.statistics,
        scenario=ran.shot.scenario,
        run=ran,
    )
