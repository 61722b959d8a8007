"""Scatter of a plant, and when it opens its mold, from its history."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import Any

from edge_agent.history.read import HistoryReader, RowFilter
from twin_core.errors import InputError
from twin_core.optimization.draws import FEWEST, measured_scatter, usual_scatter
from twin_core.scenario import Scenario

_FIELDS = {
    "m_polyol_pct": "m_polyol_kg",
    "m_iso_pct": "m_iso_kg",
    "T_polyol_C": "T_polyol_C",
    "T_iso_C": "T_iso_C",
    "T_mold_C": "T_mold_C",
    "T_ambient_C": "T_ambient_C",
    "RH_ambient_pct": "RH_ambient_pct",
}
"""Inputs that scatter, and their fields in a recipe."""
NEWEST = 2000
"""Shots that are looked at, the newest."""
NEWEST_OPENINGS = 50
"""Shots whose opening times say when the mold is opened today."""


async def scatter_in(
    reader: HistoryReader, scenario: Scenario, mold_id: str | None = None
) -> dict[str, Any]:
    """Fields of a task: ``scatter``, ``scatter_source`` and ``t_open_today_s`` of a mold.

    An input with too few readings, or whose readings never vary, as set points do, has the usual
    scatter, and is named.

    Args:
        scenario: shots of another material system than its own do not count.
        mold_id: of the mold in the history; None: that of the scenario. When another mold is
            opened says nothing of this one: no ``t_open_today_s`` then.

    Raises:
        StoreError: the history cannot be read.
        InputError: it has too few shots of the mold.
    """
    mold_id, system_id = mold_id or scenario.mold.mold_id, scenario.system.system_id
    rows: list[dict[str, Any]] = []
    others = Counter[str]()

    def take(found: list[dict[str, Any]]) -> None:
        others.update(
            row["system_id"] for row in found if row["system_id"] not in (system_id, None)
        )
        rows.extend(
            row
            for row in found
            if isinstance(row["recipe"], dict) and row["system_id"] in (system_id, None)
        )
        del rows[:-NEWEST]

    await reader.each("shot", RowFilter(mold_id=mold_id), take)
    if len(rows) <= FEWEST:
        there = ", ".join(f"{count} with {name}" for name, count in others.most_common())
        raise InputError(
            f"{reader.words}: {len(rows)} shots of mold {mold_id} with {system_id} and a recipe, "
            f"more than {FEWEST} are needed" + (f"; there are {there}" if there else "")
        )
    usual = usual_scatter(scenario)
    found, missing = dict[str, float](), []
    for name, field in _FIELDS.items():
        series = [_number(shot["recipe"].get(field)) for shot in rows]
        try:
            found |= measured_scatter({name: series})
        except InputError:
            found[name] = 0.0
        if found[name] == 0.0:
            missing.append(name)
            found[name] = usual.get(name, 0.0)
    words = f"measured on {len(rows)} shots of {mold_id}"
    if missing:
        words += f"; too few readings, or none that vary, usual assumed: {', '.join(missing)}"
    opened = [_number(shot["t_demold_actual_s"]) for shot in rows[-NEWEST_OPENINGS:]]
    known = [time for time in opened if time > 0.0]
    content: dict[str, Any] = {"scatter": found, "scatter_source": words}
    if known and mold_id == scenario.mold.mold_id:
        content["t_open_today_s"] = median(known)
    return content


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")
