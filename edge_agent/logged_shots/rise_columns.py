"""Columns of a rise test as instruments name them, in English and German, with their units.

Nothing is guessed: a column that could be two things, and a unit that nobody says, are refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from edge_agent.mapping.units import (
    NOT_GUESSED,
    Affine,
    UnknownUnit,
    conversion_between,
    quantity_of,
    unit_named,
)
from twin_core.errors import InputError
from twin_core.log_files.cells import number
from twin_core.log_files.mapped_series import MappedColumn
from twin_core.log_files.text_form import TextTable

UNIT_OF = {"time_s": "s", "height_mm": "mm", "T_core_C": "°C", "p_rise_Pa": "Pa", "dielectric": ""}
"""Signals of a rise test, and the unit of each; of the dielectric signal only its course counts."""
_WORDS = {
    "time_s": r"zeit.*|time.*|t|elapsed.*",
    "height_mm": r".*(hohe|hoehe|height).*|rise|foam ?level|niveau",
    "p_rise_Pa": r".*(druck|pressure).*|p",
    "T_core_C": r".*(temp|kern|core).*",
    "dielectric": r".*(dielektr|dielectr|permittiv|polaris|polariz|dmp|cmd).*",
}
_OTHERS = re.compile(
    r".*(geschwind|velocity|speed|\brate|umgebung|ambient|\braum|room|\bluft|\bair\b|\bsoll).*"
)
"""Words of columns that are something else: the speed of the rise, the air of the room."""
_BRACKETS = re.compile(r"(.*?)\s*[\[(]\s*([^\])]*?)\s*[\])]\s*")
_BEHIND = re.compile(r"(.*\S)\s*(?:/|,|;|\s+in)\s*(\S+)")


class ColumnFrom(BaseModel):
    """A signal from a column: value = scale · number + offset in ``unit``, then converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    column: str
    unit: str | None = None
    """Of the numbers in the file; by default that of the header."""
    scale: float = 1.0
    offset: float = 0.0

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, raw: Any) -> Any:
        return {"column": raw} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _can_be(self) -> ColumnFrom:
        if self.scale == 0:
            raise ValueError("scale 0 makes every value the same")
        return self


@dataclass(frozen=True)
class FoundColumns:
    """Columns that are used, and whether a row of units stands below the header."""

    columns: list[MappedColumn]
    has_units: bool


def is_header(names: Sequence[str]) -> bool:
    """Whether cells name a time and a signal of a rise test."""
    signals = {_signal(name) for name in names}
    return "time_s" in signals and len(signals - {None}) > 1


def find_columns(
    table: TextTable, given: Mapping[str, ColumnFrom], t_poured_s: float
) -> FoundColumns:
    """The signals of a table.

    Args:
        given: by signal, where the header does not say it.
        t_poured_s: what the clock of the file showed at the end of mixing [s].

    Raises:
        InputError: names file, line, column and the way out.
    """
    place = f"{table.where}: line {table.header_line}"
    at = _places(table, given, place)
    units = _row_of_units(table, at)
    columns = []
    for signal, i in at.items():
        chosen = given.get(signal, ColumnFrom(column=table.names[i]))
        unit = chosen.unit or _unit_of_header(table.names[i], signal) or units.get(signal)
        back = t_poured_s if signal == "time_s" else 0.0
        factor = _conversion(f"{place}, column {table.names[i]}", signal, unit)
        columns.append(MappedColumn(signal, i, _turned(chosen.scale, chosen.offset, factor, back)))
    return FoundColumns(columns, bool(units))


def _turned(scale: float, offset: float, factor: Affine, back: float) -> Affine:
    """factor(scale · number + offset) - back, as one step."""
    return Affine(scale * factor.factor, factor.factor * offset + factor.offset - back)


def _places(table: TextTable, given: Mapping[str, ColumnFrom], place: str) -> dict[str, int]:
    at: dict[str, int] = {}
    for signal, chosen in given.items():
        if chosen.column not in table.names:
            listed = ", ".join(name for name in table.names[:12] if name)
            raise InputError(
                f"{place}: no column {chosen.column!r} for {signal} (there are: {listed}): correct "
                f"columns.{signal}"
            )
        at[signal] = table.names.index(chosen.column)
    taken = set(at.values())
    for signal in UNIT_OF:
        found = [
            i for i, name in enumerate(table.names) if i not in taken and _signal(name) == signal
        ]
        if signal in at or not found:
            continue
        if len(found) > 1:
            listed = " and ".join(repr(table.names[i]) for i in found)
            raise InputError(
                f"{place}: columns {listed} may both be {signal}: say which, "
                f"columns: {{{signal}: {table.names[found[0]]!r}}}"
            )
        at[signal] = found[0]
    missing = "time_s" if "time_s" not in at else "" if len(at) > 1 else "height_mm"
    if missing:
        listed = ", ".join(name for name in table.names[:12] if name)
        raise InputError(
            f"{place}: no column of the header (it has {listed}) is known as {missing}: name it, "
            f"columns: {{{missing}: {{column: NAME, unit: {UNIT_OF[missing]}}}}}"
        )
    return at


def _signal(name: str) -> str | None:
    """The signal that a header names; None where it names none, or something else."""
    if name in UNIT_OF:
        return name
    words, unit = _words_and_unit(name)
    if _OTHERS.fullmatch(words):
        return None
    for signal, pattern in _WORDS.items():
        if re.fullmatch(pattern, words):
            wanted = UNIT_OF[signal]
            if not (unit and wanted) or quantity_of(unit) == quantity_of(wanted):
                return signal
    return None


def _words_and_unit(name: str) -> tuple[str, str | None]:
    """Small letters without accents, and the unit if the header says a known one."""
    text, unit = name, None
    for pattern in (_BRACKETS, _BEHIND):
        found = pattern.fullmatch(name)
        if found is not None and (unit := _known_unit(found[2])) is not None:
            text = found[1]
            break
        if found is not None and pattern is _BRACKETS:
            text = found[1]
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    return " ".join(re.split(r"[^a-z0-9]+", plain)).strip(), unit


def _known_unit(word: str) -> str | None:
    try:
        return unit_named(NOT_GUESSED.get(word.casefold(), word))
    except UnknownUnit:
        return None


def _unit_of_header(name: str, signal: str) -> str | None:
    return UNIT_OF[signal] if name == signal else _words_and_unit(name)[1]


def _row_of_units(table: TextTable, at: Mapping[str, int]) -> dict[str, str]:
    """Units by signal, of a row of units below the header; empty where there is none."""
    for _, cells in table.rows():
        said = {signal: cells[i].strip("[]() ") for signal, i in at.items()}
        values = [said[signal] for signal in said if said[signal] not in {"", "-", "1"}]
        numbers = any(number(v) is not None or number(v, ",") is not None for v in values)
        if numbers or _known_unit(said["time_s"]) is None:
            return {}
        return said
    return {}


def _conversion(place: str, signal: str, unit: str | None) -> Affine:
    wanted = UNIT_OF[signal]
    if not wanted:
        return Affine()
    if not unit:
        raise InputError(
            f"{place}: its unit is not said: write it into the header, [{wanted}], or give "
            f"columns: {{{signal}: {{column: …, unit: {wanted}}}}}"
        )
    try:
        return conversion_between(NOT_GUESSED.get(unit.casefold(), unit), wanted)
    except UnknownUnit as error:
        raise InputError(f"{place}: {error}: correct columns.{signal}.unit") from None
