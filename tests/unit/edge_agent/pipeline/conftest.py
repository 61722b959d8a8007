"""A desk: a pipeline with an inlet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.pipeline import commit
from tests.support.desks import Desk


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(commit, "RETRY_S", 0.005)
    desk = Desk(tmp_path)
    await desk.work.reserve()
    yield desk
    await desk.work.batches._writer.stop()
    desk.work._spool.close()
