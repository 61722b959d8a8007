"""Shots of a datasource, read as an import reads them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from edge_agent.imports.datasource_file import load_datasource
from edge_agent.imports.open_source import Found, open_source, shots_of
from edge_agent.shots.shot_query import ShotQuery

EVERYTHING = ShotQuery()


async def fetch(path: Path, query: ShotQuery = EVERYTHING) -> list[Found]:
    """What a source gives."""
    settings = load_datasource(path)
    opened = open_source(settings)
    try:
        await opened.check()
        return [one async for one in shots_of(settings, opened, query)]
    finally:
        await opened.close()


def fetched(path: Path, query: ShotQuery = EVERYTHING) -> list[Found]:
    """What a source gives, where no loop runs."""
    return asyncio.run(fetch(path, query))


def ids(found: list[Found]) -> list[str]:
    """Ids of the shots that were read."""
    return [one.bundle.meta.shot_id for one in found if one.bundle is not None]
