"""Names, start and laboratory numbers in the YAML files of a log bundle: none is ignored silently.

A name that is almost a known one is refused; any other is told, and kept for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from broker.messages import QualityRecord, Recipe
from broker.messages.bad_results import NO_DEFECT
from broker.messages.inbound import QUALITY_NAMES
from broker.messages.recipe import MASSES, RECIPE_NAMES
from twin_core.errors import InputError
from twin_core.learning.columns import DEFECTS
from twin_core.log_files.cells import time
from twin_core.log_files.units import meant_words
from twin_core.plausible_ranges import RANGES, plausible

ALIASES: Mapping[type[BaseModel], tuple[str, ...]] = {
    Recipe: (*RECIPE_NAMES, "RH_ambient", "pentane_pct"),
    QualityRecord: tuple(QUALITY_NAMES),
}
"""Names of the first generation, and of the wire, that a file may have beside a model's fields."""
FOR_PEOPLE = frozenset(
    "source citation doi note notes comment comments description title author url license".split()
)
"""Fields that say something to people, in any of the files."""
NOT_DATA = {".md", ".rst", ".pdf", ".png", ".jpg", ".jpeg", ".svg", ".html", ".docx", ".ini", ".db"}
"""Ends of names of files that are for people, or made by the file manager of a computer."""
ALIKE = 0.7
"""How much two names have in common, of 1, to be taken for one and its misspelling."""
QUALITY_RANGES = {
    "rho_moulded": RANGES["qc_rho_moulded"],
    "rho_free_rise": RANGES["qc_rho_moulded"],
    "t_demold_safe_s": RANGES["qc_t_demold_safe_s"],
}


@dataclass(frozen=True)
class Note:
    """Something of a bundle that was left out, or is not used."""

    rule: Literal[
        "reading_missing",
        "reading_impossible",
        "probe_still_hot",
        "value_impossible",
        "name_unknown",
        "mold_missing",
    ]
    column: str
    words: str
    """Where, which value, and why."""


def check_files(folder: Path, known: tuple[str, ...]) -> list[Note]:
    """Files in a folder that have another name than those that are read, but for people's.

    Raises:
        InputError: a name is almost that of a file that is not there.
    """
    notes = []
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror}") from None
    if not any(file.name in known for file in files):
        return []  # no bundle at all: whoever reads it says what is missing
    for file in files:
        name = file.name
        if name in known or name.startswith(".") or file.suffix.lower() in NOT_DATA:
            continue
        if file.is_dir():
            if _holds(file, known):
                words = f"{file}: is a folder of its own, not a part of this log bundle"
                notes.append(Note("name_unknown", name, words))
            continue
        near = get_close_matches(name.lower(), known, n=1, cutoff=ALIKE)
        if near and not (folder / near[0]).exists():
            raise InputError(f"{file}: no file of a log bundle: is {near[0]} meant? Rename it")
        notes.append(Note("name_unknown", name, f"{file}: is not read: {', '.join(known)} are"))
    return notes


def _holds(folder: Path, known: tuple[str, ...]) -> bool:
    try:
        return any(inside.name.lower() in known for inside in folder.iterdir())
    except OSError:
        return False


def check_names(
    path: Path,
    content: Mapping[str, Any],
    known: Iterable[str],
    wrong: list[str],
    model: type[BaseModel] | None = None,
) -> list[Note]:
    """Fields of a file that nothing here knows.

    Args:
        known: names of fields.
        wrong: gets a line for each name that is almost a known one.
        model: its fields and their older names are known, too.
    """
    names = [*known]
    if model is not None:
        names += [*model.model_fields, *ALIASES[model]]
    lower = {name.casefold(): name for name in names}
    notes = []
    for name in content:
        if name in names or name.casefold() in FOR_PEOPLE:
            continue
        near = get_close_matches(name.casefold(), lower, n=1, cutoff=ALIKE)
        if near:
            words = meant_words(name, lower[near[0]])
            wrong.append(f"{path}: unknown field {name}: {words}")
        else:
            notes.append(Note("name_unknown", name, f"{path}: field {name} is not used"))
    return notes


def start_of(value: object) -> datetime | None:
    """``timestamp_start`` in UTC; a time without a zone is asked for."""
    if value is None:
        return None
    if isinstance(value, bool):
        raise ValueError("is no time: write 2026-01-31T12:00:00Z")
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    found = time(text.strip())
    if isinstance(found, str):
        raise ValueError(found)
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=found)


def check_agree(path: Path, content: Mapping[str, Any], other: str, own: Mapping[str, Any]) -> None:
    """Refuse a field that two places say differently.

    Raises:
        InputError: names the field and both values.
    """
    for name, value in own.items():
        if name in content and content[name] != value:
            raise InputError(
                f"{path}: {name}: {content[name]!r}, and {other} says {value!r}: correct one"
            )


def check_masses(path: Path, recipe: Recipe) -> None:
    """Refuse a mass that no press pours, as the agent does.

    Raises:
        InputError: names the field.
    """
    for name in MASSES:
        value = getattr(recipe, name)
        if (words := plausible(name, value)) is not None:
            raise InputError(f"{path}: {name}: {words}: grams? Write kg")


def check_defects(path: Path, content: Mapping[str, Any], wrong: list[str]) -> list[Note]:
    """Defects of another name than the columns have; each counts as some other defect.

    Args:
        wrong: gets a line for each that is almost a known one, or a word for "no defect".
    """
    notes = []
    defects = content.get("defects")
    for name in defects if isinstance(defects, list) else []:
        if not isinstance(name, str) or name in DEFECTS:
            continue
        said = name.strip().casefold()
        near = get_close_matches(re.sub(r"[\s-]+", "_", said), DEFECTS, n=1, cutoff=0.8)
        if said in NO_DEFECT:
            wrong.append(f"{path}: defects: {name!r} is no defect: where none was found, write []")
        elif near:
            wrong.append(f"{path}: defects: {name!r}: is {near[0]} meant? Correct it")
        else:
            words = f"{path}: defects: {name!r} is none of {', '.join(DEFECTS)}: another defect"
            notes.append(Note("name_unknown", name, words))
    return notes


def without_impossible(path: Path, content: dict[str, Any], notes: list[Note]) -> dict[str, Any]:
    """What a laboratory said, without numbers that it cannot mean."""
    found = dict(content)
    for name, possible in QUALITY_RANGES.items():
        for field in (name, QUALITY_NAMES.get(name, name)):
            value = found.get(field)
            if isinstance(value, (int, float)) and not possible.holds(value):
                del found[field]
                words = f"{path}: {field}: {value:g}, not {possible.low:g} to {possible.high:g}"
                notes.append(Note("value_impossible", field, words))
    return found
