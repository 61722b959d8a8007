"""Parameter sets in a folder: their files, and which of them each mold uses.

    parameter_sets/SYSTEM_R1-c1.yaml   a set, as ``calibrate --production`` writes it
                   SYSTEM_R1-c2.yaml
                   in_use.yaml         {sets: {MOLD_A: {SYSTEM_R1: {number: 2, earlier: [1],
                                       promoted_at: '2026-11-29T22:25:23Z', promoted_by: anna}}}}

Files of sets are never changed: each ends with the hash of what it says, and one that says
something else is refused. A folder that is not there holds none.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from twin_core.calibration.parameter_set import (
    ParameterSet,
    Utc,
    Words,
    calibrated_system,
    mold_of_set,
)
from twin_core.checked_yaml import describe, mapping_in
from twin_core.errors import InputError
from twin_core.materials import MaterialSystem
from twin_core.mold import Mold
from twin_core.plain_files import read_text
from twin_core.yaml_text import BYTES_MAX, key_lines

IN_USE = "in_use.yaml"
"""In a folder of parameter sets: which were promoted."""
CONTENT_HASH = "content_hash"
"""Key in the file of a set, of ``content_hash``."""
NAME = re.compile(r"(?P<system_id>.+)-c(?P<number>[1-9][0-9]{0,8})\.yaml")
MoldAndSystem = tuple[str, str]
"""Ids: of each pair one set can be in use."""
Number = Annotated[int, Field(ge=1)]
FileStamp = tuple[str, int, int, int]
"""Name, change [ns], inode and size of a file."""
Model = TypeVar("Model", bound=BaseModel)


class SetInUse(BaseModel):
    """Set that a mold uses for a system."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: Number | None
    """None: none, after a rollback."""
    earlier: list[Number | None] = []
    """Which were before, oldest first: where ``rollback`` goes."""
    promoted_at: Utc | None = None
    """When ``number`` was put into use, by ``promote`` or ``rollback``; None: not recorded."""
    promoted_by: Words | None = None


class SetsInUse(BaseModel):
    """``in_use.yaml`` in a folder of sets: what ``parameter-sets promote`` has put into use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sets: dict[str, dict[str, SetInUse]] = {}
    """By mold and system."""


@dataclass(frozen=True)
class AppliedSets:
    """Sets in use that apply to the systems and molds of a catalogue, and those that do not."""

    applied: Mapping[MoldAndSystem, ParameterSet]
    refused: Mapping[MoldAndSystem, str]
    """Reason why a set that was promoted cannot be used."""


def sets_in_use(folder: Path) -> dict[MoldAndSystem, SetInUse]:
    """What was promoted, by mold and system; empty where nothing was.

    Raises:
        InputError: the file is damaged.
    """
    file = folder / IN_USE
    if not file.is_file():
        return {}
    return {
        (mold_id, system_id): in_use
        for mold_id, systems in _read(SetsInUse, file).sets.items()
        for system_id, in_use in systems.items()
    }


def set_file(folder: Path, system_id: str, number: int) -> Path:
    """The file of a set."""
    return folder / f"{system_id}-c{number}.yaml"


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 over all that the file of a set says, but for the hash itself, as canonical JSON."""
    said = {key: value for key, value in content.items() if key != CONTENT_HASH}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def numbers_of(folder: Path, system_id: str | None = None) -> list[tuple[str, int]]:
    """System and number of each set in a folder, by the names of its files, in order.

    Args:
        folder: the folder; it need not be there.
        system_id: only those of this system.
    """
    names = (NAME.fullmatch(file.name) for file in _files(folder))
    found = [(name["system_id"], int(name["number"])) for name in names if name is not None]
    return sorted(key for key in found if system_id in (None, key[0]))


def strays(folder: Path) -> list[Path]:
    """Files of a folder whose name is none of a set."""
    return sorted(file for file in _files(folder) if NAME.fullmatch(file.name) is None)


def load_set(folder: Path, system_id: str, number: int) -> ParameterSet:
    """A set, in use or not.

    Raises:
        InputError: there is none, or its file was edited or damaged: it names file, line and field.
    """
    file = set_file(folder, system_id, number)
    if not file.is_file():
        listed = ", ".join(str(n) for _, n in numbers_of(folder, system_id)) or "none"
        raise InputError(
            f"{folder}: no parameter set {number} of {system_id} (there are: {listed})"
        )
    content, lines = _content(file)
    written = content.pop(CONTENT_HASH, None)
    found = _checked(ParameterSet, content, file, lines)
    for field, named in (("system_id", system_id), ("number", number)):
        if getattr(found, field) != named:
            raise InputError(
                f"{file}: line {lines.get((field,))}: {field}: is {getattr(found, field)}, and the "
                f"file's name says {named}: rename the file"
            )
    if written != content_hash(content):
        line = lines.get((CONTENT_HASH,))
        what = "is missing" if line is None else "is that of another content"
        raise InputError(
            f"{file}: {'' if line is None else f'line {line}: '}{CONTENT_HASH}: {what}: the file "
            "was edited or damaged: calibrate anew, or bring back the file that calibrate wrote"
        )
    return found


def load_applied(
    folder: Path, systems: Mapping[str, MaterialSystem], molds: Mapping[str, Mold]
) -> AppliedSets:
    """The sets that are in use, as far as they apply.

    Args:
        folder: the folder of sets; it need not be there.
        systems: those in use, by id.
        molds: by id.

    Raises:
        InputError: ``in_use.yaml`` or a set that it names is damaged or missing.
    """
    applied, refused = {}, {}
    for key, one in load_in_use(folder).items():
        problem = problem_of(one, key[0], systems, molds)
        if problem is None:
            applied[key] = one
        else:
            refused[key] = problem
    return AppliedSets(applied, refused)


def load_in_use(folder: Path) -> dict[MoldAndSystem, ParameterSet]:
    """The sets that were promoted, by mold and system, whether they apply or not.

    Raises:
        InputError: ``in_use.yaml`` or sets that it names are damaged or missing: each is named.
    """
    users: dict[tuple[str, int], list[str]] = {}
    for (mold_id, system_id), in_use in sets_in_use(folder).items():
        if in_use.number is not None:
            users.setdefault((system_id, in_use.number), []).append(mold_id)
    found, problems = {}, []
    for (system_id, number), molds in users.items():
        try:
            one = load_set(folder, system_id, number)
        except InputError as error:
            if set_file(folder, system_id, number).is_file():
                problems.append(f"{error} (in use: {', '.join(molds)})")
            else:
                problems.append(
                    f"{folder / IN_USE}: sets.{molds[0]}.{system_id}.number: {error}: bring its "
                    "file back, or promote another set"
                )
        else:
            found.update({(mold_id, system_id): one for mold_id in molds})
    if problems:
        raise InputError("\n".join(problems))
    return found


def problem_of(
    parameter_set: ParameterSet,
    mold_id: str,
    systems: Mapping[str, MaterialSystem],
    molds: Mapping[str, Mold],
) -> str | None:
    """Reason why a set cannot be used for a mold; None if it can.

    Args:
        parameter_set: the set.
        mold_id: the mold.
        systems: those in use, by id.
        molds: by id.
    """
    system = systems.get(parameter_set.system_id)
    if system is None:
        return f"{parameter_set.set_id}: {parameter_set.system_id} is not in the catalogue"
    if mold_id not in molds:
        return f"{parameter_set.set_id}: mold {mold_id} is not in the catalogue"
    try:
        calibrated_system(system, parameter_set)
        mold_of_set(molds[mold_id], parameter_set)
    except InputError as error:
        return str(error)
    return None


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.glob("*.yaml") if file.name != IN_USE)


def stamp_of(folder: Path) -> tuple[FileStamp, ...]:
    """What changes when a file of a folder of sets does."""
    return tuple(_stamps(folder))


def _stamps(folder: Path) -> Iterator[FileStamp]:
    for file in sorted(folder.glob("*.yaml")):
        try:
            info = file.stat()
        except OSError:  # replaced meanwhile
            continue
        yield file.name, info.st_mtime_ns, info.st_ino, info.st_size


def _read(model: type[Model], file: Path) -> Model:
    content, lines = _content(file)
    return _checked(model, content, file, lines)


def _content(file: Path) -> tuple[dict[str, Any], dict[tuple[str, ...], int]]:
    """What a file says, and the line of each key."""
    text = read_text(file, BYTES_MAX)
    return dict(mapping_in(text, file)), key_lines(text)


def _checked(
    model: type[Model], content: dict[str, Any], file: Path, lines: Mapping[tuple[str, ...], int]
) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:

        def where(place: tuple[int | str, ...]) -> str:
            known = [str(part) for part in place]
            while known and tuple(known) not in lines:
                known.pop()
            line = lines.get(tuple(known))
            return str(file) if line is None else f"{file}: line {line}"

        raise InputError("\n".join(describe(error, where, model=model))) from None
