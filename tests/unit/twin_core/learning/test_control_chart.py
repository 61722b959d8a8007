"""Control charts: run lengths by chain and by simulation, outliers, gaps, states as numbers."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from tests.support.drifting import series
from twin_core.errors import InputError
from twin_core.learning.control_chart import (
    WARM_UP,
    Chart,
    ChartState,
    average_run_length,
    chart_for,
    known,
    run,
    shift_of_news,
    step,
)

EXACT = 1e12
"""Values of a baseline that knows its level exactly."""


def length(chart: Chart, state: ChartState, values: np.ndarray, longest: int) -> int:
    """Values until the alarm, at most ``longest``."""
    for count, value in enumerate(values[:longest], start=1):
        state = step(chart, state, float(value))
        if state.side(chart):
            return count
    return longest


def siegmund(shift: float, allowance: float, limit: float) -> float:
    """Siegmund's formula for the one-sided run length, of normal values without a clip."""
    away, reach = shift - allowance, limit + 1.166
    return float((np.exp(-2.0 * away * reach) + 2.0 * away * reach - 1.0) / (2.0 * away**2))


@pytest.mark.parametrize(
    ("shift", "published"), [(0.0, 465.0), (0.5, 38.0), (1.0, 10.4), (2.0, 4.01)]
)
def test_run_lengths_agree_with_published_ones(shift: float, published: float) -> None:
    """Of k 0.5, h 5 (Montgomery, Statistical Quality Control), and Siegmund's formula."""
    limit = 5.0
    found = average_run_length(Chart(limit=limit, clip=limit + 0.49), shift)
    assert found == pytest.approx(published, rel=0.01)
    if shift != 0.5:  # there he divides by zero
        both = 1.0 / (1.0 / siegmund(shift, 0.5, limit) + 1.0 / siegmund(-shift, 0.5, limit))
        assert found == pytest.approx(both, rel=0.04)  # good to some percent


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_run_lengths_agree_with_simulation(shift: float, phi: float) -> None:
    chart = chart_for(200.0, phi=phi)
    rng = np.random.default_rng(7)
    count = 60 if average_run_length(chart, shift) > 100.0 else 200
    values = series(rng, 1_500, count, phi)
    values[500:] += shift
    found = [
        length(chart, step(chart, known(0.0, 1.0, EXACT, chart), column[499]), column[500:], 1_000)
        for column in values.T
    ]
    # from the first value on the level is another: with phi its whole jump is new once
    stated = average_run_length(chart, shift)
    error = 3.0 * max(stated, 5.0) / np.sqrt(count)
    assert stated - 2.0 * error < np.mean(found) < stated + error


def test_a_chart_that_starts_itself_keeps_its_run_length() -> None:
    chart = chart_for(200.0)
    values = np.random.default_rng(8).standard_normal((150, 1_500)) * 3.0 + 40.0
    found = [length(chart, ChartState(), row, 1_500) - WARM_UP for row in values]
    assert np.mean(found) == pytest.approx(200.0, rel=0.25)  # three standard errors


def test_a_shift_is_found_and_dated() -> None:
    values = np.random.default_rng(9).normal(10.0, 2.0, 400)
    values[300:] -= 3.0
    chart, state = Chart(), ChartState()
    state, _ = run(chart, state, values[:300])
    assert state.side(chart) is None
    count = 0
    while not state.side(chart):
        state = step(chart, state, values[300 + count])
        count += 1
    assert state.side(chart) == "down"
    assert count <= 20
    assert abs(state.run - count) <= 5
    assert state.restarted().side(chart) is None


@pytest.mark.parametrize("start", [ChartState(), known(0.0, 1.0, 50.0)])
def test_one_outlier_is_no_alarm_and_teaches_little(start: ChartState) -> None:
    values = np.random.default_rng(10).standard_normal(60)
    usual, _ = run(Chart(), start, values)
    for at in (3, 30, 59):
        typed = values.copy()
        typed[at] = 1e6
        state, path = run(Chart(), start, typed)
        assert np.max(np.abs(path)) < Chart().limit
        assert state.level == pytest.approx(usual.level, abs=0.3)
        assert state.scatter == pytest.approx(usual.scatter, rel=0.5)


def test_state_goes_through_json_value_by_value() -> None:
    chart = Chart(phi=0.5)
    values = np.random.default_rng(11).standard_normal(40)
    straight, _ = run(chart, ChartState(), values)
    state = ChartState()
    for value in values:
        fields = json.loads(json.dumps(asdict(step(chart, state, float(value)))))
        state = ChartState(**fields | {"first": tuple(fields["first"])})
    assert state == straight


def test_missing_values_change_nothing() -> None:
    values = np.random.default_rng(12).standard_normal(30)
    state, _ = run(Chart(), ChartState(), values)
    assert step(Chart(), state, float("nan")) == ChartState(**asdict(state) | {"last": None})
    alike = Chart(phi=0.9)  # the value after a gap has no neighbour
    state = step(alike, step(alike, known(0.0, 1.0, 50.0, alike), float("nan")), 5.0)
    assert (state.up, state.last) == (0.0, 5.0)


def test_a_constant_does_not_alarm_until_there_is_a_measure() -> None:
    state, path = run(Chart(), ChartState(), [4.0] * 50)
    assert state.side(Chart()) is None
    assert path == [0.0] * 50


def test_chart_for_a_run_length() -> None:
    assert average_run_length(chart_for(50_000.0)) == pytest.approx(50_000.0, rel=0.01)
    assert shift_of_news(1.0, 0.9) == pytest.approx(0.229, abs=0.001)
    assert average_run_length(Chart()) == pytest.approx(78_000.0, rel=0.02)
    stated = {0.5: 128.0, 1.0: 21.0, 2.0: 7.7, 3.0: 5.3}
    for shift, values in stated.items():
        assert average_run_length(Chart(), shift) == pytest.approx(values, rel=0.02)


@pytest.mark.parametrize(
    "bad", [{"allowance": 0.0}, {"limit": 2.0}, {"clip": 0.3}, {"phi": 1.0}, {"phi": -0.1}]
)
def test_designs_that_cannot_be(bad: dict[str, float]) -> None:
    with pytest.raises(InputError, match="control chart"):
        Chart(**bad)


def test_numbers_that_cannot_be() -> None:
    with pytest.raises(InputError, match="above 0"):
        known(0.0, 0.0, 50.0)
    with pytest.raises(InputError, match="average run length"):
        chart_for(1.0)
    with pytest.raises(InputError, match="average run length"):
        chart_for(float("nan"))
