"""Changes of a folder of parameter sets: write a set, promote one, go back.

Files of sets are never changed, and a new one never takes the name of another. ``in_use.yaml`` is
replaced whole: a reader sees the old one or the new one, and one process at a time changes it.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from broker.timestamps import format_timestamp
from edge_agent.config.parameter_sets import (
    CONTENT_HASH,
    IN_USE,
    MoldAndSystem,
    SetInUse,
    content_hash,
    load_set,
    numbers_of,
    problem_of,
    set_file,
    sets_in_use,
)
from edge_agent.config.unfinished_files import remove_left
from edge_agent.errors import StoreError, disk_hint
from twin_core.calibration.parameter_set import ParameterSet
from twin_core.errors import InputError
from twin_core.fingerprint import PHYSICS_HASH
from twin_core.materials import MaterialSystem
from twin_core.mold import Mold
from twin_core.yaml_text import dump_yaml

HEADER = "# Sets in use; `pur-mold-twin parameter-sets promote` and `rollback` write this file.\n"
SET_HEADER = "# Made by calibrate. Do not edit: a changed file is refused.\n"
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
"""What file systems without hard links say: memory sticks, some network drives."""
ANYWAY = "--anyway promotes it all the same"


@dataclass(frozen=True)
class Promoter:
    """Who puts a set into use, and when: recorded in ``in_use.yaml``."""

    who: str
    at: datetime

    def record(self) -> dict[str, str]:
        """Fields of ``SetInUse``."""
        at = format_timestamp(self.at.replace(microsecond=0))
        return {"promoted_at": at, "promoted_by": self.who}


@dataclass(frozen=True)
class Change:
    """Set that a mold uses now, and the one before; None: none."""

    mold_id: str
    number: int | None
    before: int | None


def next_number(folder: Path, system_id: str) -> int:
    """Next free number of a set of a system; one that ``in_use.yaml`` names is not free."""
    numbers = {number for _, number in numbers_of(folder, system_id)}
    with suppress(InputError):  # damaged: whoever reads it says so
        for (_, of_system), used in sets_in_use(folder).items():
            if of_system == system_id:
                numbers |= {number for number in (used.number, *used.earlier) if number is not None}
    return max(numbers, default=0) + 1


def check_writable(folder: Path) -> None:
    """Refuse a folder of sets that cannot be written, before hours of work are lost to it.

    Args:
        folder: the folder; nothing is made or written.

    Raises:
        InputError: it cannot be written, or not be made where it is not there.
    """
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not there.is_dir():
        raise InputError(f"{folder}: cannot be written: {there} is no folder (--sets)")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: cannot be written: no permission in {there} (--sets)")


def write_new(folder: Path, parameter_set: ParameterSet) -> tuple[Path, ParameterSet]:
    """Write a set under the next free number.

    Args:
        folder: the folder; it is made where it is not there.
        parameter_set: the set, with any number.

    Returns:
        The file, and the set with its number.

    Raises:
        StoreError: the folder cannot be written.
    """
    part = folder / f"{parameter_set.system_id}-c.{uuid4().hex}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_left(folder, f"{parameter_set.system_id}-c.*.part")
        while True:
            number = next_number(folder, parameter_set.system_id)
            numbered = parameter_set.model_copy(update={"number": number})
            file = set_file(folder, parameter_set.system_id, number)
            content = numbered.model_dump(mode="json", exclude_none=True)
            _write(part, SET_HEADER, content | {CONTENT_HASH: content_hash(content)})
            try:
                _name(part, file)
            except FileExistsError:
                continue
            _keep(folder)
            return file, numbered
    except OSError as error:
        raise _not_written(folder, error) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _name(part: Path, file: Path) -> None:
    """Give a file its name, which fails where another one has taken it meanwhile."""
    try:
        os.link(part, file)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        file.open("x").close()
        part.replace(file)


def promote(
    folder: Path,
    system_id: str,
    number: int,
    systems: Mapping[str, MaterialSystem],
    molds: Mapping[str, Mold],
    *,
    only: Iterable[str] = (),
    anyway: bool = False,
    by: Promoter | None = None,
) -> list[Change]:
    """Put a set into use: for all of its molds, or some.

    Args:
        folder: the folder of sets.
        system_id: system of the set.
        number: of the set.
        systems: those in use, by id.
        molds: of the catalogue, by id.
        only: molds; empty: all molds of the set.
        anyway: though the verdict said no, the physics is another, or a mold is none of the set.
        by: who asked for it, and when; None is not recorded.

    Returns:
        A change for each mold.

    Raises:
        InputError: there is no such set, or it cannot be used; nothing was changed.
        StoreError: the folder cannot be written.
    """
    found = load_set(folder, system_id, number)
    wanted = sorted(set(only)) or sorted(found.molds)
    problems = list(_problems(found, wanted, systems, molds, anyway=anyway))
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
    record = by.record() if by else {}
    with _alone(folder):
        promoted = sets_in_use(folder)
        changes = []
        for mold_id in wanted:
            old = promoted.get((mold_id, system_id), SetInUse(number=None))
            changes.append(Change(mold_id, number, old.number))
            if old.number != number:
                earlier = [*old.earlier, old.number]
                now = SetInUse(number=number, earlier=earlier, **record)
                promoted[mold_id, system_id] = now
        if any(change.before != number for change in changes):
            _write_in_use(folder, promoted)
    return changes


def rollback(
    folder: Path, system_id: str, only: Iterable[str] = (), by: Promoter | None = None
) -> list[Change]:
    """Put into use what was before the last ``promote``.

    Args:
        folder: the folder of sets.
        system_id: whose sets.
        only: molds; empty: all molds of the system, if they use the same set.
        by: who asked for it, and when; None is not recorded.

    Returns:
        A change for each mold; its number is None where no set was in use before.

    Raises:
        InputError: nothing was in use before, its file is gone, or molds use different sets.
        StoreError: the folder cannot be written.
    """
    with _alone(folder):
        promoted = sets_in_use(folder)
        changes = []
        for mold_id in _to_go_back(folder, system_id, promoted, sorted(set(only))):
            used = promoted.get((mold_id, system_id))
            if used is None or not used.earlier:
                raise InputError(f"{folder}: {system_id}: mold {mold_id}: no set was in use before")
            *earlier, number = used.earlier
            if number is not None:
                load_set(folder, system_id, number)
            now = SetInUse(number=number, earlier=earlier, **(by.record() if by else {}))
            promoted[mold_id, system_id] = now
            changes.append(Change(mold_id, number, used.number))
        _write_in_use(folder, promoted)
    return changes


def _to_go_back(
    folder: Path,
    system_id: str,
    promoted: Mapping[MoldAndSystem, SetInUse],
    wanted: list[str],
) -> list[str]:
    """Molds that go back: those that were named, else all of the system that use a set."""
    if wanted:
        return wanted
    numbers = {
        mold_id: used.number
        for (mold_id, of_system), used in sorted(promoted.items())
        if of_system == system_id and used.number is not None
    }
    if len(set(numbers.values())) > 1:
        listed = ", ".join(f"{mold} {system_id}-c{number}" for mold, number in numbers.items())
        raise InputError(f"{folder}: molds use different sets ({listed}): name them with --mold")
    if not numbers:
        raise InputError(f"{folder}: {system_id}: no parameter set is in use")
    return list(numbers)


def _problems(
    found: ParameterSet,
    wanted: list[str],
    systems: Mapping[str, MaterialSystem],
    molds: Mapping[str, Mold],
    *,
    anyway: bool,
) -> Iterable[str]:
    if not wanted:
        yield f"{found.set_id} names no mold: say which with --mold"
    for mold_id in wanted:
        problem = problem_of(found, mold_id, systems, molds)
        if problem is not None:
            yield problem
        elif mold_id not in found.molds and not anyway:
            listed = ", ".join(sorted(found.molds)) or "none"
            yield (
                f"{found.set_id} was fitted without shots of mold {mold_id} (molds: {listed}): "
                f"calibrate with some; {ANYWAY}, with the numbers of the system alone"
            )
    if not found.verdict.use and not anyway:
        yield f"{found.set_id}: its verdict is not to use it: {found.verdict.reason}; {ANYWAY}"
    if found.physics_hash != PHYSICS_HASH and not anyway:
        yield f"{found.set_id} was fitted with another physics: calibrate anew; {ANYWAY}"


def _write_in_use(folder: Path, promoted: Mapping[MoldAndSystem, SetInUse]) -> None:
    content: dict[str, dict[str, Any]] = {}
    for (mold_id, system_id), used in sorted(promoted.items()):
        said = used.model_dump(mode="json", exclude_unset=True)
        content.setdefault(mold_id, {})[system_id] = said
    path = folder / IN_USE
    part = path.with_suffix(".part")
    try:
        _write(part, HEADER, {"sets": content})
        part.replace(path)
        _keep(folder)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise _not_written(path, error) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time change what is in use; two would lose a change of one of them."""
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:  # what is written there says what is wrong
        yield
        return
    try:
        with suppress(OSError):  # not every network drive can
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _keep(folder: Path) -> None:
    """Have the disk keep the names of new files, too, when the power fails."""
    with suppress(OSError):  # not every file system can
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _write(file: Path, header: str, content: dict[str, Any]) -> None:
    with file.open("w", encoding="utf-8") as out:
        out.write(header)
        out.write(dump_yaml(content, default_flow_style=None, allow_unicode=True, width=100))
        out.flush()
        os.fsync(out.fileno())
    file.chmod(0o644)


def _not_written(path: Path, error: OSError) -> StoreError:
    denied = isinstance(error, PermissionError)
    way_out = (
        "run this as its owner, or name a folder of your own" if denied else "name another folder"
    )
    return StoreError(
        f"{path}: cannot be written: {error.strerror}: {way_out} (catalogue.parameter_sets)",
        hint="" if denied else disk_hint(error),
    )
