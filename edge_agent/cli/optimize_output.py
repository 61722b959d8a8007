"""What ``optimize`` prints and writes: table, JSON, CSV."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from twin_core.optimization.goals import GOALS
from twin_core.optimization.variables import FOLLOWS, SETTINGS
from twin_core.optimization.words import (
    basis_words,
    binding_words,
    counted,
    gain_words,
    random_words,
    way_words,
)

if TYPE_CHECKING:
    from twin_core.optimization.result import OptimizationResult, Point, Tried
    from twin_core.optimization.task import OptimizationTask

HISTORY = (
    "index,origin,T_polyol_in_C,T_iso_in_C,T_mold_init_C,t_demold_s,objective,feasible,p_max_bar,"
    "quality_status,violation,draws"
)
"""Columns of a file of candidates that do not depend on the task; the first generation's first."""
_FIRST = {"T_polyol_C": "T_polyol_in_C", "T_iso_C": "T_iso_in_C", "T_mold_C": "T_mold_init_C"}


def as_json(result: OptimizationResult) -> str:
    """The whole result."""
    return json.dumps(result.as_dict(), indent=2, allow_nan=False) + "\n"


def as_csv(result: OptimizationResult) -> str:
    """One line a candidate: settings, goals, whether it is feasible.

    ``objective`` is the first goal. Of a candidate that was given up, times and goals are bounds,
    and ``draws`` says on how many. A temperature that is fixed has the value of today.
    """
    others = [name for name in result.bounds if name not in _FIRST and name != "t_open_s"]
    lines = [",".join((HISTORY, *others, *result.goals))]
    lines += [_line(tried, result, others) for tried in result.history]
    return "\n".join(lines) + "\n"


def _line(tried: Tried, result: OptimizationResult, others: Sequence[str]) -> str:
    process = None if result.today is None else result.today.process
    fixed = {
        "T_polyol_C": None if process is None else process.T_polyol_C,
        "T_iso_C": None if process is None else process.T_iso_C,
        "T_mold_C": None if process is None else process.T_mold_C,
    }
    temperatures = [tried.settings.get(name, fixed[name]) for name in _FIRST]
    values = [
        -value if GOALS[name].more else value
        for name, value in zip(result.goals, tried.values, strict=False)
    ]
    status = "OK" if tried.feasible else "FAIL"
    return ",".join(
        (
            *(str(tried.index), tried.origin, *map(_number, temperatures)),
            *(_number(tried.t_open_s), _number(values[0] if values else None)),
            *(str(tried.feasible), _number(tried.p_max_bar), status),
            *(_number(tried.violation), str(tried.draws)),
            *(_number(tried.settings[name]) for name in others),
            *map(_number, values),
        )
    )


def _number(value: float | None) -> str:
    return "" if value is None or abs(value) == float("inf") else f"{value:.10g}"


def print_result(result: OptimizationResult, task: OptimizationTask) -> None:
    """Advice, today, front, reasons."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"{result.scenario_id}: {counted(result)}, {result.simulations} shots, "
        f"{result.draws} draws each; scatter {result.scatter_source}; bounds {result.bounds_source}"
    )
    for line in basis_words(result):
        console.print(line)
    chosen, today = result.chosen, result.today
    for line in result.notes:
        click.echo(line, err=True)
    if chosen is None:
        ended = " so far" if result.partial else ""
        console.print(f"nothing is feasible{ended}")
        for line in way_words(result):
            console.print(f"  {line}")
        if result.nearest is not None:
            console.print("nearest settings: " + (_settings(result.nearest) or "those of today"))
        return
    console.print(f"advice ({result.why_chosen}):")
    _print_points(console, today, chosen, task.prices.currency)
    console.print(_violations(chosen))
    for line in (*gain_words(result), random_words(result), *binding_words(result)):
        console.print(line)
    if len(result.front) > 1:
        _print_front(console, result, task.prices.currency)


def _settings(point: Point) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in point.settings.items())


def _violations(point: Point) -> str:
    checked = "fresh draws" if point.confirmed else "draws of the search, not confirmed"
    return (
        f"violations: {point.violations} of {point.draws} {checked}, {point.violated_share:.1%} "
        f"(95 %: {point.violated_low:.1%} to {point.violated_high:.1%})"
    )


def _print_points(console: object, today: Point | None, chosen: Point, currency: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    assert isinstance(console, Console)
    table = Table(box=box.SIMPLE, pad_edge=False, collapse_padding=True)
    for i, name in enumerate(("", "unit", "today", "advice")):
        table.add_column(name, justify="right" if i > 1 else "left", no_wrap=True)
    for name, value in chosen.settings.items():
        was = None if today is None else today.settings[name]
        table.add_row(name, SETTINGS[name].unit, _short(was), _short(value))
    process, before = chosen.process, None if today is None else today.process
    rows = [
        (name, unit, None if before is None else getattr(before, name), getattr(process, name))
        for name, unit in FOLLOWS.items()
        if getattr(process, name) is not None
    ]
    rows.append(("t_open_s", "s", None if today is None else today.t_open_s, chosen.t_open_s))
    for name, goal in GOALS.items():
        if name == "cost" and not chosen.figures[name]:  # no prices were given
            continue
        old = None if today is None else today.figures[name]
        rows.append((name, goal.unit or currency, old, chosen.figures[name]))
    for name, unit, old, value in rows:
        if name not in chosen.settings:
            table.add_row(name, unit, _short(old), _short(value))
    console.print(table)


def _print_front(console: object, result: OptimizationResult, currency: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    assert isinstance(console, Console)
    goal_columns = [f"{name} {currency}" if name == "cost" else name for name in result.goals]
    table = Table(
        *goal_columns, "opens s", *(n for n in result.bounds if n != "t_open_s"),
        box=box.SIMPLE, pad_edge=False, title="front",
    )  # fmt: skip
    for point in result.front:
        goals = [_short(point.figures[name]) for name in result.goals]
        mark = " *" if point == result.chosen else ""
        settings = [_short(value) for value in point.settings.values()]
        table.add_row(*goals, _short(point.t_open_s) + mark, *settings)
    console.print(table)


def _short(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.4g}"
