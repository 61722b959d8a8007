"""The page of ``compare-shot``: measured beside simulated, before and after a calibration."""

from __future__ import annotations

from typing import Literal

from edge_agent import __version__
from edge_agent.report.content import Block, Code, Items, Page, Plots, Section, Table, Text, Words
from edge_agent.report.plot import Curve, Limit, Plot
from edge_agent.report.shot_comparison import (
    LABELS,
    LABORATORY,
    SENSORS,
    SeriesComparison,
    ShotComparison,
)
from edge_agent.report.units import fixed
from edge_agent.shots.data_quality_words import NOTHING

TIME = "time from the end of injection, s (start stretched)"


def comparison_page(found: ShotComparison) -> Page:
    """Agreement in numbers, curves with residuals, the part, what was changed."""
    shot = found.shot
    names = [_name(found, i) for i in range(len(found.results))]
    words = f"Shot {shot.key.shot_id} of mold {shot.key.mold_id} ({found.kind}) beside "
    words += " and ".join(names) + ". Differences are simulated minus measured."
    sections = [Section("Agreement", tuple(_agreement(found)))]
    sections += [_curves(found, series) for series in found.series]
    if found.part:
        sections.append(Section("The part", (_part(found),)))
    if len(found.results) > 1:
        sections.append(Section("What the calibration changed", (_changed(found),)))
    sections.append(Section("Quality of the data", (Items(found.notes or (NOTHING,)),)))
    sections.append(_versions(found))
    return Page(f"Comparison: {shot.key.shot_id}", (Text(words),), tuple(sections))


def verdict(found: ShotComparison) -> list[str]:
    """A sentence for each series: closer or farther by how much."""
    lines = []
    for series in found.series:
        change, last = series.change_pct, series.comparison[-1]
        first = series.comparison[0]
        words, _, unit = SENSORS[series.sensor]
        if first is None or last is None:
            lines.append(f"{words}: fewer than two readings in the simulated time")
        elif change is None:
            lines.append(f"{words}: RMSE {last.rmse:.3g} {unit}, largest {last.largest:.3g} {unit}")
        else:
            how = "closer" if change < 0.0 else "no closer" if change == 0.0 else "farther"
            lines.append(
                f"{words}: {how}: RMSE {first.rmse:.3g} {unit} before, {last.rmse:.3g} after "
                f"({change:+.0f} %)"
            )
    return lines


def agreement_rows(found: ShotComparison) -> list[tuple[str, ...]]:
    """Cells of each series and simulation: sensor, system, points, RMSE, bias, largest, unit."""
    rows: list[tuple[str, ...]] = []
    for series in found.series:
        for label, c in zip(LABELS, series.comparison, strict=False):
            name = label if len(found.results) > 1 else "simulated"
            unit = SENSORS[series.sensor][2]
            if c is None:
                rows.append((series.sensor, name, "0", "-", "-", "-", "-", unit))
                continue
            rows.append(
                (
                    series.sensor, name, str(c.points), f"{c.rmse:.3g}", f"{c.bias:+.3g}",
                    f"{c.largest:.3g}", f"{c.peak_difference:+.3g}", unit,
                )
            )  # fmt: skip
    return rows


def part_rows(found: ShotComparison) -> list[tuple[str, ...]]:
    """Cells of each number of the laboratory: words, measured, simulated …, unit."""
    return [
        (
            LABORATORY[one.name][0], fixed(one.measured),
            *(fixed(value) for value in one.simulated), LABORATORY[one.name][1],
        )
        for one in found.part
    ]  # fmt: skip


def _name(found: ShotComparison, i: int) -> str:
    system, set_id = found.results[i].scenario.system, found.versions_of(i)[0]
    label = f"{LABELS[i]}: " if len(found.results) > 1 else ""
    with_set = f", {set_id}" if set_id else ""
    return f"{label}{system.system_id}, version {system.version}{with_set}"


def _agreement(found: ShotComparison) -> list[Block]:
    if not found.series:
        return [Text("No sensor was logged that is compared.")]
    rows: list[tuple[Words, ...]] = [
        (Code(sensor), *others) for sensor, *others in agreement_rows(found)
    ]
    columns = "sensor|simulation|points|RMSE|bias|largest|peak difference|unit"
    return [
        Items(tuple(verdict(found))),
        Table.of(columns, rows, "points|RMSE|bias|largest|peak difference"),
    ]


def _curves(found: ShotComparison, series: SeriesComparison) -> Section:
    words, unit, difference = SENSORS[series.sensor]
    two = len(found.results) > 1
    simulated, off = [], []
    for i, (values, residuals) in enumerate(zip(series.simulated, series.residuals, strict=True)):
        kind: Literal["dashed", "solid"] = "dashed" if two and i == 0 else "solid"
        which = f", {LABELS[i]}" if two else ""
        simulated.append(Curve(f"simulated{which}", series.time_s, values, i, kind))
        off.append(Curve(f"difference{which}", series.time_s, residuals, i, kind))
    measured = Curve(found.kind, series.time_s, series.measured, 3, "points")
    return Section(
        words.capitalize(),
        (
            Plots(
                (
                    Plot(
                        name=f"curve_{series.sensor}", title=words.capitalize(),
                        caption="At the times of the readings.", x_label=TIME, x_scale="early",
                        y_label=f"{words}, {unit}", curves=(measured, *simulated),
                    ),
                    Plot(
                        name=f"residual_{series.sensor}", title=f"Residuals of the {words}",
                        caption="Simulated minus measured.", x_label=TIME, x_scale="early",
                        y_label=f"difference, {difference}", curves=tuple(off),
                        limits=(Limit("none", 0.0),),
                    ),
                )
            ),
        ),
    )  # fmt: skip


def _part(found: ShotComparison) -> Table:
    labels = "|".join(f"simulated {label}" for label in LABELS[: len(found.results)])
    if len(found.results) == 1:
        labels = "simulated"
    rows: list[tuple[Words, ...]] = [tuple(row) for row in part_rows(found)]
    return Table.of(f"about|{found.kind}|{labels}|unit", rows, f"{found.kind}|{labels}")


def _changed(found: ShotComparison) -> Block:
    rows: list[tuple[Words, ...]] = [
        (Code(path), *("-" if v is None else f"{v:.5g}" for v in (before, after)), unit)
        for path, before, after, unit in found.changed
    ]
    if not rows:
        return Text("Nothing: both have the same numbers.")
    return Table.of("number|before|after|unit", rows, "before|after")


def _versions(found: ShotComparison) -> Section:
    rows: list[tuple[Words, ...]] = [("program", f"pur-mold-twin {__version__}")]
    rows.append(("physics hash", Code(found.results[0].physics_hash)))
    rows += [(_name(found, i), Code(found.versions_of(i)[1])) for i in range(len(found.results))]
    return Section("Versions", (Table.of("what|version", rows),))
