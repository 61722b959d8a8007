"""Measured series of one shot from a log bundle, a calibration folder or a CSV file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os.path import lexists
from pathlib import Path
from typing import get_args

import numpy as np

from edge_agent.logged_shots.beside_scenario import differences
from edge_agent.logged_shots.bundle import load_bundle
from edge_agent.logged_shots.bundle_names import check_files
from twin_core.calibration.observation import Kind, Observation
from twin_core.errors import InputError
from twin_core.hot_probe import still_hot
from twin_core.log_files.series import LoggedSeries, read_series
from twin_core.plausible_ranges import RANGES, SERIES
from twin_core.scenario import Scenario

QUANTITIES: tuple[str, ...] = get_args(Kind)
BUNDLE_SENSORS: dict[str, Kind] = {"T_core_C": "T_core_C", "p_cavity_bar": "p_total_bar"}
FOLDER_FILES: dict[str, Kind] = {"core_temp.csv": "T_core_C", "pressure.csv": "p_total_bar"}
"""Of the first generation's calibration folder."""
_RANGES = {
    "T_core_C": SERIES["T_core_C"],
    "p_total_bar": SERIES["p_cavity_bar"],
    "rho_kg_per_m3": RANGES["qc_rho_moulded"],
}
Told = Callable[[str], None]


def from_folder(
    path: Path, weights: dict[str, float], told: Told, scenario: Scenario | None = None
) -> list[Observation]:
    """The series of a logged shot, or of a folder ``measurements/`` of the first generation.

    Args:
        told: called with what was left out, is not used, or is not as in the scenario.
        scenario: what is fitted to them.

    Raises:
        InputError: it is neither, or holds no temperature and no pressure.
    """
    found = []
    for name, kind in FOLDER_FILES.items():
        if lexists(path / name):
            found.append(_observation(path / name, kind, _read(path / name, [kind]), weights, told))
    if found:
        for note in check_files(path, ("meta.yaml", *FOLDER_FILES)):
            told(note.words)
        return found
    bundle = load_bundle(path)
    for note in bundle.notes:
        told(note.words)
    for words in [] if scenario is None else differences(bundle, scenario):
        told(f"{path}: {words} in the scenario, which is fitted: is it of this shot?")
    for sensor, kind in BUNDLE_SENSORS.items():
        rows = bundle.readings(sensor)
        beside = bundle.beside_count(sensor)
        if beside:
            told(f"{path}: {kind}: {beside} readings before the pour or after the opening left out")
        if len(rows) == 1:
            raise InputError(f"{path}: holds fewer than two readings of {kind}")
        if rows:
            t, values = np.array(rows).T
            found.append(Observation(kind, t, values, weight=weights.get(kind, 1.0)))
    if not found:
        raise InputError(f"{path}: holds no core temperature and no cavity pressure")
    return found


def from_file(path: Path, weights: dict[str, float], told: Told) -> Observation:
    """A series from a CSV file with ``time_s`` and one quantity, named with its unit.

    Args:
        told: called with what was left out, or is not used.

    Raises:
        InputError: the file has none of the quantities, or several.
    """
    series = _read(path, get_args(Kind))
    if len(series.columns) > 1:
        listed = ", ".join(series.columns)
        raise InputError(f"{path}: holds {listed}: give each in a file of its own")
    kind = next(kind for kind in get_args(Kind) if kind in series.columns)
    return _observation(path, kind, series, weights, told)


def _read(path: Path, kinds: Sequence[str]) -> LoggedSeries:
    return read_series(path, {kind: (_RANGES[kind].low, _RANGES[kind].high) for kind in kinds})


def _observation(
    path: Path, kind: Kind, series: LoggedSeries, weights: dict[str, float], told: Told
) -> Observation:
    for gap in series.gaps:
        told(gap.words)
    for name in series.unused:
        told(f"{path}: column {name or '(without a name)'} is not used")
    there = ~np.isnan(series.columns[kind])
    if kind == "T_core_C":
        cures = there & (series.time_s >= 0.0)
        hot = still_hot(series.time_s[cures], series.columns[kind][cures])
        there[np.flatnonzero(cures)[hot]] = False
        if hot.any():
            told(
                f"{path}: {kind}: the probe still held the heat of the part before: {hot.sum()} of "
                f"{len(hot)} readings left out"
            )
    if there.sum() < 2:
        raise InputError(f"{path}: holds fewer than two readings of {kind}")
    return Observation(
        kind, series.time_s[there], series.columns[kind][there], weight=weights.get(kind, 1.0)
    )
