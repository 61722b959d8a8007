"""The settings in force, each with its value as it may be shown and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import EnvSettingsSource

from edge_agent.config.database_address import without_password
from edge_agent.config.layers import Layer, merge, merged, origin_of
from edge_agent.config.secret_files import SCHEME
from edge_agent.config.settings import SECRETS, Settings

HIDDEN = "(not shown)"


@dataclass(frozen=True)
class Setting:
    """A setting in force."""

    field: str
    """``section.field``."""
    value: str
    """As it may be shown; empty for None."""
    origin: str
    """``default``, a file, ``environment: VARIABLE``, ``secrets folder: FILE``."""


def effective_settings(layers: list[Layer], settings: Settings | None) -> list[Setting]:
    """Every setting, in the order of the documentation; as it was given, where it is wrong.

    Args:
        layers: the files.
        settings: what came of them; None if they are wrong.
    """
    given = None if settings is not None else _given(layers)
    return list(_where_secrets_are(list(_walk(Settings, (), settings, given, layers))))


def usable_sections(layers: list[Layer]) -> Settings:
    """Settings that hold the sections that are right, for further checks; the others as default."""
    given = _given(layers)
    fields: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        if name not in given:
            continue
        try:
            kind: Any = field.annotation
            fields[name] = TypeAdapter(kind).validate_python(given[name])
        except ValidationError:
            continue  # told already
    return Settings.model_construct(**fields)


def _given(layers: list[Layer]) -> dict[str, Any]:
    try:
        environment = EnvSettingsSource(Settings)()
    except ValueError:  # a variable that is not the JSON it must be: told already
        environment = {}
    return merge(merged(layers), environment)


def _walk(
    model: type[BaseModel],
    place: tuple[str, ...],
    found: BaseModel | None,
    given: dict[str, Any] | None,
    layers: list[Layer],
) -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        here = (*place, name)
        value = getattr(found, name, None)
        if given is not None:
            default = field.get_default(call_default_factory=True)
            value = given.get(name, None if field.is_required() else default)
        section = _section_of(field.annotation)
        if section is None or (given is not None and not isinstance(value, dict | BaseModel)):
            yield Setting(".".join(here), _shown(name, value), origin_of(here, layers))
            continue
        inside = value if isinstance(value, dict) else None
        yield from _walk(section, here, None if inside is not None else value, inside, layers)


def _section_of(annotation: Any) -> type[BaseModel] | None:
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_model else None


def _shown(name: str, value: Any) -> str:
    if name == "url" and value is not None:
        return without_password(str(value))
    if isinstance(value, SecretStr) or (name in SECRETS and value is not None):
        return HIDDEN
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_unset=True)
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_shown('', item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    words = "" if value is None else str(value)
    return words.lower() if isinstance(value, bool) else words


def _where_secrets_are(found: list[Setting]) -> Iterator[Setting]:
    """The settings; a secret that lies in a file of its own has that as its origin."""
    files = {one.field: one.value for one in found if one.field.endswith("_file")}
    for one in found:
        file = files.get(f"{one.field}_file", "")
        if one.value or not file or one.field.rpartition(".")[2] not in SECRETS:
            yield one
        elif file.startswith(SCHEME):
            folder = os.environ.get("CREDENTIALS_DIRECTORY", "$CREDENTIALS_DIRECTORY")
            name = file.removeprefix(SCHEME)
            yield Setting(one.field, HIDDEN, f"secrets folder: {folder}/{name}")
        else:
            yield Setting(one.field, HIDDEN, f"secret file: {file}")
