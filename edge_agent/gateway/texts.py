"""Texts from tags: ids of molds, systems and shots, lots and orders."""

from __future__ import annotations

import re
import unicodedata

from broker.ids import ID_LIMIT, identifier_fault, is_identifier
from edge_agent.config.gateway_settings import TextFrom
from edge_agent.gateway.conditions import value_text
from edge_agent.links.tag_source import Value

_NO_ID = re.compile(r"[^A-Za-z0-9_.-]+")
REFERENCE_MAX = 64
"""Characters of a lot or an order."""


class NoText(ValueError):
    """A value that gives no text; the words say why."""


def plain_text(value: Value) -> str:
    """A value as text: 7.0 is ``7``, a truth value ``true``; blanks and NULs around it go.

    Raises:
        NoText: it is empty.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.12g}"
    if isinstance(value, int):
        return str(value)
    text = "".join(one for one in value if one.isprintable()).strip()
    if not text:
        raise NoText("is an empty text")
    return text


def named_id(given: TextFrom, value: Value) -> str:
    """The id of a mold or a system that a value means by its mapping, as it is.

    Nothing in it is exchanged, as in ``identifier_of``: A/1 and A-1 would become one mold.

    Raises:
        NoText: it is no id, or the value has no text.
    """
    text = text_from(given, value)
    if not is_identifier(text):
        raise NoText(f"is no id: {identifier_fault(text)}; give it one in names")
    return text


def identifier_of(text: str) -> str:
    """A text as an id: letters lose their accents, and what no id may hold becomes ``-``.

    Raises:
        NoText: nothing is left, or it is too long.
    """
    bare = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    bare = "".join(one for one in bare if not unicodedata.combining(one))
    found = _NO_ID.sub("-", bare).strip("-").lstrip("_.-")
    if len(found) > ID_LIMIT:
        raise NoText(f"{text[:40]!r} has {len(found)} characters: an id has at most {ID_LIMIT}")
    if not is_identifier(found):
        raise NoText(f"{text[:40]!r} has no letter or digit that an id could be made of")
    return found


def text_from(given: TextFrom, value: Value) -> str:
    """The text that a value means by its mapping.

    Raises:
        NoText: the value is not in ``names``, or empty.
    """
    text = plain_text(value)
    if not given.names:
        return given.prefix + text
    if text not in given.names:
        known = ", ".join(list(given.names)[:8])
        raise NoText(f"{value_text(value)} is not in names (there are: {known})")
    return given.names[text]


def reference_of(text: str) -> str:
    """A text as the number of a lot or an order.

    Raises:
        NoText: it is too long.
    """
    if len(text) > REFERENCE_MAX:
        raise NoText(f"{text[:40]!r} has {len(text)} characters, at most {REFERENCE_MAX} are sent")
    return text
