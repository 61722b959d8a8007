"""Key figures, demold window, verdict and balances of runs, all in one compiled call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array, Parameters, stacked
from twin_core.compiled import allocating
from twin_core.errors import TwinError
from twin_core.models import observe, skin
from twin_core.models import state as s
from twin_core.models import step_loop as march
from twin_core.models.manual import break_events, error_of, new_record
from twin_core.models.part_properties import PART, cure_at_gel, part
from twin_core.results import assessment, audit, kpi
from twin_core.results import demold_window as demold
from twin_core.trajectory import Prepared, Trajectory, grids_of

FIGURES, VERDICT, BALANCE = range(3)
"""How much is computed of a run: key figures; window and verdict, too; balances, too."""


class Rows(NamedTuple):
    """Numbers of several runs, a row a run: ``KPIS``, ``WINDOW``, ``VERDICT``, audit ``FIELDS``."""

    kpis: Array
    window: Array
    curve: Array
    """(runs, openings, ``CURVE``)."""
    verdict: Array
    balance: Array

    def row(self, i: int) -> Rows:
        """Of one run."""
        return Rows(*(numbers[i] for numbers in self))


def empty_rows(count: int) -> Rows:
    """Space for the rows of so many runs, NaN."""
    return Rows(
        np.full((count, len(kpi.KPIS)), np.nan),
        np.full((count, len(demold.WINDOW)), np.nan),
        np.full((count, demold.CURVE_POINTS, len(demold.CURVE)), np.nan),
        np.full((count, len(assessment.VERDICT)), np.nan),
        np.full((count, len(audit.FIELDS)), np.nan),
    )


@allocating
def read_off(
    t: Array, y: Array, chosen: Any, modes: Parameters, first: Any, count: int, event_t: Array,
    event_y: Array, heat: Array, limits: Parameters, depth: int, observables: Array, rows: Rows,
    i: int,
) -> None:  # fmt: skip
    """Row ``i`` of ``rows`` from a run.

    Args:
        chosen: rows of ``t`` and ``y`` that make the grid of the analysis.
        modes: parameters of each mode; first: the first row of ``y`` in it; count: of modes.
        heat: see ``audit.balance``.
        seen: (chosen, observables), is filled.
    """
    p, c, n = modes[0], limits[0], chosen.size
    times, states, borne = np.empty(n), np.empty((n, y.shape[1])), np.empty((n, len(PART)))
    for k in range(n):
        times[k] = t[chosen[k]]
        for m in range(y.shape[1]):
            states[k, m] = y[chosen[k], m]
    observe.observe(y, chosen, modes, first, count, observables)
    gelled = event_y[s.GEL] if not np.isnan(event_t[s.GEL]) else event_y[s.GEL, :0]
    alpha_gel = cure_at_gel(gelled, p)
    kpis, window, verdict = rows.kpis[i], rows.window[i], rows.verdict[i]
    surface = np.empty(n)
    skin.surface(times, states, n, p, c, surface)
    kpi.key_figures(times, states, observables, surface, n, p, event_t, alpha_gel, c, kpis)
    if depth >= VERDICT:
        part(states, observables, modes, limits, gelled, borne)
        run = demold.Run(times, states, observables, borne, surface)
        t_gel = event_t[s.GEL]
        demold.window(run, n, t_gel, modes[count - 1], c, alpha_gel, window, rows.curve[i])
        assessment.verdict(kpis, window, c, verdict)
    if depth >= BALANCE:
        audit.balance(times, states, observables, modes, heat, rows.balance[i])


@allocating
def run_shots(
    n: int, parameters: Parameters, limits: Parameters, y0: Array, scale: Array,
    breaks: Any, depth: Any, rtol: float, budget: int, chosen: Any, record: march.Record,
    rows: Rows, keep: Any, kept: Array, outcome: Any, reached: Array,
) -> None:  # fmt: skip
    """Integrate and read off one shot after the other, in the same space.

    The first arguments have a row for each shot. ``record`` holds the last shot at the end.

    Args:
        n: layers of each.
        depth: ``FIGURES``, ``VERDICT`` or ``BALANCE``.
        chosen: rows of the record's times that make the grid of the analysis.
        rows, kept, outcome, reached: are filled: the numbers of each shot; its observables ``keep``
            over the analysis, (shots, times, kept), where it is not empty; how it ended, and when.
    """
    t = record.save_at
    observables = np.empty((chosen.size, len(s.OBSERVABLES)))
    for i in range(y0.shape[0]):
        outcome[i], reached[i] = march.march(
            n, parameters[i : i + 1], y0[i], scale[i], rtol, t[t.size - 1], breaks[i], budget,
            depth[i] >= BALANCE, record,
        )  # fmt: skip
        if outcome[i] != march.DONE:
            continue
        read_off(
            t, record.y, chosen, record.modes, record.first, record.counts[march.SEGMENTS],
            record.event_t, record.event_y, record.heat, limits[i : i + 1], depth[i], observables,
            rows, i,
        )  # fmt: skip
        if kept.shape[0] > 0:
            for k in range(chosen.size):
                for m in range(keep.size):
                    kept[i, k, m] = observables[k, keep[m]]


@dataclass(frozen=True)
class Runs:
    """Shots that were run in one compiled call.

    Attributes:
        record: the last shot, at all times.
        kept: (shots, times of the analysis, observables), empty unless asked for.
        errors: by number of the shot, why it was not simulated.
    """

    rows: Rows
    record: march.Record
    kept: Array
    errors: Mapping[int, TwinError]


def run(
    shots: Sequence[Prepared],
    depths: Sequence[int],
    t_s: Array,
    analysis: NDArray[np.int64],
    rtol: float,
    keep: Sequence[int] = (),
) -> Runs:
    """Run shots of equally many layers with the backend ``manual``.

    Args:
        depths: for each shot ``FIGURES``, ``VERDICT`` or ``BALANCE``.
        t_s: times of the record; analysis: rows that make the grid of the analysis.
        keep: observables to keep of each shot over the analysis.
    """
    problems, count = [shot.problem for shot in shots], len(shots)
    budget = min(shot.scenario.simulation.max_evaluations for shot in shots)
    record, rows = new_record(t_s, problems[0].y0.size), empty_rows(count)
    kept = np.empty((count if keep else 0, len(analysis), len(keep)))
    outcome, reached = np.empty(count, np.int64), np.empty(count)
    run_shots(
        s.layer_count(problems[0].y0.size),
        stacked([ode.parameters for ode in problems]),
        stacked([shot.limits for shot in shots]),
        np.array([ode.y0 for ode in problems]),
        np.array([ode.scale for ode in problems]),
        np.array([break_events(ode) for ode in problems]),
        np.array(depths),
        rtol,
        budget,
        analysis,
        record,
        rows,
        np.array(keep, np.int64),
        kept,
        outcome,
        reached,
    )
    errors = {
        i: error_of(how, when, budget)
        for i, (how, when) in enumerate(zip(outcome.tolist(), reached.tolist(), strict=True))
        if how != march.DONE
    }
    return Runs(rows, record, kept, errors)


def summarize(ran: Trajectory) -> Rows:
    """Every number of a run at all times of its grids, whatever its backend."""
    chosen, rows, solution = grids_of(ran.shot.scenario).analysis, empty_rows(1), ran.solution
    events = np.array([ran.events.get(name, np.nan) for name in s.EVENTS])
    event_y = np.zeros((len(s.EVENTS), ran.y.shape[1]))
    for name, y in solution.y_at.items():
        event_y[s.EVENTS.index(name)] = y
    modes = stacked([parameters for _, parameters in solution.modes])
    heat = np.empty(0) if solution.heat is None else solution.heat
    observables = np.empty((len(chosen), len(s.OBSERVABLES)))
    read_off(
        ran.t_s, ran.y, chosen, modes, ran.first, len(modes), events, event_y, heat,
        ran.shot.limits, BALANCE, observables, rows, 0,
    )  # fmt: skip
    return rows.row(0)
