"""Fit of a system to rise tests: what they determine is fitted, what they do not is named.

Rates and energies come from several tests at several temperatures together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from twin_core.arrays import Array
from twin_core.calibration import statistics
from twin_core.calibration.free_parameters import number
from twin_core.calibration.observation import (
    Agreement,
    MeasuredRun,
    agreement,
    simulated,
)
from twin_core.calibration.record import Change
from twin_core.calibration.rise_test import RiseTest
from twin_core.calibration.search import Estimate, Minimum, Search
from twin_core.calibration.unknown import CUP_LOSS
from twin_core.errors import InputError, SolverError
from twin_core.materials import MaterialSystem
from twin_core.scenario import Scenario
from twin_core.single_shot import key_figures
from twin_core.trajectory import integrate

USUAL = (
    "gelling.A", "gelling.E", "water_reaction.A", "water_reaction.E", "foaming.nucleation_time",
    "gel.stop_conversion", "blowing_agent.k_transfer", "carbon_dioxide.k_transfer", CUP_LOSS,
)  # fmt: skip
"""Numbers that rise tests may tell, of which those are tried that the system has."""
ENERGIES = (".E", ".E_auto")
APART_K = 5.0
"""Energies are fitted if the mixes of two tests are so far apart at the pour."""
NO_EFFECT = 0.05
"""A number whose doubling moves the residuals by less, in sigma, has no effect on these data."""
TIMES = ("t_cream_s", "t_gel_s", "t_rise_s", "t_tack_free_s")


@dataclass(frozen=True)
class NotFitted:
    """A number that the tests do not determine, and why; it stays as it was."""

    path: str
    why: str


@dataclass(frozen=True)
class TestFit:
    """One test beside the model, before and after the fit.

    Attributes:
        run: what was measured.
        before, after: agreement of each observation.
        simulated_before, simulated_after: at the measured times.
        model_before, model_after: the model's own times by name [s], None: does not happen.
        held_out: the fit has not seen it.
    """

    run: MeasuredRun
    before: list[Agreement]
    after: list[Agreement]
    simulated_before: list[Array]
    simulated_after: list[Array]
    model_before: Mapping[str, float | None]
    model_after: Mapping[str, float | None]
    held_out: bool = False

    def error(self, after: bool) -> float:
        """Root of the mean square of the residuals in sigma, each series alike."""
        values = self.simulated_after if after else self.simulated_before
        squares = [
            float(np.sum(o.residuals(v) ** 2)) / (o.weight * len(o.t_s))
            for o, v in zip(self.run.observations, values, strict=True)
        ]
        return float(np.sqrt(np.mean(squares)))


@dataclass(frozen=True)
class RiseFit:
    """A system fitted to rise tests.

    Attributes:
        system: with the next version; as it was given when no number changed.
        cup_loss_W_per_K_kg: of the cups, for scenarios that use them.
        not_fitted: what the tests do not determine.
        tests: those that were fitted, then those that were held out.
    """

    system: MaterialSystem
    cup_loss_W_per_K_kg: float
    estimates: list[Estimate]
    changes: list[Change]
    not_fitted: list[NotFitted]
    warnings: list[str]
    tests: list[TestFit]
    converged: bool
    message: str

    @property
    def held_out(self) -> list[TestFit]:
        """Tests that the fit has not seen."""
        return [test for test in self.tests if test.held_out]


def usual_paths(system: MaterialSystem) -> list[str]:
    """Numbers of ``USUAL`` that a system has, and the loss of the cups."""
    found = []
    for path in USUAL:
        try:
            there = path == CUP_LOSS or number(system, path) is not None
        except InputError:
            continue  # this system has no such part
        if there:
            found.append(path)
    return found


def fit_rise_tests(
    system: MaterialSystem,
    tests: Sequence[RiseTest],
    paths: Sequence[str],
    source: str,
    held_out: Sequence[RiseTest] = (),
    weights: Mapping[str, float] | None = None,
) -> RiseFit:
    """Fit numbers of a system to rise tests, all together.

    A number is left as it was, and named, when nothing of the tests depends on it, when its spread
    stays above 30 %, or when it cannot be told apart from another one (correlation above 0.98).

    Args:
        tests: at least one.
        paths: numbers to try, of the system, ``mold.cup_loss_W_per_K_kg``, ``time_offset_s``.
        source: what the fitted numbers say of themselves.
        held_out: tests that are only predicted.
        weights: of a quantity, by its name; 1 where it is not named.

    Raises:
        InputError: a path or a test is wrong, or the tests determine none of the numbers.
    """
    runs = [test.run(system, weights or {}) for test in tests]
    unseen = [test.run(system, weights or {}) for test in held_out]
    left, not_fitted = _at_one_temperature(tests, paths)
    search, at, C = _determined(runs, left, not_fitted)
    sigma = np.sqrt(np.clip(np.diag(C), 0.0, None))
    changes, fitted = search.recorded(at, sigma, source)
    freedom = len(at.residuals) - len(at.x)
    before, after = search.as_given, search.turned(at.x)
    loss = after[0][0].mold.cup_loss_W_per_K_kg
    found = [
        _beside(run, one, other, offset, False)
        for run, one, (other, offset) in zip(runs, before, after, strict=True)
    ]
    for run in unseen:
        mold = run.scenario.mold.model_copy(update={"cup_loss_W_per_K_kg": loss})
        other = run.scenario.model_copy(update={"system": after[0][0].system, "mold": mold})
        found.append(_beside(run, run.scenario, other, 0.0, True))
    return RiseFit(
        system=fitted,
        cup_loss_W_per_K_kg=loss,
        estimates=search.estimates(at, sigma, freedom),
        changes=changes,
        not_fitted=not_fitted,
        warnings=statistics.warnings([u.label for u in search.unknowns], sigma, C, at.at_bound),
        tests=found,
        converged=at.converged,
        message=at.message,
    )


def _at_one_temperature(
    tests: Sequence[RiseTest], paths: Sequence[str]
) -> tuple[list[str], list[NotFitted]]:
    """The paths without energies where all tests begin alike warm."""
    warm = [test.T_start_C for test in tests]
    if max(warm) - min(warm) >= APART_K:
        return list(paths), []
    energies = [path for path in paths if path.endswith(ENERGIES)]
    why = (
        f"the tests begin at {min(warm):.3g} to {max(warm):.3g} C: an energy needs two that are at "
        f"least {APART_K:g} K apart"
    )
    left = [path for path in paths if path not in energies]
    return left, [NotFitted(path, why) for path in energies]


def _determined(
    runs: Sequence[MeasuredRun], paths: Sequence[str], not_fitted: list[NotFitted]
) -> tuple[Search, Minimum, Array]:
    """The fit of what is left when the numbers that are not determined are taken away, one by one.

    Args:
        not_fitted: gets those.
    """
    left, first = list(paths), None
    while left:
        search = Search(runs, left)
        if first is None:
            start = np.zeros(len(search.unknowns))
            idle = _without_effect(search, search.jacobian(start))
            if idle:
                not_fitted += idle
                left = [path for path in left if path not in {n.path for n in idle}]
                continue
        at = search.minimum(first)
        C = statistics.covariance_of_series(at.jacobian, at.residuals, search.sizes)
        worst = _worst(search, at, C)
        if worst is None:
            return search, at, C
        not_fitted.append(worst)
        left = [path for path in left if path != worst.path]
        first = np.array(
            [x for u, x in zip(search.unknowns, at.x, strict=True) if u.path != worst.path]
        )
    named = "; ".join(f"{n.path}: {n.why}" for n in not_fitted) or "none was named"
    raise InputError(f"the rise tests determine no number: {named}")


def _without_effect(search: Search, J: Array) -> list[NotFitted]:
    found = []
    for unknown, column in zip(search.unknowns, J.T, strict=True):
        if float(np.linalg.norm(column)) < NO_EFFECT and unknown.run is None:
            found.append(NotFitted(unknown.path, "nothing that was measured depends on it"))
    return found


def _worst(search: Search, at: Minimum, C: Array) -> NotFitted | None:
    """The number that is determined least, None if each is well enough.

    At a bound, the spread is that of the data, too: what stays there is a warning.
    """
    sigma = np.sqrt(np.clip(np.diag(C), 0.0, None))
    order = np.argsort(-sigma)
    for i in order.tolist():
        if sigma[i] > statistics.LARGE_SIGMA:
            why = (
                f"one sigma is {100 * min(sigma[i], 9.99):.0f} % of it, allowed "
                f"{100 * statistics.LARGE_SIGMA:.0f} %"
            )
            return NotFitted(search.unknowns[i].path, why)
    both = np.abs(statistics.correlations(C))
    for i in order.tolist():
        for j in order.tolist():
            if i != j and both[i, j] > statistics.HIGH_CORRELATION:
                why = f"cannot be told apart from {search.unknowns[j].label}"
                return NotFitted(search.unknowns[i].path, f"{why}: correlation {both[i, j]:.3f}")
    return None


def _beside(
    run: MeasuredRun, before: Scenario, after: Scenario, offset_s: float, held_out: bool
) -> TestFit:
    at_before, at_after = (
        [simulated(ran, o, offset) for o in run.observations]
        for ran, offset in ((integrate(before)[1], 0.0), (integrate(after)[1], offset_s))
    )
    return TestFit(
        run,
        [agreement(o, s) for o, s in zip(run.observations, at_before, strict=True)],
        [agreement(o, s) for o, s in zip(run.observations, at_after, strict=True)],
        at_before,
        at_after,
        _times(before),
        _times(after),
        held_out,
    )


def _times(scenario: Scenario) -> dict[str, float | None]:
    try:
        k = key_figures(scenario)
    except (SolverError, InputError):
        return dict.fromkeys(TIMES)
    return {name: getattr(k, name) for name in TIMES}
