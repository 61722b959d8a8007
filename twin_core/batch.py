"""Many shots at once: compiled over arrays of parameters, on all cores, with progress."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from twin_core.compiled import allocating
from twin_core.errors import InputError
from twin_core.models import problem
from twin_core.models import state as s
from twin_core.models import step_loop as march
from twin_core.models.limits import LIMITS, limits_record
from twin_core.models.manual import break_events, error_of, new_record
from twin_core.models.part_properties import PART, cure_at_gel, part
from twin_core.models.setup import prepare
from twin_core.results import assessment, kpi
from twin_core.results import demold_window as demold
from twin_core.results.summary import empty_rows, summary_rows
from twin_core.scenario import Scenario
from twin_core.solvers.base import Array, Parameters
from twin_core.trajectory import analysis_grid

CHUNK = 64
"""Shots per call into compiled code, and per report of progress."""
BATCH_RTOL = 1e-6
"""Key figures differ from those of a single run by less than 0.01 per cent (a test holds that)."""
PROFILES = {
    "alpha": s.ALPHA_,
    "T_core_K": s.T_CORE_,
    "T_mold_K": s.T_MOLD_,
    "p_total_Pa": s.P_,
    "rho_kg_per_m3": s.RHO_,
}


@dataclass(frozen=True)
class BatchResult:
    """Key figures of many shots; NaN (empty words) where there is none, or the shot has an error.

    Attributes:
        figures: by name, arrays of shape (shots,): those of ``Kpis`` and the numbers of a
            ``SimulationResult`` under its names: ``t_demold_min_s``, ``rho_moulded`` and so on.
        words: by name, arrays of text: ``quality_status``, ``pressure_status``,
            ``binding_earliest``, ``binding_latest``.
        errors: by number of the shot, why it could not be simulated.
        time_s: of the profiles; profiles: by name, (shots, times); empty unless asked for.
    """

    figures: Mapping[str, Array]
    words: Mapping[str, NDArray[np.str_]]
    errors: Mapping[int, str]
    time_s: Array
    profiles: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.figures["defect_risk"])

    def __getitem__(self, name: str) -> Any:
        """An array over the shots: a figure, a word, or (shots, times) of a profile."""
        for found in (self.figures, self.words, self.profiles):
            if name in found:
                return found[name]
        known = ", ".join((*self.figures, *self.words, *self.profiles))
        raise KeyError(f"{name}: there is {known}")


def simulate_many(
    scenarios: Iterable[Scenario],
    *,
    profiles: bool = False,
    rtol: float = BATCH_RTOL,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BatchResult:
    """Simulate many shots with the backend ``manual``.

    A shot that cannot be simulated does not end the batch: it is in ``errors``.

    Args:
        profiles: keep the profiles too, on the grid of the analysis; all scenarios then need the
            same ``quality.t_cycle_max_s``.
        rtol: relative tolerance for all; the scenarios' own ``simulation.rtol`` is not used.
        workers: threads; None takes the cores this process may use.
        progress: called with (shots done, shots in all).

    Raises:
        InputError: there are no scenarios, or profiles of different lengths are asked for.
    """
    shots = list(scenarios)
    if not shots:
        raise InputError("simulate_many: there are no scenarios")
    cycles = {shot.quality.t_cycle_max_s for shot in shots}
    if profiles and len(cycles) > 1:
        raise InputError(f"profiles need one quality.t_cycle_max_s, there are {len(cycles)}")
    rows = _Rows(len(shots), analysis_grid(min(cycles)) if profiles else np.empty(0))
    chunks = list(_chunks(shots))
    done = 0
    with ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
        for finished in pool.map(lambda chunk: rows.run(shots, chunk, rtol), chunks):
            done += finished
            if progress is not None:
                progress(done, len(shots))
    return rows.result()


def _chunks(shots: Sequence[Scenario]) -> Iterable[list[int]]:
    """Numbers of shots that one call can run: same layers, same cycle."""
    groups: dict[tuple[int, float], list[int]] = {}
    for number, shot in enumerate(shots):
        groups.setdefault((_layers(shot), shot.quality.t_cycle_max_s), []).append(number)
    for numbers in groups.values():
        for start in range(0, len(numbers), CHUNK):
            yield numbers[start : start + CHUNK]


def _layers(shot: Scenario) -> int:
    return 1 if shot.simulation.dimension == "0d" else shot.simulation.layers


class _Rows:
    """What a batch fills, a row a shot."""

    def __init__(self, count: int, time_s: Array) -> None:
        self.kpis, self.window, self.verdict = empty_rows(count)
        self.errors: dict[int, str] = {}
        self.time_s = time_s
        self.seen = np.full((count, len(time_s), len(PROFILES)), np.nan)

    def run(self, shots: Sequence[Scenario], numbers: list[int], rtol: float) -> int:
        """Simulate a chunk; returns how many shots it has."""
        layers, grid = _layers(shots[numbers[0]]), analysis_grid(_cycle(shots, numbers))
        ready, parameters, limits, y0, scale, breaks = [], [], [], [], [], []
        for number in numbers:
            try:
                setup = prepare(shots[number])
                ode = problem.problem(setup, float(grid[-1]), layers)
            except InputError as error:
                self.errors[number] = str(error)
                continue
            ready.append(number)
            parameters.append(ode.parameters[0])
            limits.append(limits_record(shots[number], setup)[0])
            y0.append(ode.y0)
            scale.append(ode.scale)
            breaks.append(break_events(ode))
        if ready:
            states = y0[0].size
            kpis, window, verdict = empty_rows(len(ready))
            outcome, reached = np.empty(len(ready), np.int64), np.empty(len(ready))
            budget = min(shots[number].simulation.max_evaluations for number in ready)
            keep = np.array(list(PROFILES.values()))
            kept = np.empty((len(ready) if len(self.time_s) else 0, len(self.time_s), len(keep)))
            run_chunk(
                np.array(parameters, s.PARAMETERS),
                np.array(limits, LIMITS),
                np.array(y0),
                np.array(scale),
                np.array(breaks),
                rtol,
                budget,
                new_record(grid, states, 0.0),
                np.empty((len(grid), len(PART))),
                kpis,
                window,
                verdict,
                keep,
                kept,
                outcome,
                reached,
            )
            self.kpis[ready], self.window[ready], self.verdict[ready] = kpis, window, verdict
            if len(self.time_s):
                self.seen[ready] = kept
            for number, how, t_s in zip(ready, outcome, reached, strict=True):
                if how != march.DONE:
                    self.errors[number] = str(error_of(int(how), float(t_s), budget))
        return len(numbers)

    def result(self) -> BatchResult:
        """All rows under their names."""
        failed = sorted(self.errors)
        for rows in (self.kpis, self.window, self.verdict):
            rows[failed] = np.nan
        figures = {name: self.kpis[:, i] for i, name in enumerate(kpi.KPIS)}
        for name in ("t_min", "t_opt", "t_max"):
            figures[f"t_demold_{name[2:]}_s"] = self.window[:, demold.WINDOW.index(name)]
        figures["H_demold_shore"] = self.window[:, demold.HARDNESS_AT]
        figures["alpha_demold"] = self.window[:, demold.ALPHA_AT]
        figures["defect_risk"] = self.verdict[:, assessment.RISK]
        figures["rho_moulded"] = figures["rho_moulded_kg_per_m3"]
        criteria = (*demold.CRITERIA, "cycle")
        words = {
            "quality_status": _named(
                self.verdict[:, assessment.QUALITY], get_args(assessment.QualityStatus)
            ),
            "pressure_status": _named(
                self.verdict[:, assessment.PRESSURE], get_args(assessment.PressureStatus)
            ),
            "binding_earliest": _named(self.window[:, demold.EARLIEST], criteria),
            "binding_latest": _named(self.window[:, demold.LATEST], criteria),
        }
        profiles = {name: self.seen[:, :, i] for i, name in enumerate(PROFILES)}
        return BatchResult(
            figures, words, self.errors, self.time_s, profiles if len(self.time_s) else {}
        )


def _cycle(shots: Sequence[Scenario], numbers: list[int]) -> float:
    return shots[numbers[0]].quality.t_cycle_max_s


def _named(numbers: Array, names: Sequence[str]) -> NDArray[np.str_]:
    """Names by number; empty for NaN and -1."""
    table = np.array([*names, ""])
    index = np.where(np.isnan(numbers) | (numbers < 0), len(names), numbers)
    return np.asarray(table[index.astype(np.intp)])


@allocating
def run_chunk(
    parameters: Parameters, limits: Parameters, y0: Array, scale: Array, breaks: Any, rtol: float,
    budget: int, record: march.Record, borne: Array, kpis: Array, window: Array, verdict: Array,
    keep: Any, kept: Array, outcome: Any, reached: Array,
) -> None:  # fmt: skip
    """One shot after the other, in the same space; the last seven arguments are filled."""
    rows = record.save_at.size
    for i in range(y0.shape[0]):
        own, c = parameters[i : i + 1], limits[i : i + 1]
        outcome[i], reached[i] = march.march(
            own, y0[i], scale[i], rtol, record.save_at[rows - 1], breaks[i], budget, record
        )
        if outcome[i] != march.DONE:
            continue
        alpha_gel = 1.0
        if not np.isnan(record.event_t[s.GEL]):
            alpha_gel = cure_at_gel(record.event_y[s.GEL], own[0])
        part(record.y, record.seen, own, c, alpha_gel, borne)
        summary_rows(
            record.save_at, record.y, record.seen, borne, rows, own, record.event_t,
            alpha_gel, c, kpis[i], window[i], verdict[i],
        )  # fmt: skip
        if kept.shape[0] > 0:
            for k in range(rows):
                for m in range(keep.size):
                    kept[i, k, m] = record.seen[k, keep[m]]
