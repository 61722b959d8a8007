"""Fit of a data sheet's cup test: rates and gas so that cream, gel, rise, tack-free and density
come out as the sheet says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin_core.arrays import Array
from twin_core.calibration import statistics
from twin_core.calibration.cup_search import (
    ALL,
    STOP,
    WATER,
    CupTest,
    has,
    polished,
    reading,
    staged,
)
from twin_core.calibration.free_parameters import FreeParameter, touched, unfitted
from twin_core.calibration.record import Change, fitted_number, next_version
from twin_core.data_sheet import (
    CUP_TIMES,
    DENSITY_TOLERANCE,
    FREE_RISE,
    TIME_TOLERANCE,
    Contradiction,
    contradiction,
    cup_recipe,
    lightest_density,
)
from twin_core.materials import MaterialSystem
from twin_core.parameters import Parameter
from twin_core.scenario import Process
from twin_core.trajectory import integrate


@dataclass(frozen=True)
class SheetComparison:
    """One number of the sheet beside the simulated cup, before and after the fit."""

    name: str
    unit: str
    target: float
    before: float | None
    after: float | None
    tolerance: float

    @property
    def error(self) -> float | None:
        """Relative; None when it does not happen in the simulation."""
        return None if self.after is None else self.after / self.target - 1.0

    @property
    def met(self) -> bool:
        """True if it is within its tolerance."""
        return self.error is not None and abs(self.error) <= self.tolerance


@dataclass(frozen=True)
class Curves:
    """The cup before and after the fit: time [s], temperature [K], density [kg/m3]."""

    t_s: Array
    T_before_K: Array
    rho_before: Array
    T_after_K: Array
    rho_after: Array


@dataclass(frozen=True)
class SheetFit:
    """A system fitted to its sheet."""

    system: MaterialSystem
    """With the next version; as it was given when no number changed."""
    process: Process
    comparisons: list[SheetComparison]
    changes: list[Change]
    contradiction: Contradiction | None
    notes: list[str]
    warnings: list[str]
    curves: Curves
    pairs: list[tuple[FreeParameter, str]]
    """Which number of the system serves which of the sheet."""

    @property
    def missed(self) -> list[SheetComparison]:
        """Numbers of the sheet that the fit does not reach, but for a contradicted density."""
        return [
            c
            for c in self.comparisons
            if not c.met and not (c.name == FREE_RISE and self.contradiction is not None)
        ]


def fit_sheet(system: MaterialSystem, source: str) -> SheetFit:
    """Fit a system to the cup test of its own sheet.

    Args:
        source: what the fitted numbers say of themselves, e.g. the command.

    Raises:
        InputError: the sheet gives nothing to fit to, or the system has no components.
    """
    cup = CupTest(system)
    start = unfitted(system, tuple(touched(system, [x for x in ALL if has(system, x)])))
    against = contradiction(start)
    fitted, pairs, helpers = staged(cup, start, against)
    fitted, C = polished(cup, fitted, pairs)
    sigma = {x.path: float(np.sqrt(v)) for (x, _), v in zip(pairs, np.diag(C), strict=True)}
    serves = {x.path: name for x, name in pairs}
    changes = []
    rises = dict.fromkeys((x.path for x in helpers), "t_rise_s")
    for path in touched(start, [*(free for free, _ in pairs), *helpers]):
        # else: the rate that goes with an activation energy
        target = (serves | rises).get(path, "t_gel_s")
        to = f"the sheet's {target} {cup.targets[target]:g} {system.sheet[target].unit}"
        change, fitted = fitted_number(start, fitted, path, sigma.get(path), f"{source} to {to}")
        changes.append(change)
    before, after = cup.kpis(start), cup.kpis(fitted)
    comparisons = [
        SheetComparison(
            name=name,
            unit=system.sheet[name].unit,
            target=target,
            before=reading(before, name),
            after=reading(after, name),
            tolerance=_tolerance(system.sheet[name], name),
        )
        for name, target in cup.targets.items()
    ]
    return SheetFit(
        system=next_version(system, fitted),
        process=cup.process,
        comparisons=comparisons,
        changes=changes,
        contradiction=against,
        notes=cup.notes + _rise_note(pairs, helpers) + _why_missed(start, comparisons, against),
        warnings=statistics.warnings(
            list(sigma), np.array(list(sigma.values())), C, [False] * len(sigma)
        ),
        curves=_curves(cup, start, fitted),
        pairs=pairs,
    )


def _tolerance(said: Parameter, name: str) -> float:
    """Relative; a sheet that gives a range (two of its spreads to each side) is met within it."""
    usual = DENSITY_TOLERANCE if name == FREE_RISE else TIME_TOLERANCE
    return usual if said.spread is None else max(usual, 2.0 * said.spread / said.value)


def _curves(cup: CupTest, before: MaterialSystem, after: MaterialSystem) -> Curves:
    t_end = 2.0 * max([*(cup.targets[n] for n in CUP_TIMES if n in cup.targets), 60.0])
    runs = [integrate(cup.scenario(system, t_end))[1] for system in (before, after)]
    first, second = runs
    return Curves(first.t_s, first.T_K, first.rho_kg_per_m3, second.T_K, second.rho_kg_per_m3)


def _rise_note(pairs: list[tuple[FreeParameter, str]], helpers: list[FreeParameter]) -> list[str]:
    used = [free.path for free, name in pairs if name == "t_rise_s"]
    if used in ([], [STOP.path]) and not helpers:
        return []
    fitted = " and ".join([*used, *(x.path for x in helpers)])
    tried = "stop of the rise"
    if used != [WATER.path]:
        tried += " and no rate of the water reaction"
    return [f"no {tried} gives the sheet's rise time beside its gel time: {fitted} fitted instead"]


def _why_missed(
    system: MaterialSystem, comparisons: list[SheetComparison], against: Contradiction | None
) -> list[str]:
    notes = [] if against is None else [against.words()]
    for c in comparisons:
        if c.met or (c.name == FREE_RISE and against is not None):
            continue
        got = "does not happen" if c.after is None else f"is {c.after:.3g} {c.unit}"
        why = ""
        if c.name == FREE_RISE and against is None:
            lightest = lightest_density(system, cup_recipe(system).process)
            why = f"; the lightest foam is {lightest.words()}"
        notes.append(
            f"{c.name} {got}, the sheet says {c.target:g} {c.unit}: no value of the numbers that "
            f"decide it gives that{why}"
        )
    return notes
