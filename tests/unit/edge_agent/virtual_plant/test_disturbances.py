"""Disturbances that nobody sees: AR(1) of a press and of a mold, and heavy tails."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from edge_agent.virtual_plant import HARSH
from edge_agent.virtual_plant.disturbances import TAIL_END, ar1, draw_disturbances, student
from edge_agent.virtual_plant.schedule import Slot
from twin_core.arrays import Array


def remembered(series: Array) -> float:
    return float(np.corrcoef(series[:-1], series[1:])[0, 1])


def test_a_disturbance_remembers() -> None:
    found = ar1(np.random.default_rng(1), 20_000, 0.9, 0.02)
    assert remembered(found) == pytest.approx(0.9, abs=0.02)
    assert np.std(found) == pytest.approx(0.02, rel=0.1)


def test_disturbances_of_press_and_mold() -> None:
    """Two presses of two molds that take turns: those of a press go through both of its molds."""
    at = datetime(2025, 1, 6, tzinfo=UTC)
    slots = [Slot(i + 1, i % 4, at) for i in range(8000)]
    found = draw_disturbances(1, slots, 2, 2, HARSH)
    mold = np.arange(8000) % 4
    for name, group in (("gain", mold // 2 == 0), ("density", mold == 0), ("rate", mold == 3)):
        assert remembered(found[name][group]) == pytest.approx(HARSH.ar_memory, abs=0.05), name
    assert abs(np.corrcoef(found["density"][mold == 0], found["density"][mold == 1])[0, 1]) < 0.3
    again = draw_disturbances(1, slots, 2, 2, HARSH)
    assert all((again[name] == values).all() for name, values in found.items())


def test_tails_are_heavy() -> None:
    rng = np.random.default_rng(2)
    heavy = student(rng, 100_000, HARSH.tail_freedom)
    assert np.std(heavy) == pytest.approx(1.0, abs=0.05)
    assert np.mean(np.abs(heavy) > 4.0) > 20.0 * np.mean(np.abs(rng.standard_normal(100_000)) > 4.0)
    assert np.max(np.abs(heavy)) <= TAIL_END
