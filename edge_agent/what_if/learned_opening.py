"""How a mold's opening time differs from the physics, as its newest predictions at the press said.

A prediction holds what the physics says and what models and memory expect instead. Of the newest
shots the median ratio is taken: what the press would correct, for settings like those of today.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from edge_agent.history.read import HistoryReader, RowFilter
from twin_core import PHYSICS_HASH
from twin_core.learning.columns import TARGETS

QUANTITY = TARGETS["t_demold"].quantity
NEWEST = 50
"""Shots whose predictions are looked at."""
FEWEST = 8
"""Corrected predictions, with the physics and the parameters of now, that a factor needs."""
FACTORS = (0.2, 5.0)
_FAR = datetime(1970, 1, 1).astimezone()


class Learned(NamedTuple):
    """What was learned of a mold's opening time."""

    factor: float = 1.0
    """Times what the physics says."""
    words: str = ""
    """Where it is from, or why it is 1 though there are corrections; empty: there are none."""

    def as_fields(self) -> dict[str, Any]:
        """Fields of a task."""
        return {"memory_factor": self.factor, "memory_source": self.words}


async def learned_in(
    reader: HistoryReader, mold_id: str, system_id: str, parameters_hash: str
) -> Learned:
    """What the newest predictions of a mold corrected.

    Args:
        parameters_hash: of system and parameter set that are simulated with now: corrections of
            others would count twice what a calibration has put right.

    Raises:
        StoreError: the history cannot be read.
    """
    shots = await reader.shots(mold_id, _FAR, NEWEST)
    pours = [datetime.fromisoformat(row["poured_at"]) for row in shots if row["poured_at"]]
    if not pours:
        return Learned()
    last: dict[str, Mapping[str, Any]] = {}

    def take(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            document = row["document"]
            document = json.loads(document) if isinstance(document, str) else document or {}
            if row["system_id"] == system_id and _corrected(document) is not None:
                last[row["shot_key"]] = document

    since = min(pours) - timedelta(seconds=1)
    await reader.each("prediction", RowFilter(since, mold_id=mold_id), take)
    return learned_of(last.values(), mold_id, parameters_hash)


def learned_of(
    documents: Iterable[Mapping[str, Any]], mold_id: str, parameters_hash: str
) -> Learned:
    """The factor of corrected predictions, one a shot."""
    corrected = [document for document in documents if _corrected(document) is not None]
    if not corrected:
        return Learned()
    now = [
        document for document in corrected if _made_by(document) == (PHYSICS_HASH, parameters_hash)
    ]
    if len(now) < FEWEST:
        others = len(corrected) - len(now)
        return Learned(
            words=f"{len(now)} newest predictions of {mold_id} were corrected with the physics and "
            f"parameters of now, {FEWEST} are needed ({others} with others)"
        )
    ratios = [_corrected(document) or 1.0 for document in now]
    factor = float(np.exp(np.median(np.log(ratios))))
    words = f"median of {len(now)} corrected predictions of {mold_id}"
    if not FACTORS[0] <= factor <= FACTORS[1]:
        return Learned(words=f"{words}: {factor:.3g} times the physics is not believed")
    return Learned(factor, words)


def _corrected(document: Mapping[str, Any]) -> float | None:
    """Corrected earliest opening over that of the physics; None where there is none."""
    physics = document.get(QUANTITY)
    value = ((document.get("correction") or {}).get("values") or {}).get(QUANTITY)
    return value / physics if physics and value and physics > 0.0 and value > 0.0 else None


def _made_by(document: Mapping[str, Any]) -> tuple[str | None, str | None]:
    versions = document.get("versions") or {}
    return versions.get("physics_hash"), versions.get("parameters_hash")
