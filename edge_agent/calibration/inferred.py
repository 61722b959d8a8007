"""Text that ``calibrate`` prints of a bare data sheet: what stays open, and its effect."""

from __future__ import annotations

import math

import click

from edge_agent.calibration.text import number, say, table
from twin_core.calibration.bare_sheet import COMPONENTS
from twin_core.calibration.undetermined import Inferred, PanelFigures, ranges


def print_inferred(found: Inferred) -> None:
    """Composition with its ranges, and each undetermined quantity with its effect on a panel."""
    system = found.system
    click.echo("")
    click.echo(f"{system.system_id}: composition, and the range that the sheet leaves open")
    spans, rows = ranges(system), []
    for name, unit in COMPONENTS.items():
        p = getattr(system.composition, name)
        low, high = spans.get(f"composition.{name}", (None, None))
        rows.append((name, number(p.value), number(low), number(high), unit, p.kind))
    table(("", "value", "from", "to", "unit", "kind"), rows)
    click.echo("")
    nominal = found.figures
    click.echo(
        f"Undetermined, and what it does to a panel of {1e3 * found.mold.slab_thickness_m():.0f} "
        f"mm at {found.rho_kg_per_m3:.0f} kg/m3, walls at {found.mold.T_set_C:g} C: core, pressure,"
    )
    click.echo(f"earliest opening, which are {_figures(nominal)}")
    table(
        ("", "value", "from", "to", "unit", "core C", "bar", "opens s"),
        [
            (
                u.name, number(u.value), number(u.low), number(u.high), u.unit,
                _span(low.T_core_max_C, high.T_core_max_C, 0),
                _span(low.p_max_bar, high.p_max_bar, 2), _span(low.t_min_s, high.t_min_s, 0),
            )
            for u, (low, high) in zip(system.undetermined, found.at_ends, strict=True)
        ],
    )  # fmt: skip
    for u in system.undetermined:
        say(f"  {u.name}", u.why)
    assumed = len(system.assumed())
    say(
        "note",
        f"what no sheet says is borrowed from {found.like}; {assumed} of "
        f"{len(system.parameters())} numbers are assumed. Strength and the glass step of the "
        "network are varied with every shot (run-sim). A sheet that names no physical blowing "
        "agent is taken as water-blown",
    )
    if found.fit is None:
        say("note", "the sheet gives no cup time: the kinetics are those of the lender")
    say("measure first", f"{', '.join(u.name for u in system.undetermined[:3])}: they move most")


def _figures(f: PanelFigures) -> str:
    return f"{f.T_core_max_C:.0f} C, {f.p_max_bar:.2f} bar, {_word(f.t_min_s, 0)} s"


def _span(low: float, high: float, digits: int) -> str:
    return f"{_word(low, digits)}..{_word(high, digits)}"


def _word(value: float, digits: int) -> str:
    return "none" if math.isnan(value) else f"{value:.{digits}f}"
