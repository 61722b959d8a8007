"""Thirty kills of agent, broker and database: nothing is lost, nothing doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import text
from tests.chaos.plant import Plant
from tests.chaos.rounds import run_rounds

pytestmark = [
    pytest.mark.needs("mosquitto", "postgres"),
    pytest.mark.xdist_group("chaos"),
    pytest.mark.timeout(240),
]
SEED, ROUNDS, JUDGE_EVERY, FRAMES_PER_S = 20, 30, 10, 200.0


async def test_thirty_kills(tmp_path: Path) -> None:
    """The short form of ``./twin chaos --rounds 300``."""
    async with Plant(tmp_path, SEED, FRAMES_PER_S) as plant:
        report = await run_rounds(plant, SEED, ROUNDS, JUDGE_EVERY)
    assert report.is_good, text(report)
    assert report.acknowledged == report.sent
    assert report.stored == report.frames > 1000
    assert report.finals == report.shots > 0
    assert report.dead_letters == report.poison > 0
    assert min(report.kills.values()) >= 5, "each of the three must have its turn"
