"""Numbers that carry their unit, their kind and their source.

A material system is a set of such numbers. A plain number in a file is accepted too; it then counts
as ``assumed`` and is reported so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import core_schema

Kind = Literal["measured", "supplier", "literature", "fitted", "inferred", "assumed"]


class Parameter(BaseModel):
    """One number: value, unit, kind, source and (one-sigma) spread in the same unit.

    ``start`` is the value that a fit replaced. The next fit starts there, and so ends the same.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    value: float
    unit: str
    kind: Kind
    source: Annotated[str, Field(min_length=3)]
    spread: Annotated[float, Field(ge=0)] | None = None
    start: float | None = None


@dataclass(frozen=True)
class In:
    """Annotation of a ``Parameter``: the one unit it is accepted in, and the bounds of its value.

    ``density: Annotated[Parameter, In("kg/m3", gt=500, le=2500)]``; ``"1"`` is dimensionless.
    """

    unit: str
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def __get_pydantic_core_schema__(
        self, source: type[Parameter], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.chain_schema(
            [
                core_schema.no_info_before_validator_function(self._accept_number, handler(source)),
                core_schema.no_info_plain_validator_function(self.check),
            ]
        )

    def _accept_number(self, raw: object) -> object:
        if isinstance(raw, bool) or not isinstance(raw, (int, float)):
            return raw
        return {"value": raw, "unit": self.unit, "kind": "assumed", "source": "plain number"}

    def check(self, parameter: Parameter) -> Parameter:
        """The parameter, or a ValueError that says what is wrong with its unit or value."""
        value = parameter.value
        if parameter.unit != self.unit:
            raise ValueError(
                f"unit is {parameter.unit!r}, must be {self.unit!r}: convert the value"
            )
        for holds, words in (
            (self.ge is None or value >= self.ge, f">= {self.ge}"),
            (self.gt is None or value > self.gt, f"> {self.gt}"),
            (self.le is None or value <= self.le, f"<= {self.le}"),
            (self.lt is None or value < self.lt, f"< {self.lt}"),
        ):
            if not holds:
                raise ValueError(f"value {value:g} {self.unit} is out of range, must be {words}")
        return parameter


def accepted(model: type[BaseModel], name: str) -> In:
    """The unit and bounds of a parameter field; KeyError if the field holds no parameter."""
    field = model.model_fields[name]
    found = [item for item in [*field.metadata, *_annotated(field.annotation)] if type(item) is In]
    if not found:
        raise KeyError(name)
    return found[0]


def _annotated(annotation: Any) -> list[Any]:
    inner = [*getattr(annotation, "__metadata__", ())]
    for part in getattr(annotation, "__args__", ()):
        inner += _annotated(part)
    return inner


def walk_parameters(model: BaseModel, prefix: str = "") -> list[tuple[str, Parameter]]:
    """All parameters below a model as (dotted path, parameter), in the order of its fields."""
    found: list[tuple[str, Parameter]] = []
    for name in type(model).model_fields:
        child = getattr(model, name)
        path = f"{prefix}{name}"
        if isinstance(child, Parameter):
            found.append((path, child))
        elif isinstance(child, BaseModel):
            found.extend(walk_parameters(child, f"{path}."))
    return found
