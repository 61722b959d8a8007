"""Calibration on production: many shots decide numbers of their system and of each mold.

What the shots do not determine is named and stays as it was. Whether the numbers are better than
none is judged on the newest shots, which the fit has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from twin_core.calibration import shot_features as sf
from twin_core.calibration.mold_numbers import MOLD_NUMBERS
from twin_core.calibration.production_certainty import fitted_along
from twin_core.calibration.production_fit import (
    ProductionEstimate,
    ProductionFit,
    estimate_of,
    numbers_of_system,
)
from twin_core.calibration.production_model import Model, Progress, Simulate, simulate_shots
from twin_core.calibration.production_numbers import Numbers, usual_paths
from twin_core.calibration.production_run import Checkpoint, Outcome, Run
from twin_core.calibration.production_shot import ProductionShot, in_order
from twin_core.calibration.production_verdict import HeldOut, Verdict
from twin_core.errors import InputError

LEAST_FITTED = 12
"""Shots that are fitted to."""
MOST_SHOTS = 600
"""More are not fitted: each mold gives evenly over its time. All held-out shots are judged."""


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
        estimate = estimate_of(
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
