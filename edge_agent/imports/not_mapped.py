"""Columns of a source that no mapping names: told, with what is perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from edge_agent.imports.fields import FIELDS, current_name
from edge_agent.imports.settings import Mapped

ALIKE = 0.7
"""How much two names have in common, of 1, to be taken for one and its misspelling."""
_BESIDE = ("RH_ambient",)


def not_mapped(
    where: str, names: Iterable[str], settings: Mapped, used: Iterable[str] = ()
) -> list[str]:
    """A line for each column that is not used.

    Args:
        where: table or file.
        names: of its columns.
        settings: of the source; without ``columns``, columns that are called as fields are used.
        used: columns that are used beside.
    """
    mapped = {one.column for one in settings.columns.values()} | set(used)
    found = []
    for name in names:
        known = not settings.columns and (current_name(name) in FIELDS or name in _BESIDE)
        if known or name in mapped:
            continue
        words = f"{where}: column {name or '(without a name)'} is not mapped"
        lower = {field.casefold(): field for field in FIELDS}
        near = get_close_matches(name.casefold(), lower, n=1, cutoff=ALIKE)
        if near and not settings.columns:
            words += f": is {lower[near[0]]} meant? Map it in columns"
        found.append(words)
    return found
