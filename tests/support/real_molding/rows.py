"""Cycles as rows of feature sets, by the code that makes them of shots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.config.catalogue import Catalogue
from edge_agent.errors import TableError
from edge_agent.learning.feature_set import Builder, Draft, FeatureSet
from tests.support.real_molding.columns_file import ColumnsFile
from tests.support.real_molding.cycles import Cycles
from twin_core.arrays import Array
from twin_core.learning.columns import COLUMNS, DEFECTS, TARGETS
from twin_core.learning.features import NAN
from twin_core.learning.past_results import ShotKey
from twin_core.scenario import Quality

SITE = "table"
NO_PARAMETERS = "0" * 16
"""No physics has computed anything of these materials."""
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def feature_set(cycles: Cycles, columns: ColumnsFile) -> tuple[FeatureSet, list[str]]:
    """Build the rows, and words on what stands for the physics.

    The first cycles of each mold are no rows where their mean stands for it: it was not known then.

    Raises:
        TableError: no mold has more cycles than those.
    """
    molds = np.char.add(np.char.add(cycles.machine, "/"), cycles.mold)
    numbers = dict(cycles.numbers)
    again = _again(cycles, molds)
    for target in TARGETS.values():
        if target.measured in numbers:
            numbers[target.measured] = np.where(again, NAN, numbers[target.measured])
    kept, words = _references(numbers, molds, columns)
    if again.any():
        words.append(
            f"{again.sum()} rows are other parts of the cycle above (equal machine, mold, time): "
            "its targets count once"
        )
    if not kept.any():
        raise TableError(
            f"{cycles.path}: no mold has more than {columns.first} cycles, whose mean would stand "
            "for the physics: give a smaller 'first', or 'mold' with fewer names"
        )
    builder = Builder(Catalogue({}, {}, Quality(), {}))
    late = timedelta(hours=columns.results_after_h)
    for row in np.flatnonzero(kept).tolist():
        builder.take_row(_draft(cycles, numbers, row, late))
    return builder.finish(cycles.path.name), words


def _again(cycles: Cycles, molds: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Rows of a cycle that an earlier row has told already: several parts of one cavity set."""
    seen: set[tuple[str, float]] = set()
    found = np.zeros(len(cycles), dtype=bool)
    for row, key in enumerate(zip(molds.tolist(), cycles.time_s.tolist(), strict=True)):
        found[row] = key in seen
        seen.add(key)
    return found


def _references(
    numbers: dict[str, Array], molds: NDArray[np.str_], columns: ColumnsFile
) -> tuple[NDArray[np.bool_], list[str]]:
    """Fill in the mean of the first cycles of each mold as physics; which rows are left."""
    words: list[str] = []
    place = np.zeros(len(molds), dtype=int)
    for mold in np.unique(molds):
        mine = molds == mold
        place[mine] = np.arange(mine.sum())
    without = [
        name
        for name in columns.targets
        if TARGETS[name].measured in numbers and TARGETS[name].physics not in numbers
    ]
    if not without:
        return np.ones(len(molds), dtype=bool), words
    for name in without:
        measured = numbers[TARGETS[name].measured]
        physics = np.full(len(molds), NAN)
        for mold in np.unique(molds):
            mine = molds == mold
            first = measured[mine & (place < columns.first)]
            if not np.isnan(first).all():
                physics[mine] = np.nanmean(first)
        numbers[TARGETS[name].physics] = physics
        words.append(
            f"{name}: there is no physics in the table: the mean of the first {columns.first} "
            "cycles of each mold stands for it"
        )
    return place >= columns.first, words


def _draft(cycles: Cycles, numbers: dict[str, Array], row: int, late: timedelta) -> Draft:
    poured_at = datetime.fromtimestamp(cycles.time_s[row], UTC)
    closed_at = poured_at + timedelta(seconds=float(cycles.duration_s[row]))
    own = {name: float(values[row]) for name, values in numbers.items()}
    lab = {name: value for name, value in own.items() if name.startswith("qc_")}
    if not np.isnan(cycles.failed[row]):
        lab["qc_any_defect"] = float(cycles.failed[row])
        lab |= {
            f"qc_defect_{kind}": float(cycles.kinds[kind][row]) if kind in cycles.kinds else NAN
            for kind in DEFECTS
        }
    records: list[Any] = [(min(closed_at + late, LATEST), lab, None)] if lab else []
    row_columns = {
        name: NAN for name in COLUMNS if name.startswith(("proc_", "sim_", "meas_", "delta_"))
    }
    return Draft(
        key=ShotKey(SITE, str(cycles.machine[row]), str(cycles.mold[row]), str(cycles.cycle[row])),
        system_id=str(cycles.material[row]),
        poured_at=poured_at,
        closed_at=closed_at,
        opened=True,
        simulated=False,
        row=row_columns | {n: v for n, v in own.items() if not n.startswith("qc_")},
        records=records,
        parameters_hash=NO_PARAMETERS,
    )
