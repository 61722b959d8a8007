"""Readings of a probe that is still hot: the agent and the readers of files leave out the same."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from broker.messages import TelemetryFrame
from edge_agent.shots import shot_readings
from edge_agent.shots.shot import Shot
from tests.support.stories import START
from twin_core.hot_probe import still_hot

Readings = list[tuple[float, float]]


def left_out_live(readings: Readings) -> int:
    """Count of those that the agent leaves out, one frame after the other."""
    shot = Shot(site="s", press="p", shot_id="1", mold_id="A", poured_at=START)
    for t, value in readings:
        frame = TelemetryFrame(
            ts=START + timedelta(seconds=t), device_id="plc", seq=0, sensors={"T_core_C": value}
        )
        shot_readings.add(shot, frame, in_log=True)
    return shot.readings_left_out.get("T_core_C", {}).get(shot_readings.PROBE_HOT, 0)


def left_out(readings: Readings) -> list[bool]:
    times, values = np.array(readings, dtype=float).reshape(-1, 2).T
    return still_hot(times, values).tolist()


@given(st.lists(st.integers(50, 75), max_size=12), st.sampled_from([0.0, 4.0, 5.0, 5.5]))
def test_as_the_agent_does(values: list[int], begin: float) -> None:
    readings = [(begin + 0.7 * at, value / 1.0) for at, value in enumerate(values)]
    marks = left_out(readings)
    assert sum(marks) == left_out_live(readings)
    assert marks == sorted(marks, reverse=True)


def test_until_it_has_cooled_or_is_heated_again() -> None:
    assert left_out([(0.0, 95.0), (1.0, 80.0), (2.0, 59.0), (60.0, 120.0)]) == [
        *(True, True),
        *(False, False),
    ]
    assert left_out([(0.0, 95.0), (1.0, 80.0), (20.0, 81.0)]) == [True, True, False]
    assert left_out([(0.0, 95.0), (1.0, 94.0)]) == [True, True]
    assert left_out([(6.0, 95.0), (7.0, 80.0)]) == [False, False]
    assert left_out([]) == []
