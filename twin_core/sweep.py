"""Variations of one scenario: ranges and spreads, drawn evenly or at random; sensitivities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib import import_module
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ValidationError
from scipy.special import ndtri

from twin_core.arrays import Array
from twin_core.batch import BatchResult
from twin_core.checked_yaml import describe
from twin_core.errors import InputError
from twin_core.extras import how_to_install
from twin_core.scenario import Scenario

Method = Literal["sobol", "latin", "random"]
USUAL_SPREADS = {
    "process.m_polyol_kg": 0.01,
    "process.m_iso_kg": 0.01,
    "process.T_polyol_C": 1.0,
    "process.T_iso_C": 1.0,
    "process.T_mold_C": 2.0,
    "process.RH_ambient_pct": 10.0,
}
"""One sigma of a usual production, masses relative, the rest absolute: assumed, for a Monte-Carlo
run that is told nothing else."""
RELATIVE = ("process.m_polyol_kg", "process.m_iso_kg")
NEAR = 0.75
"""Likeness from which on a path is proposed for one that is not there, 1 is equal."""
NEAR_SHOWN = 3
NATURAL_LIMITS = {"process.RH_ambient_pct": (0.0, 100.0)}


@dataclass(frozen=True)
class Range:
    """Even between two values."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(f"range {self.low:g}:{self.high:g}: the first must be the smaller")

    def at(self, share: Array) -> Array:
        """Values at shares 0..1."""
        return self.low + share * (self.high - self.low)


@dataclass(frozen=True)
class Normal:
    """Normal around a value; ``sigma`` in its unit."""

    mean: float
    sigma: float

    def __post_init__(self) -> None:
        if not self.sigma > 0.0:
            raise InputError(f"spread {self.sigma:g}: must be above 0")

    def at(self, share: Array) -> Array:
        """Values at shares 0..1 of the probability."""
        return np.asarray(self.mean + self.sigma * ndtri(np.clip(share, 1e-9, 1.0 - 1e-9)))


Variation = Mapping[str, Range | Normal]


def read_path(scenario: Scenario, path: str) -> float:
    """The number at a dotted path, ``process.T_mold_C`` or ``system.gelling.A``.

    Raises:
        InputError: there is no number at this path.
    """
    node: Any = scenario
    for name in path.split("."):
        node = getattr(node, name, None)
    number = _number(node)
    if number is None:
        words = f"{path}: there is no number at this place of the scenario"
        near = near_paths(scenario, path)
        raise InputError(f"{words}: did you mean {' or '.join(near)}?" if near else words)
    return number


def number_paths(scenario: Scenario) -> list[str]:
    """Dotted paths of all numbers of a scenario that can vary."""

    def below(node: Any, path: str) -> Iterator[str]:
        if _number(node) is not None:
            yield path
        elif isinstance(node, BaseModel):
            for name in type(node).model_fields:
                yield from below(getattr(node, name), f"{path}.{name}" if path else name)

    return list(below(scenario, ""))


def near_paths(scenario: Scenario, path: str) -> list[str]:
    """Paths that were probably meant, the nearest first, at most three.

    A name without its place or its unit is found, too: ``T_mold`` is ``process.T_mold_C``.
    """
    wanted = path.replace("mould", "mold")
    last = wanted.rpartition(".")[2]

    def likeness(known: str) -> float:
        name = known.rpartition(".")[2]
        begins = len(last) > 1 and name.startswith(last)
        return max(_likeness(wanted, known), _likeness(last, name), 0.9 if begins else 0.0)

    found = {known: likeness(known) for known in number_paths(scenario)}
    least = max(NEAR, max(found.values()) - 0.1)
    near = [known for known, score in found.items() if score >= least]
    return sorted(near, key=lambda known: -found[known])[:NEAR_SHOWN]


def _likeness(one: str, other: str) -> float:
    """From 0 to 1, 1 is equal but for capitals."""
    return SequenceMatcher(None, one.lower(), other.lower()).ratio()


def _number(node: Any) -> float | None:
    """The number that a field or a parameter holds."""
    value = getattr(node, "value", node)
    return None if isinstance(value, bool) or not isinstance(value, (int, float)) else float(value)


def usual_variation(scenario: Scenario) -> dict[str, Range | Normal]:
    """The spread of a usual production around a scenario.

    The material stays as it is: fitted parameters are correlated, so their spreads are not
    independent. One can be named in a sweep of one's own.
    """
    found: dict[str, Range | Normal] = {}
    for path, sigma in USUAL_SPREADS.items():
        if path == "process.T_mold_C" and scenario.process.T_mold_C is None:
            continue
        mean = read_path(scenario, path)
        found[path] = Normal(mean, sigma * mean if path in RELATIVE else sigma)
    return found


def samples(variation: Variation, count: int, method: Method = "sobol", seed: int = 1) -> Array:
    """Values (count, paths) drawn over a variation; the same for the same seed.

    ``sobol`` fills the space evenly (best with a power of two), ``latin`` a Latin hypercube,
    ``random`` independent draws.

    Raises:
        InputError: nothing varies, or fewer than one sample is asked for.
    """
    if not variation or count < 1:
        raise InputError("a sweep needs something that varies, and at least one sample")
    from scipy.stats import qmc  # noqa: PLC0415 (takes seconds to import)

    dimensions = len(variation)
    if method == "sobol":
        power = int(np.ceil(np.log2(count)))
        unit = qmc.Sobol(dimensions, rng=seed).random_base2(power)[:count]
    elif method == "latin":
        unit = qmc.LatinHypercube(dimensions, rng=seed).random(count)
    else:
        unit = np.random.default_rng(seed).random((count, dimensions))
    columns = [what.at(unit[:, i]) for i, what in enumerate(variation.values())]
    for i, path in enumerate(variation):
        if path in NATURAL_LIMITS:
            columns[i] = np.clip(columns[i], *NATURAL_LIMITS[path])
    return np.stack(columns, axis=1)


def vary(scenario: Scenario, paths: Sequence[str], values: Array) -> list[Scenario]:
    """One scenario per row of ``values`` (shots, paths), validated like a file.

    Raises:
        InputError: a path is unknown, or a value is not allowed there.
    """
    for path in paths:
        read_path(scenario, path)
    found = []
    for row in values:
        changed: dict[str, Any] = {}
        for path, value in zip(paths, row.tolist(), strict=True):
            _put(changed, path.split("."), value)
        found.append(_with(scenario, changed))
    return found


def _put(tree: dict[str, Any], names: list[str], value: float) -> None:
    for name in names[:-1]:
        tree = tree.setdefault(name, {})
    tree[names[-1]] = value


def _with(scenario: Scenario, changed: dict[str, Any]) -> Scenario:
    parts: dict[str, Any] = {}
    for name, changes in changed.items():
        part = getattr(scenario, name)
        try:
            parts[name] = type(part).model_validate(_merged(part.model_dump(), changes))
        except ValidationError as error:
            raise InputError("\n".join(describe(error, name))) from None
    return scenario.model_copy(update=parts)


def _merged(content: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    for name, value in changes.items():
        old = content[name]
        if isinstance(value, dict):
            _merged(old, value)
        elif isinstance(old, dict) and "value" in old:
            old["value"] = value
        else:
            content[name] = value
    return content


@dataclass(frozen=True)
class Distribution:
    """Distribution of one key figure over the shots that have it."""

    mean: float
    sigma: float
    p05: float
    p50: float
    p95: float
    share: float
    """Of the shots that have this figure at all."""


def distributions(result: BatchResult) -> dict[str, Distribution]:
    """Mean, spread and percentiles of every key figure that any shot has."""
    found = {}
    for name, values in result.figures.items():
        there = values[~np.isnan(values)]
        if len(there):
            low, mid, high = np.percentile(there, [5.0, 50.0, 95.0])
            found[name] = Distribution(
                float(there.mean()),
                float(there.std()),
                float(low),
                float(mid),
                float(high),
                len(there) / len(values),
            )
    return found


@dataclass(frozen=True)
class Sensitivity:
    """Share of the variance of a key figure that an input makes alone, and with all others."""

    first: float
    total: float
    first_confidence: float
    total_confidence: float


def sensitivity_samples(variation: Variation, base: int, seed: int = 1) -> Array:
    """Values for ``sensitivities``: base * (paths + 2) rows (Saltelli 2010).

    Raises:
        InputError: SALib is not installed; the message says how to get it.
    """
    unit = _salib("sample.sobol").sample(
        _problem(variation), base, calc_second_order=False, seed=seed
    )
    columns = [what.at(unit[:, i]) for i, what in enumerate(variation.values())]
    return np.stack(columns, axis=1)


def sensitivities(variation: Variation, values: Array, seed: int = 1) -> dict[str, Sensitivity]:
    """Sobol indices of one key figure over the rows of ``sensitivity_samples``.

    Raises:
        InputError: some shots have no such figure, or it does not vary.
    """
    if np.isnan(values).any():
        raise InputError(
            f"{int(np.isnan(values).sum())} of {len(values)} shots have no such figure: "
            "narrow the ranges, or take another figure"
        )
    if np.ptp(values) == 0.0:
        raise InputError("the figure is the same in all shots: nothing to explain")
    found = _salib("analyze.sobol").analyze(
        _problem(variation), values, calc_second_order=False, seed=seed
    )
    return {
        path: Sensitivity(*(float(found[key][i]) for key in ("S1", "ST", "S1_conf", "ST_conf")))
        for i, path in enumerate(variation)
    }


def _problem(variation: Variation) -> dict[str, Any]:
    count = len(variation)
    return {"num_vars": count, "names": list(variation), "bounds": [[0.0, 1.0]] * count}


def _salib(module: str) -> Any:
    try:
        return import_module(f"SALib.{module}")
    except ImportError:
        raise InputError(f"sensitivities need SALib: {how_to_install('sweep')}") from None
