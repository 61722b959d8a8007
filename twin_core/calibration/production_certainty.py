"""Certainty of a calibration on production: intervals from the scatter of whole shots, and gates.

All readings of a shot share its unknown masses and temperatures, so a shot (or a lot, where lots
are known) counts as one: each is left out in turn (jackknife, in the linear form CR3), and the
scatter of what is found without it is the variance. A number that is not fitted is not known
either: it stands at its start with the spread that is assumed of it, which widens the others. So
does a small error of the model that all shots share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin_core.arrays import Array
from twin_core.calibration import shot_features as sf
from twin_core.calibration import statistics
from twin_core.calibration.production_model import Flags, Ints, Model
from twin_core.calibration.production_numbers import ALONG, Number
from twin_core.calibration.production_search import RIDGE, Local

SHARE_OF_SPREAD = 0.5
"""A number is fitted if one sigma, by the shots, is at most this share of what is assumed of it
beforehand, and at most all of it with what is not known of those that are not fitted."""
MODEL_ERROR = 0.25
"""Share of the floor of a feature (``shot_features.FLOOR``) by which the model may be wrong in all
shots alike; no number of shots takes that away (assumed)."""
NO_EFFECT = 0.05
"""A number that moves the features by less for one assumed spread, in sigma, has no effect."""
LOTS_MIN = 8
"""Lots count instead of shots from so many on."""


@dataclass(frozen=True)
class NotFitted:
    """A number that the shots do not determine, and why; it stays as it was."""

    path: str
    mold_id: str | None
    why: str


class Certainty:
    """Normal matrices of the clusters at one place.

    Attributes:
        clusters: number of each shot's cluster, its lot or itself; by_lot: which of both.
        normal: equations of each shot; whole: their matrix of all together.
        g, told: gradient and diagonal of each cluster, (clusters, n).
    """

    def __init__(self, model: Model, here: Local) -> None:
        self.numbers, self.here = model.numbers.all, here
        lots = [shot.lot for shot in model.shots]
        self.by_lot = None not in lots and len(set(lots)) >= LOTS_MIN
        keys = lots if self.by_lot else [shot.name for shot in model.shots]
        self.clusters = np.unique(np.array(keys, dtype=str), return_inverse=True)[1]
        self.normal = here.normal(model.place, model.numbers.shared)
        count, n = int(self.clusters.max()) + 1, len(self.numbers)
        self.whole = self.normal.whole(n)[0]
        self.g, self.told = np.zeros((count, n)), np.zeros((count, n))
        at = self.clusters[:, None], self.normal.where
        np.add.at(self.g, at, self.normal.g)
        np.add.at(self.told, at, np.diagonal(self.normal.A, axis1=1, axis2=2))
        self.spread = np.array([one.spread for one in self.numbers])
        floors = np.array([sf.FLOOR[name] for name, _ in sf.names()])
        pull = here.pull(model.place, model.numbers.shared, n)
        self.pull = pull * MODEL_ERROR * floors

    def covariance(self, kept: Flags, jackknife: bool, certain: Flags | None = None) -> Array:
        """Covariance of the trial values of the numbers that are kept.

        Args:
            kept: which numbers are fitted; the others stand at their start, with their spread.
            certain: of those, which ones are meant to stand there; None: none.
            jackknife: each cluster left out in turn; else its share of the gradient, which is
                quicker and a little too small.
        """
        k, d = np.flatnonzero(kept), np.flatnonzero(~kept)
        if certain is not None:
            d = np.flatnonzero(~kept & ~certain)
        H = self.whole[np.ix_(k, k)] + np.diag(RIDGE / self.spread[k] ** 2)
        if jackknife:
            moved = np.array([self._moved_without(one, H, k) for one in range(len(self.g))])
        else:
            moved = self.g[:, k] @ np.linalg.pinv(H, hermitian=True)
        count = len(moved)
        share = (count - 1) / count if jackknife else count / max(count - 1, 1)
        moved = moved - moved.mean(axis=0)
        C = share * moved.T @ moved
        if len(d):
            S = np.linalg.lstsq(H, self.whole[np.ix_(k, d)], rcond=None)[0] * self.spread[d]
            C = C + S @ S.T
        P = np.linalg.lstsq(H, self.pull[k], rcond=None)[0]
        return np.asarray(C + P @ P.T)

    def _moved_without(self, cluster: int, H: Array, k: Ints) -> Array:
        """How far the numbers ``k`` move when a cluster is left out of their matrix."""
        place = np.full(len(self.numbers), -1)
        place[k] = np.arange(len(k))
        left = H.copy()
        for shot in np.flatnonzero(self.clusters == cluster):
            at = place[self.normal.where[shot]]
            own = np.flatnonzero(at >= 0)
            left[np.ix_(at[own], at[own])] -= self.normal.A[shot][np.ix_(own, own)]
        try:
            moved = np.linalg.solve(left, self.g[cluster, k])
        except np.linalg.LinAlgError:
            moved = np.linalg.lstsq(left, self.g[cluster, k], rcond=None)[0]
        return np.asarray(moved)

    def freedom(self, kept: Flags) -> Array:
        """Degrees of freedom of each number: clusters that tell of it, less what they tell."""
        found = np.empty(len(self.numbers))
        for i, one in enumerate(self.numbers):
            tell = int(np.sum(self.told[:, i] > 0.0))
            alike = [j for j, other in enumerate(self.numbers) if other.mold_id == one.mold_id]
            found[i] = tell - np.sum(kept[alike])
        return np.maximum(found, 1.0)

    def undetermined(self, kept: Flags) -> tuple[Flags, list[NotFitted]]:
        """The numbers that can be kept of these, and why not the others, one after another."""
        kept, found = kept.copy(), []
        told = np.sqrt(np.clip(np.diag(self.whole), 0.0, None)) * self.spread
        for i in np.flatnonzero(kept & (told < NO_EFFECT)):
            kept[i] = False
            found.append(_not(self.numbers[i], "nothing that was measured depends on it"))
        while kept.any():
            worst = self._worst(kept)
            if worst is None:
                break
            kept[worst[0]] = False
            found.append(_not(self.numbers[worst[0]], worst[1]))
        return kept, found

    def _worst(self, kept: Flags) -> tuple[int, str] | None:
        k, others_known = np.flatnonzero(kept), np.ones(len(kept), bool)
        C = self.covariance(kept, jackknife=False, certain=others_known)
        whole = self.covariance(kept, jackknife=False)
        own, sigma = (np.sqrt(np.clip(np.diag(one), 0.0, None)) for one in (C, whole))
        limit = np.array([allowed(self.numbers[i]) for i in k])
        widest = np.array([tolerated(self.numbers[i]) for i in k])
        ratio = np.maximum(own / limit, sigma / widest)
        told = own / limit >= sigma / widest
        sigma, limit = np.where(told, own, sigma), np.where(told, limit, widest)
        i = int(np.argmax(ratio))
        if ratio[i] > 1.0:
            return int(k[i]), _too_wide(self.numbers[k[i]], float(sigma[i]), float(limit[i]))
        both = np.abs(statistics.correlations(C))
        np.fill_diagonal(both, 0.0)
        a, b = np.unravel_index(int(np.argmax(both)), both.shape)
        if both[a, b] <= statistics.HIGH_CORRELATION:
            return None
        drop, stay = (a, b) if ratio[a] >= ratio[b] else (b, a)
        why = (
            f"cannot be told apart from {self.numbers[k[stay]].label}: correlation {both[a, b]:.3f}"
        )
        return int(k[drop]), why


def allowed(number: Number) -> float:
    """Largest sigma with which a number counts as determined, of its trial value."""
    limit = SHARE_OF_SPREAD * number.spread
    return min(limit, statistics.LARGE_SIGMA) if number.factor else limit


def tolerated(number: Number) -> float:
    """Largest sigma of a number when what is not known of the others is counted in."""
    return min(number.spread, statistics.LARGE_SIGMA) if number.factor else number.spread


def _not(number: Number, why: str) -> NotFitted:
    return NotFitted(number.path, number.mold_id, why)


def _too_wide(number: Number, sigma: float, limit: float) -> str:
    if number.factor:
        return f"one sigma is {100 * min(sigma, 9.99):.0f} % of it, allowed {100 * limit:.0f} %"
    return f"one sigma is {sigma:.2g} {number.unit}, allowed {limit:.2g} {number.unit}"


def fitted_along(number: Number) -> bool:
    """Whether it is a lag of a sensor or the ratio of safe times: no number of the twin."""
    return number.path in ALONG
