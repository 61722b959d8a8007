"""The identifier: the one rule for names of sites, presses, molds, shots, devices and systems.

1 to 64 characters of letters, digits, `_`, `.` and `-`, the first a letter or a digit. Such a name
is a topic level, a file name and a database key without any escaping.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

IDENTIFIER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"

ID_LIMIT = 64
"""Characters of an id."""

_ID_CHARACTER = re.compile(r"[A-Za-z0-9_.-]")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

ID_RULE = "1 to 64 of the characters A-Z a-z 0-9 _ . - and the first a letter or a digit"

ID_FAULT = "identifier"
"""Type of pydantic's error about an id."""


class _RuleInWords:
    """One error in words for whatever is wrong with an id."""

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.custom_error_schema(
            handler(source),
            custom_error_type=ID_FAULT,
            custom_error_message=f"an id has {ID_RULE}",
        )


Identifier = Annotated[
    str, StringConstraints(pattern=IDENTIFIER_PATTERN, max_length=64), _RuleInWords()
]
"""An id in a message."""

ShotKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{20}$")]
"""Identity of a shot, made by the twin of the shot's first event: a `shot_id` comes again."""


def is_identifier(text: str) -> bool:
    """Whether `text` is an identifier."""
    return _IDENTIFIER.fullmatch(text) is not None


def identifier_fault(value: object) -> str:
    """Words for what is wrong with an id, with the character at fault and the way out."""
    match value:
        case bool() | None:
            return (
                f"{'null' if value is None else str(value).lower()} is no id: a text of {ID_RULE}"
            )
        case int() | float():
            return f'the number {value}: an id is text, send it in quotes: "{value}"'
        case str() if not value:
            return f"an empty text: an id has {ID_RULE}"
        case str() if len(value) > ID_LIMIT:
            return f"{len(value)} characters ({value[:20]!r}…): an id has {ID_RULE}"
        case str():
            at = next((i for i, one in enumerate(value) if not _ID_CHARACTER.fullmatch(one)), 0)
            where = f"{_named(value[at])} in {value!r}, character {at + 1}"
            return f"{where}, cannot be in an id: {ID_RULE}"
        case _:
            return f"expected a text, not {'an array' if isinstance(value, list) else 'an object'}"


def _named(character: str) -> str:
    if character == " ":
        return "the blank"
    return repr(character) if character.isprintable() else f"U+{ord(character):04X}"


def require_identifier(kind: str, text: str) -> str:
    """`text` itself; raises ValueError naming its `kind` ("site", "press") when it is none."""
    if not is_identifier(text):
        raise ValueError(f"{kind} {text[:80]!r} is not an identifier: {ID_RULE}")
    return text
