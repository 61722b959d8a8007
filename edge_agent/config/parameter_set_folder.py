"""All that a folder of parameter sets holds: the good ones, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.parameter_sets import (
    MoldAndSystem,
    SetInUse,
    load_in_use,
    load_set,
    numbers_of,
    sets_in_use,
    strays,
)
from twin_core.calibration.parameter_set import ParameterSet
from twin_core.errors import InputError


@dataclass(frozen=True)
class SetsFound:
    """Content of a folder.

    Attributes:
        sets: those that can be read, in order.
        in_use: what was promoted; empty where its file is damaged.
        wrong_in_use: what is wrong with ``in_use.yaml`` and the sets that it names.
        wrong: what is wrong with the other files.
    """

    sets: list[ParameterSet]
    in_use: Mapping[MoldAndSystem, SetInUse]
    wrong_in_use: list[str]
    wrong: list[str]


def read_folder(folder: Path, system_id: str | None = None) -> SetsFound:
    """Read every file of a folder of sets; one that is wrong hides no other.

    Args:
        folder: the folder; it need not be there.
        system_id: only sets of this system.
    """
    in_use: Mapping[MoldAndSystem, SetInUse] = {}
    wrong_in_use: list[str] = []
    try:
        in_use = sets_in_use(folder)
        load_in_use(folder)
    except InputError as error:
        wrong_in_use += str(error).splitlines()
    named = {(of_system, used.number) for (_, of_system), used in in_use.items()}
    sets, wrong = [], []
    for key in numbers_of(folder, system_id):
        try:
            sets.append(load_set(folder, *key))
        except InputError as error:
            if key not in named:
                wrong += str(error).splitlines()
    wrong += [
        f"{file}: no name of a parameter set: rename it SYSTEM-c1.yaml, or move it"
        for file in strays(folder)
    ]
    return SetsFound(sets, in_use, wrong_in_use, wrong)
