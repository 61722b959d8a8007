"""The report of a check of drift: the verdict in words, every column, plots of what moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isnan

import numpy as np

from edge_agent import __version__
from edge_agent.report.content import (
    Block,
    Card,
    Cards,
    Code,
    Items,
    Page,
    Plots,
    Section,
    Table,
    Text,
    Tone,
    Words,
)
from edge_agent.report.drift_plots import MOST_MOVED, chart_plots, moved_plots, overview_plots
from twin_core.arrays import Array
from twin_core.learning.drift_result import Column, DriftResult, Level
from twin_core.learning.drift_words import (
    advice,
    chart_words,
    column_words,
    limit_words,
    rate_words,
    verdict,
)

TONES: dict[Level, Tone] = {Level.OK: "good", Level.WARNING: "warning", Level.ALERT: "bad"}
COLUMNS = (
    "column|level|PSI|KS|adjusted p|shift, sd|explained|found from|missing before|missing now|shots"
    "|worth"
)


def drift_page(
    result: DriftResult,
    before: Mapping[str, Array],
    now: Mapping[str, Array],
    row_words: Callable[[int], str] = str,
    notes: tuple[str, ...] = (),
) -> Page:
    """``before`` and ``now`` hold the values of every column that moved; ``row_words`` says which
    shot a row of the current table is."""
    lead: list[Block] = [Text(verdict(result)), _cards(result)]
    if result.moved:
        lead.append(Items(tuple(advice(result))))
    if notes:
        lead.append(Items(notes))
    sections = []
    if result.moved:
        sections.append(_moved(result, row_words))
        sections.append(_moved_plots(result, before, now))
    sections += [
        *_charts(result, row_words),
        _columns(result),
        _overview(result),
        *_not_examined(result),
        _how(result),
    ]
    return Page(f"Drift: {result.level.name}", tuple(lead), tuple(sections))


def since_words(column: Column, row_words: Callable[[int], str]) -> str:
    """From which shot on the mean is another one."""
    if column.since is None:
        return "-"
    return "the first shot, or before" if column.since == 0 else row_words(column.since)


def _cards(result: DriftResult) -> Cards:
    tests = [test for column in result.columns for test in column.tests]
    smallest = min((test.p_adjusted for test in tests), default=1.0)
    level = result.level
    return Cards(
        (
            Card("verdict", level.name, f"exit code {int(level)}", TONES[level]),
            Card("columns that moved", str(len(result.moved)), f"of {len(result.columns)}"),
            Card("smallest adjusted p", f"{smallest:.2g}", f"{len(tests)} tests"),
            Card("baseline", str(result.rows_before), "shots"),
            Card("current", str(result.rows_now), "shots"),
        )
    )


def _moved(result: DriftResult, row_words: Callable[[int], str]) -> Section:
    rows: list[tuple[Words, ...]] = [
        (
            Code(c.name),
            c.level.name,
            ", ".join(dict.fromkeys(t.kind for t in c.tests if t.level > Level.OK)),
            column_words(c),
            since_words(c, row_words),
        )
        for c in result.moved
    ]
    return Section("What moved", (Table.of("column|level|kind|how|since about", rows),))


def _moved_plots(
    result: DriftResult, before: Mapping[str, Array], now: Mapping[str, Array]
) -> Section:
    plots = moved_plots(result, before, now)
    left_out = len(result.moved) - MOST_MOVED
    blocks: list[Block] = [Plots(plots)] if plots else [Text("There are no values to draw.")]
    if left_out > 0:
        blocks.append(Text(f"{left_out} more columns moved; the table has them."))
    return Section("Before and now", tuple(blocks))


def _charts(result: DriftResult, row_words: Callable[[int], str]) -> list[Section]:
    """Control charts of residuals, mold by mold."""
    if not result.charts:
        return []
    blocks: list[Block] = [Text(words) for words in chart_words(result)]
    rows: list[tuple[Words, ...]] = [
        (
            Code(c.column),
            Code(c.mold) if c.mold else "-",
            "above" if c.side == "up" else "below",
            f"{np.abs(c.path).max():.1f} / {c.chart.limit:.1f}",
            row_words(c.since or 0),
        )
        for c in result.alarms
    ]
    if rows:
        blocks.append(Table.of("residual|mold|its level|largest sum / limit|since about", rows))
    plots = chart_plots(result)
    if plots:
        blocks.append(Plots(plots))
    return [Section("Control charts of molds", tuple(blocks))]


def _columns(result: DriftResult) -> Section:
    rows: list[tuple[Words, ...]] = [
        (
            Code(c.name),
            c.level.name,
            f"{c.psi:.3f}",
            f"{c.ks:.3f}",
            f"{c.p_adjusted:.2g}",
            f"{c.shift:+.2f}",
            f"{c.explained / c.sd_before:+.2f}" if c.explained and c.sd_before > 0.0 else "-",
            "-" if isnan(c.detectable) else f"{c.detectable:.2f}",
            f"{c.missing_before:.1%}",
            f"{c.missing_now:.1%}",
            f"{c.n_before} / {c.n_now}",
            f"{c.n_eff_before:.0f} / {c.n_eff_now:.0f}",
        )
        for c in result.columns
    ]
    numeric = COLUMNS.removeprefix("column|level|")
    return Section("Every column, worst first", (Table.of(COLUMNS, rows, numeric),))


def _overview(result: DriftResult) -> Section:
    plots = overview_plots(result)
    block = Plots(plots) if plots else Text("One column: see the table.")
    return Section("Effects and p-values", (block,))


def _not_examined(result: DriftResult) -> list[Section]:
    if not result.not_examined:
        return []
    rows = [(Code(name), reason) for name, reason in result.not_examined]
    return [Section("Not examined", (Table.of("column|why", rows),))]


def _how(result: DriftResult) -> Section:
    words = (
        "PSI is the population stability index less what it shows by chance; KS the largest "
        "distance of the two distribution functions. Shots in a row are alike: worth says how "
        "many independent ones they are (before / now), and the p-values count those. Explained is "
        "the part of the shift that weather and season make; found from is the smallest shift that "
        "this check finds in 9 of 10 cases. How to read "
        "this, and when to recalibrate, retrain or check a sensor: docs/drift.md."
    )
    said = rate_words(result), limit_words(result), words, f"pur-mold-twin {__version__}"
    return Section("How it was decided", tuple(Text(one) for one in said))
