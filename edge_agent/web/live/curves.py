"""Curves of the shot in a mold: what was measured, and the simulation at the same moments."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

POINTS_MAX = 400
"""Points of a curve; then every other one is dropped, and new ones are taken half as often."""


@dataclass
class Curve:
    """Values over time from the pour, thinned so that it never grows beyond ``POINTS_MAX``."""

    points: list[tuple[float, float]] = field(default_factory=list)
    """Seconds from the pour, value."""
    _spacing_s: float = 0.0

    def add(self, t_s: float, value: float) -> None:
        """Add a point, unless it is too close to the last one."""
        if self.points and t_s < self.points[-1][0] + max(self._spacing_s, 1e-3):
            return
        self.points.append((t_s, value))
        if len(self.points) > POINTS_MAX:
            span_s = self.points[-1][0] - self.points[0][0]
            self._spacing_s = 2.0 * span_s / POINTS_MAX
            self.points = self.points[::2]


@dataclass
class Curves:
    """Curves of a shot by the name of the quantity."""

    shot_key: str | None = None
    measured: dict[str, Curve] = field(default_factory=dict)
    simulated: dict[str, Curve] = field(default_factory=dict)
    """By the agent, at the moments of its predictions."""
    predicted: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """The whole shot, simulated for whoever looks at it."""
    swell_mm: list[tuple[float, float]] = field(default_factory=list)
    """Growth of the part by the time of its opening."""
    complete: bool = False
    asked: float = -math.inf
    """When they were asked for, by the monotonic clock [s]."""

    def add(self, kind: str, name: str, t_s: float, value: float) -> None:
        """Add a point.

        Args:
            kind: ``measured`` or ``simulated``.
            name: of the quantity, with its unit.
            t_s: seconds from the pour.
            value: in that unit.
        """
        curves = self.measured if kind == "measured" else self.simulated
        curves.setdefault(name, Curve()).add(t_s, value)
