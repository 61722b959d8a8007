"""Search for the numbers with which a simulated cup meets its sheet.

Each number of the sheet has the number of the system that decides it: gel the gelling rate, rise
the conversion where it stops (where that cannot reach it, the water reaction, the activation energy
of the gelling or the transfer of gas into the cells), cream the nucleation time, density how early
or how slowly the agent leaves solution (where that is not enough, the share of gas that comes out),
tack-free its margin past gel. They are found one after another, however far away they start, and
polished together.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq, least_squares

from twin_core.arrays import Array
from twin_core.calibration import statistics
from twin_core.calibration.free_parameters import FreeParameter, limits, number, replaced
from twin_core.data_sheet import (
    CUP_TIMES,
    DENSITY_TOLERANCE,
    FREE_RISE,
    TIME_TOLERANCE,
    Contradiction,
    cup_recipe,
    sheet_number,
)
from twin_core.errors import InputError, TwinError
from twin_core.materials import MaterialSystem
from twin_core.models.limits import past_gel
from twin_core.mold import Mold
from twin_core.results.kpi import Kpis
from twin_core.scenario import Scenario, SimulationOptions
from twin_core.single_shot import key_figures
from twin_core.trajectory import integrate

GELLING = FreeParameter("gelling.A")
ACTIVATION = FreeParameter("gelling.E")
WATER = FreeParameter("water_reaction.A")
AGENT = FreeParameter("blowing_agent.k_transfer")
CO2 = FreeParameter("carbon_dioxide.k_transfer")
STOP = FreeParameter("gel.stop_conversion", 0.8)
ENTRAPPED = FreeParameter("gel.transfer_decay_width", 0.05)
NUCLEATION = FreeParameter("foaming.nucleation_time", 10.0)
TACK_FREE = FreeParameter("gel.tack_free_margin")
RETENTION = FreeParameter("foaming.gas_retention", 1.0)
ALL = (
    *(GELLING, ACTIVATION, WATER, AGENT, CO2, STOP, ENTRAPPED, NUCLEATION),
    *(TACK_FREE, RETENTION),
)

NEVER_S = 3600.0
"""Stands for a time that does not come within the run."""
FAR = 14.0
"""Largest logarithm of a factor: from a millionth to a million times the start."""
RISE_LEVERS: dict[FreeParameter, Array] = {
    STOP: np.log(np.linspace(0.4, 1.24, 15)),
    WATER: np.linspace(-2.5, 2.5, 11),
    ACTIVATION: np.log(np.linspace(0.7, 1.7, 11)),
    AGENT: np.linspace(-2.0, 4.0, 13),
    CO2: np.linspace(-2.0, 4.0, 13),
}
"""What decides the rise, in the order of trying, with the logarithms of the factors looked at."""
STEP = 2e-3
"""Of the derivatives, relative: the default of the optimiser is below the noise of the times."""
ROUNDS = 3
SETTLED = 0.1
"""Share of its tolerance within which a density needs no explanation."""


class CupTest:
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
        return key_figures(self.scenario(system))

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


def has(system: MaterialSystem, free: FreeParameter) -> bool:
    """True if a parameter has something to turn in this system."""
    try:
        free.start(system)
    except InputError:
        return False
    return True


def staged(
    cup: CupTest, system: MaterialSystem, against: Contradiction | None
) -> tuple[MaterialSystem, list[tuple[FreeParameter, str]], list[FreeParameter]]:
    """One number of the sheet after another, round and round; which lever serves which, and those
    that were moved to bring the rise within reach.
    """
    pairs: dict[str, FreeParameter] = {}
    helpers: list[FreeParameter] = []
    start = system
    for _ in range(ROUNDS):
        if "t_gel_s" in cup.targets:
            system = _gelled(cup, system)
            pairs["t_gel_s"] = GELLING
        if "t_rise_s" in cup.targets:
            used = pairs.pop("t_rise_s", None)
            risen, free = _risen(cup, system, used, helpers)
            if used is not None and free is not used:  # another one starts without it
                system = replaced(system, used.path, number(start, used.path))
                risen, free = _risen(cup, system, free, helpers)
            system = risen
            if free is not None:
                pairs["t_rise_s"] = free
        if "t_cream_s" in cup.targets:
            later = _solved(cup, system, NUCLEATION, "t_cream_s")
            if later is not None:
                system, pairs["t_cream_s"] = later, NUCLEATION
        dense = FREE_RISE in cup.targets and against is None
        if dense and abs(cup.off(system, FREE_RISE)) > SETTLED * DENSITY_TOLERANCE:
            system = _dense(cup, system, start, pairs, helpers)
    if "t_tack_free_s" in cup.targets:
        adjusted = _tack_free(cup, system)
        if adjusted is not None:
            system, pairs["t_tack_free_s"] = adjusted, TACK_FREE
    if not pairs:
        return start, [], []
    return system, [(free, name) for name, free in pairs.items()], helpers


def _dense(
    cup: CupTest,
    system: MaterialSystem,
    start: MaterialSystem,
    pairs: dict[str, FreeParameter],
    helpers: list[FreeParameter],
) -> MaterialSystem:
    """The density by how early or how slowly the agent leaves solution; where that is not enough,
    by the gas that never does.
    """
    used = pairs.pop(FREE_RISE, None)
    for free in sorted((ENTRAPPED, AGENT, RETENTION), key=lambda x: x is not used):
        taken = free in helpers or pairs.get("t_rise_s") is free
        if taken or (free is not RETENTION and system.blowing_agent is None):
            continue
        if used is not None and free is not used:  # another one starts without it
            system = replaced(system, used.path, number(start, used.path))
        top = 0.0 if free is RETENTION else FAR
        heavier = _solved(cup, system, free, FREE_RISE, at_most=top)
        if heavier is not None:
            pairs[FREE_RISE] = free
            return heavier
    return system


def _gelled(cup: CupTest, system: MaterialSystem) -> MaterialSystem:
    found = _solved(cup, system, GELLING, "t_gel_s")
    return system if found is None else found


def _solved(
    cup: CupTest, system: MaterialSystem, free: FreeParameter, name: str, at_most: float = FAR
) -> MaterialSystem | None:
    """The system with a lever turned until one number of the sheet comes out, None if it cannot."""

    def off(x: float) -> float:
        return cup.off(free.turn(system, math.exp(x)), name)

    x = _root(off, -FAR, _room(system, free, at_most))
    return None if x is None else free.turn(system, math.exp(x))


def _room(system: MaterialSystem, free: FreeParameter, at_most: float) -> float:
    """Logarithm of the largest factor that the bounds of the number allow."""
    bound = limits(system, free.path)
    top = bound.le if bound.le is not None else bound.lt
    if top is None:
        return at_most
    return min(FAR, math.log(top * (1.0 - 1e-9) / free.start(system)))


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
    cup: CupTest, system: MaterialSystem, used: FreeParameter | None, helpers: list[FreeParameter]
) -> tuple[MaterialSystem, FreeParameter | None]:
    """The rise time with the gel time kept: by the first lever that reaches it alone; else the one
    that comes closest goes there, and becomes a helper, and another does the rest.
    """
    order = [x for x in RISE_LEVERS if has(system, x) and x not in helpers]
    if "t_gel_s" not in cup.targets and ACTIVATION in order:
        order.remove(ACTIVATION)  # the rate at the pour could not follow
    if used is not None:
        order.sort(key=lambda x: x is not used)
    closest: tuple[float, FreeParameter, MaterialSystem] | None = None
    for free in order:
        met, off, at_best = _by_scan(cup, system, free)
        if met is not None:
            return met, free
        if free is STOP and not helpers:  # as near as it comes, and another does the rest
            found, last = _risen(cup, at_best, None, [STOP])
            if last is not None:
                helpers.append(STOP)
                return found, last
        if closest is None or off < closest[0]:
            closest = off, free, at_best
    if closest is None or helpers:
        return system, None
    _, helper, nearest = closest
    found, last = _risen(cup, nearest, None, [helper])
    if last is None:
        return system, None
    helpers.append(helper)
    return found, last


def _by_scan(
    cup: CupTest, system: MaterialSystem, free: FreeParameter
) -> tuple[MaterialSystem | None, float, MaterialSystem]:
    """Rise met by one lever, or None; how close it comes (logarithm), and the system there."""

    def at(x: float) -> MaterialSystem:
        turned = free.turn(system, math.exp(x))
        return _gelled(cup, turned) if "t_gel_s" in cup.targets else turned

    def off(x: float) -> float:
        return cup.off(at(x), "t_rise_s")

    grid = RISE_LEVERS[free]
    room = _room(system, free, FAR)
    if room < grid[-1]:
        grid = np.append(grid[grid < room], room)
    values = np.array([off(float(x)) for x in grid])
    change = np.flatnonzero(values[:-1] * values[1:] <= 0.0)
    if change.size:
        i = int(change[np.argmin(np.abs(grid[change] + grid[change + 1]))])
        return at(float(brentq(off, grid[i], grid[i + 1], xtol=1e-6))), 0.0, system
    nearest = int(np.argmin(np.abs(values)))
    return None, float(abs(values[nearest])), at(float(grid[nearest]))


def _tack_free(cup: CupTest, system: MaterialSystem) -> MaterialSystem | None:
    """The margin is the conversion that the surface of the cup has at the sheet's time."""
    target = cup.targets["t_tack_free_s"]
    run = integrate(cup.scenario(system))[0]
    X_gel, reach = run.setup.X_gel, past_gel(run.setup, 1.0)
    if X_gel >= reach:
        return None
    margin = (float(np.interp(target, run.t_s, run.X_surface)) - X_gel) / (reach - X_gel)
    if not 0.0 < margin < 1.0:
        return None
    return TACK_FREE.turn(system, margin / TACK_FREE.start(system))


def polished(
    cup: CupTest, system: MaterialSystem, pairs: list[tuple[FreeParameter, str]]
) -> tuple[MaterialSystem, Array]:
    """All together by least squares in the logarithms; and the covariance of the logarithms."""
    if not pairs:
        return system, np.empty((0, 0))
    free_parameters, names = [free for free, _ in pairs], [name for _, name in pairs]
    sigma = np.array([DENSITY_TOLERANCE if n == FREE_RISE else TIME_TOLERANCE for n in names])
    top = np.array([_room(system, free, 1.0) for free in free_parameters])

    def turned(x: Array) -> MaterialSystem:
        found = system
        for free, value in zip(free_parameters, np.minimum(x, top), strict=True):
            found = free.turn(found, math.exp(value))
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

    found = least_squares(residuals, np.zeros(len(free_parameters)), jac=jacobian, max_nfev=12)
    return turned(found.x), statistics.covariance(jacobian(found.x))
