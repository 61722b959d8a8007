"""Faults around an edge node: nothing that the agent holds is lost on the way to its hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.sparkplug_faults import run_faults
from tests.chaos.sparkplug_plant import FAULTS

pytestmark = [
    pytest.mark.peers,
    pytest.mark.needs("mosquitto", "venv:pysparkplug"),
    pytest.mark.xdist_group("chaos"),
    pytest.mark.timeout(600),
    # paho does not close the socket of a client that a broker refuses: the plant collects them
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SEED, TIMES = 5, 2


async def test_hosts_are_content_over_faults_of_every_kind(tmp_path: Path) -> None:
    """The short form of ``./twin chaos --sparkplug``."""
    report = await run_faults(tmp_path, SEED, TIMES * len(FAULTS))
    assert report.is_good, report.text()
    assert report.faults == dict.fromkeys(FAULTS, TIMES)
    assert report.readings > 200
    assert report.historical > 0
