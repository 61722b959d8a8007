"""A material of which only the data sheet is known: kept as it is, and not simulated."""

from __future__ import annotations

import typing
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from twin_core.errors import InputError
from twin_core.materials import Components, Gelling, MaterialSystem, check_sheet
from twin_core.parameters import In, Parameter, accepted

NEEDED: dict[str, type[BaseModel]] = {"composition": Components, "gelling": Gelling}
"""Parts with several forms: the one that a data sheet is completed to."""


PARTS = tuple("composition liquid gelling water_reaction carbon_dioxide mechanics".split())


class SheetOnly(BaseModel):
    """Data sheet of a system of which nothing else is known; unknown numbers are left out.

    ``known`` holds what the model could use, under its path in a ``MaterialSystem``; ``sheet`` the
    other numbers of the sheet; ``words`` what it gives as ranges or text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    system_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    version: Annotated[int, Field(ge=1)]
    description: str
    sheet_only: Literal[True]
    documents: list[str]
    known: dict[str, Parameter] = {}
    sheet: dict[str, Parameter] = {}
    words: dict[str, str] = {}

    @model_validator(mode="after")
    def _known_fits_the_model(self) -> SheetOnly:
        check_sheet(self.sheet)
        units = dict(required_numbers())
        for path, parameter in self.known.items():
            if path not in units:
                raise ValueError(f"known.{path}: the model has no such required number")
            if parameter.unit != units[path]:
                raise ValueError(f"known.{path}: unit must be {units[path]!r}: convert the value")
        return self

    def missing(self) -> list[tuple[str, str]]:
        """(path, unit) of the numbers without which it cannot be simulated."""
        return [(path, unit) for path, unit in required_numbers() if path not in self.known]

    def refusal(self) -> InputError:
        """Error that says why it is not simulated, with every number that is missing."""
        numbers = ", ".join(f"{path} [{unit}]" for path, unit in self.missing())
        return InputError(
            f"system {self.system_id} is known by its data sheet only and cannot be simulated. "
            f"Missing: {numbers}. Give them in a system file of its own, or have them inferred "
            f"with their ranges: pur-mold-twin calibrate --system {self.system_id} (see "
            "docs/calibration.md)"
        )


def required_numbers() -> list[tuple[str, str]]:
    """(path, unit) of what a system of components with gas from water needs.

    A physical blowing agent adds its own part; how much there is must be known in any case.
    """
    found: list[tuple[str, str]] = []
    for name in PARTS:
        model = NEEDED.get(name) or _model(MaterialSystem.model_fields[name].annotation)
        found += _numbers(model, f"{name}.")
    return found


def _model(annotation: Any) -> type[BaseModel]:
    choices = [annotation, *typing.get_args(annotation)]
    return next(c for c in choices if isinstance(c, type) and issubclass(c, BaseModel))


def _numbers(model: type[BaseModel], prefix: str) -> list[tuple[str, str]]:
    found = []
    for name, field in model.model_fields.items():
        if field.is_required() and any(isinstance(item, In) for item in field.metadata):
            found.append((f"{prefix}{name}", accepted(model, name).unit))
    return found
