"""Curves of a shot never grow beyond what a page draws."""

from __future__ import annotations

from edge_agent.web.live.curves import POINTS_MAX, Curve


def test_a_long_shot_is_thinned_evenly() -> None:
    curve = Curve()
    for tenth in range(36_000):
        curve.add(tenth / 10, float(tenth))
    assert POINTS_MAX / 4 < len(curve.points) <= POINTS_MAX
    steps = {round(b[0] - a[0], 1) for a, b in zip(curve.points, curve.points[1:], strict=False)}
    assert curve.points[-1][0] > 3_580
    assert max(steps) < 60


def test_repeats_and_older_points_are_left_out() -> None:
    curve = Curve()
    for t_s in (0.0, 1.0, 1.0, 0.5, 2.0):
        curve.add(t_s, t_s)
    assert [t_s for t_s, _ in curve.points] == [0.0, 1.0, 2.0]
