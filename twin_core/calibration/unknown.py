"""Unknowns of a fit to measurements: numbers of the system, the loss of a cup, clocks.

Every unknown is turned by a factor, so it stays positive, but for the clock of a measurement, which
is shifted.
"""

from __future__ import annotations

import math

from twin_core.calibration.cup_search import ALL
from twin_core.calibration.free_parameters import FreeParameter, limits
from twin_core.errors import InputError
from twin_core.materials import MaterialSystem
from twin_core.mold import Mold

OFFSET = "time_offset_s"
"""The measurement's clock when the shot was poured: shot time = measured time - offset."""
CUP_LOSS = "mold.cup_loss_W_per_K_kg"
OFFSET_SCALE_S = 10.0
OFFSET_LIMIT_S = 120.0
FIRST_LOSS = 0.3
"""W/K/kg from which a cup's loss is fitted when the scenario gives none."""
FACTOR_LIMIT = math.log(100.0)
ENERGY_LIMIT = math.log(1.3)
FIRST = {free.path: free.first for free in ALL if free.first is not None}
"""Where a number starts that the system leaves out."""


class Unknown:
    """One unknown of a fit, and what its trial value ``x`` stands for.

    Attributes:
        path: ``gelling.A``, ``mold.cup_loss_W_per_K_kg``, ``time_offset_s``.
        label: the path, with the run whose clock it is where there are several.
        unit: of its value.
        free: the number of the system; None for a loss and a clock.
        run: whose clock it is, from 0; None for what all runs share.
        low, high: bounds of ``x``.
        before: value before the fit; start: value at ``x`` = 0.
    """

    def __init__(
        self, path: str, system: MaterialSystem, mold: Mold, run: int | None = None, name: str = ""
    ) -> None:
        """Look a path up.

        Raises:
            InputError: there is no such number, or it is none of this cup.
        """
        self.path, self.unit, self.run = path, "s", run
        self.label = f"{path}[{name}]" if name else path
        self.free: FreeParameter | None = None
        self.low, self.high = -OFFSET_LIMIT_S / OFFSET_SCALE_S, OFFSET_LIMIT_S / OFFSET_SCALE_S
        self.before = 0.0
        if path == OFFSET:
            self.start = 0.0
        elif path == CUP_LOSS:
            if not mold.open:
                raise InputError(f"{path}: the mold of the scenario is not an open cup")
            self.unit = "W/K/kg"
            self.before = mold.cup_loss_W_per_K_kg
            self.start = self.before or FIRST_LOSS
            self.low, self.high = -FACTOR_LIMIT, FACTOR_LIMIT
        else:
            self._of_system(system)

    def _of_system(self, system: MaterialSystem) -> None:
        self.free = FreeParameter(self.path, FIRST.get(self.path, 0.5))
        bound = limits(system, self.path)
        self.unit, self.start = bound.unit, self.free.start(system)
        self.before = self.start
        wide = ENERGY_LIMIT if self.path.endswith((".E", ".E_auto", ".heat")) else FACTOR_LIMIT
        top = bound.le if bound.le is not None else bound.lt
        self.low, self.high = -wide, wide
        if top is not None:
            self.high = min(wide, math.log(top * (1.0 - 1e-9) / self.start))
        bottom = bound.ge if bound.ge is not None else bound.gt
        if bottom:
            self.low = max(-wide, math.log(bottom * (1.0 + 1e-9) / self.start))

    def value(self, x: float) -> float:
        """The number that a trial value stands for, in ``unit``."""
        return OFFSET_SCALE_S * x if self.path == OFFSET else self.start * math.exp(x)
