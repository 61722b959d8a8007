"""Features of shots as the model gives them with trial values, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array
from twin_core.batch import BatchResult, simulate_many
from twin_core.calibration import shot_features as sf
from twin_core.calibration.mold_numbers import OFFSETS
from twin_core.calibration.production_numbers import LAGS, NOT_SIMULATED, SAFE_RATIO, Numbers
from twin_core.calibration.production_shot import SENSORS, ProductionShot
from twin_core.scenario import Scenario
from twin_core.units import PA_PER_BAR, ZERO_CELSIUS_K

Ints = NDArray[np.intp]
Flags = NDArray[np.bool_]
FIT_LAYERS = 12
"""Of the model, for the derivatives; what is compared with readings has the layers of its scenario:
with 12 instead of 24 the core of a part that cools is up to 1 K too cold."""
FIT_RTOL = 1e-5
CHORD = 0.25
"""Derivatives hold until a number has moved by so much, in units of its assumed spread."""
FROM_WINDOW = {sf.SAFE: "t_demold_min_s", "H_demold_shore": "H_demold_shore"}
"""Results that need the demold window, and the figures that predict them."""
LAG_OF = dict(zip(("T_core_C", "T_mold_C", "p_cavity_bar"), LAGS, strict=True))


class Simulate(Protocol):
    """Simulation of scenarios that all have the same ``quality.t_cycle_max_s``."""

    def __call__(self, scenarios: Sequence[Scenario], window: bool) -> BatchResult:
        """Figures, and profiles ``T_core_K``, ``T_mold_K`` and ``p_total_Pa``.

        Args:
            scenarios: in their order; one that cannot be simulated is in ``errors``.
            window: with demold window, hardness and safe time; without, it is much cheaper.
        """


def simulate_shots(
    scenarios: Sequence[Scenario], window: bool, workers: int | None = None
) -> BatchResult:
    """Simulate on the cores of this process: what a calibration does unless told otherwise.

    Args:
        window: with demold window, at the tolerance of a batch; without, at that of a fit.
        workers: threads; None takes the cores this process may use.
    """
    if window:
        return simulate_many(scenarios, profiles=True, workers=workers)
    return simulate_many(scenarios, profiles=True, window=False, rtol=FIT_RTOL, workers=workers)


class Curves:
    """Simulated curves in the units of the sensors, (shots, times); NaN where there is no run."""

    def __init__(self, ran: BatchResult) -> None:
        self.time_s = ran.time_s
        self.true = {
            "T_core_C": ran.profiles["T_core_K"] - ZERO_CELSIUS_K,
            "p_cavity_bar": ran.profiles["p_total_Pa"] / PA_PER_BAR,
            "T_mold_C": ran.profiles["T_mold_K"] - ZERO_CELSIUS_K,
        }
        density = np.where(ran.figures["rho_moulded"] > 0.0, ran.figures["rho_moulded"], np.nan)
        self.log_density = np.log(density)
        self.log_safe = np.full(len(density), np.nan)

    def rows(self, first: int, count: int) -> Curves:
        """Some of the shots."""
        found = object.__new__(Curves)
        found.time_s = self.time_s
        found.true = {name: curve[first : first + count] for name, curve in self.true.items()}
        found.log_density = self.log_density[first : first + count]
        found.log_safe = self.log_safe[first : first + count]
        return found


class Model:
    """The shots, their features, and the numbers that are turned.

    Attributes:
        mold: number of the mold of each shot.
        place: (shots, own): number of each of the shot's own numbers among all.
        timed: shots whose safe time was measured: only theirs is simulated.
        simulations: how many were made.
    """

    def __init__(
        self,
        shots: Sequence[ProductionShot],
        features: sf.Features,
        numbers: Numbers,
        simulate: Simulate,
    ) -> None:
        self.shots, self.features, self.numbers = shots, features, numbers
        self._simulate, self.simulations = simulate, 0
        self._last: tuple[Array, Array] | None = None
        self._slopes: tuple[Array, Array] | None = None
        self.mold = np.array([numbers.molds.index(shot.mold_id) for shot in shots])
        own = len(numbers.own)
        self.place = numbers.shared + self.mold[:, None] * own + np.arange(own)
        self.timed = np.flatnonzero(~np.isnan(features.measured[:, sf.columns(sf.SAFE)])[:, 0])

    def columns(self) -> list[list[int]]:
        """Numbers that can be turned at once: a shared one; the same one of every mold."""
        n = self.numbers
        alone = [[i] for i in range(n.shared)]
        return alone + [
            [n.shared + m * len(n.own) + k for m in range(len(n.molds))] for k in range(len(n.own))
        ]

    def curves(self, trials: Sequence[Array], layers: int | None = None) -> list[Curves]:
        """Curves of all shots, with one trial after another, simulated together.

        Args:
            layers: at most so many; None: as the scenarios have it.
        """
        whole = [one for x in trials for one in self.numbers.scenarios(self.shots, x)]
        wanted = [cut(one, self.features.end_s, layers) for one in whole]
        ran, count = Curves(self._simulate(wanted, False)), len(self.shots)
        timed = [i * count + k for i in range(len(trials)) for k in self.timed.tolist()]
        uncut = [cut(whole[i], whole[i].quality.t_cycle_max_s, layers) for i in timed]
        ran.log_safe[timed] = np.log(windows(self._simulate, uncut)[sf.SAFE])
        self.simulations += len(wanted) + len(uncut)
        return [ran.rows(i * count, count) for i in range(len(trials))]

    def predicted(self, curves: Curves, x: Array) -> Array:
        """Features of the shots, as the sensors would read them."""
        return as_read(self.features, curves, self.numbers, self.shots, x)

    def residuals(self, x: Array) -> Array:
        """Simulated minus measured, (shots, features)."""
        if self._last is None or not np.array_equal(self._last[0], x):
            found = self.predicted(self.curves([x])[0], x) - self.features.measured
            self._last = x.copy(), found
        return self._last[1]

    def derivatives(self, x: Array) -> Array:
        """Derivatives of the residuals here or nearby, (shots, features, shared and own)."""
        spread = np.array([one.spread for one in self.numbers.all])
        if self._slopes is None or np.max(np.abs(x - self._slopes[0]) / spread) > CHORD:
            self._slopes = x.copy(), self._derivatives(x)
        return self._slopes[1]

    def _derivatives(self, x: Array) -> Array:
        trials, kept = [x], []
        columns = self.columns()
        steps = []
        for column in columns:
            step = np.zeros(len(x))
            for i in column:
                one = self.numbers.all[i]
                step[i] = one.step if x[i] + one.step <= one.high else -one.step
            steps.append(step)
            if self.numbers.all[column[0]].path not in NOT_SIMULATED:
                kept.append(len(trials))
                trials.append(x + step)
            else:
                kept.append(0)
        curves = self.curves(trials, FIT_LAYERS)
        here = self.predicted(curves[0], x)
        J = np.empty((*here.shape, len(columns)))
        for k, (step, run) in enumerate(zip(steps, kept, strict=True)):
            size = (
                step[self.place[:, k - self.numbers.shared]]
                if k >= self.numbers.shared
                else (np.full(len(here), step[k]))
            )
            J[:, :, k] = (self.predicted(curves[run], x + step) - here) / size[:, None]
        return J


def cut(scenario: Scenario, end_s: float, layers: int | None = None) -> Scenario:
    """The scenario as far as readings go.

    Args:
        end_s: of the run; layers: at most so many, None: its own.
    """
    quality = scenario.quality.model_copy(update={"t_cycle_max_s": end_s})
    simulation = scenario.simulation
    if layers is not None:
        least = min(simulation.layers, layers)
        simulation = simulation.model_copy(update={"layers": least})
    return scenario.model_copy(update={"quality": quality, "simulation": simulation})


def windows(simulate: Simulate, scenarios: Sequence[Scenario]) -> dict[str, Array]:
    """Safe time [s] and hardness by the names of the results; NaN where no time is safe."""
    found = {name: np.full(len(scenarios), np.nan) for name in FROM_WINDOW}
    cycles = np.array([one.quality.t_cycle_max_s for one in scenarios])
    for cycle in np.unique(cycles):
        some = np.flatnonzero(cycles == cycle)
        ran = simulate([scenarios[i] for i in some.tolist()], True)
        for name, figure in FROM_WINDOW.items():
            found[name][some] = ran.figures[figure]
    return found


def as_read(
    features: sf.Features, curves: Curves, numbers: Numbers, shots: Sequence[ProductionShot],
    x: Array,
) -> Array:  # fmt: skip
    """Features of simulated curves as the sensors of their molds would read them."""
    parts = []
    first_wall = curves.true["T_mold_C"][:, 0]
    for sensor in SENSORS:
        curve = curves.true[sensor]
        begin = first_wall if sensor == "T_core_C" else curve[:, 0]
        felt = sf.lagged(curves.time_s, curve, numbers.at(x, LAG_OF[sensor]), begin)
        offset = np.array([numbers.at(x, OFFSETS[sensor], shot.mold_id) for shot in shots])
        parts.append(features.of_curves(sensor, felt) - offset[:, None])
    safe = curves.log_safe + numbers.at(x, SAFE_RATIO)
    return np.column_stack([*parts, curves.log_density, safe])


Progress = Callable[[str, int, int], None]
"""Called with words, what is done, and of how much."""
