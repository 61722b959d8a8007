"""Source, catalogue and parameter sets of a plant, as ``calibrate`` is given them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from edge_agent.cli.calibrate_plant_options import PlantOptions
from edge_agent.cli.catalogue_beside import catalogue_in, folder_of, folders_of
from edge_agent.cli.common import history_at

if TYPE_CHECKING:
    from edge_agent.config.catalogue import Catalogue
    from edge_agent.config.settings import (
        CatalogueSettings,
        HistorySettings,
        Settings,
        ShotSettings,
    )
    from edge_agent.history.read import HistoryReader
    from edge_agent.shots.shot_query import ShotQuery

T = TypeVar("T")


def place_of(
    plant: PlantOptions, systems: Path | None
) -> tuple[Settings | None, Catalogue, CatalogueSettings]:
    """Settings, catalogue, and its folders, with that of the sets as asked for."""
    from edge_agent.config.settings import load_settings

    settings = None if plant.config is None else load_settings(plant.config)
    beside = folder_of(plant.history, plant.bundles)
    folders, words = folders_of(settings, systems, plant.molds, beside)
    click.echo(words, err=True)
    if plant.sets is not None:
        folders = folders.model_copy(update={"parameter_sets": plant.sets})
    return settings, catalogue_in(settings, folders), folders


def limits_of(settings: Settings | None) -> ShotSettings:
    from edge_agent.config.settings import ShotSettings

    return ShotSettings() if settings is None else settings.shots


def query_of(plant: PlantOptions, system_id: str | None, now: datetime) -> ShotQuery:
    from edge_agent.shots.shot_query import ShotQuery

    return ShotQuery(
        since=plant.since,
        until=plant.until or now,  # an agent may write meanwhile: pages stay where they are
        mold_id=plant.mold_id,
        press=plant.press,
        system_id=system_id,
        lot=plant.lot,
        quality_status=plant.status,
    )


def asked(
    plant: PlantOptions,
    settings: Settings | None,
    ask: Callable[[HistoryReader], Awaitable[T]],
) -> T:
    from edge_agent.history.read import open_reader

    async def run() -> T:
        reader = open_reader(_history(plant, settings))
        try:
            return await ask(reader)
        finally:
            await reader.close()

    return asyncio.run(run())


def _history(plant: PlantOptions, settings: Settings | None) -> HistorySettings:
    """The history of the options or the settings.

    Raises:
        InputError: its file is not there.
    """
    from twin_core.errors import InputError

    if plant.history is not None:
        found = history_at(plant.history)
    else:
        assert settings is not None
        found = settings.history
    if found.address() is None and not found.path.exists():
        raise InputError(
            f"{found.path}: no such history file; give --history or --config",
            hint="a relative path starts at the working directory",
        )
    return found
