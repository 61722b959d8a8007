"""``pur-mold-twin optimize``: settings of a press that are better, and safe in its scatter."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from edge_agent.cli.common import fail, quality_option, say_when_compiling
from edge_agent.cli.interrupted import until_interrupted
from edge_agent.cli.optimize_options import parse_goals, task_of
from edge_agent.cli.values import SEED, Moment, Number

if TYPE_CHECKING:
    from edge_agent.cli.optimize_files import KeptFile
    from twin_core.optimization.result import OptimizationResult, Progress

EXAMPLE = """\b
Examples:
  pur-mold-twin optimize -s rigid_panel
  pur-mold-twin optimize -s rigid_panel --vary T_mold_C=35:55:1 \\
      --vary m_total_kg=0.50:0.56 --limit swell_mm=0.8 --report advice.html
  pur-mold-twin optimize -s refrigerator_wall --goal cycle --goal material \\
      --prefer cycle=2,material=1 --save-json front.json
  pur-mold-twin optimize --task task.yaml --output json
  pur-mold-twin optimize --config configs/agent.yaml --mold PANEL_A
  pur-mold-twin optimize --config configs/agent.yaml --all-molds
  pur-mold-twin optimize --config configs/agent.yaml --review

\b
Settings: T_polyol_C, T_iso_C, T_mold_C, nco_oh_index, m_total_kg,
  m_additives_kg, blowing_agent_pct, vents_count, vent_area_m2, t_open_s
Goals: cycle, material, cost, quality_margin, pressure, energy
Several goals need the extra [optimize].

Advice only: nothing is written to a machine. Ctrl-C ends the search and keeps
what there is; a second one ends at once.

\b
Ends with 0 when there is advice, 3 when nothing is feasible, 130 after
Ctrl-C or SIGTERM, 2 when the input is wrong or a file cannot be written, 1
when the solver failed. --all-molds: 0 when there is advice for every mold
that was searched. --review: 1 where there is no advice.
"""
File = click.Path(path_type=Path)
INFEASIBLE, ENDED = 3, 130


@click.command("optimize", epilog=EXAMPLE)
@click.option("-s", "--scenario", type=File, help="Scenario: a file, or rigid_panel.")
@click.option("--task", "task_file", type=File, help="Task as YAML; the options go before it.")
@click.option("-c", "--systems", type=File, help="File or folder of systems. [default: catalogue]")
@click.option(
    "--config", type=File,
    help="Agent's YAML: the calibration in use, what was learned and the history count.",
)  # fmt: skip
@quality_option
@click.option(
    "--vary", multiple=True, metavar="NAME=LOW:HIGH[:STEP]",
    help="A setting that may change. [default: `optimizer` of the quality file, else the three "
    "temperatures, 20:30, 20:30 and 35:50 C]",
)  # fmt: skip
@click.option("--limit", multiple=True, metavar="NAME=VALUE", help="In place of the quality's.")
@click.option(
    "--scatter", multiple=True, metavar="NAME=SIGMA",
    help="One sigma of an input: m_polyol_pct, T_mold_C, ...; all others are constant, but for "
    "those of --history. [default: a usual production]",
)  # fmt: skip
@click.option(
    "--history", metavar="WHERE",
    help="Measure scatter and today's opening in it: a file, or an address of a database.",
)  # fmt: skip
@click.option(
    "--mold", "mold_id",
    help="With --config and no --scenario: take its last shot. With --history: its name there. "
    "[default: that of the scenario]",
)  # fmt: skip
@click.option(
    "--all-molds", is_flag=True, help="Every mold of --config with its last recipe, in one table."
)
@click.option(
    "--review", "judge", is_flag=True,
    help="What came of accepted advice, as `advice --review` says it; optimises nothing.",
)  # fmt: skip
@click.option(
    "--since", type=Moment(), default="90d", show_default=True, help="Of --review: advice since."
)
@click.option(
    "--goal", "goals", multiple=True, metavar="NAME",
    help="What is wanted; several give a front. [default: cycle]",
)  # fmt: skip
@click.option("--prefer", metavar="GOAL=WEIGHT,...", help="Choose on the front by weights.")
@click.option("--knee", is_flag=True, help="Choose the knee of the front. [default]")
@click.option(
    "--price", "prices", multiple=True, metavar="NAME=VALUE",
    help="polyol_per_kg, iso_per_kg, additives_per_kg, press_per_h or energy_per_kWh.",
)  # fmt: skip
@click.option("--hours-per-year", type=Number(0.0, 8784.0), help="That the press works.")
@click.option("--t-cycle-max", type=Number(1.0, 86_400.0), help="Longest time to the opening, s.")
@click.option("--t-open-today", type=Number(1.0, 86_400.0), help="When it is opened today, s.")
@click.option(
    "-n", "--samples", type=click.IntRange(1, 20_000), help="Random candidates. [default: 40]"
)
@click.option(
    "--candidates", type=click.IntRange(1, 20_000), help="Of the whole search. [default: 400]"
)
@click.option("--draws", type=click.IntRange(1, 4096), help="Of each candidate. [default: 32]")
@click.option(
    "--confirm-draws", type=click.IntRange(0, 100_000),
    help="Fresh draws for what is advised. [default: 256]",
)  # fmt: skip
@click.option(
    "--violations", type=Number(0.0, 0.499), help="Share of draws that may miss. [default: 0.05]"
)
@click.option("--seed", type=SEED, help="Of draws and search. [default: 1]")
@click.option(
    "--prefer-lower-pressure/--no-prefer-lower-pressure", default=None,
    help="Of nearly equal cycles, take the one of the lowest pressure. [default: no]",
)  # fmt: skip
@click.option(
    "--output", type=click.Choice(["json", "table"]), default="table", show_default=True,
    help="What to print.",
)  # fmt: skip
@click.option("--save-json", type=File, help="Write the result to this file, also while it runs.")
@click.option("--export-csv", type=File, help="Write every candidate to this file.")
@click.option("--report", type=File, help="Write a report, .html or .md; needs [report].")
def command(
    output: str,
    save_json: Path | None,
    export_csv: Path | None,
    report: Path | None,
    knee: bool,
    goals: tuple[str, ...],
    prefer: str | None,
    judge: bool,
    since: datetime,
    **options: Any,
) -> None:
    """Find settings with a shorter cycle, less material or cost, that hold in the scatter.

    Every candidate is simulated with the same draws of the scatter; what is advised holds on fresh
    ones, too. The result says what changes against today, what it brings, and which limit keeps the
    cycle from being shorter.
    """
    from edge_agent.cli.optimize_files import KeptFile, check_files, write_results
    from edge_agent.cli.optimize_output import as_json, print_result
    from twin_core.errors import TwinError
    from twin_core.optimization.run import optimize

    if judge:
        from edge_agent.cli.advice import show_advice

        config = options["config"] or Path("configs/agent.yaml")
        show_advice(config, options["mold_id"], since, judge, output)
        return
    if knee and prefer:
        raise click.UsageError("--knee and --prefer choose differently: give one of them")
    plant = None
    try:
        wanted = parse_goals(goals, prefer, knee)
        if options["all_molds"]:
            _all_molds(options, wanted, output, save_json, export_csv or report)
        if options["config"] is not None:
            from edge_agent.cli.optimize_plant import plant_of

            plant = plant_of(options["config"], options["history"])
        task = task_of(options, wanted, plant)
        if report is not None:
            from edge_agent.report.files import check_report_file

            check_report_file(report)
        check_files(save_json, export_csv, report)
        say_when_compiling()
        with until_interrupted() as told:
            kept = KeptFile(save_json)
            keep = _Keeper(kept, as_json)
            result = optimize(task, progress=keep.seen, cancelled=told)
            keep.end()
        unwritten = write_results(result, task, kept, export_csv, report)
    except TwinError as error:
        fail(error)
    if output == "json":
        click.echo(as_json(result), nl=False)
    else:
        print_result(result, task)
    if result.partial:
        click.echo("ended before its end: the result is partial", err=True)
    if unwritten is not None:
        fail(unwritten)
    if result.partial:
        sys.exit(ENDED)
    if not result.feasible:
        sys.exit(INFEASIBLE)


def _all_molds(
    options: Mapping[str, Any],
    goals: Mapping[str, Any],
    output: str,
    save_json: Path | None,
    other_file: Path | None,
) -> NoReturn:
    """Optimise every mold, and end the program.

    Raises:
        TwinError: configuration, catalogue or options are wrong.
    """
    from edge_agent.cli.optimize_all import optimize_all_molds
    from edge_agent.cli.optimize_files import check_files
    from edge_agent.cli.optimize_plant import plant_of

    if options["config"] is None:
        raise click.UsageError("--all-molds: whose? give --config FILE")
    if other_file is not None or options["mold_id"] is not None:
        raise click.UsageError(
            "--all-molds: --mold, --report and --export-csv are of one mold; give --save-json"
        )
    plant = plant_of(options["config"], options["history"])
    check_files(save_json)
    say_when_compiling()
    with until_interrupted() as told:
        code = optimize_all_molds(options, goals, plant, output, save_json, told)
    sys.exit(code)


class _Keeper:
    """Shows progress, and keeps the partial result in its file against a sudden end."""

    def __init__(self, kept: KeptFile, text: Callable[[OptimizationResult], str]) -> None:
        from edge_agent.cli.progress import Progress as Line

        self._kept, self._text, self._line = kept, text, Line()

    def seen(self, now: Progress) -> None:
        """Show how far the search is."""
        best = "" if now.best is None else f", opens at {now.best['t_open_s']:.0f} s"
        words = f"{now.phase}: candidates {now.done}/{now.of}, {now.simulations} shots{best}"
        self._line.say(words)
        if self._kept.is_due:
            self._kept.keep(lambda: self._text(now.partial()))

    def end(self) -> None:
        """End the line."""
        self._line.end()
