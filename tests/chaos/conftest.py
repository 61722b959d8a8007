"""A database for each of these tests: they run on one worker, one after the other."""

from __future__ import annotations

import pytest

from tests.support.timescale import TimescaleServer, migrated_database


@pytest.fixture
async def database(server: TimescaleServer) -> str:
    """Address of a database without a row."""
    return await migrated_database(server.url)
