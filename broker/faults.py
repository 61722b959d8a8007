"""Words for what pydantic finds wrong with a field, for people who mend the sender.

pydantic speaks of patterns and instances; here it is said which rule a value breaks, and what to
send instead.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

from broker.errors import RefusalCode
from broker.ids import identifier_fault
from broker.messages.base import NAME_LIMIT, NAME_PATTERN, TEXT_PATTERN
from broker.messages.left_out import number_in
from broker.near_names import meant_in, meant_sensor

_CODES = frozenset(RefusalCode)
_PATTERNS = {
    NAME_PATTERN: "is no name: letters, digits and _, the first a letter, and behind a dot its "
    "number if there are several (T_mold_C.1)",
    TEXT_PATTERN: "holds U+0000, which no database keeps: leave it out",
}
_KINDS = {
    "string_type": "a text",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "dict_type": "an object",
    "model_type": "an object",
    "list_type": "an array",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def fault(error: Mapping[str, Any]) -> tuple[RefusalCode, str, str]:
    """Code, dotted path of the field, and words, of one of pydantic's errors."""
    context = error.get("ctx") or {}
    path = [str(part) for part in error["loc"] if part != "[key]"]
    if isinstance(context.get("field"), str):
        path.append(context["field"])
    field = ".".join(part[:64] for part in path)
    kind, value = error["type"], error["input"]
    if kind == "missing":
        return RefusalCode.MISSING_FIELD, field, _missing(path[-1], value)
    if kind in _CODES:
        return RefusalCode(kind), field, error["msg"]
    return RefusalCode.INVALID_FIELD, field, _words(kind, value, context, error["msg"])


def _words(kind: str, value: object, context: Mapping[str, Any], message: str) -> str:
    shown = reprlib.repr(value)
    match kind:
        case "identifier":
            words = identifier_fault(value)
        case "timestamp" | "scalar":
            words = message
        case "string_pattern_mismatch":
            rule = _PATTERNS.get(context["pattern"], "has characters that cannot be here")
            near = meant_sensor(str(value)) if context["pattern"] == NAME_PATTERN else None
            words = f"{shown} {rule}" + ("" if near is None else f"; is {near} meant?")
        case "string_too_long" if isinstance(value, str):
            words = f"{len(value)} characters ({value[:20]!r}…), at most {context['max_length']}"
        case "string_too_short":
            words = "an empty text: leave the field out when there is nothing to say"
        case _ if kind in _BOUNDS:
            comparison, bound = _BOUNDS[kind]
            words = f"{shown}, expected {comparison} {context[bound]}"
        case _ if kind in _KINDS:
            words = f"expected {_KINDS[kind]}, got {_got(value, kind)}"
        case _:
            words = f"{message.replace('Input should be', 'expected')}, got {shown}"
    return words


def _got(value: object, kind: str) -> str:
    match value:
        case None:
            words = "null: send a value, or leave the field out where it is optional"
        case bool():
            words = str(value).lower()
        case str() if kind in {"float_type", "int_type"}:
            number = number_in(value)
            words = f"the text {reprlib.repr(value)}" + (f": send {number}" if number else "")
        case int() | float() if kind == "string_type":
            words = f'the number {value}: send it in quotes, "{value}"'
        case list():
            words = "an array"
        case dict():
            words = "an object"
        case _:
            words = reprlib.repr(value)
    return words


def _missing(name: str, beside: object) -> str:
    words = "this field is needed"
    if isinstance(beside, dict):
        texts = [key for key in beside if isinstance(key, str)][:NAME_LIMIT]
        near = next(iter(meant_in(texts, [name])), None)
        if near is not None:
            words += f"; {near[:64]!r} is there: is {name} meant?"
    return words
