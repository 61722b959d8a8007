"""A table of real cycles, read by the readers of the product: times, names, numbers, verdicts."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import TableError
from edge_agent.learning.tables import Columns, read_table
from tests.support.real_molding.columns_file import (
    DEMOLD,
    POUR,
    ColumnsFile,
    Label,
    Measured,
    Number,
    TextForm,
)
from twin_core.arrays import Array
from twin_core.learning.columns import TARGETS
from twin_core.log_files.shot_table import LeftOut
from twin_core.plain_files import read_bytes
from twin_core.plausible_ranges import RANGES

BYTES_MAX = 100_000_000
UNITS_S = {"s": 1.0, "ms": 1e-3, "h": 3600.0, "d": 86_400.0}
YEAR_2000_S = 946_684_800.0
"""Numbers below count from any beginning: that is put at the beginning of 2000."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Cycles:
    """Cycles in order of time, arrays of shape (cycles,).

    Attributes:
        time_s: when each began, seconds since 1970.
        numbers: by column of the twin, in its unit; ``physics`` of a target only where the table
            has it.
        failed: 1, 0, or NaN where nobody looked; kinds: by kind of defect.
        stand_for: by column of the twin, the column of the table, in words.
    """

    path: Path
    time_s: Array
    duration_s: Array
    machine: NDArray[np.str_]
    mold: NDArray[np.str_]
    material: NDArray[np.str_]
    cycle: NDArray[np.str_]
    numbers: Mapping[str, Array]
    failed: Array
    kinds: Mapping[str, Array]
    stand_for: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.time_s)


def read_cycles(path: Path, columns: ColumnsFile, folder: Path, say: Say) -> Cycles:
    """Read a table by its columns file.

    Args:
        folder: for a copy, where the form of the file needs one.
        say: called with what is left out, a line each.

    Raises:
        TableError: the table or a column cannot be used: file, row, column, value, way out.
    """
    read = path if not _needs_copy(path, columns.text) else _plain_copy(path, columns.text, folder)

    def told(cells: LeftOut) -> None:
        if cells.whole:
            raise TableError(f"{path}: column {cells.column}: {cells.examples[0]}, as all others")
        say(cells.words(str(path)))

    table = read_table(read, told)
    if not table or not len(next(iter(table.values()))):
        raise TableError(f"{path}: there are no rows in it: give a table with a row a cycle")
    rows = _kept(path, table, columns)
    time_s = _times(path, table, columns)
    if (lost := rows & np.isnan(time_s)).any():
        say(f"{path}: {lost.sum()} rows without a time are left out, as row {_first(lost)}")
    rows &= ~np.isnan(time_s)
    if not rows.any():
        raise TableError(f"{path}: no row is left: look at 'only' and at the times")
    order = np.flatnonzero(rows)[np.argsort(time_s[rows], kind="stable")]
    numbers, stand_for = _numbers(path, table, columns, order, say)
    failed, kinds = _failures(path, table, columns, order, say)
    count = len(time_s)
    ids = _texts(path, table, columns.cycle) if columns.cycle else np.arange(1, count + 1)
    duration = columns.duration_s
    return Cycles(
        path=path,
        time_s=time_s[order],
        duration_s=np.full(len(order), duration)
        if isinstance(duration, float | int)
        else np.nan_to_num(_number(path, table, _as_number(duration))[order]),
        machine=_label(path, table, columns.machine, "machine")[order],
        mold=_label(path, table, columns.mold, "mold")[order],
        material=_label(path, table, columns.material, "material")[order],
        cycle=_unique(ids.astype(str)[order]),
        numbers=numbers,
        failed=failed,
        kinds=kinds,
        stand_for=stand_for,
    )


def _needs_copy(path: Path, form: TextForm) -> bool:
    given = form.encoding or form.separator or form.decimal
    return bool(given) or path.suffix.lower() not in {".csv", ".parquet"}


def _plain_copy(path: Path, form: TextForm, folder: Path) -> Path:
    """A copy in UTF-8 with decimal points between commas, for a file whose form was given."""
    if path.suffix.lower() == ".parquet":
        raise TableError(f"{path}: text: a Parquet file has no such form: leave it out")
    if not path.exists():
        raise TableError(f"{path}: there is no such file: check the path")
    content = read_bytes(path, BYTES_MAX)
    copy = folder / "table.csv"
    if not (form.encoding or form.separator or form.decimal):
        copy.write_bytes(content)
        return copy
    try:
        text = content.decode(form.encoding or "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TableError(
            f"{path}: line {line}: is no {error.encoding}: say under text: which encoding it is"
        ) from None
    head = text.partition("\n")[0]
    separator = form.separator or max("\t;,|", key=head.count)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    comma = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?")
    for cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
        if form.decimal == ",":
            cells[:] = [c.replace(",", ".") if comma.fullmatch(c.strip()) else c for c in cells]
        writer.writerow(cells)
    copy.write_text(out.getvalue(), encoding="utf-8")
    return copy


def _column(path: Path, table: Columns, name: str) -> NDArray[Any]:
    if name not in table:
        there = ", ".join(list(table)[:40])
        raise TableError(
            f"{path}: has no column {name!r}: correct the columns file; it has {there}"
        )
    return table[name]


def _texts(path: Path, table: Columns, name: str) -> NDArray[np.str_]:
    """A column as texts; whole numbers without a point."""
    values = _column(path, table, name)
    if values.dtype.kind == "f":
        return np.array(["" if np.isnan(v) else f"{v:.15g}" for v in values.tolist()])
    return np.array([str(value).strip() for value in values.tolist()])


def _label(path: Path, table: Columns, label: Label | str | None, what: str) -> NDArray[np.str_]:
    if label is None:
        return np.full(len(next(iter(table.values()))), what)
    found = Label(column=label) if isinstance(label, str) else label
    texts = _texts(path, table, found.column)
    if found.pattern:
        pattern, names = re.compile(found.pattern), []
        for row, text in enumerate(texts.tolist(), start=1):
            match = pattern.search(text)
            if match is None:
                raise TableError(
                    f"{path}: row {row}: column {found.column}: {text!r} does not fit the pattern "
                    f"of {what}: correct it, or leave such rows out with 'only'"
                )
            names.append(match[1] if pattern.groups else match[0])
        texts = np.array(names)
    return np.where(texts == "", "-", texts)


def _unique(ids: NDArray[np.str_]) -> NDArray[np.str_]:
    """Ids; what stands there again gets a number behind it."""
    seen: dict[str, int] = {}
    found = []
    for text in ids.tolist():
        seen[text] = seen.get(text, 0) + 1
        found.append(text if seen[text] == 1 else f"{text}#{seen[text]}")
    return np.array(found)


def _kept(path: Path, table: Columns, columns: ColumnsFile) -> NDArray[np.bool_]:
    kept = np.ones(len(next(iter(table.values()))), dtype=bool)
    for name, texts in columns.only.items():
        kept &= np.isin(_texts(path, table, name), texts)
        if not kept.any():
            there = ", ".join(sorted(set(_texts(path, table, name).tolist()))[:10])
            raise TableError(f"{path}: only: no row has {texts} in {name}: there are {there}")
    return kept


def _times(path: Path, table: Columns, columns: ColumnsFile) -> Array:
    """Seconds since 1970, UTC; NaN where the cell is empty."""
    time = columns.time
    values = _column(path, table, time.column)
    if values.dtype.kind == "M":  # a Parquet file; with a zone it is UTC already
        stamps = values.astype("datetime64[us]").tolist()
        return np.array([np.nan if at is None else _utc(at, time.zone) for at in stamps])
    if values.dtype.kind == "f" and not time.format:
        seconds = values * UNITS_S[time.unit]
        return seconds if np.nanmin(seconds) > YEAR_2000_S else seconds + YEAR_2000_S
    found = []
    for row, text in enumerate(_texts(path, table, time.column).tolist(), start=1):
        if not text:
            found.append(np.nan)
            continue
        try:
            at = datetime.strptime(text, time.format) if time.format else _iso(text)
        except ValueError:
            how = f"is not of the form {time.format!r}" if time.format else "is no time"
            raise TableError(
                f"{path}: row {row}: column {time.column}: {text!r} {how}: correct it, or give "
                "time.format, as %d.%m.%Y %H:%M:%S"
            ) from None
        found.append(_utc(at, time.zone))
    return np.array(found)


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text.replace(" UTC", "+00:00"))


def _utc(at: datetime, zone: str) -> float:
    known = at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(zone))
    return known.astimezone(UTC).timestamp()


def _as_number(given: Number | str) -> Number:
    return Number(column=given) if isinstance(given, str) else given


def _number(path: Path, table: Columns, given: Number) -> Array:
    values = _column(path, table, given.column)
    if values.dtype.kind != "f":
        example = str(values[0]) if len(values) else ""
        raise TableError(
            f"{path}: column {given.column}: holds no numbers (row 1: {example!r}): leave it out, "
            "or give text.decimal"
        )
    return values * given.factor + given.offset


def _numbers(
    path: Path, table: Columns, columns: ColumnsFile, order: NDArray[np.int_], say: Say
) -> tuple[dict[str, Array], dict[str, str]]:
    numbers: dict[str, Array] = {}
    words: dict[str, str] = {}

    def put(name: str, given: Number) -> None:
        values = _possible(path, name, given, _number(path, table, given), order, say)
        numbers[name], words[name] = values[order], _words(given)

    for name, target in columns.targets.items():
        measured = Measured(column=target) if isinstance(target, str) else target
        put(TARGETS[name].measured, measured)
        if measured.physics is not None:
            put(TARGETS[name].physics, _as_number(measured.physics))
    for name, one in columns.inputs.items():
        put(name, _as_number(one))
    for more, places in ((columns.more_at_pour, POUR), (columns.more_at_demold, DEMOLD)):
        for column, name in zip(more, columns.free(places), strict=False):
            put(name, _scaled(path, table, column, name, order))
    return numbers, words


def _words(given: Number) -> str:
    factor = "" if given.factor == 1.0 else f" x {given.factor:.4g}"
    offset = "" if given.offset == 0.0 else f" {given.offset:+.4g}"
    return f"{given.column}{factor}{offset}"


def _scaled(path: Path, table: Columns, column: str, name: str, order: NDArray[np.int_]) -> Number:
    """A column so scaled that its middle half lies in the middle of the range of its place."""
    if name not in RANGES:
        return Number(column=column)
    values = _number(path, table, Number(column=column))[order]
    low, high = np.nanmin(values), np.nanmax(values)
    place = RANGES[name]
    width = (place.high - place.low) / 2.0
    factor = width / float(high - low) if high > low else 1.0
    middle = (place.low + place.high) / 2.0
    return Number(column=column, factor=factor, offset=middle - factor * float(low + high) / 2.0)


def _possible(
    path: Path, name: str, given: Number, values: Array, order: NDArray[np.int_], say: Say
) -> Array:
    """Values within the range of their place; NaN for others, named, unless most are."""
    found, place = values.copy(), RANGES.get(name)
    there = np.isin(np.arange(len(values)), order) & ~np.isnan(values)
    if not there.any():
        raise TableError(f"{path}: column {given.column}: holds no number: leave it out")
    if place is None:
        return found
    wrong = there & ~((values >= place.low) & (values <= place.high))
    if 2 * wrong.sum() > there.sum():
        raise TableError(
            f"{path}: row {_first(wrong)}: column {given.column}: {values[wrong][0]:g} for {name} "
            f"is outside {place.low:g} to {place.high:g}, as most others: give factor and offset, "
            "or another column of the twin"
        )
    if wrong.any():
        say(
            f"{path}: column {given.column}: {wrong.sum()} values are left out, as row "
            f"{_first(wrong)}: {values[wrong][0]:g} is outside {place.low:g} to {place.high:g}"
        )
    found[wrong] = np.nan
    return found


def _first(rows: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(rows)[0]) + 1


def _failures(
    path: Path, table: Columns, columns: ColumnsFile, order: NDArray[np.int_], say: Say
) -> tuple[Array, dict[str, Array]]:
    failure = columns.failure
    if failure is None:
        return np.full(len(order), np.nan), {}
    texts = _texts(path, table, failure.column)[order]
    failed = np.isin(texts, failure.failed)
    passed = np.isin(texts, failure.passed) if failure.passed else (texts != "") & ~failed
    if not failed.any():
        there = ", ".join(sorted(set(texts.tolist()))[:10])
        raise TableError(
            f"{path}: column {failure.column}: no cell is one of failed: {failure.failed}: there "
            f"are {there}"
        )
    if unknown := sorted(set(texts[~failed & ~passed].tolist()) - {""}):
        say(f"{path}: column {failure.column}: neither failed nor passed: {', '.join(unknown[:5])}")
    looked_at = failed | passed
    verdict = np.where(looked_at, failed.astype(float), np.nan)
    if not failure.kinds:
        return verdict, {}
    reasons = _texts(path, table, failure.reason)[order]
    kinds = {
        kind: np.where(looked_at, (failed & np.isin(reasons, names)).astype(float), np.nan)
        for kind, names in failure.kinds.items()
    }
    named = {text for names in failure.kinds.values() for text in names}
    if others := sorted(set(reasons[failed].tolist()) - named - {""}):
        say(f"{path}: column {failure.reason}: failures of no kind: {', '.join(others[:5])}")
    return verdict, kinds
