"""``pur-mold-twin calibrate``: fit a material to its data sheet, to measurements, to production."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edge_agent.cli import calibrate_due, calibrate_production
from edge_agent.cli.calibrate_plant_options import (
    PlantOptions,
    check_plant,
    check_systems,
    plant_options,
)
from edge_agent.cli.common import fail, fault, say_when_compiling

EXAMPLE = """\b
Examples:
  pur-mold-twin calibrate --system SYSTEM_R1 --dry-run
  pur-mold-twin calibrate --system SYSTEM_R1 --out my_systems --plot cup.png
  pur-mold-twin calibrate --system elastoflex_w_5165_149 --out my_systems
  pur-mold-twin calibrate --measured configs/bundles/baser_khakhar_1994_r11 \\
      --scenario configs/scenarios/baser_khakhar_1994_r11.yaml \\
      --fit time_offset_s --fit blowing_agent.k_transfer \\
      --fit mold.cup_loss_W_per_K_kg --dry-run
  pur-mold-twin calibrate --rise-test lab/20C.yaml lab/30C.yaml
  pur-mold-twin calibrate --rise-test examples/rise_tests \\
      --hold-out rise_23C --dry-run
  pur-mold-twin calibrate --production --history var/history.db \\
      --system SYSTEM_R1 --since 90d
  pur-mold-twin calibrate --due --config configs/agent.yaml

Ends with 0 when the fit meets its targets, 1 when it failed or misses some (it says which and by
how much), 2 when the input cannot be used as given. --production: 0 use the set, 1 do not, or the
fit failed. --due: 0 nothing is due, 1 something is, 2 it cannot be told.
"""

File = click.Path(path_type=Path)


@click.command("calibrate", epilog=EXAMPLE)
@click.argument("more", nargs=-1, type=File, metavar="")
@click.option("-y", "--system", help="System to fit. [default: the scenario's]")
@click.option("-c", "--systems", type=File, help="File or folder of systems. [default: catalogue]")
@click.option(
    "--like",
    help="System that lends what no sheet says. [default: chosen by the sheet]",
)
@click.option("--infer-water", is_flag=True, help="Infer the water from the free-rise density.")
@click.option("--measured", type=File, help="Folder of a logged shot to fit to.")
@click.option("--series", type=File, multiple=True, help="CSV file: time_s and one quantity.")
@click.option(
    "-s", "--scenario", type=File, help="Scenario of what was measured: a file, or a name."
)
@click.option(
    "--rise-test", "rise_tests", type=File, multiple=True,
    metavar="PATH...", help="Laboratory rise tests: YAML files, or folders of them.",
)  # fmt: skip
@click.option(
    "--fit", "paths", multiple=True,
    help="Number to fit, by its path; repeat. [default of rise tests: what they tell]",
)  # fmt: skip
@click.option("--weight", multiple=True, help="Weight of a quantity: rho_kg_per_m3=2; repeat.")
@click.option("--cure", type=File, help="Fit a cure without foam to the series it names.")
@click.option("--hold-out", help="Series of --cure, or rise test, to leave out and to predict.")
@click.option("-o", "--out", type=File, help="File or folder to write. [default: ID-vN.yaml here]")
@click.option("--plot", type=File, help="Draw before and after into this PNG (needs matplotlib).")
@plant_options
@click.option("--dry-run", is_flag=True, help="Write no file.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def command(
    more: tuple[Path, ...],
    system: str | None,
    systems: Path | None,
    like: str | None,
    infer_water: bool,
    measured: Path | None,
    series: tuple[Path, ...],
    scenario: Path | None,
    rise_tests: tuple[Path, ...],
    paths: tuple[str, ...],
    weight: tuple[str, ...],
    cure: Path | None,
    hold_out: str | None,
    out: Path | None,
    plot: Path | None,
    dry_run: bool,
    force: bool,
    plant: PlantOptions,
) -> None:
    """Fit a material to its data sheet, a shot, rise tests, or a production.

    A sheet's cup test (cream, gel, rise, tack-free time, free-rise density) fits rates and gas;
    measured temperature, density and pressure fit any numbers. Rise tests (height, core
    temperature) at several temperatures fit rates and energies together; what they do not tell is
    named, and not fitted. Of a system that is known by its sheet only, the composition is inferred,
    and what stays open is named with its effect. Fitted numbers go into a new system file with the
    next version.

    --production fits numbers of a system and of each of its molds to many shots, judges them by
    the newest, and writes a parameter set. --due says which molds need it. docs/calibration.md
    """
    from edge_agent.calibration import rise, run
    from edge_agent.calibration.output import Output
    from twin_core.errors import InputError, TwinError

    say_when_compiling()

    output = Output(out, plot, dry_run, force)
    others = {
        "like": like, "infer_water": infer_water, "measured": measured, "series": series,
        "scenario": scenario, "rise_tests": rise_tests, "weight": weight, "cure": cure,
        "hold_out": hold_out, "out": out, "plot": plot, "force": force,
    }  # fmt: skip
    of_fit = {"paths": paths, "dry_run": dry_run}
    try:
        check_systems(systems, is_of_plant=plant.asked)
        check_plant(plant, others | (of_fit if plant.due else {}))
        if hold_out is not None and cure is None and not rise_tests:
            raise InputError("--hold-out needs --cure FILE or --rise-test FILE")
        if more and not rise_tests:
            raise InputError(f"{more[0]}: what is it? A rise test stands behind --rise-test")
        if plant.asked:
            ok = _of_plant(plant, system, systems, paths, dry_run=dry_run)
        elif rise_tests:
            _alone("--rise-test", measured, series, scenario, cure, like, infer_water or None)
            ok = rise.rise_tests(
                [*rise_tests, *more], system, systems, paths, weight, hold_out, output
            )
        elif cure is not None:
            ok = run.cure(cure, hold_out, output)
        elif measured is not None or series or paths:
            if scenario is None:
                raise InputError("--measured, --series and --fit need --scenario FILE")
            ok = run.measured(scenario, systems, system, measured, series, paths, weight, output)
        elif system is None:
            raise InputError(
                "nothing to fit: give --system ID, --measured FOLDER, --rise-test FILE, "
                "--production or --cure FILE"
            )
        else:
            ok = run.sheet(system, systems, like, infer_water, output)
    except TwinError as error:
        fail(error, 2 if plant.due else None)  # 1 says that a calibration is due
    sys.exit(0 if ok else 1)


def _of_plant(
    plant: PlantOptions,
    system: str | None,
    systems: Path | None,
    paths: tuple[str, ...],
    *,
    dry_run: bool,
) -> bool:
    """Do what is asked about the shots of a plant; whether it ends with 0.

    What was stopped ends with 130. Whatever fails of --due ends with 2: 1 says that one is due.
    """
    from twin_core.errors import TwinError

    try:
        if plant.due:
            return not calibrate_due.due(plant, system, systems)
        return calibrate_production.production(plant, system, systems, paths, dry_run=dry_run)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        sys.exit(130)
    except (TwinError, click.Abort, BrokenPipeError):
        raise
    except Exception as error:
        if not plant.due:
            raise
        fault(error, 2)


def _alone(option: str, *others: object) -> None:
    """Refuse options of another fit beside one.

    Raises:
        InputError: one is given.
    """
    from twin_core.errors import InputError

    if any(others):
        raise InputError(
            f"{option} is a fit of its own: leave --measured, --series, --scenario, --cure, --like "
            "and --infer-water out"
        )
