"""Text that ``calibrate`` prints, and the curves it draws."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from twin_core.arrays import Array
from twin_core.bulk_cure import CureChemistry, CureSeries, cure
from twin_core.calibration.bulk_cure import CureFit, CurePrediction
from twin_core.calibration.cup import SheetFit
from twin_core.calibration.measured import MeasuredFit
from twin_core.calibration.observation import Observation
from twin_core.calibration.record import Change
from twin_core.calibration.search import Estimate
from twin_core.parameters import Parameter
from twin_core.units import ZERO_CELSIUS_K

WIDTH = 80


@dataclass(frozen=True)
class Curve:
    """One line (or points) of a panel."""

    label: str
    t_s: Array
    values: Array
    points: bool = False


@dataclass(frozen=True)
class Panel:
    """One diagram: curves over time, and levels of the sheet as (label, value)."""

    title: str
    curves: list[Curve]
    levels: list[tuple[str, float]]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their cells; the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


def number(value: float | None, digits: int = 4) -> str:
    """``-`` for what there is not."""
    return "-" if value is None else f"{value:.{digits}g}"


def say(label: str, words: str) -> None:
    """A line of words, wrapped."""
    text = f"{label}: {words}"
    click.echo(textwrap.fill(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False))


def print_next_steps(file: Path, system_id: str, version: int, place: Path) -> None:
    """Print where a written version belongs, and which command puts it into use."""
    folder = place if place.is_dir() else place.parent
    if file.parent.resolve() != folder.resolve():
        click.echo(f"it belongs beside the other versions: cp {file} {folder}/")
    click.echo("nothing uses it yet. To put it into use, and back:")
    for command in (f"promote {system_id} {version}", f"rollback {system_id}"):
        click.echo(f"  pur-mold-twin systems {command} --systems {folder}")


def print_sheet(fit: SheetFit, inferred: Parameter | None) -> None:
    """Targets, changes, notes and warnings of a fit to a sheet."""
    s = fit.system
    click.echo(f"{s.system_id}: cup test of the data sheet, version {s.version}")
    rows = [
        (
            c.name,
            number(c.target),
            number(c.before),
            number(c.after),
            "-" if c.error is None else f"{100 * c.error:+.1f} %",
            f"{100 * c.tolerance:g} %",
            c.unit,
        )
        for c in fit.comparisons
    ]
    table(("", "sheet", "before", "after", "off", "allowed", "unit"), rows)
    click.echo("")
    _print_changes([(c.path, c.before, c.after, c.spread, c.unit) for c in fit.changes])
    if inferred is not None:
        say("inferred", f"composition.water_fraction {inferred.value:g} kg/kg, {inferred.source}")
    for note in fit.notes:
        say("note", note)
    for warning in fit.warnings:
        say("warning", warning)
    for c in fit.missed:
        off = "does not happen" if c.error is None else f"is off by {100 * c.error:+.1f} %"
        say("missed", f"{c.name} {off}, allowed {100 * c.tolerance:g} %")


def _print_changes(
    changes: Sequence[tuple[str, float | None, float, float | None, str]],
) -> None:
    if changes:
        rows = [
            (path, number(before, 6), number(after, 6), number(spread, 2), unit)
            for path, before, after, spread, unit in changes
        ]
        table(("fitted", "before", "after", "one sigma", "unit"), rows)


def sheet_panels(fit: SheetFit) -> list[Panel]:
    """Temperature and density of the cup, before and after, with the sheet's numbers."""
    c = fit.curves
    density = [(f"sheet {t.target:g}", t.target) for t in fit.comparisons if "rho" in t.name]
    times = [(t.name, t.target) for t in fit.comparisons if t.unit == "s"]
    return [
        Panel(
            f"{fit.system.system_id}: core temperature, C",
            [
                Curve("before", c.t_s, c.T_before_K - ZERO_CELSIUS_K),
                Curve("after", c.t_s, c.T_after_K - ZERO_CELSIUS_K),
            ],
            [],
        ),
        Panel(
            f"density, kg/m3 (times of the sheet: {', '.join(f'{n} {v:g} s' for n, v in times)})",
            [Curve("before", c.t_s, c.rho_before), Curve("after", c.t_s, c.rho_after)],
            density,
        ),
    ]


def print_estimates(estimates: Sequence[Estimate]) -> None:
    """Fitted numbers with their intervals."""
    rows = [
        (e.path, number(e.before), number(e.value), number(e.low), number(e.high), e.unit)
        for e in estimates
    ]
    table(("fitted", "before", "after", "95 % from", "to", "unit"), rows)


def print_rates(fitted: Collection[str], changes: Iterable[Change]) -> None:
    """Say of each rate whose energy was fitted, too, which of two numbers the table has.

    Args:
        fitted: paths in the table.
        changes: numbers as they are written.
    """
    for change in changes:
        energy = change.path.replace(".A", ".E")
        if change.path in fitted and energy != change.path and energy in fitted:
            say(
                "note",
                f"{change.path} above goes with {energy} before: it is the rate at 25 C that was "
                f"fitted. With the new energy it is {change.after:.4g} {change.unit}",
            )


def print_measured(fit: MeasuredFit) -> None:
    """Estimates with intervals, agreement before and after, warnings."""
    click.echo(f"{fit.scenario.system.system_id}: fit to measurements")
    print_estimates(fit.estimates)
    print_rates({e.path for e in fit.estimates}, fit.changes)
    click.echo("")
    errors = [
        (
            a.kind,
            number(b.rmse, 3),
            number(a.rmse, 3),
            number(b.largest, 3),
            number(a.largest, 3),
            number(a.last_measured),
            number(a.last_simulated),
        )
        for b, a in zip(fit.before, fit.after, strict=True)
    ]
    head = ("", "RMSE before", "after", "largest before", "after", "last measured", "simulated")
    table(head, errors)
    end = fit.rho_end_kg_per_m3
    say("density at the end", f"{end[0]:.4g} kg/m3 before, {end[1]:.4g} kg/m3 after")
    for warning in fit.warnings:
        say("warning", warning)


def measured_panels(fit: MeasuredFit, observations: Sequence[Observation]) -> list[Panel]:
    """Each series: measured, before and after."""
    return [
        Panel(
            o.kind,
            [
                Curve("measured", o.t_s, o.values, points=True),
                Curve("before", o.t_s, before),
                Curve("after", o.t_s, after),
            ],
            [],
        )
        for o, before, after in zip(
            observations, fit.simulated_before, fit.simulated_after, strict=True
        )
    ]


def print_cure(fit: CureFit) -> None:
    """Errors of each series and the numbers."""
    click.echo(f"{fit.chemistry.cure_id}: RMSE of the hydroxyl, share of that at the start")
    rows = [
        (given.file, f"{100 * before:.2f} %", f"{100 * after:.2f} %")
        for given, before, after in zip(fit.chemistry.series, fit.before, fit.after, strict=True)
    ]
    table(("series", "before", "after"), rows)
    click.echo("")
    _print_changes([(c.path, c.before, c.after, c.spread, c.unit) for c in fit.changes])
    for warning in fit.warnings:
        say("warning", warning)


def print_cure_prediction(series: CureSeries, found: CurePrediction) -> None:
    """A series that was held out: measured, predicted, interval."""
    click.echo(f"{series.given.file}: predicted from the other series, hydroxyl in mol/l")
    rows = [
        (f"{t:.0f}", number(m), number(p), number(low), number(high))
        for t, m, p, low, high in zip(
            series.t_s, series.OH_mol_per_l, found.OH_mol_per_l, found.low, found.high, strict=True
        )
    ]
    table(("s", "measured", "predicted", "95 % from", "to"), rows)
    say("inside", f"{100 * found.inside:.0f} % of the readings")
    say("RMSE", f"{100 * found.rmse:.1f} % of the initial OH")


def cure_panels(fit: CureFit, before: CureChemistry, series: Sequence[CureSeries]) -> list[Panel]:
    """Each series: measured, before and after."""
    return [
        Panel(
            f"{s.given.file}: hydroxyl, mol/l",
            [
                Curve("measured", s.t_s, s.OH_mol_per_l, points=True),
                Curve("before", s.t_s, cure(before, s.given, s.t_s)),
                Curve("after", s.t_s, cure(fit.chemistry, s.given, s.t_s)),
            ],
            [],
        )
        for s in series
    ]
