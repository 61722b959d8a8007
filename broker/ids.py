"""The identifier: the one rule for names of sites, presses, molds, shots, devices and systems.

1 to 64 characters of letters, digits, `_`, `.` and `-`, the first a letter or a digit. Such a name
is a topic level, a file name and a database key without any escaping.
"""

from __future__ import annotations

import re
import reprlib
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

IDENTIFIER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"

ID_LIMIT = 64
"""Characters of an id."""

_ID_CHARACTER = re.compile(r"[A-Za-z0-9_.-]")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

ID_RULE = "1 to 64 characters of A-Z a-z 0-9 _ . - and the first is a letter or a digit"

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
    """True if `text` is an identifier."""
    return _IDENTIFIER.fullmatch(text) is not None


def identifier_fault(value: object) -> str:
    """Words for what is wrong with an id, with the character at fault and the way out."""
    match value:
        case str() if value:
            words = _text_fault(value)
        case str():
            words = "an empty text"
        case bool() | None:
            words = f"{'null' if value is None else str(value).lower()} is no text"
        case int() | float():
            return f'the number {value}: an id is text, send it in quotes: "{value}"'
        case _:
            words = f"{'an array' if isinstance(value, list) else 'an object'} is no text"
    return f"{words}: an id has {ID_RULE}"


def _text_fault(text: str) -> str:
    wrong = next((i for i, one in enumerate(text) if not _ID_CHARACTER.fullmatch(one)), None)
    if wrong is not None:
        return f"{_named(text[wrong])} in {reprlib.repr(text)}, character {wrong + 1}"
    if len(text) > ID_LIMIT:
        return f"{len(text)} characters ({text[:20]!r}…)"
    return f"{text[0]!r} begins {text!r}"


def _named(character: str) -> str:
    if character == " ":
        return "the blank"
    return repr(character) if character.isprintable() else f"U+{ord(character):04X}"


def require_identifier(kind: str, text: str) -> str:
    """`text` itself; raises ValueError naming its `kind` ("site", "press") when it is none."""
    if not is_identifier(text):
        raise ValueError(f"{kind} {text[:80]!r} is not an identifier: {ID_RULE}")
    return text
