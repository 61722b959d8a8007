"""What a Sparkplug source subscribes to and sends is what `broker init` lets it."""

from __future__ import annotations

import pytest

from broker.setup.access import of_other_nodes
from edge_agent.config.gateway_sources import SparkplugSource
from edge_agent.links.foreign_filters import covers
from edge_agent.links.rebirth_requests import rebirth_command
from edge_agent.links.sparkplug_browse import OTHERS
from edge_agent.links.sparkplug_source import topics_of

SETTINGS = SparkplugSource.model_validate(
    {"kind": "sparkplug", "group": "hall", "edge_node": "line 3", "tags": {"t": {"metric": "T"}}}
)


@pytest.mark.parametrize("rebirth", [True, False])
def test_the_rights_of_a_gateway_are_those_that_it_uses(rebirth: bool) -> None:
    rights = of_other_nodes(rebirth=rebirth)
    for topic in topics_of(SETTINGS):
        assert any(covers(right, topic) for right in rights.reads), topic
    assert set(OTHERS) <= set(rights.reads)
    command, _ = rebirth_command("hall", "line 3", 0)
    assert any(covers(right, command) for right in rights.writes) is rebirth
