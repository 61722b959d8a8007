"""Fit of a data sheet's cup test: rates and gas so that cream, gel, rise, tack-free and density
come out as the sheet says.

Each number of the sheet has the number of the system that decides it: gel the gelling rate, rise
the water reaction (where that cannot reach it, the activation energy of the gelling), cream the
nucleation time, density the share of gas that a cup keeps, tack-free its margin past gel. They are
found one after another, however far away they start, and polished together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, least_squares

from twin_core.calibration import statistics
from twin_core.calibration.levers import Lever, limits, touched, unfitted
from twin_core.calibration.record import Change, fitted_number, next_version
from twin_core.errors import InputError, TwinError
from twin_core.kpi import Kpis
from twin_core.materials import MaterialSystem
from twin_core.mold import Mold
from twin_core.sheet import (
    CUP_TIMES,
    DENSITY_TOLERANCE,
    FREE_RISE,
    TIME_TOLERANCE,
    Contradiction,
    contradiction,
    cup_recipe,
    lightest_density,
    sheet_number,
)
from twin_core.shot import Process, Scenario, SimulationOptions
from twin_core.simulation import integrate
from twin_core.solvers.base import Array
from twin_core.summary import summarize

GELLING = Lever("gelling.A")
ACTIVATION = Lever("gelling.E")
WATER = Lever("water_reaction.A")
AGENT = Lever("blowing_agent.k_transfer")
NUCLEATION = Lever("foaming.nucleation_time", 10.0)
TACK_FREE = Lever("gel.tack_free_margin", 0.1)
RETENTION = Lever("foaming.gas_retention", 1.0)
ALL = (GELLING, ACTIVATION, WATER, AGENT, NUCLEATION, TACK_FREE, RETENTION)

NEVER_S = 3600.0
"""Stands for a time that does not come within the run."""
FAR = 14.0
"""Largest logarithm of a factor: from a millionth to a million times the start."""
SCAN = np.linspace(-2.5, 2.5, 11)
"""Logarithms of the factors on the water reaction at which the rise is looked at."""
ENERGY = (0.7, 1.7)
"""Factors within which an activation energy may move."""
STEP = 2e-3
"""Of the derivatives, relative: the default of the optimiser is below the noise of the times."""
ROUNDS = 3


@dataclass(frozen=True)
class Comparison:
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
        """Whether it is within its tolerance."""
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
    comparisons: list[Comparison]
    changes: list[Change]
    contradiction: Contradiction | None
    notes: list[str]
    warnings: list[str]
    curves: Curves

    @property
    def missed(self) -> list[Comparison]:
        """What the sheet asks for and the fit does not reach, but for a contradicted density."""
        return [
            c
            for c in self.comparisons
            if not c.met and not (c.name == FREE_RISE and self.contradiction is not None)
        ]


class _Cup:
    """The cup test of one sheet."""

    def __init__(self, system: MaterialSystem) -> None:
        recipe = cup_recipe(system)
        self.process, self.notes = recipe.process, list(recipe.notes)
        self.targets = {
            name: value
            for name in (*CUP_TIMES, FREE_RISE)
            if (value := sheet_number(system.sheet, name)) is not None
        }
        if not self.targets:
            wanted = ", ".join((*CUP_TIMES, FREE_RISE))
            raise InputError(
                f"system {system.system_id}: its sheet gives none of {wanted}: nothing to fit to"
            )

    def scenario(self, system: MaterialSystem, t_end_s: float = 10.0) -> Scenario:
        options = SimulationOptions(t_end_s=t_end_s)
        return Scenario.model_construct(
            **(
                {name: field.default for name, field in Scenario.model_fields.items()}
                | {"system": system, "process": self.process, "simulation": options}
                | {"mold": Mold(mold_id="CUP", open=True)}
            )
        )

    def kpis(self, system: MaterialSystem) -> Kpis:
        return Kpis.of(summarize(integrate(self.scenario(system))[0]).kpis)

    def off(self, system: MaterialSystem, name: str) -> float:
        """Logarithm of simulated over target."""
        try:
            value = reading(self.kpis(system), name)
        except TwinError:
            value = None
        return math.log((NEVER_S if value is None else max(value, 1e-3)) / self.targets[name])


def reading(k: Kpis, name: str) -> float | None:
    """The key figure that a number of the sheet stands for."""
    value = k.rho_moulded_kg_per_m3 if name == FREE_RISE else getattr(k, name)
    return None if value is None else float(value)


def fit_sheet(system: MaterialSystem, source: str) -> SheetFit:
    """Fit a system to the cup test of its own sheet.

    Args:
        source: what the fitted numbers say of themselves, e.g. the command.

    Raises:
        InputError: the sheet gives nothing to fit to, or the system has no components.
    """
    cup = _Cup(system)
    start = unfitted(system, tuple(touched(system, [x for x in ALL if _has(system, x)])))
    against = contradiction(start)
    fitted, pairs = _staged(cup, start, against)
    fitted, C = _polished(cup, fitted, pairs)
    sigma = {x.path: float(np.sqrt(v)) for (x, _), v in zip(pairs, np.diag(C), strict=True)}
    serves = {x.path: name for x, name in pairs}
    changes = []
    for path in touched(start, [lever for lever, _ in pairs]):
        target = serves.get(path, "t_gel_s")  # the rate that goes with an activation energy
        to = f"the sheet's {target} {cup.targets[target]:g} {system.sheet[target].unit}"
        change, fitted = fitted_number(start, fitted, path, sigma.get(path), f"{source} to {to}")
        changes.append(change)
    before, after = cup.kpis(start), cup.kpis(fitted)
    comparisons = [
        Comparison(
            name=name,
            unit=system.sheet[name].unit,
            target=target,
            before=reading(before, name),
            after=reading(after, name),
            tolerance=DENSITY_TOLERANCE if name == FREE_RISE else TIME_TOLERANCE,
        )
        for name, target in cup.targets.items()
    ]
    return SheetFit(
        system=next_version(system, fitted),
        process=cup.process,
        comparisons=comparisons,
        changes=changes,
        contradiction=against,
        notes=cup.notes + _energy_note(pairs) + _why_missed(start, comparisons, against),
        warnings=statistics.warnings(
            list(sigma), np.array(list(sigma.values())), C, [False] * len(sigma)
        ),
        curves=_curves(cup, start, fitted),
    )


def _has(system: MaterialSystem, lever: Lever) -> bool:
    try:
        lever.start(system)
    except InputError:
        return False
    return True


def _staged(
    cup: _Cup, system: MaterialSystem, against: Contradiction | None
) -> tuple[MaterialSystem, list[tuple[Lever, str]]]:
    """One number of the sheet after another, round and round; which lever serves which."""
    pairs: dict[str, Lever] = {}
    start = system
    for _ in range(ROUNDS):
        if "t_gel_s" in cup.targets:
            system = _gelled(cup, system)
            pairs["t_gel_s"] = GELLING
        if "t_rise_s" in cup.targets:
            system, lever = _risen(cup, system, pairs.get("t_rise_s"))
            if lever is not None:
                pairs["t_rise_s"] = lever
        if "t_cream_s" in cup.targets:
            later = _solved(cup, system, NUCLEATION, "t_cream_s")
            if later is not None:
                system, pairs["t_cream_s"] = later, NUCLEATION
        if FREE_RISE in cup.targets and against is None:
            heavier = _solved(cup, system, RETENTION, FREE_RISE, at_most=0.0)
            if heavier is not None:
                system, pairs[FREE_RISE] = heavier, RETENTION
    if "t_tack_free_s" in cup.targets:
        free = _tack_free(cup, system)
        if free is not None:
            system, pairs["t_tack_free_s"] = free, TACK_FREE
    if not pairs:
        return start, []
    return system, [(lever, name) for name, lever in pairs.items()]


def _gelled(cup: _Cup, system: MaterialSystem) -> MaterialSystem:
    found = _solved(cup, system, GELLING, "t_gel_s")
    return system if found is None else found


def _solved(
    cup: _Cup, system: MaterialSystem, lever: Lever, name: str, at_most: float = FAR
) -> MaterialSystem | None:
    """The system with a lever turned until one number of the sheet comes out, None if it cannot."""

    def off(x: float) -> float:
        return cup.off(lever.turn(system, math.exp(x)), name)

    x = _root(off, -FAR, _room(system, lever, at_most))
    return None if x is None else lever.turn(system, math.exp(x))


def _room(system: MaterialSystem, lever: Lever, at_most: float) -> float:
    """Logarithm of the largest factor that the bounds of the number allow."""
    bound = limits(system, lever.path)
    top = bound.le if bound.le is not None else bound.lt
    if top is None:
        return at_most
    return min(FAR, math.log(top * (1.0 - 1e-9) / lever.start(system)))


def _root(f: Callable[[float], float], low: float, high: float) -> float | None:
    """The zero of ``f`` nearest to 0 between ``low`` and ``high``; the search widens from 0."""
    middle = min(max(0.0, low), high)
    f0 = f(middle)
    left = right = middle
    f_left = f_right = f0
    width = 0.25
    while left > low or right < high:
        if right < high:
            step = min(right + width, high)
            f_step = f(step)
            if f_right * f_step <= 0.0:
                return float(brentq(f, right, step, xtol=1e-7))
            right, f_right = step, f_step
        if left > low:
            step = max(left - width, low)
            f_step = f(step)
            if f_left * f_step <= 0.0:
                return float(brentq(f, step, left, xtol=1e-7))
            left, f_left = step, f_step
        width *= 1.6
    return middle if f0 == 0.0 else None


def _risen(
    cup: _Cup, system: MaterialSystem, used: Lever | None
) -> tuple[MaterialSystem, Lever | None]:
    """The rise time, with the gel time kept: by the gas reaction, else by the gelling's energy."""
    keep_gel = "t_gel_s" in cup.targets
    gas = WATER if system.water_reaction is not None else AGENT

    def at(lever: Lever, x: float) -> MaterialSystem:
        turned = lever.turn(system, math.exp(x))
        return _gelled(cup, turned) if keep_gel else turned

    def off(lever: Lever) -> Callable[[float], float]:
        return lambda x: cup.off(at(lever, x), "t_rise_s")

    if used in (None, gas) and _has(system, gas):
        values = [off(gas)(float(x)) for x in SCAN]
        crossings = [
            (abs(0.5 * (SCAN[i] + SCAN[i + 1])), i)
            for i in range(len(SCAN) - 1)
            if values[i] * values[i + 1] <= 0.0
        ]
        if crossings:
            i = min(crossings)[1]
            x = float(brentq(off(gas), SCAN[i], SCAN[i + 1], xtol=1e-6))
            return at(gas, x), gas
    if keep_gel:
        low, high = (math.log(factor) for factor in ENERGY)
        x_energy = _root(off(ACTIVATION), low, high)
        if x_energy is not None:
            return at(ACTIVATION, x_energy), ACTIVATION
    return system, None


def _tack_free(cup: _Cup, system: MaterialSystem) -> MaterialSystem | None:
    """The margin is the conversion that the foam has at the sheet's time."""
    target = cup.targets["t_tack_free_s"]
    run = integrate(cup.scenario(system))[0]
    X_gel = run.setup.X_gel
    if X_gel >= 1.0:
        return None
    margin = (float(np.interp(target, run.t_s, run.X_OH)) - X_gel) / (1.0 - X_gel)
    if not 0.0 < margin < 1.0:
        return None
    return TACK_FREE.turn(system, margin / TACK_FREE.start(system))


def _polished(
    cup: _Cup, system: MaterialSystem, pairs: list[tuple[Lever, str]]
) -> tuple[MaterialSystem, Array]:
    """All together by least squares in the logarithms; and the covariance of the logarithms."""
    if not pairs:
        return system, np.empty((0, 0))
    levers, names = [lever for lever, _ in pairs], [name for _, name in pairs]
    sigma = np.array([DENSITY_TOLERANCE if n == FREE_RISE else TIME_TOLERANCE for n in names])
    top = np.array([_room(system, lever, 1.0) for lever in levers])

    def turned(x: Array) -> MaterialSystem:
        found = system
        for lever, value in zip(levers, np.minimum(x, top), strict=True):
            found = lever.turn(found, math.exp(value))
        return found

    def residuals(x: Array) -> Array:
        k = cup.kpis(turned(x))
        values = [reading(k, name) or NEVER_S for name in names]
        return np.asarray(
            [math.log(v / cup.targets[n]) for v, n in zip(values, names, strict=True)] / sigma
        )

    def jacobian(x: Array) -> Array:
        steps = STEP * np.eye(len(x))
        columns = [residuals(x + h) - residuals(x - h) for h in steps]
        return np.column_stack(columns) / (2.0 * STEP)

    found = least_squares(residuals, np.zeros(len(levers)), jac=jacobian, max_nfev=12)
    return turned(found.x), statistics.covariance(jacobian(found.x))


def _curves(cup: _Cup, before: MaterialSystem, after: MaterialSystem) -> Curves:
    t_end = 2.0 * max([*(cup.targets[n] for n in CUP_TIMES if n in cup.targets), 60.0])
    runs = [integrate(cup.scenario(system, t_end))[1] for system in (before, after)]
    first, second = runs
    return Curves(first.t_s, first.T_K, first.rho_kg_per_m3, second.T_K, second.rho_kg_per_m3)


def _energy_note(pairs: list[tuple[Lever, str]]) -> list[str]:
    if ACTIVATION not in [lever for lever, _ in pairs]:
        return []
    return [
        "no rate of the gas reaction gives the sheet's rise time beside its gel time: the "
        "activation energy of the gelling was fitted instead"
    ]


def _why_missed(
    system: MaterialSystem, comparisons: list[Comparison], against: Contradiction | None
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
