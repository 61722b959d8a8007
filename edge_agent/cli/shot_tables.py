"""A simulated shot as tables on the terminal, for an expert."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from edge_agent.report.parameter_sources import assumed_count
from edge_agent.report.shot_tables import (
    Row,
    end_words,
    evidence,
    interval_words,
    kpi_rows,
    opening_words,
    shot_rows,
)

if TYPE_CHECKING:
    from edge_agent.inference.offline import Offline
    from edge_agent.report.measured import Measured
    from twin_core import SimulationResult
    from twin_core.results.opening import Opening
    from twin_core.window_interval import WindowInterval


def print_tables(
    result: SimulationResult,
    measured: Measured | None,
    learned: Offline | None = None,
    opening: Opening | None = None,
    interval: WindowInterval | None = None,
) -> None:
    """Key figures, times, what binds, findings, balances; beside them a log and a model."""
    console = Console(highlight=False, markup=False)
    scenario, cost = result.scenario, result.statistics
    console.print(f"{scenario.scenario_id}: {scenario.system.system_id} in {scenario.mold.mold_id}")
    console.print(_table("KPI", [(row.name, row) for row in kpi_rows(result)]))
    console.print(_table("shot", [(row.words, row) for row in shot_rows(result)]))
    lines = [*_window_lines(result)]
    lines.extend([interval_words(interval)] if interval is not None else [])
    lines.extend([opening_words(opening)] if opening is not None else [])
    lines.append(f"Diagnostics: {len(result.diagnostics) or 'none'}")
    lines.extend(f"  {d.code}: {d.words} ({evidence(d.evidence)})" for d in result.diagnostics)
    lines.append(_audit_line(result))
    lines.append(
        f"Parameters: {assumed_count(scenario.system)} are assumed; physics {result.physics_hash}"
    )
    lines.append(f"Solver: {cost.backend}, {cost.evaluations} evaluations, {cost.steps} steps")
    lines.extend(_measured_lines(measured) if measured else [])
    if learned is not None:
        lines.extend(_learned(console, learned, result))
    for line in lines:
        console.print(textwrap.fill(line, console.width, subsequent_indent="    "))


def _learned(console: Console, learned: Offline, result: SimulationResult) -> list[str]:
    """Prints the physics and the correction side by side; the words that belong to it."""
    from edge_agent.inference.offline import rows_beside

    rows, correction = rows_beside(learned, result), learned.correction
    if rows:
        table = Table(box=box.SIMPLE, pad_edge=False)
        for name in ("learned correction", "physics", "corrected", "interval", "unit"):
            right = name in {"physics", "corrected"}
            table.add_column(name, justify="right" if right else "left", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    model = "" if correction is None else f", model {correction.model}"
    lines = [f"Learned correction: {learned.ml_status}{model}"]
    if correction is not None and correction.defect_risk is not None:
        lines.append(f"  risk of a defect, learned: {correction.defect_risk:.2f}")
    return [*lines, *([f"  {learned.words}"] if learned.words else [])]


def _table(title: str, rows: list[tuple[str, Row]]) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in (title, "value", "unit"):
        table.add_column(name, justify="right" if name == "value" else "left", no_wrap=True)
    for words, row in rows:
        table.add_row(words, row.value, row.unit)
    return table


def _window_lines(result: SimulationResult) -> list[str]:
    if result.window == "none":
        return ["Demold window: none, an open cup is not demolded"]
    earliest, latest = (end_words(result.demold_ends[name]) for name in ("earliest", "latest"))
    quick = " (window: quick, 0D does not resolve skin and core)"
    kind = quick if result.window == "quick" else ""
    if result.t_demold_min_s is None:
        return [f"Demold window: none within the run; {earliest} misses by most{kind}"]
    lines = [f"Demold window: opened by {earliest}, ended by {latest}{kind}"]
    if result.swell_at_min and result.swell_at_opt:
        at = [(t, part["swell_mm"], 100.0 * part["swell_ratio"]) for t, part in (
            ("earliest", result.swell_at_min), ("best", result.swell_at_opt)
        )]  # fmt: skip
        words = ", ".join(f"{mm:.2f} mm ({pct:.1f} %) at the {t} time" for t, mm, pct in at)
        lines.append(f"Swell until cold: {words}")
    return lines


def _audit_line(result: SimulationResult) -> str:
    a = result.audit
    return (
        f"Audit: species within {a.species_residual_ratio:.1e}, energy within "
        f"{a.energy_residual_ratio:.1e} of {a.heat_released_J / 1e3:.1f} kJ released"
    )


def _measured_lines(measured: Measured) -> list[str]:
    lines = [f"Log {measured.shot_id}, {measured.kind}:"]
    for series in measured.series:
        c, unit, difference = series.comparison, series.unit, series.difference_unit
        if c is None:
            lines.append(f"  {series.words}: fewer than two points in the simulated time")
            continue
        lines.append(
            f"  {series.words}: RMSE {c.rmse:.3g} {difference} over {c.points} points; peak "
            f"{c.peak_given:.4g} {unit} {measured.kind}, {c.peak_simulated:.4g} {unit} simulated "
            f"({c.peak_difference:+.2g} {difference})"
        )
    return [*lines, *(f"  {note}" for note in (*measured.notes, *measured.data_quality))]
