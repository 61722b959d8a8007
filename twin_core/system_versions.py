"""Material systems in a folder: their versions, and which of each is in use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from twin_core.checked_yaml import must_be_one_of, parse, read_yaml, short
from twin_core.data_sheet_only import SheetOnly
from twin_core.errors import InputError
from twin_core.materials import MaterialSystem

IN_USE = "in_use.yaml"
"""In a folder of systems: which versions were promoted."""

Entry = tuple[Path, dict[str, Any]]
"""A version of a system: its file and what stands there."""


def load_systems(path: Path) -> dict[str, MaterialSystem]:
    """Material systems by id from one file, a file with a ``systems:`` list, or a folder of files.

    Of several versions it is the one of ``versions_in_use``. Those of which only the data sheet is
    known are left out: ``load_sheets`` has them.

    Raises:
        InputError: a file is wrong, or a version of a system stands twice.
    """
    return {
        system.system_id: system
        for file, entry in _in_use(path)
        if "sheet_only" not in entry
        for system in [parse(MaterialSystem, entry, str(file))]
    }


def load_sheets(path: Path) -> dict[str, SheetOnly]:
    """Systems of which only the data sheet is known, from the same places.

    Raises:
        InputError: a file is wrong, or a version of a system stands twice.
    """
    return {
        sheet.system_id: sheet
        for file, entry in _in_use(path)
        if "sheet_only" in entry
        for sheet in [parse(SheetOnly, entry, str(file))]
    }


def load_version(path: Path, system_id: str, version: int) -> MaterialSystem | SheetOnly:
    """A version of a system, in use or not.

    Raises:
        InputError: there is none, or its file is wrong.
    """
    known = versions_of(path, system_id)
    if version not in known:
        listed = ", ".join(map(str, known))
        raise InputError(f"{path}: no version {version} of {system_id} (there are: {listed})")
    file, entry = known[version]
    return _parse_entry(entry, file)


def _parse_entry(entry: dict[str, Any], file: Path) -> MaterialSystem | SheetOnly:
    if "sheet_only" in entry:
        return parse(SheetOnly, entry, str(file))
    return parse(MaterialSystem, entry, str(file))


def versions_of(path: Path, system_id: str) -> dict[int, Entry]:
    """File and content of each version of a system, lowest version first.

    Raises:
        InputError: there is no such system, a file is wrong, or a version stands twice.
    """
    known = system_versions(path)
    must_be_one_of(known, system_id, "no system", path)
    return known[system_id]


def system_versions(path: Path) -> dict[str, dict[int, Entry]]:
    """File and content of each version of every system, by id and version.

    Raises:
        InputError: a file is wrong, or a version stands twice.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder of material systems")
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    found: dict[str, dict[int, Entry]] = {}
    for file in files:
        if path.is_dir() and file.name == IN_USE:
            continue
        content = read_yaml(file)
        entries = content["systems"] if isinstance(content.get("systems"), list) else [content]
        for entry in entries:
            if not isinstance(entry, dict):
                raise InputError(f"{file}: systems: must be a list of systems, not {short(entry)}")
            system_id, version = entry.get("system_id"), entry.get("version")
            if not isinstance(system_id, str) or type(version) is not int:
                _parse_entry(entry, file)  # refused, by the names of its wrong fields
                raise InputError(
                    f"{file}: version: must be a whole number (found {short(version)})"
                )
            versions = found.setdefault(system_id, {})
            if version in versions:
                raise InputError(
                    f"{file}: version {version} of system {system_id} stands twice, also in "
                    f"{versions[version][0]}: give one another version, or remove it"
                )
            versions[version] = file, entry
    return {system_id: dict(sorted(versions.items())) for system_id, versions in found.items()}


class SystemInUse(BaseModel):
    """Version of a system that is in use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[int, Field(ge=1)]
    earlier: list[Annotated[int, Field(ge=1)]] = []
    """Which were before, oldest first: where ``rollback`` goes."""


class SystemsInUse(BaseModel):
    """``in_use.yaml`` in a folder of systems: what ``systems promote`` has put into use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    systems: dict[str, SystemInUse] = {}


def systems_in_use(path: Path) -> dict[str, SystemInUse]:
    """Versions that were promoted in a folder of systems, by id; empty where none was.

    Raises:
        InputError: the file is damaged.
    """
    file = path / IN_USE
    if not file.is_file():
        return {}
    return parse(SystemsInUse, read_yaml(file), str(file)).systems


def versions_in_use(path: Path) -> dict[str, int]:
    """The version of each system that is in use, by id.

    It is the one that was promoted. Where none was: that of the file named after the system, else
    the lowest. So a new version beside it changes nothing until it is promoted.

    Raises:
        InputError: a file is wrong, or what was promoted is not there.
    """
    return _chosen(path, system_versions(path))


def _chosen(path: Path, known: Mapping[str, dict[int, Entry]]) -> dict[str, int]:
    promoted = systems_in_use(path)
    for system_id in promoted:
        must_be_one_of(known, system_id, f"{path / IN_USE}: systems: no system", path)
    return {
        system_id: _choose(path, system_id, versions, promoted.get(system_id))
        for system_id, versions in known.items()
    }


def file_of(path: Path, system_id: str) -> Path:
    """The file in which a system of ``load_systems`` or ``load_sheets`` stands."""
    return versions_of(path, system_id)[versions_in_use(path)[system_id]][0]


def _choose(
    path: Path,
    system_id: str,
    versions: dict[int, Entry],
    promoted: SystemInUse | None,
) -> int:
    if promoted is None:
        return min(versions, key=lambda version: (versions[version][0].stem != system_id, version))
    if promoted.version not in versions:
        listed = ", ".join(map(str, versions))
        raise InputError(
            f"{path / IN_USE}: systems.{system_id}.version: no version {promoted.version} here "
            f"(there are: {listed}): bring its file back, or promote another version"
        )
    return promoted.version


def _in_use(path: Path) -> list[Entry]:
    known = system_versions(path)
    return [known[system_id][version] for system_id, version in _chosen(path, known).items()]
