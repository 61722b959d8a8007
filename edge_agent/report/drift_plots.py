"""Plots of a check of drift: distributions before and now, values in order, effects."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_agent.report.plot import Curve, Limit, Plot
from edge_agent.report.units import unit_of
from twin_core.arrays import Array
from twin_core.learning.drift_result import About, Column, DriftResult, Level

MOST_CHARTS = 6
"""Charts of molds that are drawn."""
MOST_MOVED = 12
"""Columns that get plots of their own."""
STEPS = 200
"""Points of a distribution function."""
RUNNING = 25
"""Shots over which the running mean is taken; fewer of a short window, more of a long one."""
MOST_DRAWN = 2_000
"""Points of a running mean."""
SMALLEST_P = 1e-12
"""What is smaller is drawn here."""
BEFORE, NOW = 0, 1


def column_plots(column: Column, before: Array, now: Array) -> tuple[Plot, ...]:
    """Distribution and running mean of a column that moved, and what is missing of it."""
    alarms = {test.about for test in column.tests if test.level > Level.OK}
    found: list[Plot] = []
    given = before[np.isfinite(before)], now[np.isfinite(now)]
    if alarms & {About.LEVEL, About.DISTRIBUTION, About.SCATTER} and min(map(len, given)) > 1:
        found.append(_distribution(column, *given))
    if alarms - {About.MISSING} and np.ptp(np.concatenate(given)) > 0.0:
        found.append(_running(column, before, now))
    if About.MISSING in alarms:
        found.append(_missing(column, before, now))
    return tuple(found)


def _label(name: str) -> str:
    unit = unit_of(name)
    return f"{name}, {unit}" if unit else name


def _distribution(column: Column, before: Array, now: Array) -> Plot:
    share = np.linspace(0.0, 1.0, STEPS)
    return Plot(
        name=f"drift_{column.name}_distribution",
        title=f"{column.name}: distribution",
        caption=f"Share of shots below a value; PSI {column.psi:.2f}, KS {column.ks:.2f}.",
        x_label=_label(column.name),
        y_label="share of shots",
        curves=(
            Curve("baseline", np.quantile(before, share), share, BEFORE, "dashed"),
            Curve("current", np.quantile(now, share), share, NOW),
        ),
        zero_based=True,
    )


def _running(column: Column, before: Array, now: Array) -> Plot:
    mean, sd = column.mean_before, column.sd_before
    levels = [("mean of baseline", mean)]
    rate = any(test.about is About.RATE for test in column.tests)
    if not rate:
        levels += [("mean + sd", mean + sd), ("mean - sd", mean - sd)]
    marks = () if column.since is None else (("moved", float(column.since)),)
    y_label = _label(column.name)
    what = "rate" if rate else "running mean"
    return _over_shots(column, what, y_label, (before, now), levels, marks)


def _missing(column: Column, before: Array, now: Array) -> Plot:
    gone = np.isnan(before).astype(np.float64), np.isnan(now).astype(np.float64)
    levels = [("mean of baseline", column.missing_before)]
    return _over_shots(column, "missing values", "share of shots without", gone, levels)


def _over_shots(
    column: Column,
    what: str,
    y_label: str,
    values: tuple[Array, Array],
    levels: list[tuple[str, float]],
    marks: tuple[tuple[str, float], ...] = (),
) -> Plot:
    """The current shots, and as many of the baseline before them."""
    before, now = values[0][-len(values[1]) :], values[1]
    over = max(min(RUNNING, len(now) // 5), len(now) // 100)
    shots_before = np.arange(-len(before), 0, dtype=np.float64)
    shots_now = np.arange(len(now), dtype=np.float64)
    ends = np.array([shots_before[0], shots_now[-1]])
    return Plot(
        name=f"drift_{column.name}_{what.replace(' ', '_')}",
        title=f"{column.name}: {what}",
        caption=f"Over {over} shots, in order; 0 is the first current shot.",
        x_label="shot",
        y_label=y_label,
        curves=(
            *_mean_curve("baseline", shots_before, before, over, BEFORE),
            *_mean_curve("current", shots_now, now, over, NOW),
            *(
                Curve(words, ends, np.full(2, level), 6, "dotted")
                for words, level in levels
                if np.isfinite(level)
            ),
        ),
        marks=marks,
    )


def _mean_curve(label: str, shots: Array, values: Array, over: int, colour: int) -> list[Curve]:
    given = np.isfinite(values)
    if given.sum() < over:
        return []
    sums = np.cumsum(np.concatenate(([0.0], values[given])))
    mean, at = (sums[over:] - sums[:-over]) / over, shots[given][over - 1 :]
    step = max(len(at) // MOST_DRAWN, 1)
    return [Curve(label, at[::step], mean[::step], colour)]


def overview_plots(result: DriftResult) -> tuple[Plot, ...]:
    """Effect and p-value of every column, in the order of the table."""
    o, columns = result.options, result.columns
    place = np.arange(1.0, len(columns) + 1.0)
    largest = [max((t.effect for t in c.tests), default=0.0) for c in columns]
    log_p = np.log10(np.maximum([c.p_adjusted for c in columns], SMALLEST_P))
    if len(columns) < 2:
        return ()
    return (
        Plot(
            name="drift_effects",
            title="Effects",
            caption="Largest of each column, on the scale of PSI. Above a line, and significant: "
            "an alarm.",
            x_label="column, as in the table",
            y_label="effect",
            curves=(Curve("effect", place, np.array(largest), kind="points"),),
            limits=(
                Limit(f"WARNING {o.warn_threshold:g}", o.warn_threshold),
                Limit(f"ALERT {o.alert_threshold:g}", o.alert_threshold),
            ),
            zero_based=True,
        ),
        Plot(
            name="drift_p_values",
            title="p-values",
            caption="Smallest of each column, adjusted for all tests. Below a line, and large: an "
            "alarm.",
            x_label="column, as in the table",
            y_label="adjusted p-value, power of ten",
            curves=(Curve("p-value", place, log_p, kind="points"),),
            limits=(
                Limit(f"WARNING {o.warn_rate:g}", np.log10(o.warn_rate)),
                Limit(f"ALERT {o.alert_rate:g}", np.log10(o.alert_rate)),
            ),
        ),
    )


def moved_plots(
    result: DriftResult, before: Mapping[str, Array], now: Mapping[str, Array]
) -> tuple[Plot, ...]:
    """Plots of the columns that moved, worst first."""
    return tuple(
        plot
        for column in result.moved[:MOST_MOVED]
        for plot in column_plots(column, before[column.name], now[column.name])
    )


def chart_plots(result: DriftResult) -> tuple[Plot, ...]:
    """Control charts that passed their limit; one mold alone is in the running mean of a column."""
    if len({chart.mold for chart in result.charts}) < 2:
        return ()
    return tuple(
        Plot(
            name=f"drift_chart_{chart.column}_{chart.mold}",
            title=f"{chart.column}: {chart.mold}",
            caption="Sum of what each shot is away from the level of the mold (CUSUM); beyond a "
            "limit, the level has moved.",
            x_label="shot",
            y_label="sum, standard deviations",
            curves=(Curve("sum", chart.rows.astype(np.float64), chart.path, NOW),),
            marks=() if chart.since is None else (("moved", float(chart.since)),),
            limits=(
                Limit("limit above", chart.chart.limit),
                Limit("limit below", -chart.chart.limit),
            ),
        )
        for chart in result.alarms[:MOST_CHARTS]
    )
