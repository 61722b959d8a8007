"""``plant.yaml``: how a plant was made, to make it again; nothing of the hidden truth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from broker.timestamps import format_timestamp
from edge_agent import __version__
from edge_agent.errors import StoreError
from edge_agent.virtual_plant.change import Change
from edge_agent.virtual_plant.presets import PRESETS
from edge_agent.virtual_plant.virtual_plant import VirtualPlant
from twin_core import PHYSICS_HASH
from twin_core.checked_yaml import read_yaml
from twin_core.errors import InputError
from twin_core.yaml_text import dump_yaml

NAME = "plant.yaml"
HEAD = """\
# Simulated: a virtual plant, made by pur-mold-twin virtual-plant. The same arguments and versions
# make the same shots. What is hidden of it (docs/virtual-plant.md) is not written anywhere.
"""


def card_of(plant: VirtualPlant) -> dict[str, Any]:
    """Arguments and versions, as plain data."""
    return {
        "simulated": True,
        "arguments": {
            "preset": plant.preset,
            "seed": plant.seed,
            "site": plant.site,
            "shots": len(plant),
            "presses": len(plant.presses),
            "molds_per_press": len(plant.molds) // len(plant.presses),
            "start": format_timestamp(plant.start),
            "days": plant.days,
            "spacing_min": plant.spacing_min,
            "assumed": _others(plant),
            "system_ids": [system.system_id for system in plant.systems],
            "changes": [_change(change) for change in plant.changes],
        },
        "molds": {mold_id: used.press for mold_id, used in plant.molds.items()},
        "versions": {
            "agent": __version__,
            "physics_hash": PHYSICS_HASH,
            "parameters_hashes": {s.system_id: s.parameters_hash() for s in plant.systems},
        },
    }


def write_card(plant: VirtualPlant, folder: Path) -> Path:
    """Write ``plant.yaml`` into a folder that holds no other plant.

    Raises:
        InputError: it holds another one, or a file that cannot be read as one.
        StoreError: the folder cannot be written.
    """
    path, card = folder / NAME, card_of(plant)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and read_yaml(path) != card:
            raise InputError(
                f"{path}: is of another plant or version: give another --out, or remove the folder"
            )
        path.write_text(HEAD + dump_yaml(card), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path}: cannot be read and written: {error}") from error
    return path


def _others(plant: VirtualPlant) -> dict[str, Any]:
    """Assumed sizes that are not the preset's; how often and how late the laboratory says it."""
    usual = asdict(PRESETS[plant.preset].assumed)
    return {name: value for name, value in asdict(plant.assumed).items() if value != usual[name]}


def _change(change: Change) -> dict[str, Any]:
    found = asdict(change) | {"after": format_timestamp(change.after)}
    neutral = asdict(Change(change.after))
    return {name: value for name, value in found.items() if value != neutral[name]}
