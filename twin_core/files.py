"""Scenario, mold and cure files, and the catalogue that comes with the product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from twin_core.bulk_cure import CureChemistry, CureSeries
from twin_core.checked_yaml import must_be_one_of, parse, read_yaml
from twin_core.errors import InputError
from twin_core.log_files.series import read_series
from twin_core.mold import Mold
from twin_core.scenario import Quality, Scenario
from twin_core.shipped_files import configs_folder, shipped
from twin_core.system_versions import load_sheets, load_systems

CURE_S = 30 * 86_400.0
"""A cure without foam is followed for a month at most."""


def load_mold(path: Path) -> Mold:
    """A mold from its file; the file's name is the default ``mold_id``."""
    return parse(Mold, {"mold_id": path.stem, **read_yaml(path)}, str(path))


def load_quality(path: Path) -> Quality:
    """Limits of a part from a file, or a preset of the catalogue by name: ``rigid_panel``."""
    path = shipped(path, "quality", ".yaml")
    return parse(Quality, _limits(read_yaml(path)), str(path))


def _limits(quality: dict[str, Any]) -> dict[str, Any]:
    """Quality without its section for ``optimize``, which ``optimization.quality_bounds`` reads."""
    return {name: value for name, value in quality.items() if name != "optimizer"}


def load_scenario(
    path: str | Path, systems: str | Path | None = None, system_id: str | None = None
) -> Scenario:
    """A scenario from its YAML file.

    Args:
        path: a file with ``process``, ``mold`` (inline, or the id of a mold in the catalogue),
            and ``system_id`` or a whole material under ``system``; optional ``quality`` (fields, or
            the name of a preset) and ``simulation``. Or the name of a scenario of the
            catalogue: ``rigid_panel``.
        systems: file or folder with the material systems; None takes the catalogue.
        system_id: simulate this system of ``systems`` instead of the file's own.

    Raises:
        InputError: names the file and each wrong field.
    """
    path = shipped(Path(path), "scenarios", ".yaml")
    content = {"scenario_id": path.stem, **read_yaml(path)}
    own_id = content.pop("system_id", None)
    if (own_id is None) == ("system" not in content):
        raise InputError(f"{path}: give either system_id or a whole material under system")
    system_id = own_id if system_id is None else system_id
    if system_id is not None:
        folder = Path(systems) if systems else configs_folder() / "systems"
        known = load_systems(folder)
        if isinstance(system_id, str) and system_id not in known:
            sheets = load_sheets(folder)
            if system_id in sheets:
                raise sheets[system_id].refusal()
        must_be_one_of(known, system_id, f"{path}: system_id: no system", folder)
        content["system"] = known[system_id]
    if isinstance(content.get("mold"), str):
        folder = configs_folder() / "molds"
        molds = {file.stem: file for file in folder.glob("*.yaml")}
        must_be_one_of(molds, content["mold"], f"{path}: mold: no mold", folder)
        content["mold"] = load_mold(molds[content["mold"]])
    if isinstance(content.get("quality"), str):
        folder = configs_folder() / "quality"
        presets = {file.stem: file for file in folder.glob("*.yaml")}
        must_be_one_of(presets, content["quality"], f"{path}: quality: no preset", folder)
        content["quality"] = load_quality(presets[content["quality"]])
    elif isinstance(content.get("quality"), dict):
        content["quality"] = _limits(content["quality"])
    return parse(Scenario, content, str(path))


def load_cure(path: Path) -> tuple[CureChemistry, list[CureSeries]]:
    """A cure chemistry and its measured series, from files beside it.

    Raises:
        InputError: a file is wrong; the message names it.
    """
    chemistry = parse(CureChemistry, read_yaml(path), str(path))
    series = []
    for given in chemistry.series:
        found = read_series(path.parent / given.file, {"c_OH": None}, time="t_s", longest_s=CURE_S)
        there = ~np.isnan(found.columns["c_OH"])
        if not there.any():
            raise InputError(f"{path.parent / given.file}: holds no readings of c_OH")
        series.append(CureSeries(given, found.time_s[there], found.columns["c_OH"][there]))
    return chemistry, series
