"""Lists of tags in files: CSV or JSON, as ``gateway browse`` and other tools write them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from edge_agent.links.tag_source import FoundTag
from twin_core.errors import InputError
from twin_core.plain_files import read_text

BYTES_MAX = 20_000_000
TAGS_MAX = 50_000
_OTHER_NAMES = {
    "node": "address", "nodeid": "address", "node id": "address", "column": "address",
    "topic": "address", "tag": "name", "symbol": "name", "displayname": "name",
    "type": "data_type", "datatype": "data_type", "data type": "data_type",
    "engineering unit": "unit", "comment": "description",
}  # fmt: skip
_FIELDS = tuple(one.name for one in fields(FoundTag))


def read_found_tags(path: Path) -> list[FoundTag]:
    """Tags of a list in a file.

    Args:
        path: a JSON list of objects, or CSV with a header; ``address``, or else ``name``, must be
            there, ``data_type``, ``unit``, ``value``, ``description`` may be.

    Raises:
        InputError: it is neither, or too large.
    """
    text = read_text(path, BYTES_MAX)
    rows = _json_rows(text, path) if text.lstrip()[:1] in {"[", "{"} else _csv_rows(text, path)
    if len(rows) > TAGS_MAX:
        raise InputError(f"{path}: {len(rows)} tags, more than {TAGS_MAX}: leave some out")
    found = []
    for number, row in enumerate(rows, start=1):
        named = {_field(name): _cell(value) for name, value in row.items()}
        address = named.get("address") or named.get("name", "")
        if not address:
            raise InputError(f"{path}: tag {number}: has no address: name a column address")
        known = {name: named.get(name, "") for name in _FIELDS}
        known |= {"address": address, "name": named.get("name") or address}
        found.append(FoundTag(**known))
    if not found:
        raise InputError(f"{path}: there is no tag in it")
    return found


def _field(name: object) -> str:
    plain = str(name).strip().casefold()
    return _OTHER_NAMES.get(plain, plain.replace(" ", "_"))


def _cell(value: object) -> str:
    return "" if value is None else str(value).strip()


def _json_rows(text: str, path: Path) -> list[Mapping[str, Any]]:
    try:
        content = [json.loads(text)] if text.lstrip()[:1] == "[" else _json_lines(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no JSON: {error}") from None
    rows = content[0] if len(content) == 1 and isinstance(content[0], list) else content
    if not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path}: must be a list of objects with address, name, data_type, unit")
    return rows


def _json_lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _csv_rows(text: str, path: Path) -> list[Mapping[str, Any]]:
    head = text.partition("\n")[0]
    delimiter = max(";\t,", key=head.count)
    try:
        reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
        names = {_field(name) for name in reader.fieldnames or ()}
        if not names & {"address", "name"}:
            words = "its first line must name columns, address or name among them"
            raise InputError(f"{path}: {words}: {head[:80]!r}")
        return [{k: v for k, v in row.items() if k is not None} for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}: is no CSV: {error}") from None
