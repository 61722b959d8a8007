"""Conditions on a tag: whether one holds for a value, and whether it begins with a value."""

from __future__ import annotations

from edge_agent.config.gateway_settings import Condition
from edge_agent.links.tag_source import Value


def holds(condition: Condition, value: Value | None) -> bool | None:
    """Whether a condition holds for a value; None where that cannot be said.

    ``rises`` holds while the value is true, or not 0; ``falls`` while it is false, or 0;
    ``changes`` for every value.

    Args:
        condition: as configured.
        value: of its tag; None where it has none.
    """
    if value is None or condition.when == "changes":
        return None if value is None else True
    limit = condition.value
    if condition.when == "equals":
        return value == limit if isinstance(value, str) == isinstance(limit, str) else None
    if isinstance(value, str):
        return None
    if isinstance(limit, int | float) and condition.when in {"above", "below"}:
        return value > limit if condition.when == "above" else value < limit
    return (value != 0) == (condition.when == "rises")


def begins(condition: Condition, before: Value | None, value: Value | None) -> bool:
    """Whether a condition begins to hold with a value.

    Args:
        condition: as configured.
        before: last value that the tag had; None where none is known: then nothing begins.
        value: the new one.
    """
    if before is None or value is None:
        return False
    if condition.when == "changes":
        return before != value
    return holds(condition, before) is False and holds(condition, value) is True


def in_words(condition: Condition) -> str:
    """A condition in words: ``plc.flow above 0.2``."""
    if condition.value is None:
        return f"{condition.tag} {condition.when}"
    value = condition.value
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return f"{condition.tag} {condition.when} {shown}"


def value_text(value: Value | None) -> str:
    """A value in words."""
    if value is None:
        return "no value"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else repr(value)[:80]
