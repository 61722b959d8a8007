"""The demould window: from when, best when, until when, and what decides.

A criterion is a margin over time: zero at its limit, positive when met, one tenth when met by ten
per cent. The window opens when the last criterion is met and closes when the first fails again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin_core.kpi import MechanicalState, first_time
from twin_core.simulation import Trajectory
from twin_core.solvers.base import Array

COMFORT_MARGIN = 0.1
"""The best time is the first at which every margin has this much in hand."""
STRENGTH_FACTOR = 0.5
"""Share of the collapse stress that the inner pressure may use (a safety of two; assumed)."""


@dataclass(frozen=True)
class DemoldWindow:
    """Times [s] from the end of injection; None where there is no such time within the run."""

    t_min_s: float | None
    t_opt_s: float | None
    t_max_s: float | None
    binding_earliest: str | None
    """Criterion met last; with no window, the one that fails by most at the end."""
    binding_latest: str | None
    """Criterion that ends the window, or ``horizon`` when none does within the run."""
    margins_at_opt: dict[str, float]


def margins(trajectory: Trajectory, mech: MechanicalState) -> dict[str, Array]:
    """Margin over time of every criterion that applies.

    cure: alpha over its minimum. gel: OH conversion past gel over the margin asked for.
    hardness: Shore proxy over its minimum. strength: collapse stress with its safety over the
    pressure difference. swell and shrink: (P - P_ambient)(1 - 2 nu)/E against the limit.
    """
    q, setup = trajectory.scenario.quality, trajectory.setup
    found = {"cure": trajectory.alpha / q.alpha_demold_min - 1.0}
    gel_at = setup.X_gel + q.gel_margin * (1.0 - setup.X_gel)
    found["gel"] = trajectory.X_OH / gel_at - 1.0
    if q.H_demold_min_shore:
        found["hardness"] = mech.hardness_shore / q.H_demold_min_shore - 1.0
    if not setup.mold.open:
        over = trajectory.P_Pa - setup.P_ambient_Pa
        tiny = 1e-9 * setup.system.mechanics.E_solid.value
        poisson = setup.system.mechanics.poisson.value
        strain = over * (1.0 - 2.0 * poisson) / np.maximum(mech.E_Pa, tiny)
        load = np.abs(over) / np.maximum(STRENGTH_FACTOR * mech.strength_Pa, tiny)
        found["strength"] = 1.0 - load
        found["swell"] = 1.0 - strain / q.swell_max
        found["shrink"] = 1.0 + strain / q.swell_max
    return found


def demold_window(trajectory: Trajectory, mech: MechanicalState) -> DemoldWindow:
    """Earliest, best and latest time to open the mold."""
    t, each = trajectory.t_s, margins(trajectory, mech)
    worst = np.min(np.stack(list(each.values())), axis=0)
    t_min = first_time(t, worst)
    if t_min is None:
        failing = min(each, key=lambda name: float(each[name][-1]))
        return DemoldWindow(None, None, None, failing, None, {})
    first = int(np.flatnonzero(worst >= 0.0)[0])
    # a criterion may be met at the pour, fail in between and decide at last: look just before
    opening = min(each, key=lambda name: float(each[name][max(first - 1, 0)]))
    t_max, closing = float(t[-1]), "horizon"
    fail = first_time(t[first:], -worst[first:] - 1e-12)
    if fail is not None:
        at = int(np.searchsorted(t, fail))
        t_max, closing = fail, min(each, key=lambda name: float(each[name][at]))
    inside = np.flatnonzero((t >= t_min) & (t <= t_max))
    t_opt = t_min
    if len(inside):
        comfortable = first_time(t[inside], worst[inside] - COMFORT_MARGIN)
        best = int(inside[np.argmax(worst[inside])])
        t_opt = float(t[best]) if comfortable is None else max(comfortable, t_min)
    at_opt = {name: float(np.interp(t_opt, t, margin)) for name, margin in each.items()}
    return DemoldWindow(t_min, t_opt, t_max, opening, closing, at_opt)
