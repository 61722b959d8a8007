"""Search for the numbers with which simulated shots come nearest to a production.

Least squares with bounded influence (Huber) of readings and of whole shots. The scale of a feature
is its scatter within the molds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from twin_core.arrays import Array
from twin_core.calibration import shot_features as sf
from twin_core.calibration.production_model import Flags, Ints, Model
from twin_core.errors import InputError

HUBER = 2.5
"""Beyond so many sigma a feature, or a whole shot, only counts by its sign."""
REJECT = 8.0
"""Beyond it, it does not count: a slip of the pen, a sensor that failed."""
FEW = 5
"""A mold with fewer shots has no median of its own."""
STEPS_MAX = 15
NEAR, NEAR_FIRST = 0.01, 0.1
"""A search ends when its next step would lessen the weighted squares by less, which is a tenth of
one sigma; the first search only has to show what is determined."""
RIDGE = 1e-6


@dataclass(frozen=True)
class Normal:
    """Normal equations of each shot in the numbers that it has: few of all, where molds are many.

    Attributes:
        where: (shots, m): which of all numbers they are.
        A: (shots, m, m): normal matrices.
        g: (shots, m): gradients.
    """

    where: Ints
    A: Array
    g: Array

    def whole(self, count: int) -> tuple[Array, Array]:
        """Matrix and gradient of all shots together, in ``count`` numbers."""
        A, g = np.zeros((count, count)), np.zeros(count)
        np.add.at(A, (self.where[:, :, None], self.where[:, None, :]), self.A)
        np.add.at(g, self.where, self.g)
        return A, g


@dataclass(frozen=True)
class Local:
    """Fit at one place: all that certainty is computed from.

    Attributes:
        x: trial values.
        residuals: (shots, features), 0 where nothing was measured.
        jacobian: (shots, features, shared and own numbers).
        weights: (shots, features).
        scales: of the features, in their units.
        rejected: (shots, features) that do not count.
    """

    x: Array
    residuals: Array
    jacobian: Array
    weights: Array
    scales: Array
    rejected: Flags

    def normal(self, place: Ints, shared: int) -> Normal:
        """Normal equations of each shot.

        Args:
            place: (shots, own): number of each of the shot's own numbers among all.
            shared: how many numbers are shared; they come first.
        """
        JW = self.jacobian * self.weights[:, :, None]
        of_all = np.broadcast_to(np.arange(shared), (len(place), shared))
        return Normal(
            np.concatenate((of_all, place), axis=1),
            np.einsum("sfi,sfj->sij", JW, self.jacobian),
            np.einsum("sfi,sf->si", JW, self.residuals),
        )

    def pull(self, place: Ints, shared: int, count: int) -> Array:
        """Gradient for one unit of an error that a feature has in all shots: (n, features)."""
        found = np.zeros((count, self.weights.shape[1]))
        for s, own in enumerate(place):
            where = np.concatenate((np.arange(shared), own))
            found[where] += (self.jacobian[s] * self.weights[s][:, None]).T
        return found


def weigh(R: Array, mold: Ints) -> tuple[Array, Array, Flags]:
    """Weights of features, their scales, and which of them are rejected.

    Args:
        R: residuals (shots, features), NaN where nothing was measured.
        mold: number of the mold of each shot.
    """
    centred = R - _centres(R, mold)
    scale = 1.4826 * _nanmedian(np.abs(centred))
    floors = np.array([sf.FLOOR[name] for name, _ in sf.names()])
    scale = np.hypot(np.nan_to_num(scale), floors)
    z = np.abs(centred) / scale
    share = np.array([sf.COUNTS[name] / sf.TIMES.get(name, 1) for name, _ in sf.names()])
    rejected = z > REJECT
    there = ~np.isnan(z)
    squares = np.where(there, np.minimum(z, REJECT) ** 2, 0.0)
    far = np.sqrt(squares.sum(axis=1) / np.maximum(there.sum(axis=1), 1))
    rejected |= (far > REJECT / 2.0)[:, None] & there
    weight = np.minimum(1.0, HUBER / np.maximum(z, 1e-9))
    weight *= np.minimum(1.0, HUBER / np.maximum(far, 1e-9))[:, None]
    weight = np.where(~there | rejected, 0.0, weight)
    return weight * share / scale**2, scale, rejected


def _centres(R: Array, mold: Ints) -> Array:
    centres = np.broadcast_to(_nanmedian(R), R.shape).copy()
    for one in np.unique(mold):
        own = R[mold == one]
        enough = np.sum(~np.isnan(own), axis=0) >= FEW
        centres[mold == one] = np.where(enough, _nanmedian(own), centres[mold == one])
    return centres


def _nanmedian(values: Array) -> Array:
    """Median of each column; NaN for a column of NaN."""
    found = np.full(values.shape[1], np.nan)
    some = ~np.all(np.isnan(values), axis=0)
    if some.any():
        found[some] = np.nanmedian(values[:, some], axis=0)
    return found


def local(model: Model, x: Array) -> Local:
    """Residuals, derivatives and weights at a place.

    Raises:
        InputError: hardly a shot can be simulated there, or none was measured.
    """
    R, J = model.residuals(x), model.derivatives(x)
    J = np.where(np.isfinite(J), J, 0.0)
    weights, scales, rejected = weigh(R, model.mold)
    if not np.any(weights > 0.0):
        raise InputError("calibration on production: no shot has a reading or a density to fit to")
    return Local(x, np.nan_to_num(R), J, weights, scales, rejected)


def search(
    model: Model,
    x: Array,
    free: Flags,
    assumed: bool,
    after_step: Callable[[Local, int], None],
    done: int = 0,
) -> tuple[Local, bool]:
    """Least squares from ``x`` on over the free numbers; others stay.

    Args:
        free: which numbers are turned.
        assumed: with the assumed spreads as if they were measured, so that what the data do not
            determine stays near its start.
        after_step: called with each place and the number of steps that were made.
        done: steps that were made already.

    Returns:
        The last place, and whether the search ended by itself.
    """
    all_ = model.numbers.all
    spread = np.array([one.spread for one in all_])
    low, high = np.array([one.low for one in all_]), np.array([one.high for one in all_])
    prior = np.where(free, (1.0 if assumed else RIDGE) / spread**2, 0.0)
    here = local(model, x)
    for step in range(done, STEPS_MAX):
        after_step(here, step)
        A, g = here.normal(model.place, model.numbers.shared).whole(len(x))
        A, g = A + np.diag(prior), g + prior * here.x
        move = _move(A, g, here.x, free, low, high)
        move = np.clip(move, -2.0 * spread, 2.0 * spread)
        if float(-g @ move) < (NEAR_FIRST if assumed else NEAR):
            return here, True
        there = _downhill(model, here, np.clip(here.x + move, low, high), prior)
        if there is None:
            return here, True
        here = local(model, there)
    return here, False


def _move(A: Array, g: Array, x: Array, free: Flags, low: Array, high: Array) -> Array:
    """Step of Gauss and Newton; numbers that would leave their bounds stay."""
    free = free.copy()
    while True:
        move = np.zeros(len(x))
        if not free.any():
            return move
        move[free] = -np.linalg.lstsq(A[np.ix_(free, free)], g[free], rcond=1e-12)[0]
        stuck = free & (((x <= low) & (move < 0.0)) | ((x >= high) & (move > 0.0)))
        if not stuck.any():
            return move
        free &= ~stuck


def _downhill(model: Model, here: Local, there: Array, prior: Array) -> Array | None:
    """The place, or one nearer, whose weighted squares are less; None if there is none."""

    def cost(R: Array, x: Array) -> float:
        squares = float(np.sum(here.weights * np.nan_to_num(R, nan=0.0) ** 2))
        failed = np.isnan(R) & (here.weights > 0.0)
        squares += float(np.sum((here.weights * 100.0 * here.scales**2)[failed]))
        return squares + float(np.sum(prior * x**2))

    now = cost(here.residuals, here.x)
    for share in (1.0, 0.4, 0.1):
        x = here.x + share * (there - here.x)
        if cost(model.residuals(x), x) < now * (1.0 - 1e-9):
            return x
    return None
