"""Reduction of logged shots: readings are thinned to medians."""

from __future__ import annotations

import numpy as np

from edge_agent.calibration.calibration_shot import MOST_READINGS, thinned


def test_few_readings_stay_as_they_are() -> None:
    rows = np.column_stack([np.arange(MOST_READINGS), np.ones(MOST_READINGS)])
    assert thinned(rows) is rows


def test_many_become_medians_that_a_spike_does_not_move() -> None:
    t = np.arange(12_000) / 10.0
    rows = np.column_stack([t, 20.0 + 0.1 * t])
    rows[500:510, 1] = 300.0
    found = thinned(rows)
    assert len(found) == MOST_READINGS
    assert np.all(np.diff(found[:, 0]) > 0.0)
    assert np.abs(found[:, 1] - (20.0 + 0.1 * found[:, 0])).max() < 0.2


def test_a_pause_of_the_sensor_stays_a_pause() -> None:
    t = np.concatenate([np.arange(0, 100, 0.5), np.arange(900, 1000, 0.5)])
    found = thinned(np.column_stack([t, t]))
    assert np.diff(found[:, 0]).max() > 790.0
