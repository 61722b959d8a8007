"""Kills between publish and commit: nothing is lost, doubled or contradicted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.fault_point import FaultPlant, run_kills

pytestmark = [
    pytest.mark.needs("mosquitto", "postgres"),
    pytest.mark.xdist_group("chaos"),
    pytest.mark.timeout(600),
    pytest.mark.peers,
]
SEED, KILLS = 20, 10


@pytest.mark.parametrize("group", [False, True], ids=["alone", "group"])
async def test_killed_between_publish_and_commit(tmp_path: Path, group: bool) -> None:
    """The short form of ``./twin chaos --fault-point published-uncommitted --kills 300``."""
    async with FaultPlant(tmp_path, SEED, group=group) as plant:
        report = await run_kills(plant, SEED, KILLS)
    assert report.is_good, report.text()
    assert report.kills >= KILLS
    assert report.stored == report.frames > 100
    assert report.finals == report.shots > 0
    assert report.heard > 2 * report.shots
