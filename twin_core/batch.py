"""Many shots at once: compiled over arrays of parameters, on all cores, with progress."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.models import state as s
from twin_core.results import assessment, kpi
from twin_core.results import demold_window as demold
from twin_core.results.summary import FIGURES, VERDICT, empty_rows, run
from twin_core.scenario import Scenario
from twin_core.trajectory import Prepared, analysis_grid, grids, layers_of, window_kind

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
            ``binding_earliest``, ``binding_latest``, ``window`` (layered, quick or none).
        release: (shots, openings, ``demold_window.CURVE``), SI: swell and shrink against the
            opening time; NaN without gel and in a cup.
        errors: by number of the shot, why it could not be simulated.
        time_s: of the profiles; profiles: by name, (shots, times); empty unless asked for.
    """

    figures: Mapping[str, Array]
    words: Mapping[str, NDArray[np.str_]]
    errors: Mapping[int, str]
    time_s: Array
    profiles: Mapping[str, Array]
    release: Array

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
    window: bool = True,
    rtol: float = BATCH_RTOL,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BatchResult:
    """Simulate many shots with the backend ``manual``.

    A shot that cannot be simulated does not end the batch: it is in ``errors``.

    Args:
        profiles: keep the profiles too, on the grid of the analysis; all scenarios then need the
            same ``quality.t_cycle_max_s``.
        window: compute demold window and verdict, too, which take more time than the run; without
            them their figures are NaN and their words empty.
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
    chunks, depth = list(_chunks(shots)), VERDICT if window else FIGURES
    done = 0
    with ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
        for finished in pool.map(lambda chunk: rows.run(shots, chunk, rtol, depth), chunks):
            done += finished
            if progress is not None:
                progress(done, len(shots))
    return rows.result([window_kind(shot) for shot in shots])


def _chunks(shots: Sequence[Scenario]) -> Iterable[list[int]]:
    """Numbers of shots that one call can run: same layers, same cycle."""
    groups: dict[tuple[int, float], list[int]] = {}
    for number, shot in enumerate(shots):
        groups.setdefault((layers_of(shot), shot.quality.t_cycle_max_s), []).append(number)
    for numbers in groups.values():
        for start in range(0, len(numbers), CHUNK):
            yield numbers[start : start + CHUNK]


class _Rows:
    """What a batch fills, a row a shot."""

    def __init__(self, count: int, time_s: Array) -> None:
        self.rows = empty_rows(count)
        self.errors: dict[int, str] = {}
        self.time_s = time_s
        self.observables = np.full((count, len(time_s), len(PROFILES)), np.nan)

    def run(self, shots: Sequence[Scenario], numbers: list[int], rtol: float, depth: int) -> int:
        """Simulate a chunk; returns how many shots it has."""
        times = grids(shots[numbers[0]].quality.t_cycle_max_s, 0.0, 1.0)
        ready: list[int] = []
        prepared: list[Prepared] = []
        for number in numbers:
            try:
                prepared.append(Prepared.of(shots[number], float(times.t_s[-1])))
            except InputError as error:
                self.errors[number] = str(error)
                continue
            ready.append(number)
        if ready:
            keep = list(PROFILES.values()) if len(self.time_s) else []
            found = run(prepared, [depth] * len(ready), times.t_s, times.analysis, rtol, keep)
            for rows, own in zip(self.rows, found.rows, strict=True):
                rows[ready] = own
            if keep:
                self.observables[ready] = found.kept
            self.errors |= {ready[i]: str(error) for i, error in found.errors.items()}
        return len(numbers)

    def result(self, kinds: Sequence[str]) -> BatchResult:
        """All rows under their names; ``kinds``: of each shot's window."""
        failed = sorted(self.errors)
        kpis, window, curve, verdict, _ = self.rows
        for rows in self.rows:
            rows[failed] = np.nan
        figures = {name: kpis[:, i] for i, name in enumerate(kpi.KPIS)}
        for name in ("t_min", "t_opt", "t_max"):
            figures[f"t_demold_{name[2:]}_s"] = window[:, demold.WINDOW.index(name)]
        for end, first in (("min", demold.AT_MIN), ("opt", demold.AT_OPT)):
            swell, swell_m, shrink, shrink_m = window[:, first : first + 4].T
            figures[f"swell_at_{end}_ratio"] = swell
            figures[f"swell_at_{end}_mm"] = 1e3 * swell_m
            figures[f"shrink_at_{end}_ratio"] = shrink
            figures[f"shrink_at_{end}_mm"] = 1e3 * shrink_m
        figures["H_demold_shore"] = window[:, demold.HARDNESS_AT]
        figures["alpha_demold"] = window[:, demold.ALPHA_AT]
        figures["defect_risk"] = verdict[:, assessment.RISK]
        figures["rho_moulded"] = figures["rho_moulded_kg_per_m3"]
        criteria = (*demold.CRITERIA, "cycle")
        words = {
            "quality_status": _named(
                verdict[:, assessment.QUALITY], get_args(assessment.QualityStatus)
            ),
            "pressure_status": _named(
                verdict[:, assessment.PRESSURE], get_args(assessment.PressureStatus)
            ),
            "binding_earliest": _named(window[:, demold.EARLIEST], criteria),
            "binding_latest": _named(window[:, demold.LATEST], criteria),
            "window": np.array(kinds),
        }
        profiles = {name: self.observables[:, :, i] for i, name in enumerate(PROFILES)}
        return BatchResult(
            figures, words, self.errors, self.time_s, profiles if len(self.time_s) else {}, curve
        )


def _named(numbers: Array, names: Sequence[str]) -> NDArray[np.str_]:
    """Names by number; empty for NaN and -1."""
    table = np.array([*names, ""])
    index = np.where(np.isnan(numbers) | (numbers < 0), len(names), numbers)
    return np.asarray(table[index.astype(np.intp)])
