"""Template of a file's name: ``curves/{Lfd. Nr.}.csv``, names in braces are columns of a row."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from edge_agent.mapping.problem import nearest

_PART = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")


def check_braces(template: str) -> None:
    """Refuse a template with a brace that has no other.

    Raises:
        ValueError: says where.
    """
    for part in _PART.finditer(template):
        if part[0] in {"{", "}"}:
            raise ValueError(
                f"a single {part[0]} at character {part.start() + 1}: write {{COLUMN}} for a column"
            )


def problem_with(template: str, names: Collection[str]) -> str:
    """Why a template can name no file of a table with these columns; empty where it can.

    Args:
        template: one whose braces are checked.
        names: of the columns.
    """
    for part in _PART.finditer(template):
        if part[1] is None:
            continue
        name, form = _split(part[1], names)
        if name not in names:
            return f"{{{part[1]}}} is no column: {nearest(part[1], names)}"
        try:
            format("", form)
        except ValueError as error:
            return f"{{{part[1]}}}: {error}"
    return ""


def filled(template: str, texts: Mapping[str, str]) -> str:
    """The name of a file.

    Args:
        template: one without a problem.
        texts: of a row, by column.
    """

    def text(part: re.Match[str]) -> str:
        if part[1] is None:
            return part[0][0]
        name, form = _split(part[1], texts)
        return format(texts[name], form)

    return _PART.sub(text, template)


def _split(words: str, names: Collection[str]) -> tuple[str, str]:
    """Column, and behind a colon the form of its text: ``{Nr:0>4}``."""
    if words in names:
        return words, ""
    name, _, form = words.rpartition(":")
    return (name, form) if name in names else (words, "")
