"""Requests of a poll: tags whose registers are close are read together.

A device refuses a whole request where one address in it does not exist. Then the request is
halved until it is known whose address that is: that tag is left out, the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_agent.config.gateway_sources import ModbusTag

LIMITS = {"holding": 125, "input": 125, "coil": 2000, "discrete": 2000}
"""Registers, or bits, that one request may ask for (Modbus Application Protocol 1.1b3, 6)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tag lies within its table."""

    name: str
    first: int
    size: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.first + self.size


@dataclass(frozen=True, slots=True)
class Request:
    """Tags of one table that are read together, by address."""

    table: str
    places: tuple[Place, ...]

    @property
    def first(self) -> int:
        """Lowest address."""
        return self.places[0].first

    @property
    def count(self) -> int:
        """How many registers, or bits, are asked for."""
        return max(place.end for place in self.places) - self.first

    def halves(self) -> tuple[Request, Request]:
        """Two requests for the same tags; there are at least two."""
        middle = len(self.places) // 2
        return (
            Request(self.table, self.places[:middle]),
            Request(self.table, self.places[middle:]),
        )


def requests_for(tags: Mapping[str, ModbusTag], gap: int) -> list[Request]:
    """As few requests as the limits of Modbus and the gap allow.

    Args:
        gap: addresses between two tags that may be read with them.
    """
    requests = []
    for table, limit in LIMITS.items():
        of_table = [(name, tag) for name, tag in tags.items() if tag.table == table]
        places = [Place(name, tag.address, tag.size) for name, tag in of_table]
        together: list[Place] = []
        end = 0
        for place in sorted(places, key=lambda place: (place.first, place.end, place.name)):
            reaches = max(end, place.end)
            if together and (place.first > end + gap or reaches - together[0].first > limit):
                requests.append(Request(table, tuple(together)))
                together, reaches = [], place.end
            together.append(place)
            end = reaches
        if together:
            requests.append(Request(table, tuple(together)))
    return requests
