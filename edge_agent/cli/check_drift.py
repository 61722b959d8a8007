"""``pur-mold-twin check-drift``: do the shots of now still look like those before?"""

from __future__ import annotations

import json
import sys
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.cli.common import fail, fault, write_file
from edge_agent.cli.values import Number

if TYPE_CHECKING:
    from edge_agent.drift.windows import Windows
    from twin_core.learning.drift_charts import MoldChart
    from twin_core.learning.drift_result import Column, DriftResult

NO_VERDICT = 3
"""Exit code where no check could be made: 1 and 2 are verdicts."""

FEWEST_OF_A_BASELINE = 30

EXAMPLE = """\b
Examples:
  pur-mold-twin check-drift --baseline before.parquet --current week.parquet
  pur-mold-twin check-drift --baseline before.parquet --current week.parquet \\
      --report drift.html --columns 'proc_*' --columns 'delta_*'

Ends with 0 OK, 1 WARNING, 2 ALERT, and 3 when no check could be made (wrong options, a file that
cannot be read, too few shots), or when nothing moved but a column could not be compared.
"""

File = click.Path(path_type=Path)


class _Verdict(click.Command):
    """Whatever ends the command without a verdict ends it with 3."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*args, **options)
        except click.UsageError as error:
            error.show()
            sys.exit(NO_VERDICT)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # Python would end with 1, a WARNING
            fault(error, NO_VERDICT)


@click.command("check-drift", cls=_Verdict, epilog=EXAMPLE)
@click.option("--baseline", required=True, type=File, help="Shots before: Parquet or CSV.")
@click.option("--current", required=True, type=File, help="Shots now: Parquet or CSV.")
@click.option(
    "--warn-threshold", type=Number(), default=0.1, show_default=True,
    help="Least effect of a WARNING, on the scale of PSI.",
)  # fmt: skip
@click.option(
    "--alert-threshold",
    type=Number(),
    default=0.2,
    show_default=True,
    help="Least one of an ALERT.",
)
@click.option(
    "--rolling",
    type=click.IntRange(FEWEST_OF_A_BASELINE),
    metavar="SHOTS",
    help="Only so many of the newest shots of the baseline: what is older is another season.",
)
@click.option("--columns", multiple=True, help="Only these: a name, or proc_*; repeat.")
@click.option("--report", type=File, help="Write a report with plots into this .html file.")
@click.option("--markdown", type=File, help="Write the same as Markdown into this .md file.")
@click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="What to print.",
)
def command(
    baseline: Path,
    current: Path,
    warn_threshold: float,
    alert_threshold: float,
    rolling: int | None,
    columns: tuple[str, ...],
    report: Path | None,
    markdown: Path | None,
    output: str,
) -> None:
    """Compare two feature sets: what moved, since when, and what to do.

    Columns, missing values, and the errors of physics and model where quality results are there.
    Of checks without drift at most 1 % alarm. How to read it: docs/drift.md.
    """
    from edge_agent.drift.windows import read_windows
    from edge_agent.report.files import check_report_file
    from twin_core.errors import TwinError
    from twin_core.learning.drift import check
    from twin_core.learning.drift_result import Options

    files = [path for path in (report, markdown) if path is not None]
    try:
        options = Options(warn_threshold, alert_threshold)
        for path in files:
            check_report_file(path)
        windows = read_windows(baseline, current, columns, rolling)
        result = check(windows.before, windows.now, options, windows.context)
        for path in files:
            _write(path, result, windows)
    except TwinError as error:
        fail(error, NO_VERDICT)
    click.echo(_as_json(result, windows) if output == "json" else _as_text(result, windows))
    if windows.lost:
        words = "\n".join(f"column {lost} was not compared" for lost in windows.lost)
        hint = "correct the table, or name what to compare with --columns"
        fail(TwinError(words, hint=hint), _exit_code(result, windows))
    sys.exit(_exit_code(result, windows))


def _exit_code(result: DriftResult, windows: Windows) -> int:
    """A column that could not be compared cannot be part of an OK; an alarm stays one."""
    return NO_VERDICT if windows.lost and not int(result.level) else int(result.level)


def _write(path: Path, result: DriftResult, windows: Windows) -> None:
    from edge_agent.report.drift import drift_page
    from edge_agent.report.files import page_text

    before, now = windows.with_residuals(column.name for column in result.moved)
    page = drift_page(result, before, now, windows.row_words, windows.notes)
    write_file(path, page_text(page, path.suffix))


def _as_text(result: DriftResult, windows: Windows) -> str:
    from edge_agent.report.drift import since_words
    from twin_core.learning.drift_words import (
        advice,
        chart_words,
        column_words,
        limit_words,
        rate_words,
        verdict,
    )

    first = verdict(result)
    if _exit_code(result, windows) == NO_VERDICT:
        first = f"no verdict: {len(windows.lost)} columns were not compared. Of the others: {first}"
    lines = [first, *windows.notes]
    for column in result.moved:
        lines.append(f"  {column.level.name:8}{column.name}: {column_words(column)}")
        if column.since is not None:
            lines.append(f"          since about {since_words(column, windows.row_words)}")
    lines.extend(advice(result))
    for why in dict.fromkeys(why for _, why in result.not_examined):
        names = ", ".join(name for name, reason in result.not_examined if reason == why)
        lines.append(f"not examined: {names}: {why}")
    for chart in result.alarms:
        side = "above" if chart.side == "up" else "below"
        since = windows.row_words(chart.since or 0)
        lines.append(
            f"  chart of {chart.column}, {chart.mold or 'all shots'}: {side} since {since}"
        )
    return "\n".join([*lines, *chart_words(result), limit_words(result), rate_words(result)])


def _as_json(result: DriftResult, windows: Windows) -> str:
    from twin_core.learning.drift_words import advice, limit_words, verdict

    data = {
        "level": result.level.name,
        "verdict": verdict(result),
        "not_compared": list(windows.lost),
        "kinds": list(result.kinds),
        "advice": advice(result),
        "notes": list(windows.notes),
        "rows_baseline": result.rows_before,
        "rows_current": result.rows_now,
        "columns": [_column(column, windows) for column in result.columns],
        "not_examined": dict(result.not_examined),
        "limits": limit_words(result),
        "parts_of_the_baseline": result.blocks,
        "charts": [_chart(chart, windows) for chart in result.charts],
    }
    return json.dumps(data, indent=2)


def _chart(chart: MoldChart, windows: Windows) -> dict[str, Any]:
    return {
        "residual": chart.column,
        "mold": chart.mold,
        "side": chart.side,
        "since": None if chart.since is None else windows.row_words(chart.since),
        "limit": chart.chart.limit,
        "phi": chart.chart.phi,
        "average_run_length": chart.arl,
    }


def _column(column: Column, windows: Windows) -> dict[str, Any]:
    from twin_core.learning.drift_words import column_words

    numbers = (
        "psi ks shift explained detectable p_adjusted effect n_eff_before n_eff_now mean_before "
        "mean_now"
    )
    found: dict[str, Any] = {
        "name": column.name,
        "level": column.level.name,
        "words": column_words(column),
        "since": None if column.since is None else windows.row_words(column.since),
        "missing_before": column.missing_before,
        "missing_now": column.missing_now,
    }
    for name in numbers.split():
        value = getattr(column, name)
        found[name] = value if isfinite(value) else None
    found["tests"] = [
        {
            "about": test.about,
            "kind": test.kind,
            "level": test.level.name,
            "p_value": test.p_value,
            "p_adjusted": test.p_adjusted,
            "effect": test.effect,
        }
        for test in column.tests
    ]
    return found
