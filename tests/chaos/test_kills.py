"""Kills of agent, broker and database among hostile clients: nothing is lost or doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import text
from tests.chaos.plant import INTRUDERS, Plant
from tests.chaos.rounds import run_rounds

pytestmark = [
    pytest.mark.needs("mosquitto", "postgres"),
    pytest.mark.xdist_group("chaos"),
    pytest.mark.timeout(600),
    # paho does not close the socket of a client that a broker refuses: the plant collects them
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SEED, JUDGE_EVERY, FRAMES_PER_S = 20, 5, 200.0


@pytest.mark.parametrize("rounds", [10, pytest.param(30, marks=pytest.mark.peers)])
async def test_nothing_is_lost_or_doubled(tmp_path: Path, rounds: int) -> None:
    """The short form of ``./twin chaos --rounds 100``."""
    async with Plant(tmp_path, SEED, FRAMES_PER_S, hostile=True) as plant:
        report = await run_rounds(plant, SEED, rounds, JUDGE_EVERY)
    assert report.is_good, text(report)
    assert report.acknowledged == report.sent
    assert report.stored == report.frames > 1000
    assert report.finals == report.shots > 0
    assert report.dead_letters == report.poison > 0
    assert min(report.kills.values()) >= rounds / 10, "each of the three must have its turn"
    let_in = {role for role, count in report.attack_logins.items() if count}
    assert let_in == set(INTRUDERS) - {"nobody"}, "each hostile client must have its turn"
