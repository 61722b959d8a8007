"""Draw plots with matplotlib, without a display and without global state.

matplotlib comes with the extra ``report`` and is imported only when something is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from edge_agent.errors import MissingExtra
from edge_agent.report.plot import Curve, Plot, Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCH = (6.2, 3.4)
DOTS_PER_INCH = 130
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours: told apart by colour-blind readers, too."""
MEASURED = "#000000"
WINDOW, BEST, MARK, LIMIT = "#009E73", "#00694D", "#777777", "#B00020"
MARK_DISTANCE = 0.05
"""Least distance of two event labels, as a share of the width."""
MOST_POINTS = 150
"""More points than these are drawn as a thin line."""
TICK_DISTANCE = 0.055
"""Least distance of two ticks on a stretched time axis, as a share of the width."""
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 9,
    "axes.spines.top": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.hashsalt": "pur-mold-twin",  # else the ids differ from run to run
    "svg.fonttype": "path",
}
LINES = {"solid": "-", "dashed": "--", "dotted": ":", "points": "None"}
TICKS_S = [5, 10, 20, 40, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 2700, 3600, 7200]


def need_matplotlib() -> None:
    """Make sure that plots can be drawn.

    Raises:
        MissingExtra: matplotlib is not installed; says how to get it.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise MissingExtra("plots need matplotlib, which is not installed", "report") from None


def png(plot: Plot) -> bytes:
    """The plot as PNG, the same bytes every time."""
    return _save(plot, "png", {"Software": None})


def svg(plot: Plot) -> bytes:
    """The plot as SVG, the same bytes every time."""
    return _save(plot, "svg", {"Date": None, "Creator": None})


def _save(plot: Plot, kind: str, metadata: dict[str, Any]) -> bytes:
    need_matplotlib()
    from matplotlib import rc_context

    with rc_context(cast(Any, STYLE)):
        data = io.BytesIO()
        _draw(plot).savefig(data, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
    return data.getvalue()


def _draw(plot: Plot) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCH, layout="constrained")
    left = figure.add_subplot()
    axes = {False: left}
    if any(curve.right for curve in plot.curves):
        axes[True] = left.twinx()
        axes[True].set_ylabel(plot.y_label_right)
        axes[True].grid(False)
    else:
        left.spines["right"].set_visible(False)
    left.set_xlabel(plot.x_label)
    left.set_ylabel(plot.y_label)
    handles: list[Any] = [_curve(axes[curve.right], curve) for curve in plot.curves]
    for limit in plot.limits:
        handles.append(
            axes[limit.right].axhline(limit.y, color=LIMIT, lw=1, ls=(0, (5, 3)), label=limit.label)
        )
    _scale(plot, axes)
    handles.extend(_times(left, plot))
    figure.legend(handles=handles, loc="outside lower center", ncol=3)
    return figure


def _curve(axes: Axes, curve: Curve) -> Any:
    points = curve.kind == "points"
    apart = points and len(curve.x) <= MOST_POINTS
    (line,) = axes.plot(
        curve.x,
        curve.y,
        linestyle=LINES[curve.kind] if apart or not points else "-",
        color=MEASURED if points else PALETTE[curve.colour % len(PALETTE)],
        linewidth=1.0 if points else 1.6,
        marker="o" if apart else None,
        markersize=3.5,
        markerfacecolor="white",
        label=curve.label,
    )
    return line


def _scale(plot: Plot, axes: dict[bool, Axes]) -> None:
    left = axes[False]
    xs = np.concatenate([curve.x for curve in plot.curves])
    low, high = float(xs.min()), float(xs.max())
    if plot.x_scale == "early":
        left.set_xscale("function", functions=(_root, np.square))
        left.set_xticks(_ticks(high))
        low = 0.0
    else:
        _set_scale(left, "x", plot.x_scale)
    if plot.x_scale != "log":
        left.set_xlim(low, high)
    _set_scale(left, "y", plot.y_scale)
    if plot.zero_based:
        left.set_ylim(bottom=0.0)
    if True in axes:
        _set_scale(axes[True], "y", plot.y_scale_right)
        if plot.y_scale_right == "linear":
            axes[True].set_ylim(bottom=0.0)
        axes[True].set_zorder(left.get_zorder() - 1)  # the curves at the left lie above
        left.patch.set_visible(False)


def _set_scale(axes: Axes, which: str, scale: Scale) -> None:
    """Logarithmic, with plain numbers at 1, 2 and 5 of each decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if scale != "log":
        return
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _root(values: Any) -> Any:
    return np.sqrt(np.maximum(values, 0.0))


def _ticks(high: float) -> list[float]:
    """Times that stand far enough from each other on the stretched axis."""
    kept = [0.0]
    for tick in TICKS_S:
        if tick <= high and (tick / high) ** 0.5 - (kept[-1] / high) ** 0.5 >= TICK_DISTANCE:
            kept.append(float(tick))
    return kept


def _times(axes: Axes, plot: Plot) -> list[Any]:
    """The demold window, the best time and the events; what of it belongs in the legend."""
    handles: list[Any] = []
    if plot.span is not None:
        handles.append(
            axes.axvspan(*plot.span, color=WINDOW, alpha=0.13, lw=0, label="demold window")
        )
    if plot.best is not None:
        handles.append(axes.axvline(plot.best, color=BEST, lw=1.2, ls="-.", label="best time"))
    end = axes.get_xlim()[1]
    marks = sorted((t, words) for words, t in plot.marks if t <= end)
    to_axes = axes.transData + axes.transAxes.inverted()
    places = [float(to_axes.transform((t, axes.get_ylim()[0]))[0]) for t, _ in marks]
    for (t, words), at, place in zip(marks, places, _spread(places), strict=True):
        axes.axvline(t, color=MARK, lw=0.7, ls=":")
        axes.plot(
            (at, place), (1.0, 1.05), color=MARK, lw=0.7, transform=axes.transAxes, clip_on=False
        )
        axes.text(
            place,
            1.06,
            words,
            transform=axes.transAxes,
            rotation=40,
            rotation_mode="anchor",
            fontsize=7.5,
            color="#444444",
        )
    return handles


def _spread(places: Sequence[float]) -> list[float]:
    """Ascending places moved apart: to the right, and back where that leaves the plot."""
    found, edge = list(places), 1.0
    for i in range(1, len(found)):
        found[i] = max(found[i], found[i - 1] + MARK_DISTANCE)
    for i in reversed(range(len(found))):
        found[i] = min(found[i], edge)
        edge = found[i] - MARK_DISTANCE
    return found
