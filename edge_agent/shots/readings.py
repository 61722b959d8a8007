"""Readings that a simulation starts from: which signals, and which of their readings count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from edge_agent.shots.shot import Reading

INPUT_SIGNALS = ("T_polyol_C", "T_iso_C", "T_mold_C", "T_ambient_C", "RH_ambient_pct")
"""Readings that the simulation starts from; the last one before the pour counts."""


def inputs_at(
    poured_at: datetime,
    scopes: Iterable[Mapping[str, Sequence[Reading]]],
    age_max: timedelta,
) -> dict[str, Reading]:
    """Input signals at a pour: the last reading before it that is not too old.

    Args:
        scopes: readings by signal in order of time; those of the press first, then those of the
            mold, which count more.
    """
    found = {}
    for signals in scopes:
        for name, readings in signals.items():
            before = [r for r in readings if r.ts <= poured_at]
            if before and poured_at - before[-1].ts <= age_max:
                found[name] = before[-1]
    return found
