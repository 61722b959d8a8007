"""A system from a data sheet alone: kinetics borrowed from a similar one, water inferred."""

from __future__ import annotations

import math
from typing import Any

from scipy.optimize import brentq

from twin_core.calibration.free_parameters import limits, replaced
from twin_core.calibration.record import rounded
from twin_core.data_sheet import FREE_RISE, cup_recipe, lightest_density, sheet_number
from twin_core.data_sheet_only import SheetOnly
from twin_core.errors import InputError
from twin_core.materials import Components, MaterialSystem
from twin_core.mold import Mold
from twin_core.parameters import Parameter
from twin_core.scenario import Scenario
from twin_core.single_shot import free_rise_density

WATER = "composition.water_fraction"
LEAST_WATER, MOST_WATER = 1e-4, 0.15
"""Range [kg/kg] in which water is looked for."""


def completed(sheet: SheetOnly, like: MaterialSystem, infer_water_content: bool) -> MaterialSystem:
    """The system of a data sheet with everything but its composition borrowed from another.

    What is borrowed counts as assumed. With ``infer_water_content`` an unknown water content starts
    at one per cent; ``infer_water`` finds it.

    Raises:
        InputError: numbers of the composition are unknown; the message lists them.
    """
    known = dict(sheet.known)
    if infer_water_content and WATER not in known:
        start = "to be inferred from the free-rise density"
        known[WATER] = Parameter(value=0.01, unit="kg/kg", kind="inferred", source=start)
    wanted = [f"composition.{name}" for name in Components.model_fields if name != "basis"]
    missing = [p for p in sheet.missing() if p[0] in wanted and p[0] not in known]
    if missing:
        names = ", ".join(f"{path} [{unit}]" for path, unit in missing)
        raise InputError(
            f"system {sheet.system_id}: its composition is nobody's to borrow; missing: {names}"
        )
    content: dict[str, Any] = like.model_dump()
    _borrow(content, f"taken from {like.system_id}")
    content["composition"] = {"basis": "components"}
    content |= {
        "system_id": sheet.system_id,
        "version": sheet.version,
        "description": sheet.description,
        "sheet": sheet.sheet,
    }
    for path, parameter in known.items():
        *parents, last = path.split(".")
        node = content
        for name in parents:
            node = node[name]
        node[last] = parameter.model_dump()
    if known["composition.blowing_agent_fraction"].value == 0.0:
        content["blowing_agent"] = None
    return MaterialSystem.model_validate(content)


def _borrow(node: dict[str, Any], source: str) -> None:
    """Mark every parameter below as assumed, with where it was taken from."""
    if {"value", "unit", "kind", "source"} <= set(node):
        node |= {"kind": "assumed", "source": f"{source}: {node['source']}", "start": None}
        return
    for child in node.values():
        if isinstance(child, dict):
            _borrow(child, source)


def infer_water(system: MaterialSystem) -> MaterialSystem:
    """The system with the water content that gives its sheet's free-rise density.

    Every other number is taken as it is and no gas as lost, so this is the least water that can be
    in the polyol; kind ``inferred``.

    Raises:
        InputError: the sheet gives no density, or no water content gives it.
    """
    target = sheet_number(system.sheet, FREE_RISE)
    if target is None:
        raise InputError(
            f"system {system.system_id}: to infer the water, give sheet.{FREE_RISE} [kg/m3]"
        )
    if not isinstance(system.composition, Components):
        raise InputError(f"system {system.system_id}: a mixture has no water content to infer")
    if system.water_reaction is None or system.carbon_dioxide is None:
        raise InputError(
            f"system {system.system_id}: to infer the water, give water_reaction and carbon_dioxide"
        )
    system = replaced(system, "foaming.gas_retention", None)
    unit = limits(system, WATER).unit

    def with_water(w: float, source: str) -> MaterialSystem:
        number = Parameter(value=rounded(w, 4), unit=unit, kind="inferred", source=source)
        return replaced(system, WATER, number)

    def off(log_w: float) -> float:
        trial = with_water(math.exp(log_w), "trial")
        cup = Scenario(
            system=trial, process=cup_recipe(trial).process, mold=Mold(mold_id="CUP", open=True)
        )
        return math.log(free_rise_density(cup) / target)

    low, high = math.log(LEAST_WATER), math.log(MOST_WATER)
    if off(low) < 0.0 or off(high) > 0.0:
        wettest = with_water(MOST_WATER, "trial")
        lightest = lightest_density(wettest, cup_recipe(wettest).process)
        raise InputError(
            f"system {system.system_id}: no water content from {LEAST_WATER:g} to {MOST_WATER:g} "
            f"kg/kg gives the sheet's {target:g} kg/m3; with the most, {lightest.words()}"
        )
    found = math.exp(float(brentq(off, low, high, xtol=1e-5)))
    source = (
        f"inferred from the sheet's free-rise density of {target:g} kg/m3, all else as it stands; "
        "not said by the sheet"
    )
    return MaterialSystem.model_validate(with_water(found, source).model_dump())
