"""Times of the pours, minutes apart: working hours, weekends, stops, and days that are too few."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from edge_agent.virtual_plant.schedule import Busy, draw_busy_slots
from twin_core.errors import InputError

FRIDAY = datetime(2025, 1, 10, tzinfo=UTC)


def test_minutes_apart() -> None:
    busy = Busy(spacing_s=(1800.0, 3000.0), least_s=(1500.0, 1500.0), sigma=0.3)
    slots = draw_busy_slots(1, 100, busy, FRIDAY)
    assert [slot.number for slot in slots] == list(range(1, 101))
    assert all(a.poured_at <= b.poured_at for a, b in pairwise(slots))
    for mold, spacing_s in enumerate(busy.spacing_s):
        mine = [slot.poured_at for slot in slots if slot.mold == mold]
        gaps = [(b - a).total_seconds() for a, b in pairwise(mine)]
        assert len(mine) == 50
        assert min(gaps) >= 1500.0
        assert np.median(gaps) == pytest.approx(spacing_s, rel=0.2)
    assert all(6 <= slot.poured_at.hour < 22 for slot in slots)
    assert draw_busy_slots(1, 100, busy, FRIDAY) == slots


def test_a_weekend_is_free() -> None:
    busy = Busy((1800.0,), (1200.0,), stop_share=0.05, stop_hours_max=6.0, week_days=5.0)
    slots = draw_busy_slots(2, 120, busy, FRIDAY)
    assert {slot.poured_at.weekday() for slot in slots} <= {0, 1, 2, 3, 4}
    gaps = [(b.poured_at - a.poured_at).total_seconds() / 3600.0 for a, b in pairwise(slots)]
    assert max(gaps) > 48.0
    assert any(1.0 < gap < 7.0 for gap in gaps), "a stop"


def test_days_that_are_given() -> None:
    busy = Busy((1800.0,), (1200.0,))
    slots = draw_busy_slots(3, 64, busy, FRIDAY, days=10.0)
    assert 8.0 < (slots[-1].poured_at - FRIDAY).total_seconds() / 86_400.0 < 10.0
    with pytest.raises(InputError, match="1 days have 1: give more days"):
        draw_busy_slots(3, 64, busy, FRIDAY, days=1.0)
