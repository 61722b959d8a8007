"""A PLC that has nothing but tags makes shots while gateway, agent, broker and links break.

``./twin chaos --gateway`` is the long form: 200 shots over 20 kills and cuts.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.gateway_kills import run_shots
from tests.chaos.gateway_line import TROUBLES

SEED = 15
pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.timeout(600)]


@pytest.mark.peers
@pytest.mark.parametrize("protocol", ["opcua", "modbus", "json"])
async def test_each_shot_once_whatever_breaks(protocol: str, tmp_path: Path) -> None:
    """No reading is lost that the source still had, nothing is doubled, times are right."""
    report = await run_shots(tmp_path, protocol, 30, len(TROUBLES), SEED)
    assert report.is_good, report.text()
    assert set(report.troubles) == set(TROUBLES)
    assert report.shots == 30


@pytest.mark.peers
async def test_shots_over_a_kill_of_the_gateway(tmp_path: Path) -> None:
    """The short form: foreign JSON."""
    report = await run_shots(tmp_path, "json", 2, 1, SEED)
    assert report.is_good, report.text()
