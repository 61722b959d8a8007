"""Shots from two tables with a row a shot, as the first generation wrote them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from broker.near_names import meant
from edge_agent.learning.checks import Findings, Inspector
from edge_agent.learning.feature_set import Draft
from edge_agent.learning.tables import Columns, leave_out_impossible, read_table
from twin_core.errors import InputError
from twin_core.learning.columns import COLUMNS, IDS, TIMES
from twin_core.learning.features import NAN, Row, demold_columns
from twin_core.learning.past_results import ShotKey
from twin_core.log_files.shot_table import EXAMPLES, LeftOut
from twin_core.log_files.units import meant_words

MEASURED = ("meas_", "qc_", "proc_")
SIMULATED = ("sim_",)
WHICH = ("press", "site", "mold_id", "poured_at")
"""Columns that tell shots of one number apart."""
Key = tuple[Any, ...]


def from_files(
    measured: Path, simulated: Path, findings: Findings, take: Callable[[Draft], None]
) -> None:
    """Join ``meas_ qc_ proc_`` columns and ``sim_`` columns on ``shot_id``.

    ``delta_`` columns are computed. Columns that neither file has are NaN. Beside ``shot_id`` the
    measured table may have the other columns of ``IDS``; those that both have join, too. Without
    ``poured_at`` no earlier shots are known. Quality results teach later shots from
    ``lab_known_at`` on, and none where that is not said; what the press measured, from the end of
    the shot on, or from ``end_known_at``.

    Raises:
        InputError: a file cannot be read, has no ``shot_id``, or does not say which shot of another
            press or day a row belongs to.
    """
    known, physics = (_read(path, findings) for path in (measured, simulated))
    for path, table, heads in ((measured, known, MEASURED), (simulated, physics, SIMULATED)):
        if "shot_id" not in table:
            names = ", ".join(list(table)[:10])
            raise InputError(
                f"{path}: has no column shot_id, which joins the two files (it has {names}): "
                "the first line must name it"
            )
        for name in table:
            wanted = name in COLUMNS and name.startswith(heads)
            if not wanted and name not in (*IDS, *TIMES) and not name.startswith("delta_"):
                findings.add("column_unknown", path.name, name)
                _tell_near(path, name, heads, table, findings)
    _check_sides(measured, known, simulated, physics)
    at = _joined(measured, known, simulated, physics)
    look = Inspector(findings)
    for number in range(len(known["shot_id"])):
        draft = _draft(known, number)
        shot_id = draft.key.shot_id
        row = look.possible(shot_id, _numbers(known, number, MEASURED))
        records = {name: value for name, value in row.items() if name.startswith("qc_")}
        if any(not math.isnan(value) for value in records.values()):
            draft.records = [(_time_in(known, "lab_known_at", number), records, None)]
        else:
            findings.add("record_missing", shot_id)
        if draft.poured_at is None:
            findings.add("time_missing", shot_id)
        simulation = at[number]
        if simulation is None:
            draft.kept = False
            findings.add("not_simulated", shot_id, words=f"not in {simulated.name}")
            take(draft)
            continue
        sim = {name: NAN for name in COLUMNS if name.startswith(SIMULATED)}
        sim |= _numbers(physics, simulation, SIMULATED)
        draft.row = row | sim
        t = row.get
        opened_s = t("meas_t_demold_actual_s", NAN)
        draft.row |= demold_columns(
            draft.row,
            (t("meas_T_core_t_at_max_s", NAN), t("meas_T_core_max_C", NAN)),
            (t("meas_p_t_at_max_s", NAN), t("meas_p_max_bar", NAN)),
            opened_s,
        )
        if draft.poured_at is not None and not math.isnan(opened_s):
            draft.closed_at = draft.poured_at + timedelta(seconds=opened_s)
            draft.known_at = _time_in(known, "end_known_at", number)
            draft.opened = True
        take(draft)


def _read(path: Path, findings: Findings) -> Columns:
    """A table; what is left out of it is a finding."""

    def found(rule: str, cells: LeftOut) -> None:
        for number in range(cells.count):
            words = cells.examples[number] if number < len(cells.examples) else ""
            findings.add(rule, path.name, cells.column, words)
        findings.cells.append(cells.words(path.name))
        if cells.whole:
            findings.lost.append(f"{cells.column} of {path.name}")

    table = leave_out_impossible(
        read_table(path, partial(found, "cell_left_out")), partial(found, "value_impossible")
    )
    unnamed = table["shot_id"] == "" if "shot_id" in table else np.zeros(0, bool)
    if unnamed.any():
        rows = [f"row {row + 1}: no shot_id" for row in np.flatnonzero(unnamed).tolist()]
        found("cell_left_out", LeftOut("shot_id", len(rows), len(unnamed) + 1, rows[:EXAMPLES]))
        table = {name: values[~unnamed] for name, values in table.items()}
    return table


def _check_sides(measured: Path, known: Columns, simulated: Path, physics: Columns) -> None:
    """Refuse files that were exchanged: each has columns of the other alone.

    Raises:
        InputError: names both.
    """

    heads = [
        any(name.startswith(own) for name in table)
        for table, own in (
            (known, SIMULATED),
            (physics, MEASURED),
            (known, MEASURED),
            (physics, SIMULATED),
        )
    ]
    if heads == [True, True, False, False]:
        raise InputError(
            f"{measured} has sim_ columns alone, and {simulated} none: are they exchanged? What "
            "was measured follows -m"
        )


def _tell_near(
    path: Path, name: str, heads: tuple[str, ...], table: Columns, findings: Findings
) -> None:
    """Tell of a column that is not used and has almost the name of one that is not there."""
    absent = [other for other in (*IDS, *COLUMNS) if other not in table]
    bare = re.split(r"[\[(]", name)[0].strip()
    headless = [head + bare for head in heads if head + bare in absent]
    known = bare if bare in absent else next(iter(headless), None) or meant(bare, absent)
    if known is not None:
        findings.cells.append(f"{path.name}: column {name} is not used: {meant_words(name, known)}")
        findings.misnamed += 1


def _joined(measured: Path, known: Columns, simulated: Path, physics: Columns) -> list[int | None]:
    """The row of the simulation for each measured row, if there is one; never a guess."""
    both = [name for name in WHICH if name in known and name in physics]
    rows: dict[Key, list[int]] = {}
    for number, key in enumerate(_keys(physics, both)):
        rows.setdefault(key, []).append(number)
    shots: dict[Key, list[int]] = {}
    keys = _keys(known, both)
    for number, key in enumerate(keys):
        if key in rows:
            shots.setdefault(key, []).append(number)
    for key, numbers in shots.items():
        for path, table, found in ((measured, known, numbers), (simulated, physics, rows[key])):
            if any(not _equal(table, found[0], other) for other in found[1:]):
                missing = [name for name in WHICH if name not in both and name in known]
                other_file = simulated if path == measured else measured
                raise InputError(
                    f"{path}: shot_id {key[0]} is there {len(found)} times with different content, "
                    f"{_differ(table, found)}, and {other_file.name} does not say which is meant: "
                    f"give both files {' and '.join(missing or WHICH[:1])}, or another shot_id"
                )
    return [rows[key][0] if key in rows else None for key in keys]


def _keys(table: Columns, both: list[str]) -> list[Key]:
    return list(zip(*(table[name].tolist() for name in ("shot_id", *both)), strict=True))


def _equal(table: Columns, one: int, other: int) -> bool:
    return all(
        values[one] == values[other]
        or (values[one] != values[one] and values[other] != values[other])
        for values in table.values()
    )


def _differ(table: Columns, rows: list[int]) -> str:
    """How rows of one shot_id differ: by press, mold or time, else in their values."""
    for name in WHICH:
        values = sorted({str(table[name][row]) for row in rows}) if name in table else []
        if len(values) > 1:
            return f"for {name} {', '.join(values[:5])}"
    return "in its values"


def _draft(table: Columns, number: int) -> Draft:
    def text(name: str) -> str:
        return str(table[name][number]) if name in table else ""

    return Draft(
        key=ShotKey(text("site"), text("press"), text("mold_id"), text("shot_id")),
        system_id=text("system_id"),
        poured_at=_time_in(table, "poured_at", number),
        closed_at=None,
        opened=False,
        simulated=bool(table["simulated"][number] == 1.0) if "simulated" in table else False,
        row={},
        parameters_hash=text("parameters_hash"),
    )


def _numbers(table: Columns, number: int, heads: tuple[str, ...]) -> Row:
    return {
        name: float(values[number])
        for name, values in table.items()
        if name in COLUMNS and name.startswith(heads) and values.dtype.kind == "f"
    }


def _time_in(table: Columns, name: str, number: int) -> datetime | None:
    if name not in table:
        return None
    value = table[name][number]
    item = value.item() if hasattr(value, "item") else None
    return item.replace(tzinfo=UTC) if isinstance(item, datetime) else None
