"""Scatter of the inputs: the same draws for every candidate, so that candidates can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import ndtri

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.scenario import Scenario
from twin_core.sweep import USUAL_SPREADS

SCATTER = {
    "m_polyol_pct": 20.0,
    "m_iso_pct": 20.0,
    "T_polyol_C": 20.0,
    "T_iso_C": 20.0,
    "T_mold_C": 20.0,
    "T_ambient_C": 20.0,
    "RH_ambient_pct": 50.0,
}
"""Inputs that scatter, and the largest sigma: doses in per cent of themselves, temperatures in K,
humidity in points."""
ASSUMED = "assumed: the spread of a usual production"
FEWEST = 20
"""Pairs of shots from which a scatter is measured."""
MAD_TO_SIGMA = 1.4826
_AIR = ("T_ambient_C", "RH_ambient_pct")
_DOSES = {"m_polyol_pct": "m_polyol_kg", "m_iso_pct": "m_iso_kg"}


def usual_scatter(scenario: Scenario) -> dict[str, float]:
    """Sigmas of a usual production (assumed)."""
    found = {}
    for path, sigma in USUAL_SPREADS.items():
        name = path.removeprefix("process.")
        dose = next((pct for pct, field in _DOSES.items() if field == name), None)
        found[dose or name] = 100.0 * sigma if dose else sigma
    return found


def checked_scatter(scatter: Mapping[str, float]) -> dict[str, float]:
    """The inputs that do scatter.

    Raises:
        ValueError: an input is not known, or its sigma cannot be.
    """
    for name, sigma in scatter.items():
        if name not in SCATTER:
            raise ValueError(f"{name} is no input that scatters (there are: {', '.join(SCATTER)})")
        if not 0.0 <= sigma <= SCATTER[name]:
            raise ValueError(f"{name}: sigma {sigma:g} must be 0 to {SCATTER[name]:g}")
    return {name: float(sigma) for name, sigma in scatter.items() if sigma > 0.0}


def measured_scatter(readings: Mapping[str, Sequence[float] | Array]) -> dict[str, float]:
    """Sigmas of a plant from what its shots were poured with.

    From differences of shots that follow each other, so that a change of the set point counts once
    and not for ever. Of the hall's air, which nobody sets, from all readings. Single outliers count
    no more than three sigmas.

    Args:
        readings: by ``SCATTER``, in order; doses in kg. NaN where not measured.

    Raises:
        InputError: an input has fewer than ``FEWEST`` readings that follow each other.
    """
    found = {}
    for name, values in readings.items():
        series = np.asarray(values, float)
        steps = np.diff(series)
        steps = steps[~np.isnan(steps)]
        if len(steps) < FEWEST:
            raise InputError(f"scatter: {name}: {len(steps)} pairs of shots, {FEWEST} are needed")
        sigma = _spread(steps) / np.sqrt(2.0)
        if name in _AIR:
            sigma = _spread(series[~np.isnan(series)] - np.nanmedian(series))
        if name in _DOSES:
            sigma *= 100.0 / float(np.nanmedian(series))
        found[name] = float(min(sigma, SCATTER[name]))
    return found


def _spread(away: Array) -> float:
    """Root mean square of deviations from 0, each at most three sigmas of their median.

    Where more than half are 0, as of a coarse sensor, the median is that of the others.
    """
    size = np.abs(away)
    if not size.any():
        return 0.0
    median = float(np.median(size)) or float(np.median(size[size > 0.0]))
    return float(np.sqrt(np.mean(np.minimum(size, 3.0 * MAD_TO_SIGMA * median) ** 2)))


def deviations(scatter: Mapping[str, float], count: int, seed: int, even: bool) -> Array:
    """Deviations (count, inputs) in the unit of each sigma, normal.

    Args:
        even: filled evenly (Sobol), for a search; else independent, for a check, whose share of
            violations then has an interval.
    """
    sigma = np.array(list(scatter.values()))
    if not len(sigma):
        return np.zeros((1, 0))
    if not even:
        return np.asarray(np.random.default_rng(seed).normal(size=(count, len(sigma))) * sigma)
    from scipy.stats import qmc  # noqa: PLC0415 (takes seconds to import)

    power = int(np.ceil(np.log2(count)))
    share = qmc.Sobol(len(sigma), rng=seed).random_base2(power)[:count]
    return np.asarray(ndtri(np.clip(share, 1e-9, 1.0 - 1e-9)) * sigma)


def scattered(scenario: Scenario, names: Sequence[str], row: Array) -> Scenario:
    """The scenario as it is poured when its inputs deviate so; the tempering stays."""
    p, changed = scenario.process, dict[str, Any]()
    for name, deviation in zip(names, row.tolist(), strict=True):
        if name in _DOSES:
            dose = getattr(p, _DOSES[name])
            changed[_DOSES[name]] = dose * max(1.0 + deviation / 100.0, 0.01)
        elif name == "RH_ambient_pct":
            changed[name] = min(max(p.RH_ambient_pct + deviation, 0.0), 100.0)
        elif name == "T_mold_C":
            changed[name] = (p.T_ambient_C if p.T_mold_C is None else p.T_mold_C) + deviation
            if p.T_mold_2_C is not None:
                changed["T_mold_2_C"] = p.T_mold_2_C + deviation
        else:
            changed[name] = getattr(p, name) + deviation
    return scenario.model_copy(update={"process": p.model_copy(update=changed)})
