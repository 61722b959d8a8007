"""Curves as SVG: the numbers that a template needs to draw them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Points = Sequence[tuple[float, float]]
WIDTH, HEIGHT = 720.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 12.0, 30.0
TICKS = 5


@dataclass(frozen=True)
class Line:
    """A curve."""

    name: str
    """``measured``, ``simulated``, …: its class in the style sheet."""
    path: str
    dots: list[tuple[float, float]] = field(default_factory=list)
    """Places of single points, where it has few."""


@dataclass(frozen=True)
class Chart:
    """A chart with one axis of values."""

    lines: list[Line]
    x_ticks: list[tuple[float, str]]
    """Place and text."""
    y_ticks: list[tuple[float, str]]
    bands: list[tuple[str, float, float]]
    """Name, place and width."""
    marks: list[tuple[str, float]]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


DOTS_UP_TO = 40
"""A curve of so few points shows each."""


def chart(
    curves: dict[str, Points],
    *,
    x_max: float | None = None,
    bands: Iterable[tuple[str, float, float]] = (),
    marks: Iterable[tuple[str, float]] = (),
    per_x: float = 60.0,
    y_zero: bool = False,
) -> Chart | None:
    """A chart; None without any point.

    Args:
        curves: points by name.
        x_max: end of the axis, if it should go on behind the last point.
        bands: name, begin and end of stretches of x that are shaded.
        marks: name and x of vertical lines.
        per_x: units of x in one of its ticks' numbers: 60 s a minute; 0: no ticks.
        y_zero: the axis of values begins at zero.
    """
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return None
    end = max([x for x, _ in points] + ([x_max] if x_max else []) + [1e-9])
    low = 0.0 if y_zero else min(y for _, y in points)
    high = max(y for _, y in points)
    margin = 0.08 * (high - low) or max(abs(high) * 0.1, 0.5)
    low, high = (0.0 if y_zero else low - margin), high + margin

    def x_of(x: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(max(x / end, 0.0), 1.0), 1)

    def y_of(y: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - low) / (high - low), 1)

    lines = []
    for name, curve in curves.items():
        places = [(x_of(x), y_of(y)) for x, y in curve]
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places) if places else ""
        lines.append(Line(name, path, places if len(places) <= DOTS_UP_TO else []))
    return Chart(
        lines,
        [(x_of(x * per_x), f"{x:g}") for x in _ticks(0.0, end / per_x)] if per_x else [],
        [(y_of(y), f"{y:g}") for y in _ticks(low, high)],
        [(name, x_of(a), round(x_of(b) - x_of(a), 1)) for name, a, b in bands],
        [(name, x_of(x)) for name, x in marks],
    )


def _ticks(low: float, high: float) -> list[float]:
    """Some round numbers from ``low`` to ``high``."""
    step = 10.0 ** math.floor(math.log10(max(high - low, 1e-9) / TICKS))
    step *= next(n for n in (1, 2, 5, 10) if (high - low) / (n * step) <= TICKS)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 9) + 0.0 for n in range(first, math.floor(high / step + 1e-9) + 1)]
