"""Numbers of foreign columns in the units of the contract."""

from __future__ import annotations

from edge_agent.imports.fields import unit_of_field
from edge_agent.imports.settings import Column, Signal
from edge_agent.mapping.units import conversion_between


def converted(number: float, name: str, column: Column | Signal) -> float:
    """A number of a column in the unit of a field or sensor.

    Args:
        number: as it stands in the column.
        name: of the field or sensor, which ends in its unit.
        column: unit, scale and offset of the column.
    """
    value = column.scale * number + column.offset
    unit = unit_of_field(name)
    if column.unit is None or unit is None:
        return value
    return round(conversion_between(column.unit, unit)(value), 9)
