"""Shots from two tables with a row a shot, as the first generation wrote them."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge_agent.learning.checks import Findings, Inspector
from edge_agent.learning.feature_set import Draft
from edge_agent.learning.tables import Columns, read_table
from twin_core.errors import InputError
from twin_core.learning.columns import COLUMNS, IDS
from twin_core.learning.features import NAN, Row, demold_columns
from twin_core.learning.past_results import ShotKey

MEASURED = ("meas_", "qc_", "proc_")
SIMULATED = ("sim_",)


def from_files(
    measured: Path, simulated: Path, findings: Findings, take: Callable[[Draft], None]
) -> None:
    """Join ``meas_ qc_ proc_`` columns and ``sim_`` columns on ``shot_id``.

    ``delta_`` columns are computed. Columns that neither file has are NaN. Beside ``shot_id`` the
    measured table may have the other columns of ``IDS``; without ``poured_at`` no earlier shots
    are known. A file does not say when the laboratory reported, so its results teach no later shot.

    Raises:
        InputError: a file cannot be read, or has no ``shot_id``.
    """
    known, physics = read_table(measured), read_table(simulated)
    for path, table, heads in ((measured, known, MEASURED), (simulated, physics, SIMULATED)):
        if "shot_id" not in table:
            raise InputError(f"{path}: has no column shot_id: it joins the two files")
        for name in table:
            wanted = name in COLUMNS and name.startswith(heads)
            if not wanted and name not in IDS and not name.startswith("delta_"):
                findings.add("column_unknown", path.name, name)
    at = {_text(shot_id): row for row, shot_id in reversed([*enumerate(physics["shot_id"])])}
    look = Inspector(findings)
    for number in range(len(known["shot_id"])):
        draft = _draft(known, number)
        shot_id = draft.key.shot_id
        row = look.possible(shot_id, _numbers(known, number, MEASURED))
        records = {name: value for name, value in row.items() if name.startswith("qc_")}
        if any(not math.isnan(value) for value in records.values()):
            draft.records = [(None, records)]
        else:
            findings.add("record_missing", shot_id)
        if draft.poured_at is None:
            findings.add("time_missing", shot_id)
        if shot_id not in at:
            draft.kept = False
            findings.add("not_simulated", shot_id, words=f"not in {simulated.name}")
            take(draft)
            continue
        sim = {name: NAN for name in COLUMNS if name.startswith(SIMULATED)}
        sim |= _numbers(physics, at[shot_id], SIMULATED)
        draft.row = row | sim
        t = row.get
        opened_s = t("meas_t_demold_actual_s", NAN)
        draft.row |= demold_columns(
            sim,
            (t("meas_T_core_t_at_max_s", NAN), t("meas_T_core_max_C", NAN)),
            (t("meas_p_t_at_max_s", NAN), t("meas_p_max_bar", NAN)),
            opened_s,
        )
        if draft.poured_at is not None and not math.isnan(opened_s):
            draft.closed_at = draft.poured_at + timedelta(seconds=opened_s)
            draft.opened = True
        take(draft)


def _draft(table: Columns, number: int) -> Draft:
    def text(name: str) -> str:
        return _text(table[name][number]) if name in table else ""

    return Draft(
        key=ShotKey(text("site"), text("press"), text("mold_id"), text("shot_id")),
        system_id=text("system_id"),
        poured_at=_time(table["poured_at"][number]) if "poured_at" in table else None,
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


def _text(value: Any) -> str:
    """An id; one that is a number lost its quotes in a CSV file."""
    if value is None:
        return ""
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def _time(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            return None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    item = value.item() if hasattr(value, "item") else None
    return item.replace(tzinfo=UTC) if isinstance(item, datetime) else None
