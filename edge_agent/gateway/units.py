"""Unit that ends the name of a channel."""

from __future__ import annotations

from broker.sensors import UNIT_OF_SUFFIX, base_name


def unit_of_name(name: str) -> str | None:
    """Unit that ends a name, as ``twin_core.unit_words`` writes it; None where none does."""
    base = base_name(name)
    for suffix in sorted(UNIT_OF_SUFFIX, key=len, reverse=True):
        if base.endswith(suffix):
            return UNIT_OF_SUFFIX[suffix]
    return None
