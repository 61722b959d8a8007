"""Proposal of a mapping: what each tag that was found may be for, and how sure that is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_agent.gateway.tag_words import Role, is_set_point, role_of, words_of
from edge_agent.gateway.units import Affine, UnknownUnit, conversion_between, unit_of_name
from edge_agent.links.tag_source import FoundTag
from twin_core.plausible_ranges import range_of

SURE, LIKELY, GUESS = "sure", "likely", "a guess"
_ORDER = {SURE: 0, LIKELY: 1, GUESS: 2}
_BOOL = re.compile(r"bool|bit|coil|discrete|truth|true|false", re.IGNORECASE)
_TEXT = re.compile(r"str|text|char|uuid|guid|date|time|xml|byte|localized", re.IGNORECASE)
_NUMBER = re.compile(r"int|float|double|real|word|number|lreal|decimal|enum", re.IGNORECASE)
OPAQUE = frozenset({"DATASET", "TEMPLATE", "BYTES", "FILE"})
"""Types of Sparkplug that hold no single value."""
TAG_LENGTH = 48


@dataclass
class Proposed:
    """A tag with what it may be for."""

    found: FoundTag
    tag: str
    """Name that it gets in the mapping."""
    kind: str
    """``number``, ``bool``, ``text``."""
    role: Role | None = None
    sure: str = GUESS
    is_set_point: bool = False
    unit: str = ""
    """Unit as it is written in the mapping; empty where that of the channel fits."""
    open: list[str] = field(default_factory=list)
    """What a person has to decide."""


def proposed(tags: Iterable[FoundTag]) -> list[Proposed]:
    """What each tag may be for.

    Args:
        tags: as a machine, or a file, lists them; arrays and structures are left out.
    """
    taken: set[str] = set()
    found = []
    for one in tags:
        if one.data_type.endswith("[]") or one.data_type in OPAQUE:
            continue
        kind = kind_of(one)
        item = Proposed(one, tag_name(one, taken), kind)
        words = f"{one.name} {one.description}"
        item.role = role_of(words, kind) or role_of(f"{words} {one.address}", kind)
        item.is_set_point = is_set_point(words)
        if item.role is not None:
            _judge(item, item.role)
        found.append(item)
    return found


def kind_of(found: FoundTag) -> str:
    """Kind of a tag's value: ``number``, ``bool``, ``text``."""
    if _BOOL.search(found.data_type):
        return "bool"
    if _NUMBER.search(found.data_type):
        return "number"
    if _TEXT.search(found.data_type):
        return "text"
    return "bool" if found.value.lower() in {"true", "false"} else "number"


def tag_name(found: FoundTag, taken: set[str]) -> str:
    """A name for a tag, which no other tag has: letters, digits and ``_``."""
    short = re.split(r"[/.\\]", found.name.strip('"'))[-1] or found.name
    words = words_of(short) or words_of(found.name) or words_of(found.address) or ["tag"]
    name = "_".join(words)[:TAG_LENGTH].strip("_")
    if not name[:1].isalpha():
        name = f"tag_{name}"
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    taken.add(unique)
    return unique


def _judge(item: Proposed, role: Role) -> None:
    item.sure = LIKELY
    unit = unit_of_name(role.name) if role.kind == "number" else None
    if unit is None:
        return
    said = item.found.unit.strip()
    factor = Affine()
    if not said:
        item.open.append(f"the machine tells no unit: is it {unit}?")
    else:
        try:
            factor = conversion_between(said, unit)
            item.sure = SURE
            if factor != Affine():
                item.unit = said
        except UnknownUnit as error:
            item.sure = GUESS
            item.open.append(str(error).partition(";")[0])
    if role.name == "p_cavity_bar":
        item.open.append("the twin wants it absolute: of a gauge value give offset")
    _look_at_value(item, role, factor)


def _look_at_value(item: Proposed, role: Role, factor: Affine) -> None:
    """What the present value says of the unit."""
    try:
        value = factor(float(item.found.value.replace(",", ".")))
    except ValueError:
        return
    possible = range_of(role.name)
    if not possible.low <= value <= possible.high:
        item.sure = GUESS
        item.open.append(
            f"it is {value:g} now, and {role.name} can be {possible.low:g} to {possible.high:g}: "
            "another unit, or a scale?"
        )


def best(items: Iterable[Proposed], name: str) -> list[Proposed]:
    """Those that may be a channel or part of the mapping, the surest first.

    Args:
        items: of ``proposed``.
        name: of the role.
    """
    fit = [one for one in items if one.role is not None and one.role.name == name]
    return sorted(fit, key=lambda one: (one.is_set_point, _ORDER[one.sure]))
