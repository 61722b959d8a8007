"""Content of a plot as plain data: curves, points, a shaded span, marked times, limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twin_core.arrays import Array

Scale = Literal["linear", "log", "early"]
"""``early`` stretches the start: distances grow with the square root."""


@dataclass(frozen=True)
class Curve:
    """One series. ``kind`` points is for what was measured; ``colour`` counts in the palette."""

    label: str
    x: Array
    y: Array
    colour: int = 0
    kind: Literal["solid", "dashed", "dotted", "points"] = "solid"
    right: bool = False
    """On the axis at the right side."""


@dataclass(frozen=True)
class Limit:
    """A level that must not be passed."""

    label: str
    y: float
    right: bool = False


@dataclass(frozen=True)
class Plot:
    """One diagram. ``name`` is the name of its file where it becomes one."""

    name: str
    title: str
    caption: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    y_label_right: str = ""
    x_scale: Scale = "linear"
    y_scale: Scale = "linear"
    y_scale_right: Scale = "linear"
    span: tuple[float, float] | None = None
    """Shaded: the demold window."""
    best: float | None = None
    marks: tuple[tuple[str, float], ...] = ()
    """Words and time of every event."""
    limits: tuple[Limit, ...] = ()
    zero_based: bool = False
    """The left axis starts at zero."""
