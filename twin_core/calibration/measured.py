"""Fit of measured series of one shot: temperature, density, pressure, any mix, weighted.

Least squares on (simulated - measured)/sigma. Every unknown is turned by a factor, so it stays
positive, but for the clock of the measurement, which is shifted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.optimize import least_squares

from twin_core.arrays import Array
from twin_core.calibration import statistics
from twin_core.calibration.free_parameters import FreeParameter, limits, touched
from twin_core.calibration.record import Change, fitted_number, next_version
from twin_core.errors import InputError, SolverError
from twin_core.materials import MaterialSystem
from twin_core.scenario import Scenario
from twin_core.trajectory import Trajectory, integrate
from twin_core.units import PA_PER_BAR, ZERO_CELSIUS_K

Kind = Literal["T_core_C", "rho_kg_per_m3", "p_total_bar"]
SIGMA: dict[Kind, float] = {"T_core_C": 2.0, "rho_kg_per_m3": 0.05, "p_total_bar": 0.05}
"""One sigma of a point where the observation gives none: kelvin, relative, bar (assumed)."""

OFFSET = "time_offset_s"
"""The measurement's clock when the shot was poured: shot time = measured time - offset."""
CUP_LOSS = "mold.cup_loss_W_per_K_kg"
OFFSET_SCALE_S = 10.0
OFFSET_LIMIT_S = 120.0
FIRST_LOSS = 0.3
"""W/K/kg from which a cup's loss is fitted when the scenario gives none."""
FACTOR_LIMIT = math.log(100.0)
ENERGY_LIMIT = math.log(1.3)
WIDEST = math.log(1e6)
"""Half an interval, at most: beyond it the data say nothing of the number."""
STEP = 2e-3
"""Of the derivatives, in units of the unknowns (a fifth of a per cent): DESIGN asks for >= 1e-3."""
NOT_SIMULATED = 1e3
"""Residual where the model cannot follow a trial, in sigma."""


@dataclass(frozen=True)
class Observation:
    """One measured series; ``sigma`` of a point (density: relative), ``weight`` of the series."""

    kind: Kind
    t_s: Array
    values: Array
    sigma: float | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError(f"{self.kind}: must be one of {', '.join(get_args(Kind))}")
        if len(self.t_s) != len(self.values) or len(self.t_s) < 2:
            raise InputError(f"{self.kind}: needs at least two points, each with a time")
        if not (np.all(np.isfinite(self.t_s)) and np.all(np.isfinite(self.values))):
            raise InputError(f"{self.kind}: every time and value must be a number")
        if self.kind == "rho_kg_per_m3" and not np.all(self.values > 0.0):
            raise InputError(f"{self.kind}: a density must be positive")

    def residuals(self, simulated: Array) -> Array:
        """Residuals in units of sigma, weighted; densities by their logarithm."""
        sigma = SIGMA[self.kind] if self.sigma is None else self.sigma
        off = simulated - self.values
        if self.kind == "rho_kg_per_m3":
            off = np.log(simulated / self.values)
        return np.asarray(math.sqrt(self.weight) / sigma * off)


@dataclass(frozen=True)
class Estimate:
    """A fitted number with its 95 % interval."""

    path: str
    unit: str
    before: float
    value: float
    low: float
    high: float
    at_bound: bool


@dataclass(frozen=True)
class Agreement:
    """Agreement with one series: root mean square and largest error in its unit, last values."""

    kind: Kind
    rmse: float
    largest: float
    last_measured: float
    last_simulated: float


@dataclass(frozen=True)
class MeasuredFit:
    """Result of a fit to measurements."""

    scenario: Scenario
    """With the fitted system (next version) and cup."""
    time_offset_s: float
    estimates: list[Estimate]
    changes: list[Change]
    """Of the system, as written into its file."""
    correlation: Array
    warnings: list[str]
    before: list[Agreement]
    after: list[Agreement]
    simulated_before: list[Array]
    """At the measured times, one array per observation."""
    simulated_after: list[Array]
    rho_end_kg_per_m3: tuple[float, float]
    """Density at the end of the run, before and after: a fit to temperature must not distort it."""
    converged: bool
    message: str


class _Unknown:
    """One unknown and how a trial value goes into scenario and clock."""

    def __init__(self, path: str, scenario: Scenario) -> None:
        self.path, self.unit = path, "s"
        self.free: FreeParameter | None = None
        self.low, self.high = -OFFSET_LIMIT_S / OFFSET_SCALE_S, OFFSET_LIMIT_S / OFFSET_SCALE_S
        self.before = 0.0
        if path == OFFSET:
            self.start = 0.0
        elif path == CUP_LOSS:
            if not scenario.mold.open:
                raise InputError(f"{path}: the mold of the scenario is not an open cup")
            self.unit = "W/K/kg"
            self.before = scenario.mold.cup_loss_W_per_K_kg
            self.start = self.before or FIRST_LOSS
            self.low, self.high = -FACTOR_LIMIT, FACTOR_LIMIT
        else:
            self.free = FreeParameter(path, 10.0 if path.endswith("_time") else 0.5)
            bound = limits(scenario.system, path)
            self.unit, self.start = bound.unit, self.free.start(scenario.system)
            self.before = self.start
            wide = ENERGY_LIMIT if path.endswith((".E", ".E_auto", ".heat")) else FACTOR_LIMIT
            top = bound.le if bound.le is not None else bound.lt
            self.low, self.high = -wide, wide
            if top is not None:
                self.high = min(wide, math.log(top * (1.0 - 1e-9) / self.start))
            bottom = bound.ge if bound.ge is not None else bound.gt
            if bottom:
                self.low = max(-wide, math.log(bottom * (1.0 + 1e-9) / self.start))

    def value(self, x: float) -> float:
        return OFFSET_SCALE_S * x if self.path == OFFSET else self.start * math.exp(x)


def fit_measured(
    scenario: Scenario, observations: Sequence[Observation], paths: Sequence[str], source: str
) -> MeasuredFit:
    """Fit numbers of a scenario to what was measured of the shot.

    Args:
        paths: of the system (``blowing_agent.k_transfer`` …), ``mold.cup_loss_W_per_K_kg``, and
            ``time_offset_s``.
        source: what the fitted numbers say of themselves.

    Raises:
        InputError: a path or a series is wrong, or there are fewer points than unknowns.
    """
    if not paths or len(set(paths)) != len(paths):
        raise InputError("name each number to fit once, at least one")
    points = sum(len(o.t_s) for o in observations)
    if points <= len(paths):
        raise InputError(f"{points} measured points cannot tell {len(paths)} numbers: give more")
    unknowns = [_Unknown(path, scenario) for path in paths]
    simulation = scenario.simulation.model_copy(
        update={"t_end_s": max(float(o.t_s.max()) for o in observations) + OFFSET_LIMIT_S}
    )
    base = scenario.model_copy(update={"simulation": simulation})

    def residuals(x: Array) -> Array:
        trial, offset = _turned(base, unknowns, x)
        try:
            run = integrate(trial)[1]
        except (SolverError, InputError):
            return np.full(points, NOT_SIMULATED)
        parts = [o.residuals(simulated(run, o, offset)) for o in observations]
        return np.concatenate(parts)

    low, high = (np.array([getattr(u, side) for u in unknowns]) for side in ("low", "high"))

    def jacobian(x: Array) -> Array:
        columns = []
        for i in range(len(x)):
            step = np.zeros(len(x))
            step[i] = STEP if x[i] + STEP <= high[i] else -STEP
            columns.append((residuals(x + step) - residuals(x)) / step[i])
        return np.column_stack(columns)

    x0 = np.clip(np.zeros(len(paths)), low + 1e-6, high - 1e-6)
    found = least_squares(residuals, x0, jac=jacobian, bounds=(low, high), max_nfev=100)
    freedom = points - len(paths)
    # the sigmas are guesses: the scatter that is left says how large they are
    C = statistics.covariance(jacobian(found.x)) * 2.0 * found.cost / freedom
    fitted, offset = _turned(base, unknowns, found.x)
    sigma = np.sqrt(np.diag(C))
    estimates = _estimates(unknowns, found.x, sigma, freedom, low, high)
    changes, system = _recorded(scenario.system, fitted.system, unknowns, sigma, source)
    before, after = integrate(base)[1], integrate(fitted)[1]
    at_before = [simulated(before, o, 0.0) for o in observations]
    at_after = [simulated(after, o, offset) for o in observations]
    return MeasuredFit(
        scenario=scenario.model_copy(update={"system": system, "mold": fitted.mold}),
        time_offset_s=offset,
        estimates=estimates,
        changes=changes,
        correlation=statistics.correlations(C),
        warnings=statistics.warnings(
            [u.path for u in unknowns], sigma, C, [e.at_bound for e in estimates]
        ),
        before=[_agreement(o, s) for o, s in zip(observations, at_before, strict=True)],
        after=[_agreement(o, s) for o, s in zip(observations, at_after, strict=True)],
        simulated_before=at_before,
        simulated_after=at_after,
        rho_end_kg_per_m3=(float(before.rho_kg_per_m3[-1]), float(after.rho_kg_per_m3[-1])),
        converged=bool(found.success) and 2.0 * found.cost <= float(np.sum(residuals(x0) ** 2)),
        message=str(found.message),
    )


def simulated(run: Trajectory, observation: Observation, offset_s: float) -> Array:
    """The run at the measured times, in the unit of the observation."""
    t = observation.t_s - offset_s
    match observation.kind:
        case "T_core_C":
            return np.interp(t, run.t_s, run.T_K) - ZERO_CELSIUS_K
        case "rho_kg_per_m3":
            return np.interp(t, run.t_s, run.rho_kg_per_m3)
        case "p_total_bar":
            return np.interp(t, run.t_s, run.P_Pa) / PA_PER_BAR


def _turned(base: Scenario, unknowns: list[_Unknown], x: Array) -> tuple[Scenario, float]:
    system, mold, offset = base.system, base.mold, 0.0
    for unknown, value in zip(unknowns, x.tolist(), strict=True):
        if unknown.free is not None:
            system = unknown.free.turn(system, math.exp(value))
        elif unknown.path == OFFSET:
            offset = unknown.value(value)
        else:
            mold = mold.model_copy(update={"cup_loss_W_per_K_kg": unknown.value(value)})
    return base.model_copy(update={"system": system, "mold": mold}), offset


def _estimates(
    unknowns: list[_Unknown], x: Array, sigma: Array, freedom: int, low: Array, high: Array
) -> list[Estimate]:
    reach = statistics.t_quantile(freedom) * sigma
    edge = 1e-3 * (high - low)
    return [
        Estimate(
            path=u.path,
            unit=u.unit,
            before=u.before,
            value=u.value(float(x[i])),
            low=u.value(float(x[i]) - min(float(reach[i]), WIDEST)),
            high=u.value(float(x[i]) + min(float(reach[i]), WIDEST)),
            at_bound=bool(x[i] - low[i] < edge[i] or high[i] - x[i] < edge[i]),
        )
        for i, u in enumerate(unknowns)
    ]


def _recorded(
    start: MaterialSystem,
    fitted: MaterialSystem,
    unknowns: list[_Unknown],
    sigma: Array,
    source: str,
) -> tuple[list[Change], MaterialSystem]:
    free_parameters = [u.free for u in unknowns if u.free is not None]
    by_path = {u.path: float(s) for u, s in zip(unknowns, sigma, strict=True)}
    changes = []
    for path in touched(start, free_parameters):
        change, fitted = fitted_number(start, fitted, path, by_path.get(path), source)
        changes.append(change)
    return changes, next_version(start, fitted)


def _agreement(observation: Observation, values: Array) -> Agreement:
    off = values - observation.values
    return Agreement(
        kind=observation.kind,
        rmse=float(np.sqrt(np.mean(off**2))),
        largest=float(np.abs(off).max()),
        last_measured=float(observation.values[-1]),
        last_simulated=float(values[-1]),
    )
