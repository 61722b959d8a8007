"""YAML of a datasource: read, checked as a whole, and every problem told with its line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from edge_agent.errors import SettingsError
from edge_agent.imports.fields import older_names
from edge_agent.imports.settings import (
    BundleSource,
    Datasource,
    FolderSource,
    HistorySource,
    RestSource,
    SqlSource,
)
from edge_agent.mapping.problem import Lines, Place, Problem
from twin_core.checked_yaml import describe, mapping_in
from twin_core.errors import InputError
from twin_core.plain_files import read_text
from twin_core.yaml_text import BYTES_MAX, key_lines

FOLDER = Path("configs/datasources")
PASSWORD, TOKEN, URL = "TWIN_SOURCE_PASSWORD_", "TWIN_SOURCE_TOKEN_", "TWIN_SOURCE_URL_"
"""Before the id of a source, in capitals: variables that hold its secrets."""
_SECRETS = {"password": PASSWORD, "token": TOKEN, "url": URL, "dsn": PASSWORD}
_MODELS: dict[str, type[BaseModel]] = {
    "sql": SqlSource,
    "csv": FolderSource,
    "parquet": FolderSource,
    "rest": RestSource,
    "bundles": BundleSource,
    "history": HistorySource,
}
_NAMES_A_KEY = re.compile(r"Value error, '?([A-Za-z0-9_.]+)'?")
_ADAPTER: TypeAdapter[Any] = TypeAdapter(Datasource)


def path_of(source: str, folder: Path = FOLDER) -> Path:
    """The file of a source: of its id in the folder, or the file itself.

    Args:
        source: an id, or the path of a YAML file.
        folder: where the files of ids lie.

    Raises:
        InputError: there is none; it lists those that there are.
    """
    if source.endswith((".yaml", ".yml")) or "/" in source:
        return Path(source)
    path = folder / f"{source}.yaml"
    if path.exists():
        return path
    known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml"))) or "none"
    raise InputError(
        f"--source {source!r}: no {path} (there are: {known})",
        hint="pur-mold-twin import-logs --source ID --propose TABLE drafts one",
    )


def load_datasource(path: Path, table: str | None = None) -> Datasource:
    """Settings of a datasource; secrets come from the environment or from files.

    Args:
        path: the YAML.
        table: to look at this table of its database alone, whatever is mapped so far.

    Raises:
        SettingsError: one line per problem, with file, line, field and the way out.
    """
    try:
        text = read_text(path, BYTES_MAX)
        content = mapping_in(text, path)
    except InputError as error:
        raise SettingsError(str(error), hint=error.hint) from None
    lines = Lines(path, key_lines(text))
    if table is not None:
        for name in ("columns", "series", "form"):
            content.pop(name, None)
        content["table"] = table
    kind = content.setdefault("kind", "sql" if "driver" in content else None)
    found = _secrets(content, path.stem)
    model = _MODELS.get(str(kind))
    if model is None:
        words = f"must be one of {', '.join(_MODELS)}"
        found.append(Problem(("kind",), words if kind is None else f"{words} (found {kind!r})"))
    wrong = [lines.words(problem) for problem in found]
    settings = None
    try:
        settings = _ADAPTER.validate_python(content) if model is not None else None
    except ValidationError as error:
        wrong += _told(error, path, lines, str(kind), model)
    if wrong or settings is None:
        raise SettingsError("\n".join(wrong), hint="docs/import.md has every field")
    if isinstance(settings, FolderSource) and settings.series is not None:
        settings.series.stands_at(f"{path}{_line(lines, ('series', 'file'))}: series.file")
    return settings


def _told(
    error: ValidationError, path: Path, lines: Lines, kind: str, model: type[BaseModel] | None
) -> Iterator[str]:
    """A line for each wrong field; of a mapping whose key is named by the error, that key's."""
    told = describe(error, "", ("password", "token", "url"), model)
    for item, words in zip(error.errors(include_url=False), told, strict=True):
        place = lines.known(item["loc"][1:])
        named = _NAMES_A_KEY.match(item["msg"])
        for name in [] if named is None else [named[1], *older_names(named[1])]:
            place = lines.known((*place, name))
        yield f"{path}{_line(lines, place)}{words.replace(f': {kind}.', ': ', 1)}"


def _line(lines: Lines, place: Place) -> str:
    line = lines.line(place)
    return "" if line is None else f": line {line}"


def _secrets(content: dict[str, Any], source_id: str) -> list[Problem]:
    """Refuse secrets in the file, and put in those of the environment."""
    name = "".join(one if one.isalnum() else "_" for one in source_id).upper()
    found = []
    of_kind = {"sql": ("password", "dsn"), "rest": ("token", "password"), "history": ("url",)}
    for secret in of_kind.get(str(content.get("kind")), ("password", "token")):
        variable = _SECRETS[secret] + name
        place: Place = (secret,)
        if secret in content:
            way_out = f"{secret}_file, or " if secret != "dsn" else "host, database, user and "
            words = f"not in this file: use {way_out}the variable {variable}"
            del content[secret]
            found.append(Problem(place, words))
        elif secret != "dsn" and variable in os.environ:
            content[secret] = os.environ[variable]
    return found
