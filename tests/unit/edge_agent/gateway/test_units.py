"""The unit that ends the name of a channel is one that can be converted."""

from __future__ import annotations

import pytest

from broker.sensors import UNIT_OF_SUFFIX
from edge_agent.gateway.units import unit_of_name
from twin_core.unit_words import conversion_between, quantity_of


@pytest.mark.parametrize("suffix", UNIT_OF_SUFFIX)
def test_every_unit_of_the_wire_is_known(suffix):
    unit = unit_of_name(f"X{suffix}")

    assert unit == UNIT_OF_SUFFIX[suffix]
    assert conversion_between(unit, unit)(3.5) == 3.5
    assert quantity_of(unit)
