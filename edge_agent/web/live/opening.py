"""The opening of a mold by its prediction: when, how sure, and in which phase it is now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from broker.messages import Prediction

EARLIEST = "t_demold_min_s"
"""Name of the earliest opening in a correction."""

Phase = Literal["curing", "open", "best", "overdue"]
PHASES: tuple[Phase, ...] = ("curing", "open", "best", "overdue")


@dataclass(frozen=True)
class Opening:
    """Times of a demold window. Where a learned model corrects the earliest one, that one counts,
    as it does for the alert of an early opening."""

    min_at: datetime
    opt_at: datetime
    max_at: datetime
    low_at: datetime | None
    """From here on the earliest opening may lie."""
    high_at: datetime | None
    """Up to here; None with a ``low_at``: nobody can say."""
    coverage: float | None
    """Probability of that interval, 0 to 1; None: a range of the assumed numbers alone."""
    physics_min_at: datetime | None
    """The earliest opening by the physics alone, where it is corrected."""

    def phase(self, now: datetime) -> Phase:
        """The phase at a time of the twin's clock."""
        if now < self.min_at:
            return "curing"
        if now > self.max_at:
            return "overdue"
        return "open" if now < self.opt_at else "best"


def opening_of(prediction: Prediction) -> Opening | None:
    """The opening that a prediction promises; None on hold, or where there is nothing to open."""
    p = prediction
    if p.status == "hold" or p.demold_min_at is None or p.t_demold_min_s is None:
        return None
    zero = p.demold_min_at - timedelta(seconds=p.t_demold_min_s)
    min_at, opt_at, max_at = p.demold_min_at, p.demold_opt_at, p.demold_max_at
    low = high = coverage = physics = None
    corrected = p.correction.values.get(EARLIEST) if p.correction is not None else None
    if corrected is not None and p.correction is not None:
        physics, min_at = min_at, zero + timedelta(seconds=corrected)
        interval = p.correction.intervals.get(EARLIEST)
        if interval is not None:
            low, high, coverage = interval.low, interval.high, interval.coverage
    elif p.demold_interval is not None:
        low = p.demold_interval.t_demold_min_low_s
        high = p.demold_interval.t_demold_min_high_s
    max_at = max(min_at, max_at or min_at)
    return Opening(
        min_at,
        min(max(min_at, opt_at or min_at), max_at),
        max_at,
        None if low is None else zero + timedelta(seconds=low),
        None if high is None else zero + timedelta(seconds=high),
        coverage,
        physics,
    )
