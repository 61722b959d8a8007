"""Data of YAML files, checked: the error names the file and each wrong field."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from twin_core.errors import InputError
from twin_core.plain_files import read_text
from twin_core.yaml_text import BYTES_MAX, VALUES_MAX, key_lines, parse_yaml

Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path, bytes_max: int = BYTES_MAX, inside: Path | None = None) -> dict[str, Any]:
    """The mapping in a YAML file.

    Args:
        path: the file.
        bytes_max: how large it may be, in bytes.
        inside: folder that it must lie in (``plain_files.read_bytes``).

    Raises:
        InputError: the file is missing, no regular file, out of bounds (``yaml_text``), not YAML,
            or not a mapping.
    """
    return mapping_in(read_text(path, bytes_max, inside), path)


def mapping_in(text: str, path: Path, values_max: int = VALUES_MAX) -> dict[str, Any]:
    """The mapping in the text of a YAML file.

    Args:
        text: content of the file.
        path: the file, for errors.
        values_max: how many keys and values it may have.

    Raises:
        InputError: it is out of bounds (``yaml_text``), not YAML, or not a mapping.
    """
    try:
        content = parse_yaml(text, values_max)
    except ValueError as error:
        raise InputError(f"{path}: cannot be read as YAML: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold a mapping of fields, not {type(content).__name__}")
    if unnamed := [key for key in content if not isinstance(key, str)]:
        line = key_lines(text).get((str(unnamed[0]),))
        where = path if line is None else f"{path}: line {line}"
        raise InputError(f"{where}: a field must have a name, not {short(unnamed[0])}: quote it")
    return content


TEXT_EXPECTED = ("string_type", "identifier")
"""Errors of pydantic, and of the wire contract, for a number where a text belongs."""


def parse(model: type[Model], content: object, where: str) -> Model:
    """Validate plain data; the error names the place and every wrong field.

    Raises:
        InputError: with one line per wrong field.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InputError("\n".join(describe(error, where, model=model))) from None


def describe(
    error: ValidationError,
    where: str | Callable[[tuple[int | str, ...]], str],
    secret: tuple[str, ...] = (),
    model: type[BaseModel] | None = None,
) -> Iterable[str]:
    """One line per wrong field of a pydantic error: place, field, what is wrong.

    Args:
        where: what was read: a file; or what gives it for the place of a field.
        secret: names of fields whose values are not shown.
        model: what was validated; the error of an unknown field gives the nearest name.
    """
    for item in error.errors(include_url=False):
        path = ".".join(str(part) for part in item["loc"]) or "the whole"
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = "unknown field: correct its spelling or remove it"
            if model is not None and (near := nearest_field(model, item["loc"])) is not None:
                message = f"unknown field: is {near} meant? Correct its spelling or remove it"
        elif item["type"] == "missing":
            message = "is missing: add it"
        elif item["type"] in TEXT_EXPECTED and type(item.get("input")) in {int, float}:
            message = f"is a text: put it in quotes (found the number {short(item['input'])})"
        elif path.rpartition(".")[2] in secret:
            pass
        elif isinstance(item.get("input"), (str, int, float, bool)):
            message += f" (found {short(item['input'])})"
        yield f"{where if isinstance(where, str) else where(item['loc'])}: {path}: {message}"


def nearest_field(model: type[BaseModel], place: tuple[int | str, ...]) -> str | None:
    """The field of a model, or of a part of it, whose name is the most like the last of a place.

    Args:
        model: the outermost model.
        place: names and numbers from there to the unknown field.
    """
    inside = {model}
    for name in place[:-1]:
        fields = [found for one in inside if (found := one.model_fields.get(str(name)))]
        if fields:  # else an item of a list, a key of a mapping, or the tag of a union
            inside = {part for field in fields for part in _models_in(field.annotation)}
    names = {name.casefold(): name for one in inside for name in one.model_fields}
    near = get_close_matches(str(place[-1]).casefold(), names, n=1)
    return names[near[0]] if near else None


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {part for inner in get_args(annotation) for part in _models_in(inner)}


def must_be_one_of(known: Iterable[str], name: object, what: str, folder: Path) -> None:
    """Refuse a name that is not known.

    Args:
        what: begins the error, as ``no mold``.
        folder: where the known ones are.

    Raises:
        InputError: it lists those that there are.
    """
    listed = sorted(known)
    if name not in listed:
        raise InputError(f"{what} {name!r} in {folder} (there are: {', '.join(listed) or 'none'})")


def short(value: object) -> str:
    """A value as an error quotes it."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
