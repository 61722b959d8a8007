"""``calibrate --production``: fit shots of a production, judge, write a parameter set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from broker.timestamps import format_timestamp
from edge_agent.calibration.calibration_shot import CalibrationShot, ShotsFound
from edge_agent.calibration.checkpoint import Checkpoint, binding_of, shots_hash
from edge_agent.calibration.shots_words import left_out_lines
from edge_agent.config.new_parameter_set import write_new
from twin_core.calibration.mold_numbers import MOLD_NUMBERS
from twin_core.calibration.parameter_set import ParameterSet, Provenance
from twin_core.calibration.production import fit_production
from twin_core.calibration.production_fit import ProductionFit
from twin_core.calibration.production_model import Simulate
from twin_core.calibration.production_numbers import usual_paths
from twin_core.calibration.production_shot import ProductionShot
from twin_core.errors import InputError
from twin_core.materials import MaterialSystem

Progress = Callable[[str, int, int], None]
WORDS_MAX = 2000
"""Characters of a command and of a source that a set keeps: paths may be longer."""


@dataclass(frozen=True)
class Request:
    """Order of a person for a calibration.

    Attributes:
        fit: numbers to fit; empty: the usual ones.
        fix: numbers to leave as they are.
        held_out_fraction: of the shots, the newest, which the fit does not see.
        folder: of parameter sets.
        dry_run: write no file.
        made_by: person or account.
        command: line that was typed.
        now: the time.
    """

    fit: Sequence[str]
    fix: Sequence[str]
    held_out_fraction: float
    folder: Path
    dry_run: bool
    made_by: str
    command: str
    now: datetime


@dataclass(frozen=True)
class Outcome:
    """Fit, the set that it gives, and its file; no file in a dry run."""

    fit: ProductionFit
    parameter_set: ParameterSet
    path: Path | None


def system_of(found: ShotsFound) -> MaterialSystem:
    """The one system of all shots.

    Raises:
        InputError: there are no shots, or they are of several systems.
    """
    systems = {shot.system_id: shot.scenario.system for shot in found.shots}
    if not systems:
        raise InputError(f"{found.source}: no shot that can be used{_why(found)}")
    if len(systems) > 1:
        counts = ", ".join(
            f"{name} ({sum(shot.system_id == name for shot in found.shots)} shots)"
            for name in sorted(systems)
        )
        raise InputError(f"{found.source}: shots of several systems: {counts}: give --system ID")
    return next(iter(systems.values()))


def calibrate(
    found: ShotsFound,
    request: Request,
    simulate: Simulate,
    told: Callable[[str], None],
    progress: Progress,
) -> Outcome:
    """Fit, and write the set.

    A run that was stopped goes on where it was when the shots and the options are the same.

    Args:
        found: shots of one system.
        simulate: on all cores.
        told: called with words on what is done.
        progress: called with words, how much is done and of how much.

    Raises:
        InputError: shots or options cannot be used.
        StoreError: the folder of sets cannot be written.
    """
    system = system_of(found)
    paths, mold_numbers = numbers_of(system, request)
    options = {
        "paths": paths, "mold_numbers": mold_numbers, "held_out": request.held_out_fraction,
    }  # fmt: skip
    checkpoint = Checkpoint(
        request.folder / f"{system.system_id}.unfinished.json",
        binding_of(found.shots, options),
        told,
    )
    fit = fit_production(
        [production_shot(shot) for shot in found.shots],
        paths=paths,
        mold_numbers=mold_numbers,
        held_out_fraction=request.held_out_fraction,
        simulate=simulate,
        checkpoint=None if request.dry_run else checkpoint.load(),
        save=(lambda state: None) if request.dry_run else checkpoint.save,
        progress=progress,
    )
    parameter_set = fit.as_parameter_set(1, provenance_of(found, fit, request))
    if request.dry_run:
        return Outcome(fit, parameter_set, None)
    path, parameter_set = write_new(request.folder, parameter_set)
    checkpoint.remove()
    return Outcome(fit, parameter_set, path)


def numbers_of(system: MaterialSystem, request: Request) -> tuple[list[str], list[str]]:
    """Shared numbers, and those of a mold, to fit.

    Raises:
        InputError: a number is fixed that would not be fitted, or none is left.
    """
    paths, of_molds = usual_paths(system), list(MOLD_NUMBERS)
    if request.fit:
        paths = [name for name in request.fit if name not in MOLD_NUMBERS]
        of_molds = [name for name in request.fit if name in MOLD_NUMBERS]
    for name in request.fix:
        if name not in (*paths, *of_molds):
            listed = ", ".join([*paths, *of_molds])
            raise InputError(f"--fix {name}: would not be fitted anyway (would be: {listed})")
    paths = [name for name in paths if name not in request.fix]
    of_molds = [name for name in of_molds if name not in request.fix]
    if not (paths or of_molds):
        raise InputError("--fix: no number is left to fit")
    return paths, of_molds


def production_shot(shot: CalibrationShot) -> ProductionShot:
    """The shot as the fit takes it."""
    return ProductionShot(
        name=shot.key,
        poured_at=shot.poured_at.timestamp(),
        scenario=shot.scenario,
        series=shot.series,
        results=shot.results,
        lot=shot.lot,
        simulated=shot.simulated,
    )


def provenance_of(found: ShotsFound, fit: ProductionFit, request: Request) -> Provenance:
    """Origin of a set: who, when, how, and of which shots."""
    shots = found.shots
    return Provenance(
        made_at=format_timestamp(request.now),
        made_by=request.made_by,
        command=request.command[:WORDS_MAX],
        source=found.source[:WORDS_MAX],
        shots_count=len(shots),
        first_poured_at=format_timestamp(shots[0].poured_at),
        last_poured_at=format_timestamp(shots[-1].poured_at),
        shots_hash=shots_hash([shot.key for shot in shots]),
        held_out_count=fit.held_out_count,
        simulated=any(shot.simulated for shot in shots),
    )


def _why(found: ShotsFound) -> str:
    lines = left_out_lines(found)
    return ": " + "; ".join(lines) if lines else " fits what was asked for"
