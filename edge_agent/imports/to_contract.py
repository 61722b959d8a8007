"""Transformation of raw shots to the contract: the one place where names and units are mapped."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from broker.ids import identifier_fault, is_identifier
from broker.messages import QualityRecord, Recipe
from broker.messages.bad_results import NO_DEFECT
from broker.messages.bad_set_points import without_bad_set_points
from broker.messages.recipe import MASSES
from broker.timestamps import EARLIEST, format_timestamp
from edge_agent.imports import cells
from edge_agent.imports.conversion import converted
from edge_agent.imports.fields import (
    FIELDS,
    ID_FIELDS,
    RECIPE_FIELDS,
    RESULT_FIELDS,
    TEXT_FIELDS,
    TIME_FIELDS,
    current_name,
)
from edge_agent.imports.series_to_contract import SeriesOfShot
from edge_agent.imports.settings import Column, Mapped
from edge_agent.imports.source import Kind, Problem, RawShot
from edge_agent.logged_shots.bundle import REFERENCES, Bundle, Meta
from twin_core.checked_yaml import describe
from twin_core.log_files.cells import flag
from twin_core.log_files.series import DAY_S
from twin_core.plausible_ranges import RESULTS, impossible_result, plausible

REFERENCE_MAX = 64
"""Characters of a lot or an order."""
STATUS_WORDS = {
    **dict.fromkeys(("ok", "io", "i.o.", "gut", "good", "pass", "passed"), "OK"),
    **dict.fromkeys(("marginal", "bedingt", "grenzwertig"), "MARGINAL"),
    **dict.fromkeys(("fail", "failed", "nio", "n.i.o.", "nok", "schlecht", "ausschuss"), "FAIL"),
}
"""What people call a quality status, in small letters."""


class Transformation:
    """Raw shots of one source become log bundles."""

    def __init__(self, mapped: Mapped) -> None:
        self._mapped = mapped

    def __call__(self, raw: RawShot) -> tuple[Bundle | None, list[Problem], Mapping[str, Any]]:
        """The shot by the contract, what of it could not be used, and the fields that were read.

        The shot is None where it is refused.
        """
        shot = _Shot(self._mapped, raw)
        return *shot.made(), shot.fields


class _Shot:
    """One shot on its way."""

    def __init__(self, mapped: Mapped, raw: RawShot) -> None:
        self._mapped, self._raw = mapped, raw
        self._mark = "," if "," in {raw.decimal, mapped.decimal} else "."
        self.problems = list(raw.problems)
        self.fields: dict[str, Any] = {}
        self._shot_id = ""

    def made(self) -> tuple[Bundle | None, list[Problem]]:
        self._read_cells()
        bundle = None
        try:
            bundle = self._bundle()
        except _RefusedShot as refused:
            column, words = refused.args
            self._tell("refused", column, words)
        problems = [
            one if one.shot_id else Problem(one.kind, one.where, one.column, one.words, self._id)
            for one in self.problems
        ]
        return bundle, problems

    @property
    def _id(self) -> str:
        return str(self.fields.get("shot_id") or "")

    def _tell(self, kind: Kind, column: str, words: str, where: str | None = None) -> None:
        self.problems.append(Problem(kind, where or self._raw.where, column, words))

    def _columns(self) -> Mapping[str, Column]:
        if self._mapped.columns:
            return self._mapped.columns
        names = {current_name(name): name for name in self._raw.cells}
        found = {field: Column(column=names[field]) for field in FIELDS if field in names}
        if "RH_ambient" in self._raw.cells:
            found["RH_ambient_pct"] = Column(column="RH_ambient", unit="1")
        return found

    def _read_cells(self) -> None:
        for name, column in self._columns().items():
            cell = column.value if column.name is None else self._raw.cells.get(column.name)
            try:
                value = self._value(name, column, cell)
            except ValueError as error:
                words = f"{cells.shown(cell)} {error}"
                self._tell("implausible", column.name or name, words)
                continue
            if value is not None:
                self.fields[name] = value

    def _value(self, name: str, column: Column, cell: object) -> Any:
        if name in TEXT_FIELDS:
            said = cells.text(cell)
            if said is None or column.name is None:
                return said
            return column.names.get(said, f"{column.prefix}{said}")
        if name in TIME_FIELDS:
            return cells.moment(cell, self._mapped.time_zone, self._mapped.time_format)
        number = cells.number(cell, self._mark)
        if number is None:
            return None
        value = converted(number, name, column)
        if name in RESULTS:
            wrong = impossible_result(name, value)
        else:
            wrong = plausible(name, value) if name in RECIPE_FIELDS else None
        if wrong is not None:
            raise ValueError(f"is none that can be: {wrong}")
        if not math.isfinite(value):
            raise ValueError("is not finite")
        return value

    def _bundle(self) -> Bundle:
        if self._mapped.form == "long" and "poured_at" not in self._columns():
            self._pour_from_readings()
        meta = self._meta()
        recipe = self._recipe()
        poured_at = meta.timestamp_start
        t_demold_s = self._t_demold_s(poured_at)
        quality = self._quality(poured_at)
        mark = self._raw.readings_decimal or self._mark
        series = SeriesOfShot(self._mapped, self._raw, mark, self._tell).read(poured_at, t_demold_s)
        return Bundle(Path(self._raw.where), meta, recipe, t_demold_s, series, quality)

    def _pour_from_readings(self) -> None:
        """In the long form a shot without a time of its own begins with its first reading."""
        settings = self._mapped.series
        if settings is None or settings.time.unit is not None:
            return
        times = []
        for readings in self._raw.readings.values():
            for reading in readings:
                with suppress(ValueError):  # whoever reads the series tells it
                    times.append(
                        cells.moment(reading.time, self._mapped.time_zone, self._mapped.time_format)
                    )
        known = [time for time in times if time is not None]
        if known:
            self.fields["poured_at"] = min(known)

    def _meta(self) -> Meta:
        given: dict[str, Any] = {}
        for name in ID_FIELDS:
            value = self.fields.get(name)
            if value is not None and not is_identifier(value):
                raise _RefusedShot(self._column_of(name), identifier_fault(value))
            if value is not None:
                given[name] = value
            elif name in {"shot_id", "system_id"}:
                raise _RefusedShot(self._column_of(name), f"{name} is missing")
        if "mold_id" not in given:
            self._tell("missing", "mold_id", "no mold_id: CUP, an open cup, stands in")
        given["line_id"] = given.pop("press", None)
        given.setdefault("site", self._mapped.site)
        for name in REFERENCES:
            value = self.fields.get(name)
            if value is not None and len(value) > REFERENCE_MAX:
                self._tell("implausible", self._column_of(name), f"{len(value)} characters")
            elif value is not None:
                given[name] = value
        given["operator"] = self.fields.get("operator") or ""
        if (simulated := self.fields.get("simulated")) is not None:
            said = flag(simulated)
            if said is None:
                raise _RefusedShot(
                    self._column_of("simulated"), f"{simulated!r}: neither yes nor no"
                )
            given["simulated"] = bool(said)
        given["timestamp_start"] = self.fields.get("poured_at")
        try:
            return Meta.model_validate(given)
        except ValidationError as error:
            raise _RefusedShot("", "; ".join(describe(error, "meta"))) from None

    def _column_of(self, name: str) -> str:
        column = self._columns().get(name)
        return name if column is None else column.name or name

    def _recipe(self) -> Recipe:
        given = {name: self.fields[name] for name in RECIPE_FIELDS if name in self.fields}
        for name in MASSES[:2]:
            if name not in given:
                raise _RefusedShot(self._column_of(name), f"{name} is missing: nothing stands in")
        document = without_bad_set_points({"recipe": given})
        for name, left in document.get("left_out", {}).items():
            self._tell("implausible", self._column_of(name), str(left.get("words", left)))
        try:
            return Recipe.model_validate(document["recipe"])
        except ValidationError as error:
            raise _RefusedShot("", "; ".join(describe(error, "recipe"))) from None

    def _t_demold_s(self, poured_at: datetime | None) -> float | None:
        said = self.fields.get("t_demold_actual_s")
        opened_at = self.fields.get("opened_at")
        seconds = None
        if opened_at is not None and poured_at is not None:
            seconds = (opened_at - poured_at).total_seconds()
            if said is not None and abs(seconds - said) > max(1.0, 0.01 * seconds):
                words = (
                    f"{said:g} s, and opened_at is {seconds:g} s after the pour: opened_at counts"
                )
                self._tell("contradictory", self._column_of("t_demold_actual_s"), words)
        if opened_at is not None and poured_at is None:
            words = "no poured_at to count the opening from: it is left out"
            self._tell("missing", self._column_of("opened_at"), words)
        found = said if seconds is None else seconds
        if found is not None and not 0.0 < found <= DAY_S:
            name = "t_demold_actual_s" if seconds is None else "opened_at"
            self._tell("implausible", self._column_of(name), f"{found:g} s after the pour")
            return None
        return found

    def _quality(self, poured_at: datetime | None) -> dict[str, Any] | None:
        found = {name: self.fields[name] for name in RESULT_FIELDS if name in self.fields}
        if (defects := self.fields.get("defects")) is not None:
            found["defects"] = _names(defects)
        found |= self._judgement()
        if not found:
            return None
        if "note" in self.fields:
            found["note"] = self.fields["note"][:2000]
        measured_at = self.fields.get("measured_at")
        if measured_at is not None and poured_at is not None and measured_at <= poured_at:
            self._tell("contradictory", self._column_of("measured_at"), "is before the pour")
        elif measured_at is not None:
            found["ts"] = format_timestamp(measured_at)
        check = {"ts": EARLIEST, "shot_id": self._id, **found}
        try:
            QualityRecord.model_validate(check)
        except ValidationError as error:
            self._tell("refused", "", "; ".join(describe(error, "quality")))
            return None
        return found

    def _judgement(self) -> dict[str, Any]:
        """Scrap and status, as far as they are understood."""
        found: dict[str, Any] = {}
        if (scrap := self.fields.get("scrap")) is not None:
            said = flag(scrap)
            if said is None:
                self._tell(
                    "implausible", self._column_of("scrap"), f"{scrap!r}: neither yes nor no"
                )
            else:
                found["scrap"] = bool(said)
        if (status := self.fields.get("quality_status")) is not None:
            known = STATUS_WORDS.get(status.casefold())
            if known is None:
                words = f"{status[:40]!r} is none of OK, MARGINAL, FAIL: map it by names"
                self._tell("implausible", self._column_of("quality_status"), words)
            else:
                found["quality_status"] = known
        if found.get("quality_status") == "OK" and found.get("scrap"):
            words = "yes, and the quality status is OK: both are kept; map the one that counts"
            self._tell("contradictory", self._column_of("scrap"), words)
        return found


class _RefusedShot(Exception):
    """The shot cannot be used: column, words."""


def _names(text: str) -> list[str]:
    """Names of defects in a text: a JSON list, or names between commas, semicolons or bars."""
    plain = text.strip().strip("[]")
    parts = [part.strip().strip("\"'").strip() for part in _split(plain)]
    return [part for part in parts if part and part.casefold() not in NO_DEFECT]


def _split(text: str) -> list[str]:
    for mark in ";|":
        text = text.replace(mark, ",")
    return text.split(",")
