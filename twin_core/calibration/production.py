"""Calibration on production: many shots decide numbers of their system and of each mold.

What the shots do not determine is named and stays as it was. Whether the numbers are better than
none is judged on the newest shots, which the fit has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twin_core.arrays import Array
from twin_core.calibration import shot_features as sf
from twin_core.calibration.free_parameters import number as number_of
from twin_core.calibration.free_parameters import touched
from twin_core.calibration.mold_numbers import MOLD_NUMBERS
from twin_core.calibration.parameter_set import HeldOut as HeldOutFigures
from twin_core.calibration.parameter_set import NotFitted as NotFittedInSet
from twin_core.calibration.parameter_set import ParameterSet, Provenance
from twin_core.calibration.parameter_set import Verdict as VerdictInSet
from twin_core.calibration.production_certainty import NotFitted, fitted_along
from twin_core.calibration.production_model import Model, Progress, Simulate, simulate_shots
from twin_core.calibration.production_numbers import Number, Numbers, usual_paths
from twin_core.calibration.production_run import Checkpoint, Outcome, Run
from twin_core.calibration.production_shot import ProductionShot, in_order
from twin_core.calibration.production_verdict import HeldOut, Verdict
from twin_core.errors import InputError
from twin_core.fingerprint import PHYSICS_HASH
from twin_core.parameters import Parameter

LEAST_FITTED = 12
"""Shots that are fitted to."""
MOST_SHOTS = 600
"""More are not fitted: each mold gives evenly over its time. All held-out shots are judged."""


@dataclass(frozen=True)
class ProductionEstimate:
    """A fitted number with its 95 % interval.

    Attributes:
        mold_id: whose it is; None: shared.
        sigma: one standard deviation of ``value``, in ``unit``.
        at_bound: the shots ask for more than is allowed.
    """

    path: str
    mold_id: str | None
    unit: str
    before: float
    value: float
    low: float
    high: float
    sigma: float
    at_bound: bool


@dataclass(frozen=True)
class ProductionFit:
    """Numbers that production shots decided.

    Attributes:
        shared: of the system; molds: of each mold by its id; lags: of the sensors, and the ratio
            of safe times: fitted along, and in no set.
        not_fitted: what the shots do not determine.
        omitted: readings, results and features that do not count, by reason.
        verdict: on the held-out shots, with the errors of each quantity.
        fitted_count, held_out_count: shots that were fitted to and judged with.
        by_lot: the intervals are from lots that were left out one by one, not shots.
        converged: the search ended by itself.
        simulations: how many were made.
    """

    system_id: str
    shared: list[ProductionEstimate]
    molds: dict[str, list[ProductionEstimate]]
    lags: list[ProductionEstimate]
    not_fitted: list[NotFitted]
    warnings: list[str]
    omitted: dict[str, int]
    verdict: Verdict
    fitted_count: int
    held_out_count: int
    by_lot: bool
    converged: bool
    simulations: int
    _turned: dict[str, Parameter] = field(repr=False)
    _system: tuple[int, str] = field(repr=False)

    def as_parameter_set(self, number: int, provenance: Provenance) -> ParameterSet:
        """The numbers as a set that can be kept, promoted and put into scenarios.

        Args:
            number: of the set.
            provenance: who made it, when, of which shots.
        """
        source = f"{provenance.command}: {self.fitted_count} shots of production"
        shared = {
            path: parameter.model_copy(update={"source": source})
            for path, parameter in self._turned.items()
        }
        molds = {
            mold_id: {
                one.path: Parameter(
                    value=one.value, unit=one.unit, kind="fitted", source=source, spread=one.sigma,
                    start=one.before,
                )
                for one in found
            }
            for mold_id, found in self.molds.items()
        }  # fmt: skip
        held_out = {
            name: HeldOutFigures(
                before=e.before,
                after=e.after,
                noise_floor=None if e.noise_floor != e.noise_floor else e.noise_floor,
                unit=e.unit,
            )
            for name, e in self.verdict.held_out.items()
        }
        return ParameterSet(
            system_id=self.system_id,
            number=number,
            system_version=self._system[0],
            system_hash=self._system[1],
            physics_hash=PHYSICS_HASH,
            shared=shared,
            molds=molds,
            not_fitted=[
                NotFittedInSet(path=n.path, mold_id=n.mold_id, why=n.why) for n in self.not_fitted
            ],
            provenance=provenance,
            verdict=VerdictInSet(
                use=self.verdict.use,
                words=self.verdict.words,
                held_out=held_out,
                improvement_pct=self.verdict.improvement_pct,
            ),
        )


def fit_production(
    shots: Sequence[ProductionShot],
    *,
    paths: Sequence[str] | None = None,
    mold_numbers: Sequence[str] | None = None,
    held_out_fraction: float = 0.25,
    simulate: Simulate = simulate_shots,
    checkpoint: Checkpoint | None = None,
    save: Callable[[dict[str, Any]], None] = lambda checkpoint: None,
    progress: Progress = lambda words, done, total: None,
) -> ProductionFit:
    """Fit shared numbers of a system, and numbers of each of its molds, to shots of production.

    Args:
        shots: of one system, in any order; at least 12 beside those that are held out.
        paths: shared numbers to try; None: the usual ones that the system has.
        mold_numbers: numbers of a mold to try; None: all.
        held_out_fraction: share of the shots, the newest, that only judge.
        simulate: how scenarios are simulated: on all cores, or elsewhere.
        checkpoint: what an earlier run saved; of other shots or numbers, it is not used, and a
            warning says so.
        save: called with a checkpoint after each step.
        progress: called with words, steps done and steps at most.

    Raises:
        InputError: there are too few shots, or shots, paths or names are wrong.
    """
    ordered = in_order(shots)
    if not 0.0 < held_out_fraction < 1.0:
        raise InputError(f"held_out_fraction is {held_out_fraction:g}, must be between 0 and 1")
    newest = max(1, round(held_out_fraction * len(ordered)))
    if len(ordered) - newest < LEAST_FITTED:
        raise InputError(
            f"calibration on production: {len(ordered)} shots, of which the newest {newest} only "
            f"judge, leave {max(len(ordered) - newest, 0)} to fit to; {LEAST_FITTED} are needed"
        )
    fitted, held = thinned(ordered[:-newest]), ordered[-newest:]
    numbers = Numbers(
        fitted,
        usual_paths(fitted[0].scenario.system) if paths is None else paths,
        list(MOLD_NUMBERS) if mold_numbers is None else mold_numbers,
    )
    model = Model(fitted, sf.features(fitted), numbers, simulate)
    run = Run(model, save, progress, checkpoint)
    outcome = run.fit()
    progress("held-out shots", run.steps, run.steps_at_most)
    unseen = HeldOut(held, numbers, simulate)
    only_along = np.where([fitted_along(n) for n in numbers.all], outcome.here.x, 0.0)
    before = unseen.off(only_along)
    verdict = unseen.verdict(before, unseen.off(outcome.here.x))
    if not verdict.use and outcome.of_molds() and outcome.of_system():
        other = run.of_molds_alone(outcome)
        alone = unseen.verdict(before, unseen.off(other.here.x))
        if alone.use:
            words = f"{alone.words}, by the numbers of the molds alone (with those of the system: "
            words += f"{verdict.words.removeprefix('not used: ')})"
            outcome, verdict = other, Verdict(True, words, alone.held_out, alone.improvement_pct)
    progress("done", run.steps_at_most, run.steps_at_most)
    return _result(model, outcome, verdict, len(held), run.warnings, unseen.features.omitted)


def thinned(shots: Sequence[ProductionShot], most: int = MOST_SHOTS) -> list[ProductionShot]:
    """At most so many shots: of each mold its share, evenly over its shots in order of time."""
    if len(shots) <= most:
        return list(shots)
    by_mold: dict[str, list[int]] = {}
    for i, shot in enumerate(shots):
        by_mold.setdefault(shot.mold_id, []).append(i)
    kept: list[int] = []
    left, molds = most, sorted(by_mold.values(), key=len)
    for k, own in enumerate(molds):
        count = min(len(own), left // (len(molds) - k))
        left -= count
        kept += [own[int((j + 0.5) * len(own) / count)] for j in range(count)]
    return [shots[i] for i in sorted(kept)]


def _result(
    model: Model,
    outcome: Outcome,
    verdict: Verdict,
    held_out_count: int,
    warnings: list[str],
    omitted_of_held_out: Mapping[str, int],
) -> ProductionFit:
    numbers, here = model.numbers, outcome.here
    shared: list[ProductionEstimate] = []
    lags: list[ProductionEstimate] = []
    molds: dict[str, list[ProductionEstimate]] = {mold_id: [] for mold_id in numbers.molds}
    told = list(warnings)
    for i, one in enumerate(numbers.all):
        if not outcome.kept[i]:
            continue
        estimate = _estimate(
            one, float(here.x[i]), float(outcome.reach[i]), float(np.sqrt(outcome.C[i, i]))
        )
        where = (
            molds[one.mold_id] if one.mold_id is not None else lags if fitted_along(one) else shared
        )
        where.append(estimate)
        if estimate.at_bound and not fitted_along(one):
            told.append(f"{one.label} ended at a bound: the shots ask for more than is allowed")
    told += outcome.doubts(len(model.timed) > 0)
    omitted = dict(model.features.omitted)
    for reason, count in omitted_of_held_out.items():
        omitted[reason] = omitted.get(reason, 0) + count
    rejected = here.rejected
    if rejected.any():
        omitted["features far outside the scatter of their mold"] = int(rejected.sum())
    silent = ~np.isnan(model.features.measured) & (here.weights == 0.0) & ~rejected
    if count := int(silent[:, sf.columns(sf.SAFE)].sum()):
        omitted[f"{sf.SAFE}: no time is safe in the simulation"] = count
    along = {n.path for n in numbers.all if fitted_along(n)}
    return ProductionFit(
        system_id=numbers.system.system_id,
        shared=shared,
        molds=molds,
        lags=lags,
        not_fitted=[n for n in outcome.not_fitted if n.path not in along],
        warnings=told,
        omitted=omitted,
        verdict=verdict,
        fitted_count=len(model.shots),
        held_out_count=held_out_count,
        by_lot=outcome.by_lot,
        converged=outcome.converged,
        simulations=model.simulations,
        _turned=numbers_of_system(numbers, here.x, shared),
        _system=(numbers.system.version, numbers.system.parameters_hash()),
    )


def numbers_of_system(
    numbers: Numbers, x: Array, shared: Sequence[ProductionEstimate]
) -> dict[str, Parameter]:
    """Numbers of the system as a set has them, by path; also those that were turned along.

    A rate factor goes with the fitted energy, and its estimate with the energy before: the rate at
    25 C is the same. Its relative spread is, too.

    Args:
        numbers: of the fit.
        x: where it ended.
        shared: estimates of the numbers that were fitted.
    """
    system, of_path = numbers.system_at(x), {one.path: one for one in shared}
    found = {}
    for path in touched(numbers.system, [numbers.free[path] for path in of_path]):
        new, old = number_of(system, path), number_of(numbers.system, path)
        assert new is not None
        assert old is not None
        one = of_path.get(path)
        spread = None if one is None else one.sigma * new.value / one.value
        found[path] = Parameter(
            value=new.value, unit=new.unit, kind="fitted", source="production", spread=spread,
            start=old.value,
        )  # fmt: skip
    return found


def _estimate(one: Number, x: float, reach: float, sigma: float) -> ProductionEstimate:
    edge = 1e-3 * (one.high - one.low)
    return ProductionEstimate(
        path=one.path,
        mold_id=one.mold_id,
        unit=one.unit,
        before=one.start,
        value=one.value(x),
        low=one.value(max(x - reach, -50.0)),
        high=one.value(min(x + reach, 50.0)),
        sigma=one.spread_of_value(x, sigma),
        at_bound=x - one.low < edge or one.high - x < edge,
    )
