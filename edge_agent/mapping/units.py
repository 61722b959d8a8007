"""Units of tags and columns, and their conversion to the units in which the wire speaks.

A table of quantities: within one, value in the base unit = factor · value + offset. Pressure is
converted as it is: bar to bar. Whether a tag is gauge or absolute no unit says; who has gauge and
needs absolute gives ``offset: 1.013`` in bar, so nothing is guessed here. ``bara``, ``barg``,
``psia``, ``psig`` are not taken for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType

from broker.sensors import UNIT_OF_SUFFIX, base_name
from twin_core.units import ZERO_CELSIUS_K

_PSI_BAR = 0.0689475729317
_LB_KG = 0.45359237

_QUANTITIES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "temperature": {
        "°C": (1.0, 0.0),
        "K": (1.0, -ZERO_CELSIUS_K),
        "°F": (5.0 / 9.0, -160.0 / 9.0),
    },
    "pressure": {
        "bar": (1.0, 0.0),
        "mbar": (1e-3, 0.0),
        "Pa": (1e-5, 0.0),
        "hPa": (1e-3, 0.0),
        "kPa": (1e-2, 0.0),
        "MPa": (10.0, 0.0),
        "N/cm²": (0.1, 0.0),
        "psi": (_PSI_BAR, 0.0),
    },
    "mass": {
        "kg": (1.0, 0.0),
        "g": (1e-3, 0.0),
        "mg": (1e-6, 0.0),
        "t": (1e3, 0.0),
        "lb": (_LB_KG, 0.0),
        "oz": (_LB_KG / 16.0, 0.0),
    },
    "flow": {
        "kg/s": (1.0, 0.0),
        "g/s": (1e-3, 0.0),
        "kg/min": (1.0 / 60.0, 0.0),
        "g/min": (1e-3 / 60.0, 0.0),
        "kg/h": (1.0 / 3600.0, 0.0),
        "lb/min": (_LB_KG / 60.0, 0.0),
    },
    "share": {"%": (1.0, 0.0), "1": (100.0, 0.0), "‰": (0.1, 0.0)},
    "power": {"W": (1.0, 0.0), "kW": (1e3, 0.0), "MW": (1e6, 0.0)},
    "speed": {"1/min": (1.0, 0.0), "1/s": (60.0, 0.0)},
    "time": {
        "s": (1.0, 0.0),
        "ms": (1e-3, 0.0),
        "us": (1e-6, 0.0),
        "min": (60.0, 0.0),
        "h": (3600.0, 0.0),
    },
    "length": {
        "mm": (1.0, 0.0),
        "cm": (10.0, 0.0),
        "m": (1e3, 0.0),
        "um": (1e-3, 0.0),
        "in": (25.4, 0.0),
    },
    "force": {"N": (1.0, 0.0), "kN": (1e3, 0.0), "MN": (1e6, 0.0), "lbf": (4.4482216152605, 0.0)},
    "voltage": {"V": (1.0, 0.0), "mV": (1e-3, 0.0), "kV": (1e3, 0.0)},
    "current": {"A": (1.0, 0.0), "mA": (1e-3, 0.0), "kA": (1e3, 0.0)},
    "frequency": {"Hz": (1.0, 0.0), "kHz": (1e3, 0.0)},
    "density": {
        "kg/m³": (1.0, 0.0),
        "g/l": (1.0, 0.0),
        "g/cm³": (1e3, 0.0),
        "kg/l": (1e3, 0.0),
        "lb/ft³": (_LB_KG / 0.028316846592, 0.0),
    },
}
"""Quantities, their units, and how each becomes the first one of its line: factor and offset."""

_OTHER_WORDS = {
    "degC": "°C", "deg C": "°C", "celsius": "°C", "C": "°C", "Grad C": "°C", "˚C": "°C",
    "kelvin": "K", "degK": "K",
    "degF": "°F", "deg F": "°F", "fahrenheit": "°F", "F": "°F",
    "kgs": "kg", "gram": "g", "lbs": "lb", "pound": "lb",
    "pct": "%", "percent": "%", "%RH": "%", "% r.F.": "%", "fraction": "1", "ratio": "1",
    "watt": "W", "rpm": "1/min", "U/min": "1/min", "min-1": "1/min", "r/min": "1/min", "rps": "1/s",
    "sec": "s", "sek": "s", "second": "s", "seconds": "s", "minute": "min", "minutes": "min",
    "µs": "us", "μs": "us", "hour": "h", "hours": "h", "µm": "um", "μm": "um",
    "inch": "in", "volt": "V", "ampere": "A", "pascal": "Pa", "newton": "N", "hertz": "Hz",
    "N/cm2": "N/cm²", "N/cm^2": "N/cm²", "N/mm2": "MPa", "N/mm²": "MPa",
    "kg/m3": "kg/m³", "kg per m3": "kg/m³", "g/cm3": "g/cm³", "g/ccm": "g/cm³", "kg/dm3": "kg/l",
    "lb/ft3": "lb/ft³", "pcf": "lb/ft³",
    "kg/sec": "kg/s", "g/sec": "g/s", "kg per s": "kg/s",
}  # fmt: skip
"""Other words for a unit."""

_QUANTITY_OF = {unit: quantity for quantity, units in _QUANTITIES.items() for unit in units}
_EXACT = {unit: unit for unit in _QUANTITY_OF} | _OTHER_WORDS
_CASE_COUNTS = frozenset({"MW", "MPa", "MN", "mA", "mV", "mg", "t", "m"})
"""In another case it is another unit: mW, mPa, MV, T, M."""
_FOLDED = {word.casefold(): unit for word, unit in _EXACT.items() if word not in _CASE_COUNTS}

NOT_GUESSED = MappingProxyType(
    {
        "bara": "bar", "barg": "bar", "bar(a)": "bar", "bar(g)": "bar", "bar abs": "bar",
        "psia": "psi", "psig": "psi",
    }
)  # fmt: skip
"""Units that say gauge or absolute: whoever maps writes the unit without it, and an offset."""


@dataclass(frozen=True, slots=True)
class Affine:
    """Conversion of a number: factor · number + offset."""

    factor: float = 1.0
    offset: float = 0.0

    def __call__(self, number: float) -> float:
        """The number in the other unit."""
        return self.factor * number + self.offset


class UnknownUnit(ValueError):
    """A unit that cannot be converted; the text says why, and the way out."""


@lru_cache(maxsize=512)
def unit_named(word: str) -> str:
    """The unit that a word means, as this module writes it: ``degC`` is °C.

    Raises:
        UnknownUnit: no unit is called so.
    """
    text = word.strip().strip("[]()").strip()
    found = _EXACT.get(text) or _FOLDED.get(text.casefold())
    if found is not None:
        return found
    if text.casefold() in NOT_GUESSED:
        plain = NOT_GUESSED[text.casefold()]
        raise UnknownUnit(
            f"unit {word!r}: write {plain}; gauge or absolute is not guessed: p_cavity_bar is "
            "absolute, so a gauge value needs offset: the pressure of the air, about 1.013 bar in "
            "the tag's unit"
        )
    near = get_close_matches(text, _EXACT, n=1)
    meant = f"is {near[0]} meant? " if near else ""
    raise UnknownUnit(f"unit {word[:20]!r} is not known: {meant}There are: {UNITS_TEXT}")


UNITS_TEXT = ", ".join(_QUANTITY_OF)


def quantity_of(unit: str) -> str:
    """Quantity of a unit of this module: ``temperature``."""
    return _QUANTITY_OF[unit]


def unit_of_name(name: str) -> str | None:
    """Unit that ends a channel's name, as this module writes it; None of a name without one."""
    base = base_name(name)
    for suffix in sorted(UNIT_OF_SUFFIX, key=len, reverse=True):
        if base.endswith(suffix):
            return UNIT_OF_SUFFIX[suffix]
    return None


@lru_cache(maxsize=4096)
def conversion_between(word: str, unit: str) -> Affine:
    """Conversion of numbers in the unit that a word means into another unit.

    Args:
        word: unit of the tag, in any of its words.
        unit: unit of the channel, as ``unit_of_name`` gives it.

    Raises:
        UnknownUnit: the word is none, or a unit of another quantity.
    """
    wanted = _QUANTITY_OF.get(unit)
    plain = NOT_GUESSED.get(word.strip().casefold()) if wanted != "pressure" else None
    given = unit_named(plain or word)
    quantity = _QUANTITY_OF[given]
    if wanted != quantity:
        units = _QUANTITIES.get(wanted or "", {})
        raise UnknownUnit(
            f"{given} is a {quantity}, and cannot be converted to {unit}: "
            f"expected one of {', '.join(units)}"
        )
    if given == unit:
        return Affine()
    factor, offset = _QUANTITIES[quantity][given]
    to_factor, to_offset = _QUANTITIES[quantity][unit]
    return Affine(factor / to_factor, (offset - to_offset) / to_factor)
