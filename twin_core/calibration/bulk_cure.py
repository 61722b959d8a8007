"""Fit of a cure without foam: one set of numbers to all measured series of a chemistry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from twin_core.arrays import Array
from twin_core.bulk_cure import CureChemistry, CureSeries
from twin_core.calibration import statistics
from twin_core.calibration.free_parameters import FreeParameter, touched, unfitted
from twin_core.calibration.record import Change, fitted_number, same
from twin_core.units import kelvin

PATHS = tuple(
    f"{part}.{name}" for part in ("unblocking", "gelling") for name in ("E", "A", "by_urethane")
)
STEP = 1e-3
WIDEST = math.log(1e4)


@dataclass(frozen=True)
class CureFit:
    """A chemistry fitted to its series; errors as root mean square shares of the initial OH."""

    chemistry: CureChemistry
    changes: list[Change]
    before: list[float]
    after: list[float]
    warnings: list[str]


def fit_cure(chemistry: CureChemistry, series: Sequence[CureSeries], source: str) -> CureFit:
    """Fit rates and energies to all series at once, each series with the same weight."""
    start = unfitted(chemistry, PATHS)
    middle = float(np.mean([kelvin(s.given.T_C) for s in series]))
    free_parameters = [FreeParameter(path, T_reference_K=middle) for path in PATHS]

    def turned(x: Array) -> CureChemistry:
        found = start
        for free, value in zip(free_parameters, x.tolist(), strict=True):
            found = free.turn(found, math.exp(value))
        return found

    def residuals(x: Array) -> Array:
        trial = turned(x)
        return np.concatenate([s.error(trial) / math.sqrt(len(s.t_s)) for s in series])

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
    freedom = max(len(found.fun) - len(free_parameters), 1)
    C = statistics.covariance(jacobian(found.x)) * 2.0 * found.cost / freedom
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
        warnings=statistics.warnings(list(PATHS), sigma, C, stuck),
    )
