"""Names, start and laboratory numbers in the YAML files of a log bundle: none is ignored silently.

A name that is almost a known one is refused; any other is told, and kept for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from broker.messages import QualityRecord, Recipe
from broker.messages.inbound import QUALITY_NAMES
from broker.messages.recipe import RECIPE_NAMES
from twin_core.errors import InputError
from twin_core.log_files.cells import time
from twin_core.plausible_ranges import RANGES

ALIASES: Mapping[type[BaseModel], tuple[str, ...]] = {
    Recipe: (*RECIPE_NAMES, "RH_ambient", "pentane_pct"),
    QualityRecord: tuple(QUALITY_NAMES),
}
"""Names of the first generation, and of the wire, that a file may have beside a model's fields."""
FOR_PEOPLE = frozenset(
    "source citation doi note notes comment comments description title author url license".split()
)
"""Fields that say something to people, in any of the files."""
DATA_SUFFIXES = {".csv", ".tsv", ".yaml", ".yml", ".parquet", ".xlsx", ".xls"}
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

    rule: Literal["reading_missing", "reading_impossible", "value_impossible", "name_unknown"]
    column: str
    words: str
    """Where, which value, and why."""


def check_files(folder: Path, known: tuple[str, ...]) -> list[Note]:
    """Files of data in a folder that have another name than those that are read.

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
        if name in known or name.startswith(".") or file.suffix.lower() not in DATA_SUFFIXES:
            continue
        near = get_close_matches(name.lower(), known, n=1, cutoff=ALIKE)
        if near and not (folder / near[0]).exists():
            raise InputError(f"{file}: no file of a log bundle: is {near[0]} meant? Rename it")
        notes.append(Note("name_unknown", name, f"{file}: is not read: {', '.join(known)} are"))
    return notes


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
            wrong.append(f"{path}: unknown field {name}: is {lower[near[0]]} meant? Correct it")
        else:
            notes.append(Note("name_unknown", name, f"{path}: field {name} is not used"))
    return notes


def start_of(value: object) -> datetime | None:
    """``timestamp_start`` in UTC; a time without a zone is asked for."""
    if value is None:
        return None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, bool):
        raise ValueError("is no time: write 2026-01-31T12:00:00Z")
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    found = time(text.strip())
    if isinstance(found, str):
        raise ValueError(found)
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=found)


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
