"""The identifier: the one rule for names of sites, presses, molds, shots, devices and systems.

1 to 64 characters of letters, digits, `_`, `.` and `-`, the first a letter or a digit. Such a name
is a topic level, a file name and a database key without any escaping.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import StringConstraints

IDENTIFIER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER_PATTERN, max_length=64)]
"""An id in a message."""

ShotKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{20}$")]
"""Identity of a shot, made by the twin of the shot's first event: a `shot_id` comes again."""


def is_identifier(text: str) -> bool:
    """True if `text` is an identifier."""
    return _IDENTIFIER.fullmatch(text) is not None


def require_identifier(kind: str, text: str) -> str:
    """`text` itself; raises ValueError naming its `kind` ("site", "press") when it is none."""
    if not is_identifier(text):
        raise ValueError(
            f"{kind} {text[:80]!r} is not an identifier: 1 to 64 characters of A-Z a-z 0-9 _ . -, "
            "the first a letter or a digit"
        )
    return text
