"""Problems of single fields of a mapping, in the words of who writes one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from edge_agent.config.gateway_settings import TagRef
from edge_agent.config.gateway_sources import TagName
from edge_agent.gateway.problem import Lines, Place, Problem
from twin_core.checked_yaml import TEXT_EXPECTED, nearest_field, short

SECRETS = frozenset({"password", "session_secret"})
KINDS = ("opcua", "modbus", "mqtt", "sparkplug", "folder")


def _pattern(annotation: Any) -> str:
    return str(get_args(annotation)[1].pattern)


_TAG_REF, _TAG_NAME = _pattern(TagRef), _pattern(TagName)
_NO_TAG = "is no tag: write source and tag, as plc.mold_temperature"
_TAG_OR_MAPPING = f"{_NO_TAG}, or a mapping with tag, unit, scale, offset, range"
_NAMES_A_KEY = re.compile(r"Value error, '([^']+)'")
_MODEL_EXPECTED = {"model_type", "model_attributes_type", "dict_type"}
_TEXT_EXPECTED = {"string_type", "string_pattern_mismatch", *TEXT_EXPECTED}
_NUMBER_EXPECTED = {"float_type", "float_parsing", "int_type", "int_parsing", "finite_number"}


def field_problems(
    error: ValidationError, lines: Lines, model: type[BaseModel]
) -> Iterator[Problem]:
    """Problems that a validation found, one for each wrong field.

    Args:
        error: of pydantic.
        lines: of the file.
        model: what was validated.
    """
    by_place: dict[Place, list[Mapping[str, Any]]] = {}
    for item in error.errors(include_url=False, include_context=True):
        is_key = bool(item["loc"]) and item["loc"][-1] == "[key]"
        place = place_of(item, lines)
        by_place.setdefault(place, []).append({**item, "is_key": is_key})
    for place, items in by_place.items():
        if _says_more(place, items, by_place):
            continue
        for words in dict.fromkeys(_words(item, model) for item in _telling(items)):
            yield Problem(place, words)


def place_of(item: Mapping[str, Any], lines: Lines) -> Place:
    """Place of an error in the file; of one about a mapping that names a key of it, that key.

    Args:
        item: error of pydantic.
        lines: of the file.
    """
    loc = item["loc"]
    place: Place = lines.known(loc[:-1] if loc and loc[-1] == "[key]" else loc)
    if loc and loc[-1] == "[key]":
        place = lines.known((*place, loc[-2]))
    if loc and item["type"] == "missing":
        return (*place, loc[-1]) if place[-1:] != (str(loc[-1]),) else place
    named = _NAMES_A_KEY.match(str(item["msg"])) if item["type"] == "value_error" else None
    return lines.known((*place, named[1])) if named else place


def _says_more(
    place: Place, items: list[Mapping[str, Any]], by_place: Mapping[Place, object]
) -> bool:
    """Whether errors are only that a mapping is no text or number, and one inside says more."""
    if not all(isinstance(item.get("input"), Mapping) for item in items):
        return False
    if not {item["type"] for item in items} <= _TEXT_EXPECTED | _NUMBER_EXPECTED:
        return False
    return any(other != place and other[: len(place)] == place for other in by_place)


def _telling(items: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of the errors of a field that may be several things, those about what it is."""
    if len(items) == 1:
        return items
    value = items[0].get("input")
    kinds = {item["type"] for item in items}
    if isinstance(value, str):
        told = [item for item in items if item["type"] in _TEXT_EXPECTED | {"value_error"}]
    elif isinstance(value, Mapping):
        told = [i for i in items if i["type"] not in _TEXT_EXPECTED | _NUMBER_EXPECTED]
    elif "identifier" in kinds:
        told = [item for item in items if item["type"] == "identifier"]
    elif kinds & _MODEL_EXPECTED and kinds & _TEXT_EXPECTED:
        return [{**items[0], "type": "tag_or_mapping"}]
    else:
        told = items
    return told or items[:1]


_FIXED = {
    "missing": "is missing: add it",
    "union_tag_not_found": f"kind must be one of {', '.join(KINDS)}",
    "union_tag_invalid": f"kind must be one of {', '.join(KINDS)}",
    "tag_or_mapping": _TAG_OR_MAPPING,
    **dict.fromkeys(_MODEL_EXPECTED, "must be a mapping of fields"),
    _TAG_REF: _NO_TAG,
    _TAG_NAME: "a name has letters, digits and _, the first is a letter",
}
"""Words by the type of an error, or by the pattern that a text does not fit."""


def _words(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    kind, value, name = item["type"], item.get("input"), str(item["loc"][-1] if item["loc"] else "")
    shown = f" (found {short(value)})" if isinstance(value, str | int | float | bool) else ""
    words = _FIXED.get(str(item.get("ctx", {}).get("pattern"))) or _FIXED.get(kind)
    if item["is_key"]:
        words = "is no name: letters, digits and _, the first a letter; a number in quotes"
    elif kind == "extra_forbidden":
        near = nearest_field(model, item["loc"])
        meant = f"is {near} meant? " if near is not None else ""
        words, shown = f"unknown field: {meant}Correct its spelling or remove it", ""
    elif name in SECRETS:
        words, shown = "cannot be used", ""
    elif words is None and kind in TEXT_EXPECTED and type(value) in {int, float}:
        words, shown = f"is a text: put it in quotes (found the number {short(value)})", ""
    if words is None:
        words = item["msg"].removeprefix("Value error, ")
    return words if kind == "missing" else f"{words}{shown}"
