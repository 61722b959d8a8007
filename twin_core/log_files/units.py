"""Units in names of columns, and a row of units below the header."""

from __future__ import annotations

import re
from collections.abc import Mapping

from twin_core.errors import InputError
from twin_core.log_files.cells import MISSING, number

UNITS: Mapping[str, frozenset[str]] = {
    "_per_m3": frozenset({"kg/m3", "kg/m³", "kg/m^3", "kg per m3", "g/l"}),
    "rho_moulded": frozenset({"kg/m3", "kg/m³", "kg/m^3", "kg per m3", "g/l"}),
    "_fraction": frozenset({"1", "-", "fraction"}),
    "_pct": frozenset({"%", "pct", "percent"}),
    "_kg": frozenset({"kg"}),
    "_s": frozenset({"s", "sec", "second", "seconds", "sek"}),
    "_C": frozenset({"°c", "degc", "deg c", "c", "celsius", "grad c"}),
    "_bar": frozenset({"bar", "bar abs", "bara", "bar(a)", "bar a", "bar (abs)"}),
    "_W": frozenset({"w", "watt"}),
    "rpm": frozenset({"rpm", "1/min", "min-1", "u/min"}),
}
"""Words for the unit of columns whose names end so."""
OTHERS = frozenset(
    "k f °f °k degf degk kelvin fahrenheit ms us µs ns min minutes h hours mbar hpa kpa mpa pa psi "
    "psia psig barg g mg t lb lbs kw mw hz 1/s rad/s g/cm3 g/cm³ kg/l kg/dm3 lb/ft3 mm cm m".split()
)
"""Words for other units."""
KNOWN = OTHERS.union(*UNITS.values()) - MISSING - {"1"}
_IN_BRACKETS = re.compile(r".*[\[(]\s*([^\])]+?)\s*[\])]\s*")


def units_of(name: str) -> frozenset[str] | None:
    """Words for the unit that a known name says; None of a name that says none."""
    return next((words for end, words in UNITS.items() if name.endswith(end)), None)


def of_another_unit(name: str, known: str) -> bool:
    """Is a name that is almost a known one of another unit: ``T_core_F``, ``T_core_C [K]``?"""
    found = _IN_BRACKETS.fullmatch(name)
    unit = (found[1] if found else re.split(r"[_\s]", name)[-1]).casefold()
    words = units_of(known)
    return words is not None and unit in KNOWN and unit not in words


def meant_words(name: str, known: str) -> str:
    """Words for a name that is almost a known one: to be corrected, or values to be converted."""
    if of_another_unit(name, known):
        return f"another unit than {known}? Convert the values, then correct the name"
    return f"is {known} meant? Correct the name"


def is_row_of_units(where: str, line: int, given: Mapping[str, str]) -> bool:
    """Is the first row below the header one of units?

    Args:
        where: the file, for errors.
        given: cells of columns of numbers, and of the time of a series, by name.

    Raises:
        InputError: it says another unit than a name does.
    """
    said = {name: cell.strip("[]() ") for name, cell in given.items()}
    if any(number(cell) is not None or number(cell, ",") is not None for cell in _but_one(said)):
        return False
    if not any(cell.casefold() in KNOWN for cell in said.values()):
        return False
    for name, cell in said.items():
        words = units_of(name)
        if words is not None and cell.casefold() not in words | MISSING:
            raise InputError(
                f"{where}: line {line}, column {name}: the unit is {cell[:20]!r}, the name says "
                "another one: convert the values, and remove this row"
            )
    return True


def _but_one(said: Mapping[str, str]) -> list[str]:
    """Cells without 1, which is the unit of a share."""
    return [cell for name, cell in said.items() if not (name.endswith("_fraction") and cell == "1")]
