"""Numbers that each mold has of its own: what its sensors read, what it loses, how large it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from twin_core.checked_yaml import describe
from twin_core.errors import InputError
from twin_core.mold import Mold
from twin_core.parameters import In, Parameter
from twin_core.scenario import Process

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class MoldNumber:
    """Kind of number that each mold has of its own."""

    unit: str
    neutral: float
    """Value that changes nothing."""
    low: float
    high: float
    words: str

    def check(self, parameter: Parameter) -> None:
        """Raise a ValueError that says what is wrong with the unit or the value."""
        In(self.unit, ge=self.low, le=self.high).check(parameter)


MOLD_NUMBERS = {
    "T_mold_offset_C": MoldNumber("K", 0.0, -15.0, 15.0, "true minus reported mold temperature"),
    "T_core_offset_C": MoldNumber("K", 0.0, -15.0, 15.0, "true minus read of the core probe"),
    "p_cavity_offset_bar": MoldNumber("bar", 0.0, -0.5, 0.5, "true minus read of the pressure"),
    "heat_transfer_factor": MoldNumber("1", 1.0, 0.2, 5.0, "times what the mold loses and gets"),
    "vent_area_factor": MoldNumber("1", 1.0, 0.0, 5.0, "times the area of a vent"),
    "cavity_volume_factor": MoldNumber("1", 1.0, 0.8, 1.25, "times the volume of the cavity"),
}
"""Numbers of a mold by name, with unit, neutral value and bounds."""

OFFSETS = {
    "T_core_C": "T_core_offset_C",
    "p_cavity_bar": "p_cavity_offset_bar",
    "T_mold_C": "T_mold_offset_C",
}
"""Sensors with the number that stands between what is true and what they read."""

OF_CAVITY = ("cavity_volume_factor", "vent_area_factor")
"""Numbers that an open cup does not have."""


def mold_with(mold: Mold, numbers: Mapping[str, float], where: str) -> Mold:
    """The mold with its own numbers.

    Args:
        mold: as its file says.
        numbers: by name of ``MOLD_NUMBERS``; those left out are neutral.
        where: begins an error, as ``SYSTEM_R1-c3: molds.MOLD_A``.

    Raises:
        InputError: a number leaves the bounds of the mold's field, or an open cup has no such part.
    """
    if mold.open and any(numbers.get(name, 1.0) != 1.0 for name in OF_CAVITY):
        raise InputError(
            f"{where}: an open cup has no cavity and no vents: leave their factors out"
        )
    return checked(changed_mold(mold, numbers), where)


def process_with(process: Process, numbers: Mapping[str, float], where: str) -> Process:
    """The process with the true temperatures of the mold instead of the reported ones.

    Args:
        process: as reported.
        numbers: of the mold, by name of ``MOLD_NUMBERS``.
        where: begins an error.

    Raises:
        InputError: a temperature leaves its bounds.
    """
    offset = numbers.get("T_mold_offset_C", 0.0)
    return checked(changed_process(process, offset), f"{where}.T_mold_offset_C")


def changed_mold(mold: Mold, numbers: Mapping[str, float]) -> Mold:
    """The mold with its own numbers, not validated, as a fit makes it thousands of times.

    Args:
        mold: as its file says.
        numbers: by name of ``MOLD_NUMBERS``; those left out are neutral.
    """
    heat = numbers.get("heat_transfer_factor", 1.0)
    area = mold.vents.area_per_vent_m2 * numbers.get("vent_area_factor", 1.0)
    volume = numbers.get("cavity_volume_factor", 1.0)
    offset = numbers.get("T_mold_offset_C", 0.0)
    values: dict[str, Any] = {
        "heater_W_per_K": mold.heater_W_per_K * heat,
        "h_ambient_W_per_m2_K": mold.h_ambient_W_per_m2_K * heat,
        "cavity_volume_m3": _times(mold.cavity_volume_m3, volume),
        "thickness_m": _times(mold.thickness_m, volume),
        "T_set_C": _plus(mold.T_set_C, offset),
        "T_set_2_C": _plus(mold.T_set_2_C, offset),
        "vents": mold.vents.model_copy(update={"area_per_vent_m2": area}),
    }
    return mold.model_copy(update=values)


def changed_process(process: Process, offset_K: float) -> Process:
    """The process with warmer molds, not validated.

    Args:
        process: as reported.
        offset_K: true minus reported temperature of the mold [K].
    """
    values = {
        "T_mold_C": _plus(process.T_mold_C, offset_K),
        "T_mold_2_C": _plus(process.T_mold_2_C, offset_K),
    }
    return process.model_copy(update=values)


def checked(model: Model, where: str) -> Model:
    """The model, validated as if its numbers stood in a file.

    Raises:
        InputError: it is out of bounds.
    """
    try:
        return type(model).model_validate(model.model_dump())
    except ValidationError as error:
        raise InputError("\n".join(describe(error, where))) from None


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _plus(value: float | None, offset: float) -> float | None:
    return None if value is None else value + offset
