"""``calibrate --production``: from shots of a plant to a parameter set."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from edge_agent.cli.calibrate_plant import asked, limits_of, place_of, query_of
from edge_agent.cli.calibrate_plant_options import PlantOptions, command_line
from edge_agent.cli.common import who
from edge_agent.cli.progress import Progress

if TYPE_CHECKING:
    from edge_agent.calibration.calibration_shot import ShotsFound
    from edge_agent.config.catalogue import Catalogue
    from edge_agent.config.settings import CatalogueSettings, Settings
    from edge_agent.history.read import HistoryReader


def production(
    plant: PlantOptions,
    system_id: str | None,
    systems: Path | None,
    fit: tuple[str, ...],
    *,
    dry_run: bool,
) -> bool:
    """Fit shots of production; whether the verdict is to use the result.

    Args:
        system_id: whose shots; None where all are of one.
        systems: file or folder of systems.
        fit: numbers to fit; empty: the usual ones.
        dry_run: write no file.

    Raises:
        InputError: shots or options cannot be used.
        StoreError: the history cannot be read, or the folder of sets cannot be written.
        SolverError: the fit did not converge, and what it has is printed.
    """
    from edge_agent.calibration.production import Request, calibrate, system_of
    from edge_agent.calibration.production_text import (
        document,
        print_next_steps,
        print_outcome,
        print_shots,
    )
    from edge_agent.config.new_parameter_set import check_writable
    from edge_agent.learning.parallel import ray_kept
    from edge_agent.learning.parallel_batch import simulate_batch
    from twin_core.errors import SolverError

    settings, catalogue, folders = place_of(plant, systems)
    folder = folders.parameter_sets
    if not dry_run:
        check_writable(folder)
    now = datetime.now(UTC)
    with Progress() as progress:
        found = _shots(plant, system_id, settings, catalogue, now, progress)
        progress.end()
        system = system_of(found)
        used = {one.set_id for key, one in catalogue.parameter_sets.items()
                if key[1] == system.system_id}  # fmt: skip
        if used:
            _note(f"{', '.join(sorted(used))} in use: the fit starts from the files all the same")
        if plant.output == "table":
            print_shots(found)
        request = Request(
            fit, plant.fix, plant.held_out, folder, dry_run, who(), command_line(), now
        )
        try:
            with ray_kept():
                outcome = calibrate(found, request, simulate_batch, _note, progress.count)
        except KeyboardInterrupt:
            progress.end()
            click.echo("stopped" if dry_run else _goes_on(plant, found), err=True)
            sys.exit(130)
    if plant.output == "json":
        click.echo(json.dumps(document(found, outcome), indent=2, allow_nan=False))
    else:
        click.echo("")
        print_outcome(outcome)
        print_next_steps(outcome, *_where(plant, folders))
    if not outcome.fit.converged:
        raise SolverError("the fit did not converge: give more shots, or fewer numbers (--fit)")
    return outcome.fit.verdict.use


def _goes_on(plant: PlantOptions, found: ShotsFound) -> str:
    """How a fit that was stopped goes on: with the same shots, whatever has been added since."""
    words = "stopped; the same command again goes on"
    if plant.bundles is not None:
        return words
    times = {"--until": found.shots[-1].poured_at + timedelta(seconds=1)}
    if plant.since is not None:
        times["--since"] = plant.since
    said = " ".join(f"{name} {at:%Y-%m-%dT%H:%M:%SZ}" for name, at in times.items())
    return f"{words}; where shots are added meanwhile, with {said}"


def _note(words: str) -> None:
    click.echo(f"note: {words}", err=True)


def _shots(
    plant: PlantOptions,
    system_id: str | None,
    settings: Settings | None,
    catalogue: Catalogue,
    now: datetime,
    progress: Progress,
) -> ShotsFound:
    from edge_agent.calibration.shot_choice import in_turn
    from edge_agent.calibration.shots_from_bundles import shots_of_bundles
    from edge_agent.calibration.shots_from_history import shots_of_history

    query, limits = query_of(plant, system_id, now), limits_of(settings)
    if plant.bundles is not None:
        most = plant.shots_max
        return shots_of_bundles(plant.bundles, query, most, catalogue, limits, progress.count)

    async def ask(reader: HistoryReader) -> ShotsFound:
        return await shots_of_history(
            reader,
            query,
            lambda candidates: islice(in_turn(candidates), plant.shots_max),
            catalogue,
            limits,
            progress.count,
        )

    return asked(plant, settings, ask)


def _where(plant: PlantOptions, folders: CatalogueSettings) -> tuple[str, str]:
    """Options of ``parameter-sets`` that find the set, and words on what stands for another."""
    from edge_agent.config.settings import CatalogueSettings

    if plant.config is not None and plant.sets is None:
        return f" -c {quote(str(plant.config))}", ""
    folder, molds = quote(str(folders.parameter_sets)), folders.molds
    if molds == CatalogueSettings().molds:
        return f" --folder {folder}" if plant.sets else "", ""
    words = f"AGENT.yaml is that of an agent with catalogue.molds: {molds}"
    return f" -c AGENT.yaml --folder {folder}", words
