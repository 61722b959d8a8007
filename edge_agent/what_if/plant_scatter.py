"""Scatter of a plant, and when it opens its mold, from its history."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_agent.history.read import HistoryReader, RowFilter
from twin_core.errors import InputError
from twin_core.optimization.draws import FEWEST, measured_scatter

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


async def scatter_in(reader: HistoryReader, mold_id: str) -> dict[str, Any]:
    """Fields of a task: ``scatter``, ``scatter_source`` and ``t_open_today_s`` of a mold.

    An input with too few readings does not scatter, and is named.

    Raises:
        StoreError: the history cannot be read.
        InputError: it has too few shots of the mold.
    """
    rows: list[dict[str, Any]] = []

    def take(found: list[dict[str, Any]]) -> None:
        rows.extend(row for row in found if isinstance(row["recipe"], dict))
        del rows[:-NEWEST]

    await reader.each("shot", RowFilter(mold_id=mold_id), take)
    if len(rows) <= FEWEST:
        raise InputError(
            f"{reader.words}: {len(rows)} shots of mold {mold_id} with a recipe, more than "
            f"{FEWEST} are needed"
        )
    found, missing = dict[str, float](), []
    for name, field in _FIELDS.items():
        series = [_number(shot["recipe"].get(field)) for shot in rows]
        try:
            found |= measured_scatter({name: series})
        except InputError:
            missing.append(name)
    words = f"measured on {len(rows)} shots of {mold_id}"
    if missing:
        words += f"; too few readings, taken as constant: {', '.join(missing)}"
    opened = [_number(shot["t_demold_actual_s"]) for shot in rows[-NEWEST_OPENINGS:]]
    content: dict[str, Any] = {"scatter": found, "scatter_source": words}
    if not np.isnan(opened).all():
        content["t_open_today_s"] = float(np.nanmedian(opened))
    return content


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")
