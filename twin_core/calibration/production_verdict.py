"""Verdict on a calibration: errors on the newest shots, which the fit has not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from twin_core.arrays import Array
from twin_core.calibration import shot_features as sf
from twin_core.calibration.production_model import (
    FROM_WINDOW,
    Curves,
    Ints,
    Simulate,
    as_read,
    cut,
    windows,
)
from twin_core.calibration.production_numbers import Numbers
from twin_core.calibration.production_search import REJECT
from twin_core.calibration.production_shot import RESULTS, SENSORS, ProductionShot
from twin_core.plausible_ranges import RESULTS as POSSIBLE

UNITS = {"T_core_C": "K", "p_cavity_bar": "bar", "T_mold_C": "K"} | RESULTS
LEAST_GAIN_PCT = 2.0
"""A set that gains less is not worth the change."""
MOST_LOSS_PCT = dict.fromkeys(UNITS, 2.0) | {"T_mold_C": 10.0}
"""No quantity may get worse by more; the temperature of the mold tells least of the part."""
FEWEST = 8
"""A quantity that fewer held-out shots have is not judged; nor is one that no mold has twice, for
its scatter is not known."""
MOST_LOST = 0.05
"""Share of the shots, and one at least, of which a quantity may not be predicted any more: no time
is safe, or the simulation fails (assumed)."""
BLOCKS = 12
"""Neighboring shots are alike: so many stretches of time are compared, not single shots."""
CHANCE = 0.025
"""How often a set that does nothing would be called better."""
FOLLOW = 0.2
"""Weight of the newest error in a running mean."""
UNEXPLAINED = 5.0
"""Noise floors. A quantity that stays further off, and is not halved, is not explained by the fit:
its sensor, or what it is mapped to, is looked at first (assumed)."""
NEGLIGIBLE = {"T_core_C": 0.5, "p_cavity_bar": 0.005, "T_mold_C": 0.3}
"""Errors below these do not matter [unit of the series]."""
LEAST = 1e-9
"""Scatter of a quantity that is the same to the last digit in all shots [its unit]."""


@dataclass(frozen=True)
class Errors:
    """Error of one quantity on the held-out shots, in its unit.

    Attributes:
        before, after: root of the mean square, without and with the numbers of the fit.
        noise_floor: scatter within the molds about their own mean, or a running one: no constant
            number can remove it.
        shots: how many have it.
    """

    before: float
    after: float
    noise_floor: float
    unit: str
    shots: int


@dataclass(frozen=True)
class Verdict:
    """Judgement of a fit.

    Attributes:
        use: whether the numbers are better than none.
        improvement_pct: of the errors of all quantities together, each over its noise floor.
    """

    use: bool
    words: str
    held_out: Mapping[str, Errors]
    improvement_pct: float


class HeldOut:
    """Held-out shots, and what is simulated of them."""

    def __init__(
        self, shots: Sequence[ProductionShot], numbers: Numbers, simulate: Simulate
    ) -> None:
        self.shots, self.numbers, self.simulate = shots, numbers, simulate
        self.features = sf.features(shots)
        self.results = {name: np.array([_result(shot, name) for shot in shots]) for name in RESULTS}

    def off(self, x: Array) -> dict[str, Array]:
        """Simulated minus measured with trial values, by quantity: (shots, features)."""
        scenarios = self.numbers.scenarios(self.shots, x)
        curves = Curves(self.simulate([cut(one, self.features.end_s) for one in scenarios], False))
        read = as_read(self.features, curves, self.numbers, self.shots, x)
        off = read - self.features.measured
        found = {sensor: off[:, sf.columns(sensor)] for sensor in SENSORS}
        density = np.exp(read[:, sf.columns(sf.DENSITY)]) - self.results[sf.DENSITY][:, None]
        found[sf.DENSITY] = density
        measured = np.any([~np.isnan(self.results[name]) for name in FROM_WINDOW], axis=0)
        wanted = np.flatnonzero(measured)
        simulated = windows(self.simulate, [scenarios[i] for i in wanted.tolist()])
        for name in FROM_WINDOW:
            off = np.full(len(self.shots), np.nan)
            off[wanted] = simulated[name] - self.results[name][wanted]
            found[name] = off[:, None]
        return found

    def verdict(self, before: Mapping[str, Array], after: Mapping[str, Array]) -> Verdict:
        """Judge the errors of ``off`` with the numbers of a fit against those without."""
        mold = np.unique([shot.mold_id for shot in self.shots], return_inverse=True)[1]
        errors, gains, scores = {}, {}, []
        lost = [words for name in before if (words := _lost(name, before[name], after[name]))]
        for name in before:
            judged = _judged(name, before[name], after[name], mold)
            if judged is None:
                continue
            errors[name], squares = judged
            scores.append(squares)
            gains[name] = squares
        if not scores:
            few = f"no quantity was measured of {FEWEST} held-out shots, with two of a mold"
            words = " and ".join(lost) or few
            return Verdict(False, f"not used: {words}", errors, 0.0)
        return _verdict(errors, gains, _mean(np.array(scores)), lost)


def _result(shot: ProductionShot, name: str) -> float:
    value = shot.results.get(name, math.nan)
    return value if POSSIBLE[name].holds(value) else math.nan


def _lost(name: str, before: Array, after: Array) -> str:
    """Words on a quantity that many shots have no prediction of any more; empty where few have."""
    had, has = (np.any(~np.isnan(one), axis=1) for one in (before, after))
    gone, come = int(np.sum(had & ~has)), int(np.sum(has & ~had))
    if gone - come <= max(1.0, MOST_LOST * np.sum(had)):
        return ""
    return f"{name} is not predicted any more of {gone} of {int(np.sum(had))} held-out shots"


def _judged(name: str, before: Array, after: Array, mold: Ints) -> tuple[Errors, Array] | None:
    """Errors of a quantity, and (shots, 2): squares before and after over the noise floor's."""
    before, after = before.copy(), after.copy()
    there = ~np.isnan(before) & ~np.isnan(after)
    scale = _scale(np.where(there, after, np.nan), mold)
    slip = np.minimum(np.abs(before), np.abs(after)) > REJECT * scale
    slip &= np.minimum(_from_center(before, mold), _from_center(after, mold)) > REJECT * scale
    there &= ~slip
    if int(np.any(there, axis=1).sum()) < FEWEST:
        return None
    before[~there] = after[~there] = np.nan
    with np.errstate(all="ignore"):
        count = np.maximum(there.sum(axis=1), 1)
        squares = np.column_stack([np.nansum(one**2, axis=1) / count for one in (before, after)])
    squares[~np.any(there, axis=1)] = np.nan
    root = np.sqrt(np.nanmean(squares, axis=0))
    floor = _floor(after, mold)
    if math.isnan(floor):
        return None
    errors = Errors(
        float(root[0]), float(root[1]), floor, UNITS[name], int(np.any(there, axis=1).sum())
    )
    return errors, squares / _scatter(name, floor) ** 2


def _scatter(name: str, floor: float) -> float:
    """The noise floor, as far as it matters: never 0."""
    return max(floor, NEGLIGIBLE.get(name, LEAST))


def _from_center(off: Array, mold: Ints) -> Array:
    found = np.empty_like(off)
    for one in np.unique(mold):
        own = off[mold == one]
        found[mold == one] = np.abs(own - _median(own))
    return found


def _median(off: Array) -> Array:
    median = np.zeros(off.shape[1])
    some = ~np.all(np.isnan(off), axis=0)
    median[some] = np.nanmedian(off[:, some], axis=0)
    return median


def _scale(off: Array, mold: Ints) -> Array:
    away = _from_center(off, mold)
    return np.maximum(1.4826 * _median(away), LEAST)


def _floor(off: Array, mold: Ints) -> float:
    """Scatter about the mean of each mold, or about its running mean, which is less."""
    about_mean, about_running, freedom, count = 0.0, 0.0, 0, 0
    for one in np.unique(mold):
        for column in off[mold == one].T:
            own = column[~np.isnan(column)]
            if len(own) < 2:
                continue
            about_mean += float(np.sum((own - own.mean()) ** 2))
            freedom += len(own) - 1
            running = own[0]
            for value in own[1:].tolist():
                about_running += (value - running) ** 2
                running += FOLLOW * (value - running)
                count += 1
    if not freedom:
        return math.nan
    return math.sqrt(min(about_mean / freedom, about_running / count))


def _verdict(
    errors: Mapping[str, Errors], gains: Mapping[str, Array], both: Array, lost: Sequence[str]
) -> Verdict:
    count = int(np.sum(~np.isnan(both[:, 0])))
    improvement = _improvement(both)
    late = _improvement(both[len(both) // 2 :])
    worse = [name for name, squares in gains.items() if _worse(squares, MOST_LOSS_PCT[name])]
    sure = _chance(both) < CHANCE
    share = f"{abs(improvement):.0f} % {'less' if improvement >= 0.0 else 'more'} error"
    told = f"{share} on {count} held-out shots"
    off = [_stays_off(name, e) for name, e in errors.items() if _unexplained(name, e)]
    if lost:
        words = f"not used: {' and '.join(lost)}"
    elif off:
        words = (
            f"not used: {' and '.join(off)}: look at the sensor, and its unit and mapping, first"
        )
    elif worse:
        words = f"not used: {told}, and worse at {', '.join(worse)}"
    elif improvement < LEAST_GAIN_PCT:
        words = f"not used: {told}; at least {LEAST_GAIN_PCT:g} % less is asked for"
    elif not sure:
        words = f"not used: {told}, which may be chance"
    elif late < LEAST_GAIN_PCT:
        words = f"not used: {told}, and no gain on the newer half of them"
    else:
        return Verdict(True, f"use it: {told}{_not_better(errors)}", errors, improvement)
    return Verdict(False, words, errors, improvement)


def _unexplained(name: str, e: Errors) -> bool:
    return e.after > max(UNEXPLAINED * _scatter(name, e.noise_floor), 0.5 * e.before)


def _stays_off(name: str, e: Errors) -> str:
    stays = f"{name} stays {e.after:.3g} {e.unit} off"
    if e.noise_floor <= LEAST:
        return f"{stays} in all shots alike"
    return f"{stays}, {e.after / e.noise_floor:.0f} times its scatter"


def _not_better(errors: Mapping[str, Errors]) -> str:
    """Words on quantities that got worse, though not clearly; what comes from the window first."""
    names = sorted(errors, key=lambda name: name not in FROM_WINDOW)
    said = [
        f"{name} {e.before:.3g} -> {e.after:.3g} {e.unit}"
        for name in names
        for e in [errors[name]]
        if e.after > 1.01 * e.before
    ]
    return f"; not better, maybe by chance: {', '.join(said)}" if said else ""


def _improvement(squares: Array) -> float:
    """Gain of the error in per cent of the error before."""
    before, after = _mean(squares).tolist()
    return 100.0 * (1.0 - math.sqrt(after / before)) if before > 0.0 else 0.0


def _mean(values: Array) -> Array:
    """Mean over the first axis of what is there; NaN where nothing is."""
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _worse(squares: Array, most_pct: float) -> bool:
    """A quantity is clearly worse: by more than the allowed loss, and hardly by chance."""
    if _improvement(squares) >= -most_pct:
        return False
    return _chance(squares[:, ::-1]) < 2.0 * CHANCE


def _chance(squares: Array) -> float:
    """Chance of so large a gain if there were none: t test over stretches of time."""
    gain = squares[:, 0] - squares[:, 1]
    gain = gain[~np.isnan(gain)]
    blocks = [part.mean() for part in np.array_split(gain, min(BLOCKS, len(gain)))]
    error = np.std(blocks, ddof=1) / math.sqrt(len(blocks))
    if error <= 0.0:
        return 0.0 if np.mean(blocks) > 0.0 else 1.0
    return float(1.0 - stdtr(len(blocks) - 1, np.mean(blocks) / error))
