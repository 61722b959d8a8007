"""Readings that a simulation starts from: which signals, and which of their readings count."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from edge_agent.shots.shot import Reading

INPUT_SIGNALS = ("T_polyol_C", "T_iso_C", "T_mold_C", "T_ambient_C", "RH_ambient_pct")
"""Readings that the simulation starts from; the last one before the pour counts."""


def inputs_at(
    poured_at: datetime,
    scopes: Iterable[Callable[[str], Reading | None]],
    age_max: timedelta,
) -> dict[str, Reading]:
    """Input signals at a pour: the last reading before it that is not too old.

    Args:
        poured_at: end of injection.
        scopes: each gives the last reading of a signal at or before the pour; that of the press
            first, then that of the mold, which counts more.
        age_max: an older reading is no input.
    """
    found = {}
    for last in scopes:
        for name in INPUT_SIGNALS:
            reading = last(name)
            if reading is not None and timedelta() <= poured_at - reading.ts <= age_max:
                found[name] = reading
    return found
