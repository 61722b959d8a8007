"""A new parameter set in its folder, under the next free number; it never takes that of another."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from edge_agent.config.kept_files import keep_names, remove_left, write_kept
from edge_agent.config.parameter_sets import (
    CONTENT_HASH,
    content_hash,
    numbers_of,
    set_file,
    sets_in_use,
)
from edge_agent.errors import StoreError, disk_hint
from twin_core.calibration.parameter_set import ParameterSet
from twin_core.errors import InputError

SET_HEADER = "# Made by calibrate. Do not edit: a changed file is refused.\n"
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
"""What file systems without hard links say: memory sticks, some network drives."""


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
            write_kept(part, SET_HEADER, content | {CONTENT_HASH: content_hash(content)})
            try:
                _name(part, file)
            except FileExistsError:
                continue
            keep_names(folder)
            return file, numbered
    except OSError as error:
        raise not_written(folder, error) from None
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


def not_written(path: Path, error: OSError) -> StoreError:
    """The error of a folder of sets that cannot be written.

    Args:
        path: folder or file.
        error: what the disk said.
    """
    denied = isinstance(error, PermissionError)
    way_out = (
        "run this as its owner, or name a folder of your own" if denied else "name another folder"
    )
    return StoreError(
        f"{path}: cannot be written: {error.strerror}: {way_out} (catalogue.parameter_sets)",
        hint="" if denied else disk_hint(error),
    )
