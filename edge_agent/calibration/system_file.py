"""A material system, or a cure, as a YAML file: one line per number, as in the catalogue."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from edge_agent.errors import disk_hint
from twin_core.errors import InputError
from twin_core.materials import MaterialSystem
from twin_core.plain_files import read_text
from twin_core.yaml_text import BYTES_MAX

PLAIN = re.compile(r"(1/)?[A-Za-z_][A-Za-z0-9_./-]*")
RESERVED = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
PARAMETER = {"value", "unit", "kind", "source"}


def as_yaml(model: BaseModel, header: str = "") -> str:
    """The file of a model; parts and optional numbers that are left out are not written."""
    lines: list[str] = []
    _write(model.model_dump(mode="json", exclude_defaults=False), 0, lines)
    return header + "\n".join(lines) + "\n"


def header_of(path: Path) -> str:
    """The comment lines at the top of a file: they explain its sources."""
    if not path.exists():
        return ""
    lines = read_text(path, BYTES_MAX).splitlines()
    end = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(f"{line}\n" for line in lines[:end])


def save(path: Path, text: str, force: bool) -> None:
    """Write a file; its folder is made.

    Raises:
        InputError: it is there already and ``force`` is not given, or it cannot be written.
    """
    if path.exists() and not force:
        raise InputError(f"{path}: is there already: name another --out, or give --force")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror or error}", hint=disk_hint(error)
        ) from None


def write_system(system: MaterialSystem, folder: Path) -> None:
    """Put a system into a folder of systems, over a file of its name.

    Raises:
        InputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made: {error.strerror or error}", hint=disk_hint(error)
        ) from None
    save(folder / f"{system.system_id}.yaml", as_yaml(system), force=True)


def _write(node: dict[str, Any], depth: int, lines: list[str]) -> None:
    for name, child in node.items():
        if child is None or child in ({}, []):
            continue
        start = "  " * depth + f"{name}:"
        if isinstance(child, dict) and not set(child) >= PARAMETER:
            before = len(lines)
            lines.append(start)
            _write(child, depth + 1, lines)
            if len(lines) == before + 1:
                lines.pop()  # nothing in it
        elif isinstance(child, list):
            lines.append(start)
            lines.extend("  " * (depth + 1) + f"- {_flow(item)}" for item in child)
        else:
            lines.append(f"{start} {_flow(child)}")


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        known = [f"{k}: {_flow(v)}" for k, v in value.items() if v is not None]
        return "{" + ", ".join(known) + "}"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        quoted = not PLAIN.fullmatch(value) or value.lower() in RESERVED
        return json.dumps(value, ensure_ascii=False) if quoted else value
    return json.dumps(value)


def _number(value: float) -> str:
    """The shortest form that YAML 1.1 takes for a number: with a point and a signed exponent."""
    if value == math.floor(value) and abs(value) < 1e6:
        return str(int(value))
    if 1e-3 <= abs(value) < 1e6:
        return repr(value)
    digits, _, exponent = f"{Decimal(repr(value)).normalize():e}".partition("e")
    mantissa = digits if "." in digits else f"{digits}.0"
    return f"{mantissa}e{int(exponent):+d}"
