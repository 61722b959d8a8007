"""Measured series of one shot, and how far a simulation is from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from twin_core.arrays import Array
from twin_core.data_sheet import TIME_TOLERANCE
from twin_core.errors import InputError
from twin_core.scenario import Scenario
from twin_core.trajectory import Trajectory
from twin_core.units import PA_PER_BAR, ZERO_CELSIUS_K

Kind = Literal["T_core_C", "rho_kg_per_m3", "p_total_bar"]
SIGMA: dict[Kind, float] = {"T_core_C": 2.0, "rho_kg_per_m3": 0.05, "p_total_bar": 0.05}
"""One sigma of a point where the observation gives none: kelvin, relative, bar (assumed)."""


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
class MeasuredRun:
    """A shot or cup of which something was measured.

    Attributes:
        name: for people, of several that are fitted together.
        scenario: what was poured, and where.
        observations: at least one.
        t_gel_s: when a person found it gelled (string test) [s]; None where nobody looked.
    """

    name: str
    scenario: Scenario
    observations: Sequence[Observation]
    t_gel_s: float | None = None

    @property
    def sizes(self) -> list[int]:
        """Residuals of each series, and 1 for the gel time where it is given."""
        return [len(o.t_s) for o in self.observations] + [1] * (self.t_gel_s is not None)

    def residuals(self, run: Trajectory, offset_s: float) -> Array:
        """Residuals of all series, and of the gel time, in units of sigma."""
        parts = [o.residuals(simulated(run, o, offset_s)) for o in self.observations]
        if self.t_gel_s is not None:
            t_gel = run.events.get("gel", float(run.t_s[-1])) + offset_s
            parts.append(np.array([math.log(max(t_gel, 1e-3) / self.t_gel_s) / TIME_TOLERANCE]))
        return np.concatenate(parts)


@dataclass(frozen=True)
class Agreement:
    """Agreement with one series: root mean square and largest error in its unit, last values."""

    kind: Kind
    rmse: float
    largest: float
    last_measured: float
    last_simulated: float


def simulated(run: Trajectory, observation: Observation, offset_s: float) -> Array:
    """The run at the measured times, in the unit of the observation.

    Args:
        offset_s: time of the measurement's clock at the pour [s].
    """
    t = observation.t_s - offset_s
    match observation.kind:
        case "T_core_C":
            return np.interp(t, run.t_s, run.T_K) - ZERO_CELSIUS_K
        case "rho_kg_per_m3":
            return np.interp(t, run.t_s, run.rho_kg_per_m3)
        case "p_total_bar":
            return np.interp(t, run.t_s, run.P_Pa) / PA_PER_BAR


def agreement(observation: Observation, values: Array) -> Agreement:
    """Agreement of simulated values at the measured times."""
    off = values - observation.values
    return Agreement(
        kind=observation.kind,
        rmse=float(np.sqrt(np.mean(off**2))),
        largest=float(np.abs(off).max()),
        last_measured=float(observation.values[-1]),
        last_simulated=float(values[-1]),
    )
