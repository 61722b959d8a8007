"""Measured series of one shot from a log bundle, a calibration folder or a CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np

from edge_agent.logged_shots.bundle import load_bundle
from twin_core.calibration.measured import Kind, Observation
from twin_core.errors import InputError
from twin_core.files import read_columns

QUANTITIES: tuple[str, ...] = get_args(Kind)
BUNDLE_SENSORS: dict[str, Kind] = {"T_core_C": "T_core_C", "p_cavity_bar": "p_total_bar"}
FOLDER_FILES: dict[str, Kind] = {"core_temp.csv": "T_core_C", "pressure.csv": "p_total_bar"}
"""Of the first generation's calibration folder."""


def from_folder(path: Path, weights: dict[str, float]) -> list[Observation]:
    """The series of a logged shot, or of a folder ``measurements/`` of the first generation.

    Raises:
        InputError: it is neither, or holds no temperature and no pressure.
    """
    found = []
    for name, kind in FOLDER_FILES.items():
        if (path / name).exists():
            found.append(_observation(kind, read_columns(path / name, ("time_s", kind)), weights))
    if not found:
        series = load_bundle(path).series
        for sensor, kind in BUNDLE_SENSORS.items():
            rows = [(t, row[sensor]) for t, row in sorted(series.items()) if sensor in row]
            if rows:
                found.append(_observation(kind, np.array(rows), weights))
    if not found:
        raise InputError(f"{path}: holds no core temperature and no cavity pressure")
    return found


def from_file(path: Path, weights: dict[str, float]) -> Observation:
    """A series from a CSV file with ``time_s`` and one quantity, named with its unit.

    Raises:
        InputError: the file has none of the quantities.
    """
    for kind in get_args(Kind):
        try:
            return _observation(kind, read_columns(path, ("time_s", kind)), weights)
        except InputError as error:
            if "no column" not in str(error):
                raise
    raise InputError(f"{path}: the header must be time_s and one of {', '.join(get_args(Kind))}")


def _observation(kind: Kind, rows: np.ndarray, weights: dict[str, float]) -> Observation:
    return Observation(kind, rows[:, 0], rows[:, 1], weight=weights.get(kind, 1.0))
