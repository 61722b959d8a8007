"""Fit of measured series of one shot: temperature, density, pressure, any mix, weighted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin_core.arrays import Array
from twin_core.calibration import statistics
from twin_core.calibration.observation import (
    Agreement,
    MeasuredRun,
    Observation,
    agreement,
    simulated,
)
from twin_core.calibration.record import Change
from twin_core.calibration.search import Estimate, Search
from twin_core.scenario import Scenario
from twin_core.trajectory import integrate


@dataclass(frozen=True)
class MeasuredFit:
    """Result of a fit to measurements."""

    scenario: Scenario
    """With the fitted system (next version) and cup."""
    time_offset_s: float
    estimates: list[Estimate]
    changes: list[Change]
    """Of the system, as written into its file."""
    correlation: Array
    warnings: list[str]
    before: list[Agreement]
    after: list[Agreement]
    simulated_before: list[Array]
    """At the measured times, one array per observation."""
    simulated_after: list[Array]
    rho_end_kg_per_m3: tuple[float, float]
    """Density at the end of the run, before and after: a fit to temperature must not distort it."""
    converged: bool
    message: str


def fit_measured(
    scenario: Scenario, observations: Sequence[Observation], paths: Sequence[str], source: str
) -> MeasuredFit:
    """Fit numbers of a scenario to what was measured of the shot.

    Args:
        paths: of the system (``blowing_agent.k_transfer`` …), ``mold.cup_loss_W_per_K_kg``, and
            ``time_offset_s``.
        source: what the fitted numbers say of themselves.

    Raises:
        InputError: a path or a series is wrong, or there are fewer points than unknowns.
    """
    search = Search([MeasuredRun("", scenario, observations)], paths)
    at = search.minimum()
    freedom = len(at.residuals) - len(at.x)
    # the sigmas are guesses: the scatter that is left says how large they are
    C = statistics.covariance(at.jacobian) * at.squares / freedom
    sigma = np.sqrt(np.diag(C))
    changes, system = search.recorded(at, sigma, source)
    (base,) = search.as_given
    ((fitted, offset),) = search.turned(at.x)
    before, after = integrate(base)[1], integrate(fitted)[1]
    at_before = [simulated(before, o, 0.0) for o in observations]
    at_after = [simulated(after, o, offset) for o in observations]
    return MeasuredFit(
        scenario=scenario.model_copy(update={"system": system, "mold": fitted.mold}),
        time_offset_s=offset,
        estimates=search.estimates(at, sigma, freedom),
        changes=changes,
        correlation=statistics.correlations(C),
        warnings=statistics.warnings([u.label for u in search.unknowns], sigma, C, at.at_bound),
        before=[agreement(o, s) for o, s in zip(observations, at_before, strict=True)],
        after=[agreement(o, s) for o, s in zip(observations, at_after, strict=True)],
        simulated_before=at_before,
        simulated_after=at_after,
        rho_end_kg_per_m3=(float(before.rho_kg_per_m3[-1]), float(after.rho_kg_per_m3[-1])),
        converged=at.converged,
        message=at.message,
    )
