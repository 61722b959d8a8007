"""The newest shot of a mold that can be simulated, as a scenario: its recipe and readings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from edge_agent.config.catalogue import Catalogue
from edge_agent.config.settings import ShotSettings
from edge_agent.history.read import HistoryReader
from edge_agent.logged_shots.one_shot import shot_of_row
from edge_agent.shots.scenario import reported_scenario
from twin_core.errors import InputError
from twin_core.scenario import Scenario

LOOKED_AT = 20
"""Newest shots of a mold among which one with system and recipe is looked for."""
_FAR = datetime(1970, 1, 1).astimezone()


async def last_scenario(
    reader: HistoryReader, mold_id: str, catalogue: Catalogue, limits: ShotSettings
) -> Scenario:
    """The newest shot of a mold with a system and a recipe, as it was reported.

    Args:
        limits: how old a reading may be, and how long a shot may last, as in the agent.

    Raises:
        InputError: there is none, or it cannot be simulated.
        StoreError: the history cannot be read.
    """
    rows: list[dict[str, Any]] = await reader.shots(mold_id, _FAR, LOOKED_AT)
    for row in rows:
        if not isinstance(row["recipe"], dict) or row["system_id"] is None:
            continue
        shot = await shot_of_row(reader, row, limits)
        if shot.recipe is None:
            continue
        key = shot.key
        parts = key.shot_id, shot.system_id, mold_id, shot.recipe, shot.inputs
        return reported_scenario(*parts, catalogue, limits.horizon_s)[0]
    raise InputError(
        f"{reader.words}: mold {mold_id}: no shot with a system and a recipe among its newest "
        f"{LOOKED_AT}"
    )
