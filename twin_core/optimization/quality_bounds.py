"""Bounds beside the quality limits of a part: section ``optimizer`` of a quality file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from twin_core.checked_yaml import parse, read_yaml
from twin_core.optimization.task import Variables
from twin_core.shipped_files import configs_folder, shipped


class _Optimizer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    bounds: Variables = Field(min_length=1)


class _Section(BaseModel):
    optimizer: _Optimizer | None = None


def bounds_of_quality(path: Path) -> dict[str, Any]:
    """Fields of a task: ``variables`` and ``variables_source``; empty without such a section.

    Args:
        path: a file of quality limits, or the name of a preset: ``rigid_panel``.

    Raises:
        InputError: names the file and each wrong field.
    """
    path = shipped(path, "quality", ".yaml")
    return _fields(read_yaml(path), path)


def bounds_of_scenario(path: Path) -> dict[str, Any]:
    """Fields of a task, as of ``bounds_of_quality``, from the quality of a scenario file.

    Args:
        path: a scenario file, or the name of one of the catalogue.

    Raises:
        InputError: names the file and each wrong field.
    """
    path = shipped(path, "scenarios", ".yaml")
    quality = read_yaml(path).get("quality")
    if isinstance(quality, str):
        return bounds_of_quality(configs_folder() / "quality" / f"{quality}.yaml")
    return _fields(quality, path) if isinstance(quality, dict) else {}


def _fields(quality: dict[str, Any], path: Path) -> dict[str, Any]:
    section = parse(_Section, {"optimizer": quality.get("optimizer")}, str(path)).optimizer
    if section is None:
        return {}
    return {"variables": section.bounds, "variables_source": f"optimizer section of {path.name}"}
