"""Key figures, demould window and verdict of a run, computed as a batch does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from twin_core.compiled import allocating
from twin_core.results import assessment, kpi
from twin_core.results import demold_window as demold
from twin_core.scenario import Scenario
from twin_core.solvers.base import Array, Parameters
from twin_core.trajectory import Trajectory, integrate


@dataclass(frozen=True)
class Summary:
    """Three rows of numbers; columns ``KPIS``, ``WINDOW`` and ``VERDICT``."""

    kpis: Array
    window: Array
    verdict: Array


@allocating
def summary_rows(
    t: Array, y: Array, seen: Array, borne: Array, rows: int, params: Parameters, events: Array,
    alpha_gel: float, limits: Parameters, kpis: Array, window: Array, verdict: Array,
) -> None:  # fmt: skip
    """The three rows of one run, into the last three arguments."""
    p, c = params[0], limits[0]
    kpi.key_figures(t, y, seen, rows, p, events, alpha_gel, c, kpis)
    demold.window(t, seen, borne, rows, p.X_gel, c, window)
    assessment.verdict(kpis, window, c, verdict)


def empty_rows(*shape: int) -> tuple[Array, Array, Array]:
    """Space for the rows of so many runs, NaN."""
    columns: tuple[tuple[str, ...], ...] = (kpi.KPIS, demold.WINDOW, assessment.VERDICT)
    kpis, window, verdict = (np.full((*shape, len(names)), np.nan) for names in columns)
    return kpis, window, verdict


def summarize(run: Trajectory) -> Summary:
    """Of a run on the grid of the analysis."""
    rows: Any = empty_rows()
    summary_rows(
        run.t_s, run.y, run.seen, run.borne, len(run.t_s), run.problem.parameters,
        run.event_times, run.alpha_gel, run.limits, *rows,
    )  # fmt: skip
    return Summary(*rows)


def free_rise_density(scenario: Scenario, backend_name: str | None = None) -> float:
    """Density [kg/m3] that the same pour reaches in an open cup, from a run of its own."""
    cup = scenario.model_copy(update={"mold": scenario.mold.as_open_cup()})
    return float(summarize(integrate(cup, backend_name)[0]).kpis[kpi.RHO])
