"""Versions of material systems in a folder: promote one, go back.

    systems/SYSTEM_R1.yaml        version 2, in use until another one is promoted
            SYSTEM_R1-v3.yaml     version 3, as ``calibrate`` writes it
            in_use.yaml           {systems: {SYSTEM_R1: {version: 3, earlier: [2]}}}

Files of systems are never changed. ``in_use.yaml`` is replaced whole: a reader sees the old one
or the new one.
"""

from __future__ import annotations

import os
from pathlib import Path

from edge_agent.errors import StoreError, disk_hint
from twin_core.data_sheet_only import SheetOnly
from twin_core.errors import InputError
from twin_core.system_versions import (
    IN_USE,
    SystemInUse,
    SystemsInUse,
    load_version,
    system_versions,
    systems_in_use,
    versions_in_use,
    versions_of,
)
from twin_core.yaml_text import dump_yaml

HEADER = "# Versions in use; `pur-mold-twin systems promote` and `rollback` write this file.\n"


def promote(folder: Path, system_id: str, version: int) -> int:
    """Put a version into use; returns the one that was before.

    Args:
        folder: the folder of systems, as in ``catalogue.systems``.

    Raises:
        InputError: it cannot be simulated or is not there, and nothing was changed.
        StoreError: the folder cannot be written.
    """
    _check_folder(folder)
    system = load_version(folder, system_id, version)
    if isinstance(system, SheetOnly):
        raise system.refusal()
    before = versions_in_use(folder)[system_id]
    if before != version:
        promoted = systems_in_use(folder)
        earlier = [*(promoted[system_id].earlier if system_id in promoted else []), before]
        _write(folder, promoted | {system_id: SystemInUse(version=version, earlier=earlier)})
    return before


def rollback(folder: Path, system_id: str) -> int:
    """Put into use what was before the last ``promote``; returns that version.

    Raises:
        InputError: nothing was before, or its file is gone.
        StoreError: the folder cannot be written.
    """
    _check_folder(folder)
    versions_of(folder, system_id)
    promoted = systems_in_use(folder)
    if system_id not in promoted or not promoted[system_id].earlier:
        raise InputError(f"{folder}: {system_id}: no version was in use before")
    *earlier, version = promoted[system_id].earlier
    load_version(folder, system_id, version)
    _write(folder, promoted | {system_id: SystemInUse(version=version, earlier=earlier)})
    return version


def next_version(place: Path, system_id: str, version: int) -> int:
    """The first free version from ``version`` on, where a folder or file of systems has others.

    Raises:
        InputError: a file of the folder is wrong.
    """
    return max([version, *(taken + 1 for taken in system_versions(place).get(system_id, ()))])


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(
            f"{folder}: must be a folder of systems: a version is put into use in a folder only"
        )


def _write(folder: Path, systems: dict[str, SystemInUse]) -> None:
    path = folder / IN_USE
    part = path.with_suffix(".part")
    content = SystemsInUse(systems=dict(sorted(systems.items()))).model_dump(mode="json")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(HEADER)
            file.write(dump_yaml(content, default_flow_style=None))
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StoreError(
            f"{path}: cannot be written: {error.strerror}: run this as its owner, or promote in a "
            "folder of your own (catalogue.systems)",
            hint="" if isinstance(error, PermissionError) else disk_hint(error),
        ) from None
