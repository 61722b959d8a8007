"""What the page /readyz says; the pages themselves are in tests/integration/test_health.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.monitoring.health import Vitals
from edge_agent.monitoring.watchdog import SPARKPLUG, Watch, Watches
from edge_agent.spool.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool.db")
    yield spool
    spool.close()


def test_a_primary_host_that_is_away_has_a_key_of_its_own_and_the_agent_is_ready(
    spool: Spool,
) -> None:
    watches = Watches()
    vitals = Vitals(spool, watches)
    vitals.warm, vitals.sessions["p1"] = True, True
    assert "sparkplug" not in vitals.readiness()
    node = watches.add(Watch(f"{SPARKPLUG}p1"))
    watches.add(Watch(f"{SPARKPLUG}p2"))
    node.trouble = "primary host scada: went offline"
    document = vitals.readiness()
    assert document["sparkplug"] == {"p1": node.trouble, "p2": "up"}
    assert (document["spool"], document["ready"]) == ("writable", True)
