"""Unknowns of a calibration on production: of the system, of each mold, and what is fitted along.

A factor is searched by its logarithm, an offset in its own unit; 0 changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twin_core.arrays import Array
from twin_core.calibration.free_parameters import FreeParameter, number
from twin_core.calibration.mold_numbers import MOLD_NUMBERS, changed_mold, changed_process
from twin_core.calibration.production_shot import ProductionShot
from twin_core.calibration.unknown import Unknown
from twin_core.errors import InputError
from twin_core.materials import MaterialSystem
from twin_core.mold import Mold
from twin_core.scenario import Scenario

USUAL = {
    "gelling.A": 0.20,
    "gelling.E": 0.10,
    "gelling.heat": 0.10,
    "water_reaction.A": 0.20,
    "composition.water_fraction": 0.10,
    "composition.C_W0": 0.10,
    "blowing_agent.k_transfer": 0.50,
    "carbon_dioxide.k_transfer": 0.50,
}
"""Shared numbers that are tried as far as a system has them, with the spread that one assumes of
them before any shot is seen, relative, one sigma (assumed)."""
OTHER = 0.20
"""The same for other numbers that are asked for."""
LAGS = {"T_core_lag_s": 4.0, "T_mold_lag_s": 8.0, "p_cavity_lag_s": 1.0}
"""Lags of the sensors, of all molds alike, with their spread [s]; they are fitted along and no part
of the twin's parameters."""
LAG_MAX_S = 60.0
SAFE_RATIO = "t_demold_safe_ratio"
SAFE_RATIO_SPREAD = 0.05
"""Safe time of the laboratory over that of the twin, in all shots alike, and its relative spread
(assumed): people mean different things by safe. Fitted along like a lag."""
ALONG = (*LAGS, SAFE_RATIO)
"""Numbers that are fitted along and in no set."""
SPREADS = {
    "T_mold_offset_C": 3.0,
    "T_core_offset_C": 1.5,
    "p_cavity_offset_bar": 0.03,
    "heat_transfer_factor": 0.25,
    "vent_area_factor": 0.5,
    "cavity_volume_factor": 0.05,
}
"""Of the numbers of a mold, in the unit or relative, one sigma (assumed)."""
STEPS = {
    "T_mold_offset_C": 0.5,
    "heat_transfer_factor": 0.04,
    "vent_area_factor": 0.1,
    "cavity_volume_factor": 0.005,
}
STEP = 0.01
"""Of the derivatives, of shared numbers and lags; of those in ``STEPS`` as they stand there."""
SMALLER_STEPS = {"gelling.E": 0.003, "gelling.heat": 0.005}
FARTHEST = 50.0
"""Logarithm of a factor beyond which an end of an interval says nothing more."""
NOT_SIMULATED = ("T_core_offset_C", "p_cavity_offset_bar", *ALONG)
"""Numbers that only a sensor or the laboratory feels: no simulation is needed to turn them."""


@dataclass(frozen=True)
class Number:
    """One unknown.

    Attributes:
        path: of the system, of ``MOLD_NUMBERS`` or of ``ALONG``.
        mold_id: whose it is; None: shared.
        unit: of its value.
        start: value at ``x`` = 0.
        factor: ``x`` is the logarithm of value over start; else the difference.
        low, high: bounds of ``x``.
        spread: one sigma of ``x`` that is assumed before any shot is seen.
        step: of ``x``, for the derivatives.
    """

    path: str
    mold_id: str | None
    unit: str
    start: float
    factor: bool
    low: float
    high: float
    spread: float
    step: float

    @property
    def label(self) -> str:
        """Path, with the mold where it has one."""
        return self.path if self.mold_id is None else f"{self.path}[{self.mold_id}]"

    def value(self, x: float) -> float:
        """The number that a trial value stands for, in ``unit``."""
        if not self.factor:
            return self.start + x
        return self.start * math.exp(min(max(x, -FARTHEST), FARTHEST))

    def spread_of_value(self, x: float, sigma: float) -> float:
        """One sigma of the value."""
        return abs(self.value(x)) * sigma if self.factor else sigma


def usual_paths(system: MaterialSystem) -> list[str]:
    """Shared numbers of ``USUAL`` that a system has above 0."""
    found = []
    for path in USUAL:
        try:
            there = number(system, path)
        except InputError:
            continue  # this system has no such part
        if there is not None and there.value > 0.0:
            found.append(path)
    return found


class Numbers:
    """All unknowns of some shots, and scenarios with trial values.

    Attributes:
        all: shared ones first, then mold by mold, each mold the same ones.
        shared: how many are shared, with those fitted along.
        own: names of those of a mold.
        molds: their ids.
    """

    def __init__(
        self, shots: Sequence[ProductionShot], paths: Sequence[str], mold_numbers: Sequence[str]
    ) -> None:
        """Look the unknowns up.

        Raises:
            InputError: a path or name is not known, or comes twice.
        """
        if len({*paths, *mold_numbers}) != len(paths) + len(mold_numbers):
            raise InputError("name each number to fit once")
        self.system = shots[0].scenario.system
        mold = shots[0].scenario.mold
        self.free = {path: FreeParameter(path) for path in paths}
        self.all = [_of_system(path, self.system, mold) for path in paths]
        self.all += [
            Number(path, None, "s", 0.0, False, 0.0, LAG_MAX_S, spread, 0.25)
            for path, spread in LAGS.items()
        ]
        self.all.append(
            Number(SAFE_RATIO, None, "1", 1.0, True, -0.7, 0.7, SAFE_RATIO_SPREAD, STEP)
        )
        self.shared = len(self.all)
        self.own = list(mold_numbers)
        self.molds = sorted({shot.mold_id for shot in shots})
        self.all += [_of_mold(name, mold_id) for mold_id in self.molds for name in mold_numbers]
        self.index = {(one.path, one.mold_id): i for i, one in enumerate(self.all)}

    def at(self, x: Array, path: str, mold_id: str | None = None) -> float:
        """Trial value of a number; 0 where it is not among the unknowns."""
        i = self.index.get((path, mold_id))
        return 0.0 if i is None else float(x[i])

    def system_at(self, x: Array) -> MaterialSystem:
        """The system with trial values."""
        system = self.system
        for path, free in self.free.items():
            if value := self.at(x, path):
                system = free.turn(system, math.exp(value))
        return system

    def scenarios(self, shots: Sequence[ProductionShot], x: Array) -> list[Scenario]:
        """Scenarios of shots with trial values; not validated, for a fit makes thousands."""
        system = self.system_at(x)
        molds: dict[int, Mold] = {}
        found = []
        for shot in shots:
            base, mold_id = shot.scenario, shot.mold_id
            mold = molds.get(id(base.mold))
            if mold is None:
                mold = molds[id(base.mold)] = self._mold(base.mold, x)
            update: dict[str, Any] = {"system": system, "mold": mold}
            offset = self.at(x, "T_mold_offset_C", mold_id)
            if offset:
                update["process"] = changed_process(base.process, offset)
            found.append(base.model_copy(update=update))
        return found

    def _mold(self, mold: Mold, x: Array) -> Mold:
        own = {name: self.at(x, name, mold.mold_id) for name in MOLD_NUMBERS}
        return changed_mold(
            mold,
            {name: math.exp(t) if MOLD_NUMBERS[name].neutral else t for name, t in own.items()},
        )


def _of_system(path: str, system: MaterialSystem, mold: Mold) -> Number:
    known = Unknown(path, system, mold)
    if known.free is None:
        raise InputError(f"{path}: is no number of a system")
    spread, step = USUAL.get(path, OTHER), SMALLER_STEPS.get(path, STEP)
    return Number(path, None, known.unit, known.start, True, known.low, known.high, spread, step)


def _of_mold(name: str, mold_id: str) -> Number:
    if name not in MOLD_NUMBERS:
        raise InputError(f"{name}: no such number of a mold (there are: {', '.join(MOLD_NUMBERS)})")
    known = MOLD_NUMBERS[name]
    factor = known.neutral > 0.0
    low, high = known.low - known.neutral, known.high - known.neutral
    if factor:
        low, high = math.log(max(known.low, 0.02)), math.log(known.high)
    return Number(
        name, mold_id, known.unit, known.neutral, factor, low, high, SPREADS[name],
        STEPS.get(name, 1.0),
    )  # fmt: skip
