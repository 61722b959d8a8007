"""What becomes of a part that is opened at a given time: ``opened_at``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.models import release as rel
from twin_core.models import state as s
from twin_core.models.part_properties import cure_at_gel
from twin_core.results import demold_window as demold
from twin_core.results.result import SimulationResult
from twin_core.trajectory import Trajectory
from twin_core.units import ZERO_CELSIUS_K

TOLERANCE = 1e-4
"""Of a single way; the search for the window takes a coarser one."""
SLACK = 1e-3
"""A limit that is missed by less is met: an opening at an end of the window is within it."""
PATH_ROWS = 2000
"""Steps of the way that are kept."""


@dataclass(frozen=True)
class Opening:
    """A part from the opening of its mold until it is cold; times after the opening."""

    opened_s: float
    swell_ratio: float
    """Largest growth of the thickness."""
    swell_mm: float
    swell_s: float
    """When it is reached."""
    shrink_ratio: float
    shrink_mm: float
    strength_use_ratio: float
    """Largest pressure of any layer over its strength."""
    T_max_C: float
    """Hottest layer."""
    cold_s: float
    """When the part is within 2 K of the air."""
    unmet: tuple[str, ...]
    """Criteria of the window that this opening does not meet, see ``demold_window.CRITERIA``."""
    time_s: Array
    """(times,), of the way; ``growth_ratio`` likewise."""
    growth_ratio: Array
    heat_to_air_J: Array
    """(times,), since the opening."""
    y: Array
    """(times, layers, states of a layer), SI, see ``models.state``."""

    def figures(self) -> dict[str, Any]:
        """All but the way."""
        names = [name for name in self.__dataclass_fields__ if name not in WAY]
        return {name: getattr(self, name) for name in names}


WAY = ("time_s", "growth_ratio", "heat_to_air_J", "y")


def opened_at(result: SimulationResult, opened_s: float, tolerance: float = TOLERANCE) -> Opening:
    """Follow the part of a shot that is opened at ``opened_s`` [s after the end of injection].

    Args:
        tolerance: error of a step relative to 20 K and to the hydroxyl at the pour.

    Raises:
        InputError: the time is not within the run, the foam has not gelled by then, or there is no
            mold to open.
    """
    run = result.run
    if result.scenario.mold.open:
        raise InputError("an open cup has no mold to open: choose a scenario with a closed mold")
    if not 0.0 <= opened_s <= run.t_s[-1]:
        raise InputError(
            f"the opening at {opened_s:g} s is not within the run of 0 to {run.t_s[-1]:g} s: "
            "choose a time in it, or raise quality.t_cycle_max_s"
        )
    gelled = run.solution.y_at.get("gel")
    t_gel = run.events.get("gel")
    if gelled is None or t_gel is None or opened_s < t_gel:
        when = "never gels" if t_gel is None else f"gels at {t_gel:.0f} s"
        raise InputError(f"the foam {when}: opened at {opened_s:g} s it is no part but a liquid")
    mode = max(i for i, (row, _) in enumerate(run.solution.modes) if run.t_s[row] <= opened_s)
    p = run.solution.modes[mode][1][0]
    y = np.array([np.interp(opened_s, run.t_s, column) for column in run.y.T])
    P = float(np.interp(opened_s, run.t_s, run.P_cells_Pa))
    numbers = np.empty(len(rel.RELEASE))
    layers = (y.size - s.TAIL_STATES) // s.LAYER_STATES
    path = np.full((PATH_ROWS, s.LAYER_STATES * layers + 3), np.nan)
    steps = rel.release(
        opened_s, y, P, p, run.shot.limits[0], cure_at_gel(gelled, p), tolerance, True,
        numbers, path,
    )  # fmt: skip
    way = path[: min(abs(steps), PATH_ROWS)]
    unmet = np.flatnonzero(_margins(run, opened_s, y, p, numbers) < -SLACK)
    return Opening(
        opened_s=opened_s,
        swell_ratio=float(numbers[rel.SWELL]),
        swell_mm=1e3 * float(numbers[rel.SWELL_M]),
        swell_s=float(numbers[rel.SWELL_S]),
        shrink_ratio=float(numbers[rel.SHRINK]),
        shrink_mm=1e3 * float(numbers[rel.SHRINK_M]),
        strength_use_ratio=float(numbers[rel.STRENGTH_USE]),
        T_max_C=float(numbers[rel.T_MAX]) - ZERO_CELSIUS_K,
        cold_s=float(numbers[rel.COLD_S]),
        unmet=tuple(demold.CRITERIA[k] for k in unmet),
        time_s=way[:, 0],
        growth_ratio=way[:, 1],
        heat_to_air_J=way[:, -1],
        y=way[:, 2:-1].reshape(len(way), layers, s.LAYER_STATES),
    )


def _margins(run: Trajectory, t: float, y: Array, p: Any, released: Array) -> Array:
    """Margins of all criteria of the window of a part that is opened at ``t``."""
    observables, borne = (
        np.array([np.interp(t, run.t_s, column) for column in rows.T])
        for rows in (run.observables, run.borne)
    )
    skin = float(np.interp(t, run.t_s, run.X_surface))
    c, found = run.shot.limits[0], np.empty(len(demold.CRITERIA))
    demold.margins_row(y, observables, borne, skin, p, c, found)
    demold.released_margins(released, c, found)
    return found
