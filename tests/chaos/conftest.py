"""One database for all of these tests: they run on one worker, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.timescale import TimescaleServer, new_database


@pytest.fixture(scope="session")
def server() -> Iterator[TimescaleServer]:
    with TimescaleServer() as server:
        yield server


@pytest.fixture
async def database(server: TimescaleServer) -> str:
    """Address of an empty database."""
    return await new_database(server.url)
