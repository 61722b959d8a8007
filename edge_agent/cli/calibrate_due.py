"""``calibrate --due``: which molds need a calibration, and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.calibrate_plant import asked, limits_of, place_of, query_of
from edge_agent.cli.calibrate_plant_options import PlantOptions
from edge_agent.cli.progress import Progress
from edge_agent.cli.tables import print_table, say

if TYPE_CHECKING:
    from edge_agent.calibration.due import MoldDue
    from edge_agent.history.read import HistoryReader


def due(plant: PlantOptions, system_id: str | None, systems: Path | None) -> bool:
    """Print which molds need a calibration, and why; whether any does.

    Raises:
        InputError: files are wrong.
        StoreError: the history cannot be read.
    """
    from edge_agent.calibration.due_shots import DueRules, calibrations_due
    from edge_agent.config.parameter_sets import load_set, sets_in_use
    from edge_agent.learning.physics_columns import simulate_columns

    settings, catalogue, folders = place_of(plant, systems)
    folder = folders.parameter_sets
    now = datetime.now(UTC)
    sets = {
        key: load_set(folder, key[1], used.number)
        for key, used in sets_in_use(folder).items()
        if used.number is not None
    }
    rules = DueRules(now, plant.age_max, limits_of(settings))
    with Progress() as progress:

        async def ask(reader: HistoryReader) -> list[MoldDue]:
            return await calibrations_due(
                reader,
                query_of(plant, system_id, now),
                catalogue,
                sets,
                lambda scenarios: simulate_columns(
                    scenarios, lambda done, total: progress.count("simulated", done, total)
                ),
                rules,
                progress.count,
            )

        found = asked(plant, settings, ask)
    if plant.output == "json":
        click.echo(json.dumps([one.as_dict() for one in found], indent=2))
    else:
        _print_due(found)
    return any(one.is_due for one in found)


def _print_due(found: list[MoldDue]) -> None:
    from twin_core.learning.drift_charts import CHECKS

    if not found:
        click.echo("no shots fit: nothing to say")
        return
    rows = [
        (one.mold_id, one.system_id, one.set_id or "-", str(one.shots_since), _yes(one))
        for one in found
    ]
    head = ("mold", "system", "set in use", "shots since", "due")
    print_table(head, rows, right=("shots since",), folds=("mold", "system", "set in use"))
    for one in found:
        where = f"{one.mold_id}, {one.system_id}" + " (simulated)" * one.simulated
        for reason in one.reasons:
            say(f"{where}: {reason.words}")
        for words in one.notes:
            say(f"{where}: note: {words}")
    say(
        f"where nothing changed, one of {CHECKS:.0f} checks says by its control charts that "
        "something did"
    )


def _yes(one: MoldDue) -> str:
    return "yes" if one.is_due else "no"
