"""``pur-mold-twin run-sim``: simulate one shot from a scenario file."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import fail, quality_option, with_quality, write_file

if TYPE_CHECKING:
    from edge_agent.inference.offline import Offline
    from edge_agent.report.measured import Measured
    from twin_core import Scenario, SimulationResult
    from twin_core.results.opening import Opening
    from twin_core.window_interval import WindowInterval

EXAMPLE = """\b
Examples:
  pur-mold-twin run-sim --scenario rigid_panel
  pur-mold-twin run-sim -s shot.yaml --quality refrigerator_wall
  pur-mold-twin run-sim -s shot.yaml --mode operator
  pur-mold-twin run-sim -s shot.yaml -y SYSTEM_M1 --save-json shot.json
  pur-mold-twin run-sim -s shot.yaml --demold-at 240
  pur-mold-twin run-sim -s shot.yaml --samples 500
  pur-mold-twin run-sim -s shot.yaml --report shot.html --measured logs/17
  pur-mold-twin run-sim -s shot.yaml --with-ml --models var/models

Ends with 0 when the shot was simulated (good or not), 2 when the input cannot be simulated as
given, 1 when the solver failed or a report needs matplotlib (the extra report).
"""

File = click.Path(path_type=Path)

ONE_SHOT = {
    *("--backend", "--demold-at", "--mode", "--save-json", "--report", "--measured", "--with-ml"),
    "--models",
}
"""Options of one shot, which --samples does not look at."""


@click.command("run-sim", epilog=EXAMPLE)
@click.option(
    "-s", "--scenario", required=True, type=File, help="Scenario: a file, or rigid_panel."
)
@click.option("-y", "--system", help="Simulate this system instead of the scenario's.")
@click.option("-c", "--systems", type=File, help="File or folder of systems. [default: catalogue]")
@quality_option
@click.option("--backend", help="Solver. [default: the scenario's, manual]")
@click.option("--dimension", help="Model: 0d or 1d. [default: the scenario's, 1d]")
@click.option(
    "--demold-at", type=float, metavar="S",
    help="Also follow the part that is opened then, until it is cold: swell and shrink.",
)  # fmt: skip
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
    demold_at: float | None,
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
    from twin_core import TwinError, load_scenario, simulate
    from twin_core.errors import SolverError

    _check_together(samples, varied)
    say_when_compiling()
    try:
        _check_report(report)
        loaded = with_quality(load_scenario(scenario, systems, system), quality)
        loaded = _with_dimension(loaded, dimension)
        if samples is not None:
            gc.enable()
            _monte_carlo(loaded, samples, varied, output, export_csv)
            return
        result = simulate(loaded, backend)
        opening = None if demold_at is None else _opened(result, demold_at)
        interval = _interval(result)
        log = _logged(measured, result)
        found = _corrected(result, models) if with_ml else None
        if save_json is not None:
            write_file(save_json, _as_json(result, found, opening, interval))
        if export_csv is not None:
            write_file(export_csv, _as_csv(result))
        if report is not None:
            write_file(report, _as_report(result, log, found, interval, report.suffix))
    except SolverError as error:
        fail(type(error)(f"{scenario}: {error}", hint=error.hint))
    except TwinError as error:
        fail(error)
    if output == "json":
        click.echo(_as_json(result, found, opening, interval), nl=False)
    elif mode == "operator":
        from edge_agent.report.operator import operator_answer

        click.echo("\n".join(operator_answer(result, found, opening, interval)))
    else:
        from edge_agent.cli.shot_tables import print_tables

        print_tables(result, log, found, opening, interval)


def _monte_carlo(
    scenario: Scenario, count: int, varied: tuple[str, ...], output: str, export_csv: Path | None
) -> None:
    from edge_agent.cli import variation as v
    from twin_core.sweep import samples, usual_variation

    ranges = v.parse_vary(scenario, varied) or usual_variation(scenario)
    values = samples(ranges, count, "random")
    result = v.run_all(scenario, ranges, values)
    if export_csv is not None:
        write_file(export_csv, v.as_csv(ranges, values, result))
    if output == "json":
        click.echo(v.as_json(scenario, ranges, result), nl=False)
    else:
        v.print_distributions(scenario, ranges, result)


def _check_together(samples: int | None, varied: tuple[str, ...]) -> None:
    """Refuse options that would change nothing.

    Raises:
        click.UsageError: naming them.
    """
    context = click.get_current_context()
    given = {
        option.opts[0]
        for option in context.command.params
        if context.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE
    }
    if samples is None and varied:
        raise click.UsageError("--vary says what varies with --samples: add --samples 1000")
    if samples is not None and (left := sorted(given & ONE_SHOT)):
        raise click.UsageError(
            f"{', '.join(left)}: of one shot; leave away, or leave --samples away"
        )


def _check_report(path: Path | None) -> None:
    """End early, with words, when the report could not be written later."""
    if path is None:
        return
    from edge_agent.report.files import check_report_file

    check_report_file(path)


def _with_dimension(scenario: Scenario, dimension: str | None) -> Scenario:
    """The scenario with another model, checked as if it stood in the file."""
    if dimension is None:
        return scenario
    from twin_core import SimulationOptions
    from twin_core.checked_yaml import parse

    given = scenario.simulation.model_dump(exclude_unset=True) | {"dimension": dimension}
    options = parse(SimulationOptions, given, f"--dimension {dimension}")
    return scenario.model_copy(update={"simulation": options})


def _logged(folder: Path | None, result: SimulationResult) -> Measured | None:
    if folder is None:
        return None
    from edge_agent.logged_shots.bundle import load_bundle
    from edge_agent.report.measured import measured

    return measured(load_bundle(folder), result)


def _corrected(result: SimulationResult, models: Path) -> Offline:
    from edge_agent.inference.offline import correct_offline

    return correct_offline(result, models)


def _as_report(
    result: SimulationResult,
    measured: Measured | None,
    learned: Offline | None,
    interval: WindowInterval | None,
    suffix: str,
) -> str:
    from edge_agent.report.files import page_text
    from edge_agent.report.shot import shot_page

    return page_text(shot_page(result, measured, learned, interval), suffix)


def _opened(result: SimulationResult, demold_at: float) -> Opening:
    from twin_core.results.opening import opened_at

    return opened_at(result, demold_at)


def _interval(result: SimulationResult) -> WindowInterval | None:
    from twin_core.window_interval import window_interval

    return window_interval(result)


def _as_json(
    result: SimulationResult,
    learned: Offline | None,
    opening: Opening | None,
    interval: WindowInterval | None,
) -> str:
    import json

    fields = result.as_dict() | ({} if learned is None else learned.as_dict())
    if opening is not None:
        fields["opening"] = opening.figures()
    fields["demold_interval"] = None if interval is None else interval.as_dict()
    lines = [
        f"  {json.dumps(name)}: {json.dumps(value, allow_nan=False)}"
        for name, value in fields.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _as_csv(result: SimulationResult) -> str:
    from twin_core.results.result import CSV_COLUMNS

    columns = [getattr(result, name).tolist() for name in CSV_COLUMNS]
    rows = [",".join(f"{value:.10g}" for value in row) for row in zip(*columns, strict=True)]
    return "\n".join([",".join(CSV_COLUMNS), *rows]) + "\n"
