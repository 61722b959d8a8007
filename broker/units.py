"""Readings in a unit that the contract lists, and the well-known channel that they are of.

`T_mold_K` is a `T_mold_C` in kelvin. Only names that differ in nothing but a listed unit are read
so; what is nearly a known name is `broker.near_names`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from broker.sensors import WELL_KNOWN_SENSORS, base_name

_DIGITS = 9
"""Decimals that are kept: 313.15 K is 40 °C, not 39.99999999999994 °C."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """The known channel of a reading in another unit: known = factor · reading + offset."""

    name: str
    factor: float
    offset: float

    def __call__(self, reading: float) -> float:
        """The reading in the unit of the known channel."""
        return round(self.factor * reading + self.offset, _DIGITS)

    def agrees(self, reading: float, known: float) -> bool:
        """Whether both say the same, within what a sender rounds."""
        return abs(self(reading) - known) <= 0.01 + 1e-3 * abs(known)


_OTHER_UNITS = {  # of the known channel: the other endings, and how they are converted
    "_C": {"_K": (1.0, -273.15)},
    "_bar": {"_Pa": (1e-5, 0.0)},
    "_pct": {"_fraction": (100.0, 0.0), "_ratio": (100.0, 0.0)},
    "_fraction": {"_pct": (0.01, 0.0), "_ratio": (1.0, 0.0)},
}

OTHER_UNITS: Mapping[str, Conversion] = MappingProxyType(
    {
        known.removesuffix(unit) + other: Conversion(known, *how)
        for known in WELL_KNOWN_SENSORS
        for unit, others in _OTHER_UNITS.items()
        if known.endswith(unit)
        for other, how in others.items()
    }
)
"""Well-known channels in other units that the contract lists."""


@lru_cache(maxsize=1024)
def conversion(name: str) -> Conversion | None:
    """How the channel `name` is converted, `T_mold_K.1` to `T_mold_C.1`; None if not at all."""
    base = base_name(name)
    found = OTHER_UNITS.get(base)
    if found is None or base == name:
        return found
    return Conversion(found.name + name[len(base) :], found.factor, found.offset)
