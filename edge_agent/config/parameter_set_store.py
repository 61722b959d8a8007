"""Changes of which parameter set each mold uses: promote one, go back.

``in_use.yaml`` is replaced whole: a reader sees the old one or the new one, and one process at a
time changes it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from broker.timestamps import format_timestamp
from edge_agent.config.kept_files import keep_names, write_kept
from edge_agent.config.new_parameter_set import not_written
from edge_agent.config.parameter_sets import (
    IN_USE,
    MoldAndSystem,
    SetInUse,
    load_set,
    problem_of,
    sets_in_use,
)
from twin_core.calibration.parameter_set import ParameterSet
from twin_core.errors import InputError
from twin_core.fingerprint import PHYSICS_HASH
from twin_core.materials import MaterialSystem
from twin_core.mold import Mold

HEADER = "# Sets in use; `pur-mold-twin parameter-sets promote` and `rollback` write this file.\n"
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
        write_kept(part, HEADER, {"sets": content})
        part.replace(path)
        keep_names(folder)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise not_written(path, error) from None


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
