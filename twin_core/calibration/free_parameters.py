"""Free parameters of a fit: positive numbers of a system (or a cure) by path, turned by factors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

from pydantic import BaseModel

from twin_core.errors import InputError
from twin_core.materials import KamalGelling
from twin_core.parameters import In, Parameter, accepted
from twin_core.units import R_J_PER_MOL_K

T_REFERENCE_K = 298.15
"""Rates are compared here: when an activation energy is turned, its rate at 25 C stays."""

System = TypeVar("System", bound=BaseModel)
"""A material system, or another model made of parameters."""


def holder(system: BaseModel, path: str) -> tuple[BaseModel, str]:
    """The part that holds a number, and the number's name in it.

    Raises:
        InputError: there is no such number in this system.
    """
    *parents, last = path.split(".")
    node: object = system
    for name in parents:
        node = getattr(node, name, None)
    if not isinstance(node, BaseModel) or last not in type(node).model_fields:
        raise InputError(f"{path}: there is no such number to fit")
    return node, last


def limits(system: BaseModel, path: str) -> In:
    """Unit and bounds of a number.

    Raises:
        InputError: there is no such number in this system.
    """
    node, last = holder(system, path)
    try:
        return accepted(type(node), last)
    except KeyError:
        raise InputError(f"{path}: is not a number that can be fitted") from None


def number(system: BaseModel, path: str) -> Parameter | None:
    """The number at a path; None where an optional one is left out."""
    node, last = holder(system, path)
    found = getattr(node, last)
    return found if isinstance(found, Parameter) else None


def replaced(system: System, path: str, value: Parameter | None) -> System:
    """The system with another number; not validated, as a fit does it a thousand times."""
    *parents, last = path.split(".")
    chain: list[BaseModel] = [system]
    for name in parents:
        chain.append(getattr(chain[-1], name))
    node: object = value
    for part, name in zip(reversed(chain), reversed([*parents, last]), strict=True):
        node = part.model_copy(update={name: node})
    return cast(System, node)


@dataclass(frozen=True)
class FreeParameter:
    """One unknown of a fit; ``first`` is where it starts when the system leaves it out."""

    path: str
    first: float | None = None
    T_reference_K: float = T_REFERENCE_K

    def paths(self, system: BaseModel) -> tuple[str, ...]:
        """The numbers that are multiplied together: both rates of an autocatalytic law."""
        if self.path == "gelling.A" and isinstance(getattr(system, "gelling", None), KamalGelling):
            return "gelling.A", "gelling.A_auto"
        return (self.path,)

    def start(self, system: BaseModel) -> float:
        """Present value.

        Raises:
            InputError: no such number, or it is left out and nothing says where to start.
        """
        found = number(system, self.path)
        value = self.first if found is None else found.value
        if value is None or value <= 0.0:
            raise InputError(f"{self.path}: must be positive to start a fit from")
        return value

    def turn(self, system: System, factor: float) -> System:
        """The system with this lever at ``factor`` times its start in ``system``."""
        for path in self.paths(system):
            old = number(system, path)
            value = self.start(system) if old is None else old.value
            system = replaced(system, path, _at(system, path, old, value * factor))
            if path.endswith((".E", ".E_auto")):
                system = _same_rate_at(self.T_reference_K, system, path, value * (factor - 1.0))
        return system


def _at(system: BaseModel, path: str, old: Parameter | None, value: float) -> Parameter:
    if old is not None:
        return old.model_copy(update={"value": value})
    unit = limits(system, path).unit
    return Parameter(value=value, unit=unit, kind="fitted", source="being fitted")


def _same_rate_at(T_K: float, system: System, path: str, dE: float) -> System:
    rate = path.replace(".E", ".A")
    old = number(system, rate)
    assert old is not None
    factor = math.exp(dE / (R_J_PER_MOL_K * T_K))
    return replaced(system, rate, old.model_copy(update={"value": old.value * factor}))


def with_energy_before(numbers: Mapping[str, Parameter], path: str) -> float | None:
    """A rate factor at the energy that a fit replaced, with the same rate at 25 C.

    Args:
        numbers: of a fit, by path.
        path: of one of them.

    Returns:
        The factor, in its unit; None where it is none, or its energy was not fitted.
    """
    energy = numbers.get(path.replace(".A", ".E"))
    if not path.endswith((".A", ".A_auto")) or energy is None or energy.start is None:
        return None
    dE = energy.value - energy.start
    return numbers[path].value * math.exp(-dE / (R_J_PER_MOL_K * T_REFERENCE_K))


def touched(system: BaseModel, free_parameters: list[FreeParameter]) -> list[str]:
    """Every path that turning these levers changes."""
    found: dict[str, None] = {}
    for free in free_parameters:
        for path in free.paths(system):
            found[path] = None
            if path.endswith((".E", ".E_auto")):
                found[path.replace(".E", ".A")] = None
    return list(found)


def unfitted(system: System, paths: tuple[str, ...]) -> System:
    """The system as it was before an earlier fit of these numbers."""
    for path in paths:
        try:
            old = number(system, path)
        except InputError:
            continue  # this system has no such part
        if old is None or old.kind != "fitted":
            continue
        node, last = holder(system, path)
        if old.start is not None:
            system = replaced(system, path, old.model_copy(update={"value": old.start}))
        elif not type(node).model_fields[last].is_required():
            system = replaced(system, path, type(node).model_fields[last].get_default())
    return system
