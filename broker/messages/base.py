"""Base of all messages: how they are built, which numbers and texts they may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from broker.errors import PayloadError, RefusalCode
from broker.json_values import EXTRA_DEPTH_LIMIT, INT_MAX, INT_MIN, check_value

SCHEMA_VERSION: Literal[1] = 1
"""The version of the contract: the `v` of every message."""

SEQ_MAX = 2**53
"""The largest sequence number every JSON reader keeps exactly."""

NAMES_LIMIT = 256
"""Entries of each dictionary and list in a message."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[0-9]+)?")
TEXT_PATTERN = r"^[^\x00]*$"


def is_name(text: str) -> bool:
    """Whether `text` names a channel."""
    return len(text) <= NAME_LIMIT and _NAME.fullmatch(text) is not None


def is_number(value: object) -> bool:
    """Whether `value` is a finite number; true and false are none."""
    return type(value) in (int, float) and (
        isfinite(value) if isinstance(value, float) else INT_MIN <= value <= INT_MAX  # type: ignore[operator]
    )


def integral(value: object) -> object:
    """3.0 is the integer 3, as in JSON Schema: some senders know only floating point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class _OneMessage:
    """One refusal for a union, instead of one per member."""

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema: dict[str, Any] = dict(handler(source))
        schema["custom_error_type"] = "scalar"
        schema["custom_error_message"] = "Input should be text, true/false or a finite number"
        return schema


NAME_LIMIT = 64

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_]*(\.[0-9]+)?$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=NAME_LIMIT)]
"""A name of a sensor, metric or measured quantity; numbered behind a dot if there are several."""

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$", max_length=64)]
"""A word for machines, of a closed set kept elsewhere: `ok`, `over-limit`."""

Label = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=TEXT_PATTERN)]
"""A short text for people or a version."""

Words = Annotated[str, StringConstraints(max_length=2000, pattern=TEXT_PATTERN)]
"""A sentence or several for people."""

ShortText = Annotated[str, StringConstraints(max_length=256, pattern=TEXT_PATTERN)]

Reference = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=TEXT_PATTERN)]
"""A number of another system as it is printed there: of a lot, an order, a record."""

Int64 = Annotated[int, Field(ge=INT_MIN, le=INT_MAX)]
Sequence = Annotated[int, Field(ge=0, le=SEQ_MAX), BeforeValidator(integral)]
"""A count of messages."""
Count = Annotated[int, Field(ge=0, le=INT_MAX), BeforeValidator(integral)]
Revision = Annotated[int, Field(ge=1, le=INT_MAX), BeforeValidator(integral)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]

Scalar = Annotated[ShortText | bool | Int64 | float, _OneMessage()]
"""A state a device reports."""

Evidence = Annotated[
    dict[Name, Annotated[float | ShortText, _OneMessage()]], Field(max_length=NAMES_LIMIT)
]
"""The numbers and texts that a diagnosis stands on; numbers carry their unit in the name."""

Counts = Annotated[
    dict[Name, Annotated[dict[Code, Count], Field(max_length=NAMES_LIMIT)]],
    Field(max_length=NAMES_LIMIT),
]
"""How many readings of each channel, by reason."""

Readings = Annotated[dict[Name, float], Field(max_length=NAMES_LIMIT)]
"""Numbers by name; each name carries its unit or is dimensionless."""


class WireModel(BaseModel):
    """A part of a message: immutable, strict about types, keeping extra fields it does not know.

    Numbers are not read from text, booleans are not numbers, NaN and infinities are refused. Extra
    fields survive decoding and encoding; they must be finite JSON nested at most
    `EXTRA_DEPTH_LIMIT` deep.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="allow",
        allow_inf_nan=False,
        protected_namespaces=(),
        use_attribute_docstrings=True,
    )

    @model_validator(mode="after")
    def _extras_are_json(self) -> Self:
        for name, value in (self.__pydantic_extra__ or {}).items():
            try:
                check_value({name: value}, EXTRA_DEPTH_LIMIT + 1)
            except PayloadError as error:
                raise refusal(error.code, error.detail, error.field) from None
        return self


class Message(WireModel):
    """A whole payload: versioned, and labelled when a simulator made its data."""

    @classmethod
    def prepared(cls, document: dict[str, Any]) -> dict[str, Any]:
        """A parsed payload before it is checked; a message that is lenient changes it."""
        return document

    v: Literal[1] = SCHEMA_VERSION
    """Version of the contract."""

    simulated: bool = False
    """True when a simulator, not a machine, made the data."""


def with_current_names(data: Any, names: Mapping[str, str]) -> Any:
    """`data` with the first generation's `names` replaced; refused when both are given."""
    if not isinstance(data, dict) or names.keys().isdisjoint(data):
        return data
    renamed = dict(data)
    for old, new in names.items():
        if old in renamed:
            if new in renamed:
                raise both_names(old, new)
            renamed[new] = renamed.pop(old)
    return renamed


def both_names(old: str, new: str) -> PydanticCustomError:
    """The refusal of an older name beside the current one."""
    words = f"{old} is the older name of {new}: expected only one"
    return refusal(RefusalCode.INVALID_FIELD, words, old)


def refusal(code: str, detail: str, field: str | None) -> PydanticCustomError:
    """A validation error that keeps its refusal code and names the field below the model."""
    return PydanticCustomError(
        code,
        "{detail}",
        {"detail": detail, "field": field},
    )
