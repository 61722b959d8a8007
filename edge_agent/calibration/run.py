"""The three fits of ``calibrate``: read, fit, print, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from edge_agent.calibration import text
from edge_agent.calibration.inferred import print_inferred
from edge_agent.calibration.output import Output, progress
from edge_agent.calibration.weights import weights_of
from edge_agent.logged_shots import measured_series as measurements
from twin_core import load_scenario
from twin_core.bulk_cure import CureChemistry, CureSeries
from twin_core.calibration.bulk_cure import fit_cure, predict
from twin_core.calibration.complete_sheet import infer_water
from twin_core.calibration.cup import fit_sheet
from twin_core.calibration.measured import fit_measured
from twin_core.calibration.undetermined import infer
from twin_core.data_sheet_only import SheetOnly
from twin_core.errors import InputError
from twin_core.files import load_cure
from twin_core.materials import MaterialSystem
from twin_core.shipped_files import configs_folder
from twin_core.system_versions import file_of, load_sheets, load_systems

INSIDE = 0.9
"""Share of the readings of a series that was held out which its 95 % interval should hold."""
GOOD_CURE = 0.05
"""RMSE of a cure series as a share of the initial hydroxyl that counts as met."""


def _note(words: str) -> None:
    progress(f"note: {words}")


def sheet(
    system_id: str, systems: Path | None, like: str | None, with_water: bool, output: Output
) -> bool:
    """Fit a system to its data sheet; whether every target is met."""
    folder = systems or configs_folder() / "systems"
    known, sheets = load_systems(folder), load_sheets(folder)
    if system_id in sheets:
        return _bare_sheet(sheets[system_id], _lenders(known), like, folder, output)
    if system_id not in known:
        listed = ", ".join(sorted([*known, *sheets])) or "none"
        raise InputError(f"--system: no system {system_id!r} in {folder} (there are: {listed})")
    if like is not None:
        raise InputError(f"--like: system {system_id} has all its numbers: leave the option out")
    system, origin = known[system_id], file_of(folder, system_id)
    inferred = None
    if with_water:
        progress("inferring the water from the free-rise density")
        system = infer_water(system)
        assert system.composition.basis == "components"
        inferred = system.composition.water_fraction
    progress(f"fitting {system_id} to the cup test of its data sheet")
    fit = fit_sheet(system, f"pur-mold-twin calibrate --system {system_id}")
    text.print_sheet(fit, inferred)
    output.draw(text.sheet_panels(fit))
    if fit.system is system and inferred is None:
        click.echo(f"nothing changed: version {system.version} stands")
    else:
        final = fit.system
        if final is system:  # the water alone is new
            final = system.model_copy(update={"version": system.version + 1})
        output.write_system(final, folder, origin)
    return not fit.missed


def _lenders(own: dict[str, MaterialSystem]) -> dict[str, MaterialSystem]:
    """Systems that can lend: those of the product, and those beside the sheet."""
    return load_systems(configs_folder() / "systems") | own


def _bare_sheet(
    bare: SheetOnly, lenders: dict[str, MaterialSystem], like: str | None, folder: Path,
    output: Output,
) -> bool:  # fmt: skip
    if like is not None and like not in lenders:
        listed = ", ".join(sorted(lenders))
        raise InputError(f"--like: no system {like!r} that can be simulated (there are: {listed})")
    progress(f"inferring {bare.system_id} from its data sheet, and fitting its cup; some seconds")
    found = infer(bare, lenders, like)
    if found.fit is not None:
        text.print_sheet(found.fit, None)
        output.draw(text.sheet_panels(found.fit))
    print_inferred(found)
    output.write_system(found.system, folder, None)
    return found.fit is None or not found.fit.missed


def measured(
    scenario_file: Path,
    systems: Path | None,
    system_id: str | None,
    folder: Path | None,
    series: Sequence[Path],
    paths: Sequence[str],
    weight: Sequence[str],
    output: Output,
) -> bool:
    """Fit numbers to measured series; whether the fit converged and is no worse than before."""
    weights = weights_of(weight)
    scenario = load_scenario(scenario_file, systems, system_id)
    observations = []
    if folder is not None:
        observations += measurements.from_folder(folder, weights, _note, scenario)
    observations += [measurements.from_file(path, weights, _note) for path in series]
    if not observations:
        raise InputError("nothing measured: give --measured FOLDER or --series FILE.csv")
    names = [path.name for path in [*([folder] if folder else []), *series]]
    progress(f"fitting {', '.join(paths)} to {', '.join(names)}")
    fit = fit_measured(
        scenario, observations, paths, f"pur-mold-twin calibrate --measured {' '.join(names)}"
    )
    text.print_measured(fit)
    output.draw(text.measured_panels(fit, observations))
    system = fit.scenario.system
    if fit.changes:
        place = systems or configs_folder() / "systems"
        known = load_systems(place)
        origin = file_of(place, system.system_id) if system.system_id in known else None
        output.write_system(system, place, origin)
    else:
        click.echo("no number of the system was fitted: no file written")
    if not fit.converged:
        progress(f"error: the fit did not converge: {fit.message}")
    return fit.converged


def cure(path: Path, held_out: str | None, output: Output) -> bool:
    """Fit a cure chemistry to its series; whether each is met.

    Args:
        held_out: file name of a series that is left out, and predicted with its interval.
    """
    chemistry, series = load_cure(path)
    if held_out is not None:
        return _held_out(chemistry, series, held_out)
    progress(f"fitting {chemistry.cure_id} to {len(series)} series")
    fit = fit_cure(chemistry, series, f"pur-mold-twin calibrate --cure {path.name}")
    text.print_cure(fit)
    output.draw(text.cure_panels(fit, chemistry, series))
    if fit.chemistry is chemistry:
        click.echo(f"nothing changed: version {chemistry.version} stands")
    else:
        output.write(chemistry.cure_id, fit.chemistry, path)
    worst = max(fit.after)
    if worst > GOOD_CURE:
        progress(f"error: RMSE {100 * worst:.1f} % of the initial OH, asked for 5 %")
    return worst <= GOOD_CURE


def _held_out(chemistry: CureChemistry, series: list[CureSeries], name: str) -> bool:
    """Predict one series from a fit to the others; whether nine tenths of it are inside."""
    kept = [s for s in series if s.given.file != name]
    if len(kept) == len(series) or not kept:
        listed = ", ".join(s.given.file for s in series)
        raise InputError(f"--hold-out: no series {name!r} beside others (there are: {listed})")
    (one,) = (s for s in series if s.given.file == name)
    progress(f"fitting {chemistry.cure_id} to {len(kept)} series, without {name}")
    fit = fit_cure(chemistry, kept, f"calibrate --cure without {name}")
    found = predict(fit, one)
    text.print_cure_prediction(one, found)
    return found.inside >= INSIDE
