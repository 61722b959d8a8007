"""Fit of a cure without foam: one set of numbers to all measured series of a chemistry.

A number that the series hardly tell takes the prior of the chemistry's file. The errors of a series
go together (they are those of the law), so a series counts like ``READINGS`` within ``SIGMA``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from twin_core.arrays import Array
from twin_core.bulk_cure import CureChemistry, CureSeries, cure
from twin_core.calibration import statistics
from twin_core.calibration.free_parameters import FreeParameter, number, touched, unfitted
from twin_core.calibration.record import Change, fitted_number, same
from twin_core.units import kelvin

PATHS = tuple(
    f"{part}.{name}" for part in ("unblocking", "gelling") for name in ("E", "A", "by_urethane")
)
STEP = 1e-3
WIDEST = math.log(1e4)
SIGMA = 0.05
"""Of a series, as a share of the initial hydroxyl: what counts as met (assumed)."""
READINGS = 4.0
"""Errors of a series that are independent: by their autocorrelation 2 to 6 of 8 to 12."""
BY_PRIOR = 0.7
"""Spread that is left, as a share of the prior's, above which the series hardly told a number."""


@dataclass(frozen=True)
class CureFit:
    """A chemistry fitted to its series; errors as root mean square shares of the initial OH."""

    chemistry: CureChemistry
    changes: list[Change]
    before: list[float]
    after: list[float]
    warnings: list[str]
    factors: Array
    """Logarithms of the fitted numbers over their start, and their covariance."""
    covariance: Array
    start: CureChemistry
    T_reference_K: float


def fit_cure(chemistry: CureChemistry, series: Sequence[CureSeries], source: str) -> CureFit:
    """Fit rates and energies to all series at once, each series with the same weight."""
    start = unfitted(chemistry, PATHS)
    middle = float(np.mean([kelvin(s.given.T_C) for s in series]))
    free_parameters = _free(middle)

    def turned(x: Array) -> CureChemistry:
        return _turned(start, free_parameters, x)

    def residuals(x: Array) -> Array:
        trial = turned(x)
        told = [s.error(trial) * math.sqrt(READINGS / len(s.t_s)) / SIGMA for s in series]
        return np.concatenate([*told, _beside_priors(trial)])

    def jacobian(x: Array) -> Array:
        steps = STEP * np.eye(len(x))
        columns = [residuals(x + h) - residuals(x - h) for h in steps]
        return np.column_stack(columns) / (2.0 * STEP)

    found = least_squares(
        residuals,
        np.zeros(len(free_parameters)),
        jac=jacobian,
        bounds=(-WIDEST, WIDEST),
        max_nfev=100,
    )
    C = statistics.covariance(jacobian(found.x))
    sigma = np.sqrt(np.diag(C))
    by_path = dict(zip(PATHS, sigma.tolist(), strict=True))
    fitted, changes = turned(found.x), []
    for path in touched(start, free_parameters):
        change, fitted = fitted_number(start, fitted, path, by_path[path], source)
        changes.append(change)
    if not same(fitted.model_dump(), chemistry.model_dump()):
        fitted = fitted.model_copy(update={"version": chemistry.version + 1})
    else:
        fitted = chemistry
    stuck = (np.abs(np.abs(found.x) - WIDEST) < 1e-3).tolist()
    return CureFit(
        chemistry=fitted,
        changes=changes,
        before=[s.rmse(start) for s in series],
        after=[s.rmse(fitted) for s in series],
        warnings=statistics.warnings(list(PATHS), sigma, C, stuck) + _told_by_priors(fitted),
        factors=found.x,
        covariance=C,
        start=start,
        T_reference_K=middle,
    )


def _free(middle_K: float) -> list[FreeParameter]:
    return [FreeParameter(path, T_reference_K=middle_K) for path in PATHS]


def _turned(start: CureChemistry, free: list[FreeParameter], x: Array) -> CureChemistry:
    for each, value in zip(free, x.tolist(), strict=True):
        start = each.turn(start, math.exp(value))
    return start


def _told_by_priors(fitted: CureChemistry) -> list[str]:
    found = []
    for path, prior in fitted.priors.items():
        own = number(fitted, path)
        assert own is not None
        assert prior.spread
        if own.spread is not None and own.spread > BY_PRIOR * prior.spread:
            found.append(
                f"{path} is told by its prior, hardly by the series: {prior.value:g} +- "
                f"{prior.spread:g} {prior.unit} before, {own.value:g} +- {own.spread:g} after"
            )
    return found


def _beside_priors(trial: CureChemistry) -> Array:
    """How far the numbers are from their priors, in sigma."""
    found = []
    for path, prior in trial.priors.items():
        own = number(trial, path)
        assert own is not None
        assert prior.spread
        found.append((own.value - prior.value) / prior.spread)
    return np.array(found)


@dataclass(frozen=True)
class CurePrediction:
    """Hydroxyl of a series that was not fitted [mol/l], with its 95 % interval."""

    OH_mol_per_l: Array
    low: Array
    high: Array
    inside: float
    """Share of the readings within the interval."""
    rmse: float


def predict(fit: CureFit, series: CureSeries) -> CurePrediction:
    """A series from the fit to others: uncertainty of the numbers, and the error of the law."""
    free = _free(fit.T_reference_K)

    def at(x: Array) -> Array:
        return cure(_turned(fit.start, free, x), series.given, series.t_s)

    steps = STEP * np.eye(len(fit.factors))
    slopes = [at(fit.factors + h) - at(fit.factors - h) for h in steps]
    J = np.column_stack(slopes) / (2.0 * STEP)
    law = (SIGMA * series.given.OH_mol_per_l) ** 2
    half = 1.96 * np.sqrt(np.einsum("ij,jk,ik->i", J, fit.covariance, J) + law)
    middle = at(fit.factors)
    low, high = np.maximum(middle - half, 0.0), np.minimum(middle + half, series.given.OH_mol_per_l)
    inside = float(np.mean((series.OH_mol_per_l >= low) & (series.OH_mol_per_l <= high)))
    return CurePrediction(middle, low, high, inside, series.rmse(fit.chemistry))
