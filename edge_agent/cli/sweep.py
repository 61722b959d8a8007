"""``pur-mold-twin sweep``: many variations of a shot, and what matters most."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edge_agent.cli.common import (
    fail,
    quality_option,
    say_when_compiling,
    with_quality,
    write_file,
)
from edge_agent.cli.values import SEED

EXAMPLE = """\b
Examples:
  pur-mold-twin sweep -s rigid_panel --vary process.T_mold_C=35:55
  pur-mold-twin sweep -s shot.yaml --samples 1024 --export-csv sweep.csv \\
      --vary process.T_mold_C=35:55 --vary process.m_iso_kg=0.005
  pur-mold-twin sweep -s shot.yaml --sensitivity t_demold_min_s --samples 256

Ends with 0 when it ran, 2 when the input is wrong, 1 when the solver failed for all shots.
"""
File = click.Path(path_type=Path)


@click.command("sweep", epilog=EXAMPLE)
@click.option(
    "-s", "--scenario", required=True, type=File, help="Scenario: a file, or rigid_panel."
)
@click.option("-c", "--systems", type=File, help="File or folder of systems. [default: catalogue]")
@quality_option
@click.option(
    "--vary", "varied", multiple=True, metavar="PATH=LOW:HIGH|SIGMA",
    help="What varies: even between two values, or normal around the scenario's. [default: the "
    "assumed spread of a usual production]",
)  # fmt: skip
@click.option(
    "-n", "--samples", type=click.IntRange(1, 10_000_000), default=256, show_default=True,
    help="How many shots; with --sensitivity, of the base sample.",
)  # fmt: skip
@click.option(
    "--method", type=click.Choice(["sobol", "latin", "random"]), default="sobol",
    show_default=True, help="How the samples are drawn.",
)  # fmt: skip
@click.option("--seed", type=SEED, default=1, show_default=True, help="Of the samples.")
@click.option(
    "--sensitivity", metavar="KPI",
    help="Sobol indices of this key figure; runs samples x (inputs + 2) shots. Needs the extra "
    "[sweep].",
)  # fmt: skip
@click.option(
    "--output", type=click.Choice(["json", "table"]), default="table", show_default=True,
    help="What to print.",
)  # fmt: skip
@click.option("--export-csv", type=File, help="Write every shot to this file.")
def command(
    scenario: Path,
    systems: Path | None,
    quality: Path | None,
    varied: tuple[str, ...],
    samples: int,
    method: str,
    seed: int,
    sensitivity: str | None,
    output: str,
    export_csv: Path | None,
) -> None:
    """Simulate many variations of one shot: distributions of the key figures, sensitivities."""
    from edge_agent.cli import variation as v
    from twin_core import TwinError, load_scenario
    from twin_core.results.kpi import KPIS
    from twin_core.sweep import samples as draw
    from twin_core.sweep import sensitivities, sensitivity_samples, usual_variation

    say_when_compiling()

    figures = (*KPIS, "t_demold_min_s", "t_demold_opt_s", "t_demold_max_s", "defect_risk")
    if sensitivity is not None and sensitivity not in figures:
        raise click.BadParameter(f"{sensitivity}: must be one of {', '.join(figures)}")
    try:
        base = with_quality(load_scenario(scenario, systems), quality)
        ranges = v.parse_vary(base, varied) or usual_variation(base)
        values = (
            draw(ranges, samples, method, seed)  # type: ignore[arg-type]
            if sensitivity is None
            else sensitivity_samples(ranges, samples, seed)
        )
        result = v.run_all(base, ranges, values)
        found = None
        if sensitivity is not None:
            found = sensitivities(ranges, result[sensitivity], seed)
        if export_csv is not None:
            write_file(export_csv, v.as_csv(ranges, values, result))
    except TwinError as error:
        fail(error)
    if output == "json":
        click.echo(v.as_json(base, ranges, result), nl=False)
    else:
        v.print_distributions(base, ranges, result)
        if sensitivity is not None and found is not None:
            v.print_sensitivities(sensitivity, found)
    if len(result.errors) == len(result):
        sys.exit(1)
