"""Wrong fields of an optimisation task, as places in the body that asked for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from edge_agent.web.api.errors import fields_in, refusal_of
from edge_agent.web.problems import FieldProblem, Refused, pointer
from twin_core.errors import InputError

CONFIG = "optimizer_config"
WHOLE = "the whole"
"""In place of a field, where the error is of all of them."""
OLDER = {"variables": "bounds", "t_cycle_max_s": "t_cycle_max"}
"""Names of the first generation, where the current one is not given."""
_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


def refusal_in_body(error: InputError, body: Mapping[str, Any]) -> Refused:
    """The refusal of a task, with pointers to fields that the body has.

    Args:
        error: of ``what_if.optimization_task``: a wrong field in each line.
        body: what was sent.
    """
    refused = refusal_of(error)
    config = body.get(CONFIG)
    if isinstance(config, Mapping):
        lines = str(error).splitlines()
        places = (_in_config(line, config) or next(fields_in(line), None) for line in lines)
        refused.errors = [place for place in places if place is not None]
    return refused


def _in_config(line: str, config: Mapping[str, Any]) -> FieldProblem | None:
    """The field of a line; None where it is of the scenario."""
    words = line.split(": ")
    if words[0] == CONFIG:
        words = words[1:]
    elif _key(config, words[0]) is None:
        return None
    place: list[Any] = [CONFIG]
    at: Any = config
    while len(words) > 1 and (words[0] == WHOLE or _NAME.fullmatch(words[0])):
        if words[0] != WHOLE:
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
        if key is None and part == "constraints":
            continue  # the longest cycle may stand without
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
