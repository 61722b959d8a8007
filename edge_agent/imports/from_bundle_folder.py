"""Shots from log bundles below a folder: they follow the contract already."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from edge_agent.imports.source import Fetched, Problem, Refused
from edge_agent.logged_shots.bundle import load_bundle
from edge_agent.logged_shots.from_bundles import bundle_folders
from edge_agent.shots.shot_query import ShotQuery
from twin_core.errors import InputError


class BundleShots:
    """Shots of a folder of bundles."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def check(self) -> list[str]:
        """Look whether there is a bundle."""
        bundle_folders(self._folder)
        return []

    async def fetch_shots(self, query: ShotQuery) -> AsyncGenerator[Fetched]:
        """Shots in the order of the names of their folders."""
        for path in bundle_folders(self._folder):
            try:
                bundle = load_bundle(path)
            except (InputError, OverflowError) as error:
                yield Refused(Problem("refused", str(path), "", str(error)))
            else:
                yield bundle

    async def close(self) -> None:
        """Nothing stays open."""
