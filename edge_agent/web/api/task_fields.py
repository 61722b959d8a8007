"""Wrong fields of an optimisation task, as places in the body that asked for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from edge_agent.web.api.errors import fields_in, refusal_of
from edge_agent.web.problems import FieldProblem, Refused, pointer
from twin_core.errors import InputError

CONFIG = "optimizer_config"
PARTS = ("variables", "constraints", "scatter", "prices", "prefer", "goals", "changes")
"""Of it, that errors begin with."""
TRANSPARENT = ("the whole", "constraints")
"""Words of errors that need not be in the body: the longest cycle may stand without constraints."""
OF_PRESET, OF_PROCESS = "optimizer section of ", "settings"
"""Places of errors in bounds of a preset of quality, and in the process that follows from them."""
OLDER = {"variables": "bounds", "t_cycle_max_s": "t_cycle_max"}
"""Names of the first generation, where the current one is not given."""
_NAME = re.compile(r"the whole|[A-Za-z_][\w.-]*", re.ASCII)


def refusal_in_body(error: InputError, body: Mapping[str, Any]) -> Refused:
    """The refusal of a task, with pointers to fields that the body has.

    Args:
        error: of ``what_if.optimization_task``: a wrong field in each line.
        body: what was sent.
    """
    refused = refusal_of(error)
    config = body.get(CONFIG)
    config = config if isinstance(config, Mapping) else {}
    places = (_place(line, config) for line in str(error).splitlines())
    refused.errors = [place for place in places if place is not None]
    return refused


def _place(line: str, config: Mapping[str, Any]) -> FieldProblem | None:
    first, _, rest = line.partition(": ")
    if first.startswith(OF_PRESET):
        return FieldProblem(pointer=pointer(("quality",)), detail=rest)
    if first == CONFIG:
        return _in_config(rest.split(": "), config)
    if first in PARTS:
        return _in_config(line.split(": "), config)
    found = next(fields_in(line), None)
    if found is not None and first == OF_PROCESS:
        found.pointer = f"#/process{(found.pointer or '#')[1:]}"
    return found


def _in_config(words: Sequence[str], config: Mapping[str, Any]) -> FieldProblem:
    """The deepest field that the configuration has, and what is said of it."""
    place: list[Any] = [CONFIG] if config else []
    at: Any = config
    while len(words) > 1 and _NAME.fullmatch(words[0]):
        if words[0] not in TRANSPARENT or _key(at, words[0]) is not None:
            further = _walk(at, words[0].split("."))
            if further is None:
                break
            keys, at = further
            place += keys
        words = words[1:]
    return FieldProblem(pointer=pointer(tuple(place)), detail=": ".join(words))


def _walk(at: Any, parts: Sequence[str]) -> tuple[list[Any], Any] | None:
    """Keys from an object down, and what is there; None where it has not even the first."""
    keys: list[Any] = []
    for part in parts:
        key = _key(at, part)
        if key is None and part in TRANSPARENT:
            continue
        if key is None:
            return (keys, at) if keys else None
        keys.append(key)
        at = at[key]
    return (keys, at) if keys else None


def _key(at: Any, part: str) -> Any:
    if isinstance(at, Mapping):
        names = (part, OLDER.get(part))
        return next((name for name in names if name is not None and name in at), None)
    if isinstance(at, list) and part.isdecimal() and int(part) < len(at):
        return int(part)
    return None
