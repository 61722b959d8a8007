"""Set points of a recipe that cost themselves and not the pour: texts, NaN, 3276.7 °C.

It runs before a payload is checked, so it takes any parsed document. Nothing can stand in for a
mass: the check refuses the event for it.
"""

from __future__ import annotations

from typing import Any

from broker.data_quality import IMPOSSIBLE
from broker.messages.base import is_number
from broker.messages.left_out import Possible, shown
from broker.messages.recipe import RECIPE_NAMES
from broker.units import conversion

_TEMPERATURE = Possible(-50, 250)

SET_POINTS = {
    "T_polyol_C": _TEMPERATURE,
    "T_iso_C": _TEMPERATURE,
    "T_mold_C": _TEMPERATURE,
    "T_ambient_C": _TEMPERATURE,
    "RH_ambient_pct": Possible(0, 100),
    "mixing_eff": Possible(0, 1, without=0),
    "nco_oh_index": Possible(0.1, 10),
    "blowing_agent_pct": Possible(0, 60, without=60),
}
"""Fields that a recipe may leave away, and what can be simulated."""
_FRACTION = Possible(0, 1)
_WAY_OUT = {
    "RH_ambient": "RH_ambient is a fraction, for per cent use RH_ambient_pct",
    "nco_oh_index": "a fraction (1.05), not the trade number (105)",
    "mixing_eff": "a fraction, 1 is perfect",
}


def without_bad_set_points(document: dict[str, Any]) -> dict[str, Any]:
    """The document of an event or order with a gap where its recipe says what cannot be.

    ``left_out`` says why, by the field that is missing now; where the recipe says it under another
    name, too, that counts, and ``left_out`` has the name that was sent.
    """
    recipe, told = document.get("recipe"), document.get("left_out")
    if type(recipe) is not dict or (told is not None and type(told) is not dict):
        return document
    bad = {name: fault for name, value in recipe.items() if (fault := _fault(name, value))}
    if not bad:
        return document
    changed = {name: value for name, value in recipe.items() if name not in bad}
    said = {_field(name) for name in changed}
    left = dict[str, dict[str, str]]()
    for name, fault in bad.items():
        field = _field(name)
        if field in said:
            left[name] = fault
        else:
            left[field], changed[field] = fault, None
    return {**document, "recipe": changed, "left_out": {**(told or {}), **left}}


def _field(name: str) -> str:
    """The field that a name means: itself, or that of an older name or of another unit."""
    if name == "RH_ambient":
        return "RH_ambient_pct"
    known = conversion(name)
    return RECIPE_NAMES.get(name, name) if known is None else known.name


def _fault(name: str, value: object) -> dict[str, str] | None:
    field = _field(name)
    if field not in SET_POINTS:
        return None
    known = conversion(name)
    if known is not None and is_number(value):
        found = SET_POINTS[field].fault(known(value))  # type: ignore[arg-type]
        if found is not None:
            found["words"] = f"{name} {shown(value)} is {field} {found['words']}"
        return found
    found = (_FRACTION if name == "RH_ambient" else SET_POINTS[field]).fault(value)
    if found is not None and found["reason"] == IMPOSSIBLE and name in _WAY_OUT:
        found["words"] += f"; {_WAY_OUT[name]}"
    return found
