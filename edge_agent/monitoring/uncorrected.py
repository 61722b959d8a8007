"""Molds that are poured into and get no corrections though a model is promoted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from broker.topics import PressAddress
from edge_agent.logs import get_logger

UNCORRECTED_SCOPE = "uncorrected"
"""Scope in the spool's state, by press and mold."""
State = dict[tuple[str, str], dict[str, Any] | None]
News = Literal["begins", "over"]


class Uncorrected(BaseModel):
    """Shots in a row without a correction."""

    since: datetime
    """Pour of the first one."""
    shots_count: int = 0
    told: bool = False


class UncorrectedMolds:
    """Molds of an agent whose last shots had no correction."""

    def __init__(self, kept: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Go on from the spool's state; what cannot be read begins anew."""
        self._molds: dict[str, Uncorrected] = {}
        for key, value in (kept or {}).items():
            try:
                self._molds[key] = Uncorrected.model_validate(value)
            except ValidationError as error:
                get_logger().warning("state_unreadable", detail=key, error=str(error)[:500])

    def poured(
        self,
        press: PressAddress,
        mold_id: str,
        poured_at: datetime,
        state: State,
        *,
        corrected: bool,
        after: timedelta,
    ) -> tuple[News, Uncorrected] | None:
        """Take note of a pour; what people must hear of it.

        Args:
            press: the press.
            mold_id: the mold.
            poured_at: by the clock of the press.
            state: takes what is to be kept.
            corrected: it has a correction, or no model is promoted.
            after: people hear of it when it lasts so long; 0 is never.
        """
        key = f"{press}/{mold_id}"
        known = self._molds.get(key)
        if corrected:
            if known is None:
                return None
            del self._molds[key]
            state[UNCORRECTED_SCOPE, key] = None
            return ("over", known) if known.told else None
        known = Uncorrected(since=poured_at) if known is None else known.model_copy()
        known.shots_count += 1
        lasts = bool(after) and poured_at - known.since >= after
        news = lasts and not known.told
        known.told |= lasts
        self._molds[key] = known
        state[UNCORRECTED_SCOPE, key] = known.model_dump(mode="json")
        return ("begins", known) if news else None

    def forgets(self, press: PressAddress) -> State:
        """What goes from the disk when another agent has the press."""
        return {(UNCORRECTED_SCOPE, key): None for key in self._molds if _is_of(key, press)}

    def forget(self, press: PressAddress) -> None:
        """Forget a press that another agent has."""
        for key in [key for key in self._molds if _is_of(key, press)]:
            del self._molds[key]


def _is_of(key: str, press: PressAddress) -> bool:
    return key.startswith(f"{press}/")
