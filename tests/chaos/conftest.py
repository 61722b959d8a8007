"""One database for all of these tests: they run on one worker, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from broker.local.mosquitto import MosquittoProcess
from tests.support.timescale import TimescaleServer, new_database


@pytest.fixture(scope="session")
def server() -> Iterator[TimescaleServer]:
    with TimescaleServer() as server:
        yield server


@pytest.fixture
async def database(server: TimescaleServer) -> str:
    """Address of an empty database."""
    return await new_database(server.url)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[MosquittoProcess]:
    async with MosquittoProcess(directory=tmp_path / "mosquitto", persistence=True) as broker:
        yield broker
