"""Layers of settings: the configuration, the file of the site over it, the environment.

``agent.yaml`` holds what the agents of a plant have in common, ``sites/SITE.yaml`` beside it what
one site has differently; the latter need not be there.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.ids import is_identifier
from twin_core.checked_yaml import read_yaml
from twin_core.errors import InputError

ENV_PREFIX, ENV_DELIMITER = "TWIN_", "__"
Place = tuple[int | str, ...]
"""Names (and numbers in a list) from the top to a field."""


@dataclass(frozen=True)
class Layer:
    """Settings of one file."""

    path: Path
    content: dict[str, Any]


def read_layers(path: Path) -> list[Layer]:
    """The configuration and, if there is one, the file of its site; the later one counts.

    Raises:
        InputError: a file cannot be read, or that of the site is of another one.
    """
    layers = [Layer(path, read_yaml(path))]
    site = os.environ.get(f"{ENV_PREFIX}SITE", layers[0].content.get("site"))
    if isinstance(site, str) and is_identifier(site):
        file = path.parent / "sites" / f"{site}.yaml"
        if file.exists():
            content = read_yaml(file)
            if content.get("site", site) != site:
                raise InputError(
                    f"{file}: site: is {content['site']!r}: the file is named after {site!r}: "
                    "rename it, or leave site out"
                )
            layers.append(Layer(file, content))
    return layers


def merged(layers: list[Layer]) -> dict[str, Any]:
    """The content of all files; within sections, field by field."""
    found: dict[str, Any] = {}
    for layer in layers:
        found = merge(found, layer.content)
    return found


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Two mappings as one; where both have a value, the one above counts."""
    found = dict(below)
    for name, value in above.items():
        old = found.get(name)
        both = isinstance(old, dict) and isinstance(value, dict)
        found[name] = merge(old, value) if both else value  # type: ignore[arg-type]
    return found


def variable_of(place: Place) -> str | None:
    """The environment variable that sets a field, by itself or as JSON; None if none does."""
    known = {name.upper(): name for name in os.environ}
    for end in range(len(place), 0, -1):
        name = known.get(ENV_PREFIX + ENV_DELIMITER.join(map(str, place[:end])).upper())
        if name is not None and (end == len(place) or _holds_json(name, place[end:])):
            return name
    return None


def _holds_json(variable: str, place: Place) -> bool:
    try:
        return holds(json.loads(os.environ[variable]), place)
    except ValueError:  # told by whoever reads the settings
        return False


def origin_of(place: Place, layers: list[Layer]) -> str:
    """Origin of a field: a variable, a file, or ``default``."""
    variable = variable_of(place)
    if variable is not None:
        return f"environment: {variable}"
    for layer in reversed(layers):
        if holds(layer.content, place):
            return str(layer.path)
    return "default"


def holds(content: Any, place: Place) -> bool:
    """True if a mapping has a value at this place."""
    for name in place:
        try:
            content = content[name]
        except (KeyError, IndexError, TypeError):
            return False
    return True
