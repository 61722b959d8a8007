"""``pur-mold-twin run-sim``: simulate one shot from a scenario file."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from edge_agent.learning.offline import Offline
    from edge_agent.report.measured import Measured
    from twin_core import Scenario, SimulationResult

EXAMPLE = """\b
Examples:
  pur-mold-twin run-sim --scenario configs/scenarios/panel_packed.yaml
  pur-mold-twin run-sim -s shot.yaml --mode operator
  pur-mold-twin run-sim -s shot.yaml -y SYSTEM_M1 --save-json shot.json
  pur-mold-twin run-sim -s shot.yaml --samples 500
  pur-mold-twin run-sim -s shot.yaml --report shot.html --measured logs/17
  pur-mold-twin run-sim -s shot.yaml --with-ml --models var/models

Ends with 0 when the shot was simulated (good or not), 2 when the input cannot be simulated as
given, 1 when the solver failed or a report needs matplotlib (the extra report).
"""

File = click.Path(path_type=Path)


@click.command("run-sim", epilog=EXAMPLE)
@click.option("-s", "--scenario", required=True, type=File, help="Scenario file (YAML).")
@click.option("-y", "--system", help="Simulate this system instead of the scenario's.")
@click.option("-c", "--systems", type=File, help="File or folder of systems. [default: catalogue]")
@click.option("-q", "--quality", type=File, help="YAML file; its fields override the quality.")
@click.option("--backend", help="Solver. [default: the scenario's, manual]")
@click.option("--dimension", help="Model: 0d or 1d. [default: the scenario's, 0d]")
@click.option(
    "--output", type=click.Choice(["json", "table"]), default="table", show_default=True,
    help="What to print; json has all arrays.",
)  # fmt: skip
@click.option(
    "--mode", type=click.Choice(["expert", "operator"]), default="expert", show_default=True,
    help="operator: a plain answer instead of the table.",
)  # fmt: skip
@click.option("--save-json", type=File, help="Write the full result to this file.")
@click.option("--export-csv", type=File, help="Write the profile over time to this file.")
@click.option(
    "--report", type=File,
    help="Write a report with plots and sources to this file, .html or .md; it is one file.",
)  # fmt: skip
@click.option(
    "--measured", type=File,
    help="Folder of a logged shot to compare with, in the report and in the table.",
)  # fmt: skip
@click.option(
    "--with-ml", is_flag=True,
    help="Also what the promoted model for the pour expects, beside the physics.",
)  # fmt: skip
@click.option(
    "--models", type=click.Path(path_type=Path, file_okay=False), default=Path("var/models"),
    show_default=True, help="Model directory of --with-ml.",
)  # fmt: skip
@click.option(
    "--samples", type=click.IntRange(1, 10_000_000),
    help="Monte Carlo instead of one shot: distributions of the key figures over this many.",
)  # fmt: skip
@click.option(
    "--vary", "varied", multiple=True, metavar="PATH=LOW:HIGH|SIGMA",
    help="What varies with --samples. [default: the assumed spread of a usual production]",
)  # fmt: skip
def command(
    scenario: Path,
    system: str | None,
    systems: Path | None,
    quality: Path | None,
    backend: str | None,
    dimension: str | None,
    output: str,
    mode: str,
    save_json: Path | None,
    export_csv: Path | None,
    report: Path | None,
    measured: Path | None,
    with_ml: bool,
    models: Path,
    samples: int | None,
    varied: tuple[str, ...],
) -> None:
    """Simulate one shot: when it can be opened, and whether it is good.

    Times count from the end of injection; pressures are absolute.
    """
    gc.disable()  # what is loaded stays; looking through it takes a tenth of the time
    from edge_agent.cli.common import say_when_compiling
    from twin_core import InputError, TwinError, load_scenario, simulate

    say_when_compiling()
    try:
        _check_report(report)
        loaded = _with_quality(load_scenario(scenario, systems, system), quality)
        loaded = _with_dimension(loaded, dimension)
        if samples is not None:
            gc.enable()
            _monte_carlo(loaded, samples, varied, output, export_csv)
            return
        result = simulate(loaded, backend)
        log = _logged(measured, result)
    except InputError as error:
        _fail(str(error), 2)
    except TwinError as error:
        _fail(f"{scenario}: {error}\nhint: {error.hint}", 1)
    finally:
        gc.enable()
    found = _corrected(result, models) if with_ml else None
    if save_json is not None:
        _write(save_json, _as_json(result, found))
    if export_csv is not None:
        _write(export_csv, _as_csv(result))
    if report is not None:
        _write(report, _as_report(result, log, found, report.suffix))
    if output == "json":
        click.echo(_as_json(result, found), nl=False)
    elif mode == "operator":
        from edge_agent.report.operator import operator_answer

        click.echo("\n".join(operator_answer(result)))
    else:
        from edge_agent.cli.shot_tables import print_tables

        print_tables(result, log, found)


def _monte_carlo(
    scenario: Scenario, count: int, varied: tuple[str, ...], output: str, export_csv: Path | None
) -> None:
    from edge_agent.cli import variation as v
    from twin_core.sweep import samples, usual_variation

    ranges = v.parse_vary(scenario, varied) or usual_variation(scenario)
    values = samples(ranges, count, "random")
    result = v.run_all(scenario, ranges, values)
    if export_csv is not None:
        _write(export_csv, v.as_csv(ranges, values, result))
    if output == "json":
        click.echo(v.as_json(scenario, ranges, result), nl=False)
    else:
        v.print_distributions(scenario, ranges, result)


def _fail(message: str, exit_code: int) -> NoReturn:
    for line in message.splitlines():
        click.echo(line if line.startswith("hint: ") else f"error: {line}", err=True)
    sys.exit(exit_code)


def _check_report(path: Path | None) -> None:
    """End early, with words, when the report could not be written later."""
    if path is None:
        return
    from edge_agent.errors import MissingExtra
    from edge_agent.report.files import check_report_file

    try:
        check_report_file(path)
    except MissingExtra as error:
        _fail(f"{error}\nhint: {error.hint}", 1)


def _with_quality(scenario: Scenario, path: Path | None) -> Scenario:
    """The scenario with the fields of a quality file in place of its own."""
    if path is None:
        return scenario
    from twin_core import Quality
    from twin_core.files import parse, read_yaml

    given = parse(Quality, read_yaml(path), str(path)).model_dump(exclude_unset=True)
    both = scenario.quality.model_dump(exclude_unset=True) | given
    return scenario.model_copy(update={"quality": parse(Quality, both, str(path))})


def _with_dimension(scenario: Scenario, dimension: str | None) -> Scenario:
    """The scenario with another model, checked as if it stood in the file."""
    if dimension is None:
        return scenario
    from twin_core import SimulationOptions
    from twin_core.files import parse

    given = scenario.simulation.model_dump(exclude_unset=True) | {"dimension": dimension}
    options = parse(SimulationOptions, given, f"--dimension {dimension}")
    return scenario.model_copy(update={"simulation": options})


def _logged(folder: Path | None, result: SimulationResult) -> Measured | None:
    if folder is None:
        return None
    from edge_agent.bundle import load_bundle
    from edge_agent.report.measured import measured

    return measured(load_bundle(folder), result)


def _corrected(result: SimulationResult, models: Path) -> Offline:
    from edge_agent.learning.offline import correct_offline

    return correct_offline(result, models)


def _as_report(
    result: SimulationResult, measured: Measured | None, learned: Offline | None, suffix: str
) -> str:
    from edge_agent.report.files import page_text
    from edge_agent.report.shot import shot_page

    return page_text(shot_page(result, measured, learned), suffix)


def _as_json(result: SimulationResult, learned: Offline | None) -> str:
    import json

    fields = result.as_dict() | ({} if learned is None else learned.as_dict())
    lines = [
        f"  {json.dumps(name)}: {json.dumps(value, allow_nan=False)}"
        for name, value in fields.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _as_csv(result: SimulationResult) -> str:
    from twin_core.result import CSV_COLUMNS

    columns = [getattr(result, name).tolist() for name in CSV_COLUMNS]
    rows = [",".join(f"{value:.10g}" for value in row) for row in zip(*columns, strict=True)]
    return "\n".join([",".join(CSV_COLUMNS), *rows]) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        _fail(f"{path}: cannot be written: {error.strerror or error}", 2)
