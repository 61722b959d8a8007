"""The unit that the end of a name says, and numbers as words."""

from __future__ import annotations

UNITS = {
    "_W_per_m2_K": "W/m2/K",
    "_J_per_kg_K": "J/kg/K",
    "_kg_per_m3": "kg/m3",
    "_W_per_K": "W/K",
    "_shore": "Shore",
    "_bar": "bar",
    "_mol": "mol",
    "_pct": "%",
    "_Pa": "Pa",
    "_kg": "kg",
    "_m3": "m3",
    "_m2": "m2",
    "_C": "°C",
    "_K": "K",
    "_J": "J",
    "_m": "m",
    "_s": "s",
}


def unit_of(name: str) -> str:
    """``"T_mold_C"`` -> ``"°C"``; empty when the name does not end in a unit."""
    return next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")


def fixed(value: float | None, digits: int = 1) -> str:
    """Number with so many digits behind the point, zero without a sign; ``-`` for no value."""
    if value is None:
        return "-"
    words = f"{value:.{digits}f}"
    return words if float(words) else words.lstrip("-")


def shown(value: object) -> str:
    """Any value of a model as words: ``-`` for nothing, yes or no, six digits at most."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
