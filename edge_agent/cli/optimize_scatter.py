"""Scatter of a plant, and when it opens its mold, from its history."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from twin_core.errors import InputError

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


def from_history(where: str, mold_id: str) -> dict[str, Any]:
    """Fields of a task: ``scatter``, ``scatter_source`` and ``t_open_today_s`` of a mold.

    An input with too few readings does not scatter, and is named.

    Args:
        where: a file, or the address of a database.

    Raises:
        StoreError: the history cannot be read.
        InputError: it has too few shots of the mold.
    """
    from twin_core.optimization.draws import FEWEST, measured_scatter

    shots = asyncio.run(_shots(where, mold_id))[-NEWEST:]
    if len(shots) <= FEWEST:
        raise InputError(
            f"--history {where}: {len(shots)} shots of mold {mold_id} with a recipe, more than "
            f"{FEWEST} are needed: give another history, or --scatter"
        )
    found, missing = dict[str, float](), []
    for name, field in _FIELDS.items():
        series = [_number(shot["recipe"].get(field)) for shot in shots]
        try:
            found |= measured_scatter({name: series})
        except InputError:
            missing.append(name)
    words = f"measured on {len(shots)} shots of {mold_id}"
    if missing:
        words += f"; too few readings, taken as constant: {', '.join(missing)}"
    opened = [_number(shot["t_demold_actual_s"]) for shot in shots[-NEWEST_OPENINGS:]]
    content: dict[str, Any] = {"scatter": found, "scatter_source": words}
    if not np.isnan(opened).all():
        content["t_open_today_s"] = float(np.nanmedian(opened))
    return content


async def _shots(where: str, mold_id: str) -> list[dict[str, Any]]:
    """Shots of a mold that have a recipe, in order of time."""
    from edge_agent.cli.common import history_at
    from edge_agent.history.read import RowFilter, open_reader

    reader = open_reader(history_at(where))
    rows: list[dict[str, Any]] = []
    try:
        await reader.each("shot", RowFilter(mold_id=mold_id), rows.extend)
    finally:
        await reader.close()
    return [row for row in rows if isinstance(row["recipe"], dict)]


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")
